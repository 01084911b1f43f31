// Builds ../dist, which the program embeds: the page, its script and style, a file of texts for each language,
// and for a page without a server its worker and its choice of a language.
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as esbuild from "esbuild";

const here = new URL(".", import.meta.url);
// Another folder, to compare with what is committed: DIST=/tmp/dist/ node build.mjs
const dist = process.env.DIST ? pathToFileURL(join(process.env.DIST, "/")) : new URL("../dist/", here);
await mkdir(dist, { recursive: true });
await copyFile(new URL("index.html", here), new URL("index.html", dist));
await copyFile(new URL("icon.svg", here), new URL("icon.svg", dist));
await copyFile(new URL("node_modules/uplot/LICENSE", here), new URL("uplot-license.txt", dist));

const options = {
  absWorkingDir: fileURLToPath(here),
  entryPoints: { app: "src/main.ts", en: "src/texts.en.ts", he: "src/texts.he.ts" },
  outdir: fileURLToPath(dist),
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome110", "firefox115", "safari16"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
};
// Scripts that are no modules: a worker of a page from a file, and what runs before anything is shown.
const entryPoints = { worker: "src/worker/worker.ts", language: "src/language.ts" };
const worker = { ...options, entryPoints, format: "iife" };
for (const one of [options, worker]) {
  if (process.argv.includes("--watch")) await (await esbuild.context(one)).watch();
  else await esbuild.build(one);
}
