// Who uses the page: in Hebrew, by keyboard alone, on a phone, with a screen reader.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open, skip, text, together, trainLecture, untilDone } from "./page.mjs";

const VIEWS = ["train", "draw", "mistakes", "lecture", "time"];

describe("people", { skip }, () => {
  const here = together();

  test("360 px: no view scrolls sideways, before and after training", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url, {
      width: 360,
      height: 740,
      touch: true,
    });
    const check = async (when) => {
      for (const view of VIEWS) {
        await page.evaluate((v) => (location.hash = `#${v}`), view);
        await page.waitForSelector(`#view-${view}:not([hidden]) *`);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 400))));
        const [wide, most] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(wide <= 360 && most <= 360, `${view} ${when}: ${wide} px, seen as ${most}`);
      }
    };
    await check("before");
    await trainLecture(page);
    await check("after");
    assert.deepEqual(trouble, []);
    await close();
  });

  test("Hebrew lays out right to left, charts and code left to right, and the switch switches", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url, { language: "he" });
    await page.waitForSelector(".start:not([disabled])");
    assert.deepEqual(await page.$eval("html", (html) => [html.lang, html.dir]), ["he", "rtl"]);
    const x = (selector) => page.$eval(selector, (element) => element.getBoundingClientRect().x);
    assert.ok((await x(".setup-side")) > (await x(".stage-side")), "the setup stands to the right");
    assert.ok((await x("#tab-train")) > (await x("#tab-time")), "tabs go from right to left");
    assert.match(await text(page, "#tab-train"), /^[\u0590-\u05ff]+$/);
    await trainLecture(page);
    assert.ok(
      (
        await page.$$eval(".plot, .net, .scatter, .score-bar", (all) =>
          all.map((e) => getComputedStyle(e).direction),
        )
      ).every((d) => d === "ltr"),
    );
    assert.equal(await page.$eval(".run-name code", (c) => getComputedStyle(c).direction), "ltr");
    for (const view of VIEWS) {
      await page.evaluate((v) => (location.hash = `#${v}`), view);
      await page.waitForSelector(`#view-${view}:not([hidden]) *`);
      const [wide, most] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= most, `${view}: ${wide}`);
    }
    await page.click(".language");
    await page.waitForSelector("html[lang=en][dir=ltr] .tabs");
    assert.deepEqual(trouble, []);
    await close();
  });

  test("by keyboard alone, from loading to a trained network and a drawn stroke", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    const focused = () =>
      page.evaluate(() => {
        const e = document.activeElement;
        return {
          id: e.id,
          class: e.className,
          text: e.textContent.trim(),
          role: e.getAttribute("role"),
          visible: e.matches(":focus-visible"),
        };
      });
    const tabTo = async (what, found) => {
      for (let i = 0; i < 90; i++) {
        await page.keyboard.press("Tab");
        const at = await focused();
        if (found(at)) {
          assert.ok(at.visible, `${what} shows that it has the focus`);
          return;
        }
      }
      assert.fail(`Tab never came to ${what}`);
    };
    await tabTo("the question", (at) => at.role === "radio" && at.text === "7");
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(
      () => document.querySelector(".chips [aria-checked=true]").textContent === "8",
    );
    await tabTo("more neurons", (at) => at.class.includes("round") && at.text === "+");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".stepper input").value === "150");
    await tabTo("the start button", (at) => at.class.includes("start"));
    await untilDone(page, () => page.keyboard.press("Enter"));
    await page.focus("#tab-train");
    await page.keyboard.press("ArrowRight");
    await page.waitForSelector("#view-draw:not([hidden]) .pad");
    await tabTo("the sheet", (at) => at.class === "pad");
    await page.keyboard.press("Space");
    for (let i = 0; i < 16; i++) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Space");
    await page.waitForSelector("#view-draw .answer[data-step]");
    await page.keyboard.press("Delete");
    await page.waitForSelector("#view-draw .answer.nothing");
    assert.deepEqual(trouble, []);
    await close();
  });

  test("everything that can be pressed has a name and is large enough for a finger", async () => {
    const { page, close } = await open(here.browser, here.server.url, {
      width: 360,
      height: 740,
      touch: true,
    });
    await trainLecture(page);
    for (const view of VIEWS) {
      await page.evaluate((v) => (location.hash = `#${v}`), view);
      await page.waitForSelector(`#view-${view}:not([hidden]) *`);
      await page.evaluate(() => new Promise((done) => setTimeout(done, 400)));
      const faults = await page.evaluate(() => {
        const faults = [];
        for (const e of document.querySelectorAll(
          "button, a[href], select, input, summary, canvas[tabindex], [role=button]",
        )) {
          const box = e.getBoundingClientRect();
          if (box.width === 0 || e.closest(".sr-only, .skip") || e.classList.contains("sr-only")) continue;
          const name =
            e.getAttribute("aria-label") ||
            e.textContent.trim() ||
            e.closest("label")?.textContent.trim() ||
            e.title;
          const what = e.outerHTML.slice(0, 90);
          if (!name) faults.push(`no name: ${what}`);
          const small = e.type === "checkbox" ? e.closest("label").getBoundingClientRect() : box;
          if (small.height < 39.5 && e.getAttribute("role") !== "button")
            faults.push(`${small.height} px high: ${what}`);
        }
        return faults;
      });
      assert.deepEqual(faults, [], view);
    }
    await close();
  });

  for (const scheme of ["light", "dark"]) {
    test(`texts stand out from what is behind them, ${scheme}`, async () => {
      const { page, close } = await open(here.browser, here.server.url);
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await trainLecture(page);
      for (const view of VIEWS) {
        await page.evaluate((v) => (location.hash = `#${v}`), view);
        await page.waitForSelector(`#view-${view}:not([hidden]) *`);
        await page.evaluate(() => new Promise((done) => setTimeout(done, 400)));
        assert.deepEqual(await page.evaluate(faint), [], view);
      }
      await close();
    });
  }
});

/** In the page: the texts whose contrast is below 4.5. Colours are read by painting them. */
function faint() {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", {
    willReadFrequently: true,
  });
  const over = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) =>
      v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const found = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const box = element.getBoundingClientRect();
    if (!own || box.width === 0 || element.closest("svg, .sr-only, .skip, option, :disabled, [hidden]"))
      continue;
    const behind = [];
    for (let e = element; e; e = e.parentElement) behind.unshift(getComputedStyle(e).backgroundColor);
    const back = over(["white", ...behind]);
    const front = over([`rgb(${back.slice(0, 3)})`, getComputedStyle(element).color]);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5)
      found.add(`${contrast.toFixed(2)}: ${element.className} “${element.textContent.trim().slice(0, 30)}”`);
  }
  return [...found];
}
