// The README's example runs as it is printed.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const built = existsSync(new URL("../reshet.wasm", import.meta.url));

test("the README's example", { skip: built ? false : "no reshet.wasm: npm/build.sh" }, () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, code] = /```js\n([^]*?)```/.exec(readme);
  const package_ = new URL("../index.js", import.meta.url).href;
  const folder = mkdtempSync(join(tmpdir(), "reshet-npm-"));
  const script = join(folder, "example.mjs");
  writeFileSync(script, code.replace('"@reshet/core"', JSON.stringify(package_)));
  const printed = execFileSync(process.execPath, [script], { cwd: folder, encoding: "utf8" });
  const [loss, answer] = printed.trim().split("\n").map(Number);
  assert.ok(loss < 0.05 && answer > 0.9, printed);
  assert.ok(existsSync(join(folder, "xor.safetensors")));
  rmSync(folder, { recursive: true });
});

const tsc = fileURLToPath(new URL("../../crates/page/web/node_modules/.bin/tsc", import.meta.url));
test("the types fit their use", { skip: existsSync(tsc) ? false : "no tsc: npm ci in crates/page/web" }, () => {
  const use = fileURLToPath(new URL("use.ts", import.meta.url));
  execFileSync(tsc, ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", use], {
    stdio: "pipe",
  });
});
