// How live the page is. The figures are told, not judged by: machines differ, and this one may be busy.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open, skip, sleep, together, untilRun } from "./page.mjs";

describe("speed", { skip }, () => {
  const here = together();

  test("the first picture comes soon", async (t) => {
    const { page, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    const paint = await page.evaluate(
      () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    );
    t.diagnostic(`first contentful paint after ${Math.round(paint)} ms`);
    assert.ok(paint < 10_000);
    await close();
  });

  test("the curve keeps moving while a larger network trains at full speed", async (t) => {
    const { page, trouble, close } = await open(
      here.browser,
      `${here.server.url}/#train?is=&hidden=300-100&epochs=100&start=full`,
    );
    await untilRun(page, "running");
    await page.waitForSelector(".live-stage .plot[data-draws]");
    const count = () =>
      page.$$eval(".live-stage .plot", (plots) =>
        Math.max(...plots.map((p) => Number(p.dataset.draws ?? 0))),
      );
    await sleep(500);
    const [from, start] = [await count(), performance.now()];
    await sleep(4000);
    const rate = ((await count()) - from) / ((performance.now() - start) / 1000);
    t.diagnostic(`${rate.toFixed(1)} pictures of the curve a second`);
    assert.ok(rate > 2, `${rate} a second`);
    assert.deepEqual(trouble, []);
    await close();
  });
});
