// Builds ../dist, which the program embeds: the page, its script and style, a file of texts for each language.
import { copyFile, mkdir } from "node:fs/promises";
import * as esbuild from "esbuild";

const here = new URL(".", import.meta.url);
const dist = new URL("../dist/", here);
await mkdir(dist, { recursive: true });
await copyFile(new URL("index.html", here), new URL("index.html", dist));
await copyFile(new URL("icon.svg", here), new URL("icon.svg", dist));
await copyFile(new URL("node_modules/uplot/LICENSE", here), new URL("uplot-license.txt", dist));

const options = {
  absWorkingDir: here.pathname,
  entryPoints: { app: "src/main.ts", en: "src/texts.en.ts", he: "src/texts.he.ts" },
  outdir: dist.pathname,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome110", "firefox115", "safari16"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
};
if (process.argv.includes("--watch")) {
  await (await esbuild.context(options)).watch();
} else {
  await esbuild.build(options);
}
