// Accessibility rules in every view, language and theme, before and after training.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faults, open, skip, still, together, trainLecture } from "./page.mjs";

// CI has no time for all four: each language and each theme once, and the English one in short.
const quick = process.env.RESHET_QUICK === "1";

const VIEWS = ["train", "draw", "mistakes", "lecture", "course", "time"];

describe("axe", { skip }, () => {
  const here = together();

  for (const language of ["en", "he"]) {
    const once = language === "en" ? ["light"] : ["dark"];
    for (const scheme of quick ? once : ["light", "dark"]) {
      test(`no violation in ${language}, ${scheme}`, async () => {
        const { page, close } = await open(here.browser, here.server.url, { language });
        await still(page, scheme);
        await page.waitForSelector(".start:not([disabled])");
        const all = [];
        const check = async (when, views = VIEWS) => {
          for (const view of views) {
            await page.evaluate((v) => (location.hash = `#${v}`), view);
            await page.waitForSelector(`#view-${view}:not([hidden]) *`);
            await page.evaluate(() => new Promise((done) => setTimeout(done, 150)));
            const found = await faults(page);
            all.push(...found.map((fault) => `${view} ${when}: ${fault}`));
          }
        };
        await check("before");
        await page.evaluate(() => (location.hash = "#train"));
        await trainLecture(page);
        await check("after");
        if (quick && language === "en") {
          assert.deepEqual(all, []);
          return close();
        }
        await page.evaluate(() => (location.hash = "#train"));
        await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
        await check("with tables", ["train"]);
        await page.setViewport({ width: 360, height: 740 });
        await check("on a phone");
        await page.setViewport({ width: 1280, height: 800 });
        await page.evaluate(() => (location.hash = "#mistakes"));
        await page.waitForSelector(".mistake");
        await page.click(".mistake");
        await page.waitForSelector("dialog[open] .bars");
        await check("with a sample open", ["mistakes"]);
        await page.keyboard.press("Escape");
        await page.evaluate(() => (location.hash = "#train?start=step"));
        await page.waitForSelector(".chip-state.paused");
        for (const stage of ["forward", "backward", "update"]) {
          await page.click(".transport button:not([hidden]):nth-of-type(3)");
          await page.waitForSelector(`.stage.${stage}[aria-current]`);
        }
        await check("after a step", ["train"]);
        await page.click(".transport button:last-child");
        await page.waitForSelector(".chip-state.stopped");
        assert.deepEqual(all, []);
        await close();
      });
    }
  }
});
