// Sharing: a link holds the whole setting, and figures are saved as pictures.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { networkInterfaces } from "node:os";
import { onSite, open, press, serve, serverOnly, skip, sleep, text, together, trainLecture, type } from "./page.mjs";

/** What the lecture comes to: fused multiply-adds round once, a tab's twice. */
const LECTURE = onSite
  ? { right: "98\\.89", wrong: "111", others: "8,903" }
  : { right: "98\\.82", wrong: "118", others: "8,887" };

describe("sharing", { skip }, () => {
  const here = together();

  test("a link brings the whole setting to another page", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await page.select(".settings label:nth-of-type(1) select", "sgd");
    await type(page, "Weight decay", "0.001");
    await type(page, "Dropout", "0.25");
    await type(page, "Seed", "5");
    await page.select(".settings label:last-of-type select", "bf16");
    await press(page, ".chip[data-is='3']");
    const command = () => text(page, ".setup .command-line code");
    await page.waitForFunction(() =>
      /--is 3/.test(document.querySelector(".setup .command-line code").textContent),
    );
    const wanted = await command();
    await press(page, ".share summary");
    const link = await text(page, ".share code");
    // A long line scrolls by itself; the panel stays as wide as it was.
    const wide = await page.$eval(".setup", (setup) => setup.scrollWidth - setup.clientWidth);
    assert.ok(wide <= 0, `the settings are ${wide} px too wide`);
    const other = await open(here.browser, link);
    await other.page.waitForFunction(
      (wanted) => document.querySelector(".setup .command-line code").textContent === wanted,
      { timeout: 10_000 },
      wanted,
    );
    assert.match(wanted, /--precision bf16/);
    assert.match(wanted, /sgd.*--weight-decay 0\.001|--weight-decay 0\.001.*sgd/);
    const broken = await open(here.browser, `${here.server.url}/#train?spec=%7B%22data%22:%22none%22%7D`);
    await broken.page.waitForFunction(() => /link/.test(document.querySelector(".toast").textContent));
    assert.deepEqual([...trouble, ...other.trouble, ...broken.trouble], []);
    for (const one of [{ close }, other, broken]) await one.close();
  });

  test("figures are saved as PNG and as SVG", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await trainLecture(page);
    const client = await page.createCDPSession();
    await client.send("Page.setDownloadBehavior", { behavior: "allow", downloadPath: here.server.directory });
    await press(page, ".live-stage .chart .png");
    const saved = async (name) => {
      const file = join(here.server.directory, name);
      for (let i = 0; i < 50 && !existsSync(file); i++) await sleep(100);
      return readFileSync(file);
    };
    assert.equal((await saved("How right the answers are.png")).subarray(1, 4).toString(), "PNG");
    // The same as SVG: the curve, the numbers at the axes, the baseline's words.
    await press(page, ".live-stage .chart .svg");
    // What is out of sight is drawn once it is seen.
    await page.$eval(".net-figure", (figure) => figure.scrollIntoView());
    await page.waitForSelector(".net-figure canvas[data-step]");
    await press(page, ".net-figure .svg");
    const chart = (await saved("How right the answers are.svg")).toString();
    for (const part of [/<path d="M[\d.]+ [\d.]+L/, />2,000<\/text>/, />always “not 7”: 89/])
      assert.match(chart, part);
    const drawn = (await saved("One sample through the network.svg")).toString();
    await page.waitForSelector(".weights-figure canvas[data-step]");
    await press(page, ".weights-figure .svg");
    const weights = (await saved("Weights of the first layer.svg")).toString();
    assert.match(weights, /<image .*pixelated/);
    // Of a course's chapter, and the confusion matrix; a PNG of the latter too.
    await page.evaluate(() => (location.hash = "#course/flats"));
    await page.waitForSelector(".descent-map canvas[data-step]");
    await press(page, ".descent-map .svg");
    const plane = (await saved("Raw inputs.svg")).toString();
    for (const part of [/<clipPath /, /rotate\(-90\)/, /<image /]) assert.match(plane, part);
    await press(page, "#tab-mistakes");
    await page.waitForSelector(".confusion-side .cell");
    await press(page, ".confusion-side .svg");
    const matrix = (await saved("Which were taken for which.svg")).toString();
    assert.ok(matrix.includes(`>${LECTURE.others}<`), matrix);
    await press(page, ".confusion-side .png");
    assert.equal((await saved("Which were taken for which.png")).subarray(1, 4).toString(), "PNG");
    for (const part of [/<image /, />784<\/text>/, /ReLU/]) assert.match(drawn, part);
    for (const svg of [chart, drawn, weights, plane, matrix]) {
      const wrong = await page.evaluate((text) => {
        const xml = new DOMParser().parseFromString(text, "image/svg+xml");
        // A picture within is base64, in which any letters may stand.
        const drawn = text.replace(/"data:[^"]*"/g, "");
        return xml.querySelector("parsererror") !== null || /NaN|undefined/.test(drawn);
      }, svg);
      assert.equal(wrong, false);
    }
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a report of a run is printed, with its mistakes and its command", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await trainLecture(page);
    // The dialog of the browser is not there to be pressed: what it would print is looked at instead.
    await page.evaluate(() => (window.print = () => (window.printed = true)));
    await press(page, ".report-button");
    await page.waitForFunction(() => window.printed);
    await page.emulateMediaType("print");
    const seen = await page.$eval(".report", (report) => report.innerText);
    for (const part of [
      /mnist: 7\?/,
      new RegExp(LECTURE.right),
      /89\.72/,
      /Batch size\s+50/,
      new RegExp(`${LECTURE.wrong} wrong of 10,000`),
      /reshet train mnist --is 7/,
    ])
      assert.match(seen, part);
    assert.equal(await page.$$eval(".report-mistakes canvas", (all) => all.length), 18);
    const figures = await page.$$eval(".report-figures img", (all) => all.map((image) => image.naturalWidth));
    assert.ok(figures.length >= 2 && figures.every((width) => width > 100), String(figures));
    assert.equal(await page.$eval("main", (main) => main.offsetParent), null);
    await page.emulateMediaType(null);
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.equal(await page.$(".report"), null);
    assert.deepEqual(trouble, []);
    await close();
  });

  test(
    "a command is copied where the browser has no clipboard for the page",
    { skip: serverOnly },
    async (context) => {
      const outside = Object.values(networkInterfaces()).flat();
      const address = outside.find((one) => !one.internal && one.family === "IPv4")?.address;
      if (address === undefined) return context.skip("no network");
      const server = await serve(undefined, "--host", "0.0.0.0");
      context.after(() => server.stop());
      const url = new URL(server.address().trim());
      url.hostname = address;
      const { page, trouble, close } = await open(here.browser, url.href);
      await page.waitForSelector(".start:not([disabled])");
      assert.equal(await page.evaluate(() => isSecureContext || navigator.clipboard !== undefined), false);
      const wanted = await text(page, ".setup .command-line code");
      await press(page, ".setup .command:not(.how-read, .share) summary");
      await press(page, ".setup .command-line button");
      await page.waitForFunction(() => /opied/.test(document.querySelector(".toast").textContent));
      const field = await page.evaluateHandle(() =>
        document.body.appendChild(document.createElement("textarea")),
      );
      await field.focus();
      await page.keyboard.down("Control");
      await page.keyboard.press("v");
      await page.keyboard.up("Control");
      assert.equal(await field.evaluate((e) => e.value), wanted);
      assert.deepEqual(trouble, []);
      await close();
    },
  );
});
