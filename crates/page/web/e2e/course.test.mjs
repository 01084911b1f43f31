// The course on the page, by taps and keys: the plane, the lessons, descents, the game.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faults, open, skip, still, text, together, untilRun } from "./page.mjs";

/** Goes to a chapter by its link in the list. */
async function chapter(page, name) {
  await page.evaluate(() => (location.hash = "#course"));
  const link = await page.waitForSelector(`.course-list a[href="#course/${name}"]`);
  await link.evaluate((a) => a.click());
  await page.waitForSelector(`.course-page[data-chapter="${name}"]`);
}

const numberOf = (page, selector, what) =>
  page.$eval(selector, (canvas, what) => Number(canvas.dataset[what]), what);

/** The pixels of a canvas, to be compared. */
const pixels = (page, selector) => page.$eval(selector, (canvas) => canvas.toDataURL());

const plane = ".course-live .model-plane .plane-canvas";

/** Trains a chapter at full speed and waits for its end. */
async function trainHere(page, name, pace = 1) {
  await chapter(page, name);
  await page.waitForSelector(".course-start:not([disabled])");
  await page.evaluate((pace) => document.querySelectorAll(".course-begin [role=radio]")[pace].click(), pace);
  const before = await page.$eval(".controls", (c) => c.dataset.run ?? "").catch(() => "");
  await page.click(".course-start");
  await page.waitForFunction(
    (id) =>
      [...document.querySelectorAll(".course-live .controls")].some(
        (c) => c.dataset.run && c.dataset.run !== id,
      ),
    {},
    before,
  );
  await untilRun(page, "done");
}

describe("course", { skip: skip || (process.env.RESHET_QUICK === "1" && "takes longer than CI has") }, () => {
  const here = together();

  test("a lesson trains in the page, and its plane moves with time", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await trainHere(page, "moons");
    await page.waitForFunction(() =>
      /9[5-9]\.\d+|100/.test(document.querySelector(".course-result").textContent),
    );
    await page.waitForFunction(
      (plane) => Number(document.querySelector(plane)?.dataset.points) > 500,
      {},
      plane,
    );
    assert.match(await text(page, ".course-page h2"), /Two moons/);
    assert.match(await text(page, ".course-begin"), /98\.5/);
    const end = await pixels(page, plane);
    await page.focus(".time-strip input");
    await page.keyboard.press("Home");
    await page.waitForFunction((plane) => document.querySelector(plane).dataset.step === "0", {}, plane);
    assert.notEqual(await pixels(page, plane), end);
    await page.keyboard.press("End");
    assert.deepEqual(trouble, []);
    await close();
  });

  test("points are added and moved, by mouse and keys, and trained on", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await trainHere(page, "moons");
    await page.waitForFunction(
      (plane) => Number(document.querySelector(plane)?.dataset.points) > 500,
      {},
      plane,
    );
    const points = await numberOf(page, plane, "points");
    const canvas = await page.$(plane);
    await canvas.scrollIntoView();
    const box = await canvas.boundingBox();
    // A corner is free of moons.
    const [x, y] = [box.x + box.width * 0.9, box.y + box.height * 0.08];
    await page.mouse.click(x, y);
    assert.equal(await numberOf(page, plane, "points"), points + 1);
    const before = await pixels(page, plane);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x - 60, y + 30, { steps: 5 });
    await page.mouse.up();
    assert.equal(await numberOf(page, plane, "points"), points + 1, "moved, not added");
    assert.notEqual(await pixels(page, plane), before);
    await page.focus(plane);
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Enter");
    assert.equal(await numberOf(page, plane, "points"), points + 2);
    const run = await page.$eval(".course-live .controls", (c) => c.dataset.run);
    await page.click(".train-points");
    await page.waitForFunction(
      (run) => document.querySelector(".course-live .controls").dataset.run !== run,
      {},
      run,
    );
    await untilRun(page, "done");
    await page.waitForFunction(
      (plane) => Number(document.querySelector(plane).dataset.points) > 500,
      {},
      plane,
    );
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a curve has its kinks, and a table its columns as axes", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await trainHere(page, "waves");
    await page.waitForSelector(".course-live .model-plane figure:not([hidden]) canvas[data-draws]");
    const label = await page.$eval(".course-live .model-plane figure canvas", (c) =>
      c.getAttribute("aria-label"),
    );
    assert.match(label, /^64 curves/);
    await trainHere(page, "iris");
    await page.waitForFunction(() => document.querySelector(".plane-axes select")?.value === "petal_length");
    const petals = await pixels(page, plane);
    await page.select(".plane-axes select", "sepal_width");
    await page.waitForFunction(
      (plane) => /sepal_width/.test(document.querySelector(plane).getAttribute("aria-label")),
      {},
      plane,
    );
    assert.notEqual(await pixels(page, plane), petals);
    assert.equal(await page.$$eval(".plane-legend li", (all) => all.length), 3);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("residuals stand on a line, as sticks and as squares", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await trainHere(page, "linear");
    await page.waitForFunction(
      (plane) => Number(document.querySelector(plane)?.dataset.points) >= 100,
      {},
      plane,
    );
    // All hundred are learnt from, in their own units: the book's loss.
    assert.equal(await numberOf(page, plane, "points"), 100);
    assert.match(await text(page, ".course-result"), /332\.[56]/);
    const sticks = await pixels(page, plane);
    await page.evaluate(() =>
      [...document.querySelectorAll(".plane-tools label")].find((l) => /squares/.test(l.textContent)).click(),
    );
    assert.notEqual(await pixels(page, plane), sticks);
    assert.deepEqual(trouble, []);
    await close();
  });

  for (const language of ["en", "he"]) {
    test(`every chapter is a lesson, in ${language}`, async () => {
      const { page, trouble, close } = await open(here.browser, here.server.url, { language });
      await page.evaluate(() => (location.hash = "#course"));
      await page.waitForSelector(".course-list a");
      const names = await page.$$eval(".course-list a", (all) => all.map((a) => a.hash.split("/")[1]));
      assert.equal(names.length, 23);
      for (const name of names) {
        await chapter(page, name);
        const told = await page.$eval(".course-words", (words) => words.textContent);
        assert.equal(/[א-ת]/.test(told), language === "he", name);
        const code = [];
        for (const n of [0, 1, 2]) {
          await page.evaluate((n) => document.querySelectorAll(".course-code [role=radio]")[n].click(), n);
          code.push(await text(page, ".course-code pre"));
        }
        assert.equal(new Set(code).size, 3, name);
        assert.ok(
          code.every((one) => one.length > 20),
          name,
        );
        assert.ok((await page.$$(".course-commands code")).length > 0, name);
      }
      assert.deepEqual(trouble, []);
      await close();
    });
  }

  test("descent: rates differ, and a start is chosen by a click", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await chapter(page, "descent");
    await page.waitForSelector(".descent-said code");
    const toEnd = async () => {
      await page.focus(".descent-time input");
      await page.keyboard.press("End");
    };
    const w = async () =>
      Number(/w = (−?[\d.]+)/.exec(await text(page, ".descent-said"))[1].replace("−", "-"));
    await toEnd();
    assert.ok(Math.abs((await w()) - 2) < 1e-3);
    const preset = (rate) =>
      page.evaluate(
        (rate) =>
          [...document.querySelectorAll(".preset")]
            .find((b) => b.textContent.includes(`rate ${rate} `))
            .click(),
        rate,
      );
    for (const [rate, ends] of [
      ["0.01", 3.275],
      ["0.9", 2],
      ["1.05", 412.9],
    ]) {
      await preset(rate);
      await page.waitForFunction(() => document.querySelector(".descent-time input").max === "50");
      await page.waitForFunction(
        (rate) => document.querySelector(".descent-fields input").value === rate,
        {},
        rate,
      );
      await new Promise((done) => setTimeout(done, 300));
      await toEnd();
      await page.waitForFunction(
        (ends) => {
          const found = /w = (−?[\d.]+)/.exec(document.querySelector(".descent-said").textContent);
          return found && Math.abs(Number(found[1].replace("−", "-")) - ends) < 0.2;
        },
        {},
        ends,
      );
    }
    await chapter(page, "landscape");
    await page.waitForSelector(".descent-said code");
    const canvas = await page.$(".descent-map canvas");
    await canvas.scrollIntoView();
    const before = await text(page, ".descent-said");
    const box = await canvas.boundingBox();
    await page.mouse.click(box.x + box.width * 0.4, box.y + box.height * 0.4);
    await page.waitForFunction(
      (before) => document.querySelector(".descent-said").textContent !== before,
      {},
      before,
    );
    await page.evaluate(() => document.querySelector(".ball-adam input").click());
    await page.waitForFunction(() => document.querySelectorAll(".descent-said li").length === 2);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a line and its loss are one: a point that is dragged moves the bowl", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await chapter(page, "five");
    await page.waitForSelector(".descent-said code");
    await page.focus(".descent-time input");
    await page.keyboard.press("End");
    assert.match(await text(page, ".descent-said"), /w = 2\.11/);
    const line = await page.$(".descent-line canvas");
    await line.scrollIntoView();
    const map = await pixels(page, ".descent-map canvas");
    await page.focus(".descent-line canvas");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() =>
      /^6 points/.test(document.querySelector(".descent-line canvas").getAttribute("aria-label")),
    );
    assert.notEqual(await pixels(page, ".descent-map canvas"), map);
    await page.evaluate(() =>
      [...document.querySelectorAll(".descent-fields label")].find((l) => /bias/.test(l.textContent)).click(),
    );
    await page.waitForFunction(() => /b = /.test(document.querySelector(".descent-said").textContent));
    await chapter(page, "flats");
    await page.waitForFunction(
      () =>
        document.querySelectorAll(".descent-map").length === 2 &&
        document.querySelectorAll(".descent-said li").length === 2,
    );
    await page.focus(".descent-time input");
    await page.keyboard.press("End");
    await page.waitForFunction(() => {
      const [raw, scaled] = [...document.querySelectorAll(".descent-said li")].map((l) => l.textContent);
      return /diverges/.test(raw) && !/diverges/.test(scaled) && /0\.022/.test(scaled);
    });
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a network learns to play, and is played against", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await chapter(page, "tictactoe");
    await page.waitForFunction(() => document.querySelectorAll(".square.fresh").length === 1);
    assert.equal(
      await page.$$eval(".q-value", (all) => all.filter((q) => /^Q/.test(q.textContent)).length),
      9,
    );
    await page.click(".game-learn");
    await page.waitForFunction(() => Number(document.querySelector(".game-side canvas").dataset.games) > 600);
    await page.click(".game-learn");
    const free = await page.$$eval(".square", (all) =>
      all.findIndex((s) => s.querySelector(".q-sign").textContent === ""),
    );
    await (await page.$$(".square"))[free].click();
    await page.waitForFunction(
      () => [...document.querySelectorAll(".q-sign")].filter((s) => s.textContent === "×").length === 2,
    );
    await page.click(".game-recall");
    await page.waitForFunction(() => document.querySelectorAll(".taught").length === 6);
    for (const sum of await page.$$eval(".taught-sum bdi", (all) =>
      all.map((s) => s.textContent.replaceAll("−", "-")),
    )) {
      const [left, right] = sum.split(" = ");
      const [reward, more] = left.split(" + ");
      const [by, worth] = (more ?? "0 · 0").split(" · ");
      assert.ok(Math.abs(Number(reward) + Number(by) * Number(worth) - Number(right)) < 0.01, sum);
    }
    await page.click(".game-test");
    await page.waitForFunction(() => /won/.test(document.querySelector(".game-tested").textContent));
    assert.ok(Number(/(\d+) won/.exec(await text(page, ".game-tested"))[1]) > 500);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a probability is moved along its two costs", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await chapter(page, "cost");
    assert.match(await text(page, ".descent .result"), /0\.9: .*0\.11.*2\.3/);
    await page.focus(".descent input[type=range]");
    await page.keyboard.press("Home");
    await page.waitForFunction(() => /5\.3/.test(document.querySelector(".descent .result").textContent));
    assert.deepEqual(trouble, []);
    await close();
  });

  for (const scheme of ["light", "dark"]) {
    test(`lessons keep the rules of accessibility and fit on a phone, ${scheme}`, async () => {
      const language = scheme === "light" ? "he" : "en";
      const { page, close } = await open(here.browser, here.server.url, { language });
      await still(page, scheme);
      await page.waitForSelector(".start:not([disabled])");
      const all = [];
      const check = async (name) => {
        for (const [width, height] of [
          [360, 740],
          [1366, 768],
        ]) {
          await page.setViewport({ width, height });
          await page.evaluate(() => new Promise((done) => setTimeout(done, 200)));
          const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (wider > 0) all.push(`${name}: ${wider} px too wide at ${width}`);
          all.push(...(await faults(page)).map((fault) => `${name} at ${width}: ${fault}`));
        }
      };
      await trainHere(page, "iris");
      await page.waitForFunction(
        (plane) => Number(document.querySelector(plane)?.dataset.points) > 100,
        {},
        plane,
      );
      await check("iris");
      for (const name of ["landscape", "five", "flats", "cost", "tictactoe"]) {
        await chapter(page, name);
        await check(name);
      }
      assert.deepEqual(all, []);
      await close();
    });
  }
});
