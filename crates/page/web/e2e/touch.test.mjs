// Touching the network: neurons by a tap and by keys, sliders that change the answer, and putting it back.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open, press, skip, text, together, trainLecture, untilDone } from "./page.mjs";

/** Where the drawn neurons are. */
const spots = (page) =>
  page.$eval(".touchable", (canvas) => JSON.parse(canvas.dataset.spots ?? "[]").filter((s) => s.column > 0));

/** Waits until the drawing is there, in view. */
async function drawing(page) {
  const canvas = await page.waitForSelector(".touchable");
  await canvas.evaluate((e) => e.scrollIntoView({ block: "center", behavior: "instant" }));
  await page.waitForFunction(() => JSON.parse(document.querySelector(".touchable").dataset.spots ?? "[]").length > 0);
  return canvas;
}

const results = (page) =>
  page.$$eval(".touch-result tbody tr", (rows) => rows.map((row) => [...row.cells].slice(1).map((c) => c.textContent)));

describe("touching the network", { skip }, () => {
  const here = together();

  test("a tap shows a neuron's numbers, a dragged bias changes the answer, and it is put back", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url, { touch: true, width: 800 });
    page.setDefaultTimeout(15_000);
    await trainLecture(page);
    const canvas = await drawing(page);
    const [spot] = (await spots(page)).filter((s) => s.column === 2);
    const box = await canvas.boundingBox();
    await page.touchscreen.tap(box.x + spot.x, box.y + spot.y);
    await page.waitForSelector(".touch:not([hidden]) .touch-result tbody tr");
    assert.equal(await text(page, ".touch h4"), "Output 7");
    const sum = await text(page, ".touch-sum");
    const [weighted, bias, total] = sum.match(/[−+]?\d+\.?\d*/g).map((x) => Number(x.replace("−", "-")));
    assert.ok(Math.abs(weighted + bias - total) < 0.02 * Math.max(1, Math.abs(total)), sum);
    const before = await results(page);
    assert.ok(before.every(([was, now]) => was === now));
    // Sample 0 is a 7: with the bias pulled down it is none any more.
    await press(page, ".touch-weights li:first-child input", true);
    await page.focus(".touch-weights li:first-child input");
    await page.keyboard.press("Home");
    await page.waitForFunction(() => document.querySelector(".touch").dataset.changes === "1");
    await page.waitForFunction((was) => {
      const cells = [...document.querySelectorAll(".touch-result tbody td")].map((c) => c.textContent);
      return cells[1] !== was && cells[5] !== cells[4];
    }, {}, before[0][1]);
    const changed = await results(page);
    assert.equal(changed[0][0], before[0][0]);
    assert.ok(parseFloat(changed[1][1]) > parseFloat(changed[1][0]), `${changed}`);
    assert.notEqual(changed[2][1], changed[2][0]);
    await press(page, ".put-back", true);
    await page.waitForFunction(() => document.querySelector(".touch").dataset.changes === "0");
    await page.waitForFunction(() => {
      const cells = [...document.querySelectorAll(".touch-result tbody td")].map((c) => c.textContent);
      return cells[0] === cells[1] && cells[4] === cells[5];
    });
    assert.deepEqual(await results(page), before);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("by keys one goes from neuron to neuron, and Escape closes", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await trainLecture(page);
    await drawing(page);
    await page.focus(".touchable");
    await page.keyboard.press("ArrowDown");
    await page.waitForSelector(".touch:not([hidden]) h4");
    const first = await text(page, ".touch h4");
    assert.match(first, /^Hidden layer 1, neuron \d+$/);
    await page.keyboard.press("ArrowDown");
    await page.waitForFunction((t) => document.querySelector(".touch h4").textContent !== t, {}, first);
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => document.querySelector(".touch h4").textContent === "Output 7");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".touch", { hidden: true });
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a perceptron is drawn as one, with its weights as a picture to press on", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await untilDone(page, () => page.evaluate(() => (location.hash = "#train?hidden=&start=full")));
    await drawing(page);
    await page.waitForSelector(".touch:not([hidden]) .touch-body canvas", { visible: true });
    await press(page, ".touch-body canvas");
    await page.waitForFunction(() => /Weight of pixel 1[45], 1[45]/.test(document.querySelectorAll(".touch-name")[1].textContent));
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.querySelector(".touch").dataset.changes === "1");
    assert.deepEqual(trouble, []);
    await close();
  });
});
