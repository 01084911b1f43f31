// A step explained: its three stages on the drawn network, one weight written out, and why nothing was learnt.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open, press, skip, text, together } from "./page.mjs";

const stage = (page) => press(page, ".transport button:not([hidden]):nth-of-type(3)");
const number = (text) => Number(text.replace("−", "-"));

async function begin(page) {
  await page.waitForSelector(".start:not([disabled])");
  await page.evaluate(() => (location.hash = "#train?start=step"));
  await page.waitForSelector(".chip-state.paused");
}

describe("a step explained", { skip }, () => {
  const here = together();

  test("forward, backward and update are drawn, and one weight is written out", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await begin(page);
    for (const name of ["forward", "backward", "update"]) {
      await stage(page);
      await page.waitForSelector(`.step-drawing[data-stage=${name}]`, { visible: true });
      await page.waitForFunction(() => document.querySelector(".step-drawing canvas").dataset.seen === "2");
    }
    const lines = await page.$$eval(".written-out code", (all) => all.map((code) => code.textContent));
    const [, before, lr, gradient, after] = /= (\S+) − (\S+) × \((\S+)\) = (\S+)/.exec(lines[1]);
    const wanted = number(before) - number(lr) * number(gradient);
    assert.ok(Math.abs(wanted - number(after)) < 2e-5, lines[1]);
    // Adam's first step is as long as the learning rate.
    const [, from, , , to] = /^Adam: .* = (\S+) − (\S+) × \((\S+)\) = (\S+)$/.exec(lines.at(-1));
    assert.ok(Math.abs(Math.abs(number(from) - number(to)) - number(lr)) < 2e-4, lines.at(-1));
    assert.deepEqual(trouble, []);
    await press(page, ".transport button:last-child");
    await page.waitForSelector(".chip-state.stopped");
    await close();
  });

  test("where nothing was learnt the page says why", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await page.select(".settings label:nth-of-type(1) select", "sgd");
    await press(page, ".setup .segmented [role=radio]:first-child");
    await press(page, ".start");
    await page.waitForSelector(".chip-state.paused");
    const rate = await page.waitForSelector(".live input[type=number]");
    await rate.focus();
    await page.keyboard.down("Control");
    await page.keyboard.press("a");
    await page.keyboard.up("Control");
    await page.keyboard.type("1e-9");
    await page.keyboard.press("Tab");
    await new Promise((done) => setTimeout(done, 400));
    for (let i = 0; i < 3; i++) await stage(page).then(() => new Promise((done) => setTimeout(done, 300)));
    await page.waitForSelector(".nothing-learnt");
    assert.match(await text(page, ".nothing-learnt"), /because the steps are too small/);
    assert.deepEqual(trouble, []);
    await close();
  });
});
