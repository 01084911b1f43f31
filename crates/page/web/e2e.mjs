// Runs the tests of the page, one file after the other. A browser on a busy machine misses a moment now and then:
// a file that fails runs once more, and both are said.
//
//     node e2e.mjs [FILE …]

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

const named = process.argv.slice(2);
const files = named.length > 0 ? named : readdirSync("e2e").filter((file) => file.endsWith(".test.mjs"));
const passes = (file) =>
  spawnSync(process.execPath, ["--test", `e2e/${file}`], { stdio: "inherit" }).status === 0;

const failed = files.filter((file) => !passes(file));
const again = failed.filter((file) => !passes(file));
for (const file of failed)
  console.log(again.includes(file) ? `failed twice: ${file}` : `failed, then passed: ${file}`);
console.log(`${files.length - again.length} of ${files.length} files passed`);
process.exit(again.length === 0 ? 0 : 1);
