// Builds ../dist, which the program embeds: the page, its script and style, a file of texts for each language,
// and for a page without a server its worker and its choice of a language.
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as esbuild from "esbuild";

const here = new URL(".", import.meta.url);
// Another folder, to compare with what is committed: DIST=/tmp/dist/ node build.mjs
const dist = process.env.DIST ? pathToFileURL(join(process.env.DIST, "/")) : new URL("../dist/", here);
await mkdir(dist, { recursive: true });
await copyFile(new URL("index.html", here), new URL("index.html", dist));
await copyFile(new URL("icon.svg", here), new URL("icon.svg", dist));
const licence = new URL("node_modules/uplot/LICENSE", here);
await copyFile(licence, new URL("uplot-license.txt", dist));

const options = {
  absWorkingDir: fileURLToPath(here),
  entryPoints: { en: "src/texts.en.ts", he: "src/texts.he.ts" },
  outdir: fileURLToPath(dist),
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome110", "firefox115", "safari16"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
};
// uPlot's licence goes wherever its code goes: into a site and into one file too.
const text = (await readFile(licence, "utf8")).trim();
const app = { ...options, entryPoints: { app: "src/main.ts" }, banner: { js: `/*! uPlot: ${text} */` } };
// Scripts that are no modules: a worker of a page from a file, and what runs before anything is shown.
const entryPoints = { worker: "src/worker/worker.ts", language: "src/language.ts" };
const worker = { ...options, entryPoints, format: "iife" };
for (const one of [options, app, worker]) {
  if (process.argv.includes("--watch")) await (await esbuild.context(one)).watch();
  else await esbuild.build(one);
}
