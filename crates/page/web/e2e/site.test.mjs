// The page without a server: one file from the disk, runs that stay, and models that go both ways.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  binary,
  browse,
  chooseFile,
  drawSeven,
  learnAndRead,
  open,
  sendSite,
  serverOnly,
  skip,
  sleep,
  text,
  trainLecture,
  untilRun,
} from "./page.mjs";

/** Presses a link that saves a file, and waits for the file. */
async function saved(page, selector, folder) {
  const client = await page.createCDPSession();
  await client.send("Browser.setDownloadBehavior", {
    behavior: "allow",
    downloadPath: folder,
    browserContextId: page.browserContext().id,
  });
  const before = new Set(readdirSync(folder));
  await page.$eval(selector, (link) => link.click());
  for (let i = 0; i < 200; i++) {
    const name = readdirSync(folder).find((n) => !before.has(n) && !n.endsWith(".crdownload"));
    if (name !== undefined && statSync(join(folder, name)).size > 0) return join(folder, name);
    await sleep(50);
  }
  throw new Error(`nothing came of ${selector}`);
}

/** Collects how long the page was not free, before anything else runs. */
const watchBlocks = () => {
  globalThis.blocks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) globalThis.blocks.push(Math.round(entry.duration));
  }).observe({ type: "longtask", buffered: true });
};

describe("a page without a server", { skip: skip || (serverOnly && "tested in the first round") }, () => {
  let browser, site, folder;
  before(async () => {
    browser = await browse();
    site = await sendSite();
    folder = mkdtempSync(join(tmpdir(), "reshet-saved-"));
  });
  after(async () => {
    await browser?.close();
    await site?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const reshet = (args, env = {}) =>
    execFileSync(binary, args, { cwd: folder, encoding: "utf8", env: { ...process.env, ...env } });

  test("the lecture is soon over, and the page stays free", async (t) => {
    const { page, trouble, close } = await open(browser, site.url);
    await page.evaluateOnNewDocument(watchBlocks);
    await page.evaluateOnNewDocument(() => (location.hash = "#train?start=full"));
    const start = performance.now();
    await page.reload({ waitUntil: "load" });
    await untilRun(page, "done");
    await page.waitForFunction(() => parseFloat(document.querySelector(".big").textContent) > 98);
    t.diagnostic(`accuracy after ${Math.round(performance.now() - start)} ms`);
    const paint = await page.evaluate(
      () => performance.getEntriesByName("first-contentful-paint")[0].startTime,
    );
    t.diagnostic(`first contentful paint after ${Math.round(paint)} ms`);
    t.diagnostic(`the page was blocked for ${await page.evaluate(() => globalThis.blocks.join(", "))} ms`);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("one file from the disk trains, draws, answers, and speaks Hebrew", async () => {
    const file = join(folder, "reshet.html");
    reshet(["site", "--one-file", "--out", file]);
    const url = pathToFileURL(file).href;
    for (const language of ["en", "he"]) {
      const { page, trouble, close } = await open(browser, url, { language });
      assert.equal(await page.$eval("html", (html) => html.lang), language);
      await learnAndRead(page);
      assert.equal(page.workers().length, 1, "a file is not isolated: one thread");
      assert.deepEqual(trouble, []);
      await close();
    }
  });

  test("where nothing says that the page is isolated, one thread trains", async () => {
    const plain = await sendSite({});
    const { page, trouble, close } = await open(browser, plain.url);
    await learnAndRead(page);
    assert.equal(page.workers().length, 1);
    assert.deepEqual(trouble, []);
    await close();
    await plain.stop();
  });

  test("a run in the tab, on all threads, has the bits of the program's, and its folder is one of the program's", async () => {
    const { page, trouble, close } = await open(browser, site.url);
    await trainLecture(page);
    const cores = await page.evaluate(() => crossOriginIsolated && navigator.hardwareConcurrency);
    assert.equal(page.workers().length, Math.min(cores, 4), "a worker for each thread");
    const archive = await saved(page, ".run-head .folder", folder);
    const model = await saved(page, ".run-head .save", folder);
    const unpack = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    execFileSync("python3", ["-c", unpack, archive, folder]);
    const own = join(folder, "mnist-1");
    const files = readdirSync(own).sort();
    const program = [
      "train",
      "mnist",
      "--is",
      "7",
      "--hidden",
      "100",
      "--lr",
      "0.01",
      "--epochs",
      "2",
      "--out",
      "same",
      "-q",
    ];
    reshet(program, { RESHET_INSTRUCTIONS: "portable" });
    assert.deepEqual(files, readdirSync(join(folder, "same")).sort());
    for (const name of ["model.safetensors", "log.jsonl", "config.toml"]) {
      assert.ok(existsSync(join(own, name)), name);
    }
    const weights = (file) => {
      const bytes = readFileSync(file);
      return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
    };
    assert.ok(
      weights(join(own, "model.safetensors")).equals(weights(join(folder, "same", "model.safetensors"))),
    );
    assert.ok(weights(model).equals(weights(join(own, "model.safetensors"))));
    assert.match(reshet(["test", own, "mnist"]), /9[89]\.\d+/);
    assert.match(reshet(["runs", folder]), /mnist-1/);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a model of the program's answers in the tab", async () => {
    reshet([
      "train",
      "mnist",
      "--is",
      "7",
      "--hidden",
      "30",
      "--epochs",
      "1",
      "--lr",
      "0.01",
      "--out",
      "theirs",
      "-q",
    ]);
    const { page, trouble, close } = await open(browser, site.url);
    await page.waitForSelector(".start:not([disabled])");
    await (
      await page.waitForSelector("input[type=file]")
    ).uploadFile(join(folder, "theirs", "model.safetensors"));
    await page.waitForSelector(".chip-state.loaded");
    await drawSeven(page);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("runs are there again after a reload, and a deleted one is not", async () => {
    const { page, trouble, close } = await open(browser, site.url);
    await page.evaluate(() => (location.hash = "#train?epochs=1&start=full"));
    await untilRun(page, "done");
    await sleep(300);
    await page.reload({ waitUntil: "load" });
    await page.waitForSelector(".runs tbody tr");
    await untilRun(page, "loaded");
    assert.match(await text(page, ".runs .result"), /%/);
    await drawSeven(page);
    await page.click("#tab-train");
    await page.evaluate(() => document.querySelector(".runs tbody tr .round").click());
    // It can be taken back for eight seconds.
    await sleep(9500);
    await page.reload({ waitUntil: "load" });
    await page.waitForSelector(".start:not([disabled])");
    await sleep(500);
    assert.equal(await page.$$eval(".runs tbody tr", (rows) => rows.length), 0);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a table and a model that were dropped are there again after a reload", async () => {
    const { page, trouble, close } = await open(browser, site.url);
    await page.waitForSelector(".start:not([disabled])");
    const rows = Array.from({ length: 60 }, (_, i) => `${i % 7},${i % 5},${i % 7 > 3 ? "yes" : "no"}`);
    const table = join(folder, "pupils.csv");
    writeFileSync(table, ["height,width,answer", ...rows].join("\n"));
    await chooseFile(page, table);
    await page.waitForSelector("[data-id=pupils][aria-checked=true]");
    await page.click(".start");
    await untilRun(page, "done");
    await sleep(300);
    await page.reload({ waitUntil: "load" });
    // The table is what is asked about, and its run is tested on it again.
    await page.waitForSelector("[data-id=pupils][aria-checked=true]");
    assert.equal(await page.$$eval("[data-id=mnist]", (cards) => cards.length), 1);
    await untilRun(page, "loaded");
    assert.match(await text(page, ".runs .result"), /%/);
    const model = await saved(page, ".run-head .save", mkdtempSync(join(folder, "again-")));
    await (await page.waitForSelector("input[type=file]")).uploadFile(model);
    await page.waitForFunction(() => document.querySelectorAll(".runs tbody tr").length === 2);
    await sleep(300);
    await page.reload({ waitUntil: "load" });
    await page.waitForFunction(() => document.querySelectorAll(".runs tbody tr").length === 2);
    assert.deepEqual(trouble, []);
    await close();
  });
});
