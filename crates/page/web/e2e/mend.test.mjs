// What a class stumbled over: by real taps and keys.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { open, serve, serveIn, serverOnly, skip, text, together, untilDone, untilRun } from "./page.mjs";

/** Whether the middle of an element is what a finger there would touch. */
const inReach = (page, selector) =>
  page.$eval(selector, (element) => {
    const box = element.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const there = y > 0 && y < innerHeight ? document.elementFromPoint(x, y) : null;
    return element.contains(there);
  });

/** Taps what is in reach, after scrolling to it as a reader would. */
async function tap(page, selector) {
  const element = await page.waitForSelector(selector);
  await element.scrollIntoView();
  assert.ok(await inReach(page, selector), `${selector} is covered`);
  await element.tap();
}

/** Types a number over the one that stands in a field. */
async function type(page, field, value) {
  await field.focus();
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type(value);
  await page.keyboard.press("Tab");
}

describe("mended", { skip }, () => {
  const here = together();

  for (const [width, height] of [
    [900, 900],
    [768, 1024],
    [360, 740],
  ]) {
    test(`${width} px wide: a tap starts the first run, which is in sight; the answer to a drawing too`, async () => {
      const own = await serve();
      const { page, trouble, close } = await open(here.browser, own.url, { width, height, touch: true });
      await page.waitForSelector(".start:not([disabled])");
      await tap(page, ".start");
      await untilRun(page, "done");
      await page.waitForFunction(() => {
        const box = document.querySelector(".score .big").getBoundingClientRect();
        return box.top >= 0 && box.bottom < innerHeight;
      });
      await tap(page, "#tab-draw");
      await page.waitForSelector(".pad", { visible: true });
      await page.evaluate(() => scrollTo(0, 0));
      const pad = await (await page.$(".pad")).boundingBox();
      assert.ok(pad.y + pad.height < height, "the sheet is within the screen");
      await page.touchscreen.touchStart(pad.x + pad.width * 0.3, pad.y + pad.height * 0.2);
      await page.touchscreen.touchMove(pad.x + pad.width * 0.7, pad.y + pad.height * 0.2);
      await page.touchscreen.touchEnd();
      await page.waitForSelector("#view-draw .answer[data-step]");
      assert.ok(await inReach(page, "#view-draw .answer-big"), "the answer is in sight");
      assert.deepEqual(trouble, []);
      await close();
      await own.stop();
    });
  }

  test("findings: of the network before Start, of the run after it, in both languages", async () => {
    for (const [language, linear, dead] of [
      ["en", /no activation between hidden layer 1 and the output layer/, /20 of the 20 ReLU neurons/],
      ["he", /אין אקטיבציה בין/, /ReLU הם 0 לכל הדוגמאות/],
    ]) {
      const { page, trouble, close } = await open(here.browser, here.server.url, { language });
      await page.waitForSelector(".start:not([disabled])");
      await page.select(".hidden-layer select", "");
      await page.waitForSelector(".part .findings:not([hidden])");
      assert.match((await text(page, ".part .findings")).replace(/[\u2066-\u2069]/g, ""), linear);
      await page.evaluate(() => (location.hash = "#train?hidden=20&lr=10&epochs=1"));
      await page.waitForSelector(".part .findings[hidden]");
      const before = await page.$eval(".controls", (c) => c.dataset.run ?? "");
      await page.click(".start");
      await page.waitForFunction((id) => document.querySelector(".controls").dataset.run !== id, {}, before);
      await untilRun(page, "done");
      await page.waitForSelector(".controls .findings:not([hidden])");
      assert.match((await text(page, ".controls .findings")).replace(/[\u2066-\u2069]/g, ""), dead);
      assert.deepEqual(trouble, []);
      await close();
    }
  });

  test("at full speed the number moves early, and says after which step", { skip: serverOnly }, async () => {
    const { page, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await page.evaluate(() => (location.hash = "#train?epochs=20&start=full"));
    await untilRun(page, "running");
    await page.waitForFunction(() => /after step \d/.test(document.querySelector(".when").textContent));
    await page.waitForFunction(() => parseFloat(document.querySelector(".big").textContent) > 90);
    const id = await page.$eval(".controls", (c) => c.dataset.run);
    const tested = async () => {
      const run = await (await fetch(`${here.server.url}/api/runs/${id}`)).json();
      return run.curves.test.map(([step]) => step);
    };
    let steps = await tested();
    while (steps.length < 6) steps = await tested();
    assert.deepEqual(steps.slice(0, 6), [0, 1, 2, 4, 8, 16]);
    await page.click(".transport button:last-child");
    await untilRun(page, "stopped");
    await close();
  });

  test("numbers out of range are said, stay as typed, and nothing starts with them", async () => {
    const { page, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    const [batch] = await page.$$(".settings .field input");
    await type(page, batch, "70000");
    await page.waitForSelector(".start[disabled]");
    assert.match(await text(page, ".field-trouble:not([hidden])"), /from 1 to 60,000/);
    assert.equal(await batch.evaluate((e) => e.value), "70000");
    await type(page, batch, "100");
    await page.waitForSelector(".start:not([disabled])");
    await close();
  });

  test("dropout and weight decay are set and trained with", async () => {
    const { page, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    const fields = await page.$$(".settings .field input");
    await type(page, fields.at(-2), "0.001");
    await type(page, fields.at(-1), "0.25");
    await page.waitForFunction(() =>
      /--weight-decay 0\.001/.test(document.querySelector(".setup .command-line code").textContent),
    );
    assert.match(await text(page, ".setup .command-line code"), /dropout/);
    await close();
  });

  test("a reload and another language keep the draft", async () => {
    const { page, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await page.click('.chips [data-is="3"]');
    const more = await page.$(".stepper button:last-child");
    await more.evaluate((button) => button.scrollIntoView({ block: "center" }));
    await more.click();
    await page.reload();
    await page.waitForSelector('.chips [data-is="3"][aria-checked=true]');
    assert.equal(await page.$eval(".stepper input", (e) => e.value), "150");
    await page.click(".language");
    await page.waitForSelector('html[lang=he] .chips [data-is="3"][aria-checked=true]');
    assert.equal(await page.$eval(".stepper input", (e) => e.value), "150");
    await close();
  });

  // Without a server each page has a lab of its own.
  test("eight pages of one browser all answer and see the same run", { skip: serverOnly }, async () => {
    const { page, close } = await open(here.browser, here.server.url);
    const pages = [page];
    for (let i = 0; i < 7; i++) {
      const next = await page.browserContext().newPage();
      await next.goto(here.server.url);
      await next.waitForSelector(".start:not([disabled])");
      pages.push(next);
    }
    // The one that listens for all goes.
    await pages.shift().close();
    await pages[6].bringToFront();
    await pages[6].click(".start");
    await untilRun(pages[6], "done");
    const id = await pages[6].$eval(".controls", (c) => c.dataset.run);
    await pages[2].bringToFront();
    await pages[2].waitForFunction(
      (id) => [...document.querySelectorAll(".runs bdi")].some((e) => e.textContent === `#${id}`),
      {},
      id,
    );
    await close();
  });

  test(
    "another page's run is asked about before it is ended, and can be waited for",
    { skip: serverOnly },
    async () => {
      const first = await open(here.browser, `${here.server.url}/#train?epochs=30&start=watch`);
      await untilRun(first.page, "running");
      const second = await open(here.browser, here.server.url);
      await second.page.waitForSelector(".start:not([disabled])");
      await second.page.click(".start");
      await second.page.waitForSelector("dialog.ask[open]");
      assert.equal(await first.page.$eval(".chip-state", (e) => e.className), "chip-state running");
      await second.page.click(".ask-buttons button:nth-child(1)");
      await second.page.waitForSelector(".toast:not([hidden])");
      await first.page.bringToFront();
      await first.page.click(".transport button:last-child");
      await untilRun(first.page, "stopped");
      await second.page.bringToFront();
      await untilRun(second.page, "done");
      await first.close();
      await second.close();
    },
  );

  test("a deleted run can be taken back", async () => {
    const { page, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await untilDone(page, () => page.evaluate(() => (location.hash = "#train?epochs=1&start=full")));
    await page.waitForSelector(".runs tbody tr .round:not([disabled])");
    const count = () => page.$$eval(".runs tbody tr", (rows) => rows.length);
    const before = await count();
    // Where it is pressed it must stand still first.
    await page.locator(".runs tbody tr .round:not([disabled])").click();
    await page.waitForFunction(
      (n) => document.querySelectorAll(".runs tbody tr").length === n - 1,
      {},
      before,
    );
    await page.click(".toast button");
    await page.waitForFunction((n) => document.querySelectorAll(".runs tbody tr").length === n, {}, before);
    await close();
  });

  test("how a table was read stays in sight, with its first rows", async () => {
    const { page, close } = await open(here.browser, here.server.url);
    const rows = Array.from(
      { length: 80 },
      (_, i) => `${7 + (i % 11)},${["boy", "girl"][i % 2]},${i % 2 ? "yes" : "no"}`,
    );
    const file = join(here.server.directory, "class.csv");
    writeFileSync(file, ["age,sex,likes", ...rows].join("\n"));
    await (await page.waitForSelector("input[type=file]")).uploadFile(file);
    await page.waitForSelector(".how-read:not([hidden]) tbody tr:nth-child(5)");
    const head = await page.$$eval(".how-read th", (cells) => cells.map((c) => c.textContent));
    assert.deepEqual(head, ["age", "sex", "likes"]);
    const cells = await page.$$eval(".how-read tbody tr:first-child td", (all) =>
      all.map((c) => c.textContent),
    );
    assert.match(cells.join(), /^\d+,(boy|girl),(yes|no)$/);
    await close();
  });

  test("a server that is away is said when Start is pressed", { skip: serverOnly }, async () => {
    const other = await serve();
    const { page, close } = await open(here.browser, other.url);
    await page.waitForSelector(".start:not([disabled])");
    await other.stop();
    await page.click(".start");
    await page.waitForFunction(() =>
      /does not answer/.test(document.querySelector(".toast:not([hidden])")?.textContent ?? ""),
    );
    await page.waitForSelector(".start:not([disabled])");
    await close();
  });

  test("the lecture keeps its step, turns by keys, and fills the screen", async () => {
    const { page, close } = await open(here.browser, `${here.server.url}/#lecture/4`);
    await page.click("#tab-train");
    await page.click("#tab-lecture");
    const step = () => page.$eval(".lecture-page h2 .n", (n) => n.textContent);
    assert.equal(await step(), "4");
    await page.click(".present");
    await page.waitForSelector("body.presenting");
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => document.querySelector(".lecture-page h2 .n").textContent === "5");
    assert.ok(await page.$eval(".lecture-page p", (p) => parseFloat(getComputedStyle(p).fontSize) >= 22));
    await page.click(".present");
    await page.waitForSelector("body:not(.presenting)");
    await close();
  });

  test(
    "earlier runs of the folder are listed after a restart, and a model can be saved",
    { skip: serverOnly },
    async () => {
      const first = await serve();
      const one = await open(here.browser, `${first.url}/#train?epochs=1&start=full`);
      await untilRun(one.page, "done");
      const href = await one.page.$eval(".save", (a) => a.href);
      const saved = await fetch(href);
      assert.ok(saved.ok && (await saved.arrayBuffer()).byteLength > 300_000);
      await one.close();
      first.leave();
      await first.stop();
      const again = await serveIn(first.directory);
      const other = await open(here.browser, again.url);
      await other.page.waitForSelector(".runs tbody tr");
      await other.close();
      await again.stop();
    },
  );
});
