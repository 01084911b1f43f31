// Accessibility rules in every view, language and theme, before and after training.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import axe from "axe-core";
import { browse, open, serve, skip, trainLecture } from "./page.mjs";

const VIEWS = ["train", "draw", "mistakes", "lecture", "time"];

describe("axe", { skip }, () => {
  let server, browser;
  before(async () => {
    server = await serve();
    browser = await browse();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  for (const language of ["en", "he"]) {
    for (const scheme of ["light", "dark"]) {
      test(`no violation in ${language}, ${scheme}`, async () => {
        const { page, close } = await open(browser, server.url, { language });
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await page.waitForSelector(".start:not([disabled])");
        await page.evaluate(axe.source);
        const all = [];
        const check = async (when, views = VIEWS) => {
          for (const view of views) {
            await page.evaluate((v) => (location.hash = `#${v}`), view);
            await page.waitForSelector(`#view-${view}:not([hidden]) *`);
            await page.evaluate(() => new Promise((done) => setTimeout(done, 500)));
            const found = await page.evaluate(async () => {
              const { violations } = await window.axe.run(document, {
                resultTypes: ["violations"],
                rules: { "label-content-name-mismatch": { enabled: true } },
              });
              return violations.map(
                (v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(" | ")}`,
              );
            });
            all.push(...found.map((fault) => `${view} ${when}: ${fault}`));
          }
        };
        await check("before");
        await page.evaluate(() => (location.hash = "#train"));
        await trainLecture(page);
        await check("after");
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
