// Learning and knowing by heart: the loss and the accuracy on both parts of the data, and what they are beside.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { chooseFile, open, press, skip, together, type, untilDone } from "./page.mjs";

/** A table of noise: the answer does not follow from the inputs, and can only be learnt by heart. */
function noise(rows) {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const line = () => [...Array.from({ length: 6 }, () => random().toFixed(4)), random() < 0.5 ? "a" : "b"];
  return ["p,q,r,s,t,u,answer", ...Array.from({ length: rows }, () => line().join(","))].join("\n");
}

/** The table under a chart: rows of what is called so. */
async function rowsOf(page, chart, name) {
  await press(page, `${chart} summary`);
  await page.waitForSelector(`${chart} tbody tr`);
  const rows = await page.$$eval(`${chart} tbody tr`, (all) =>
    all.map((row) => [...row.cells].map((cell) => cell.textContent)),
  );
  await press(page, `${chart} summary`);
  return rows
    .filter((row) => row[0] === name)
    .map(([, step, value]) => [Number(step.replace(/\D/g, "")), parseFloat(value)]);
}

describe("two curves", { skip }, () => {
  const here = together();

  test("of noise the training loss falls and the test loss does not", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    const table = join(here.server.directory, "noise.csv");
    writeFileSync(table, noise(400));
    await chooseFile(page, table);
    await page.waitForFunction(() => document.querySelector("[data-id=noise][aria-checked=true]"));
    // What the defaults do against it.
    await type(page, "Weight decay", "0");
    await type(page, "Dropout", "0");
    await type(page, "Epochs", "300");
    await page.waitForSelector(".start:not([disabled])");
    await untilDone(page, () => press(page, ".start"));
    const loss = ".live-stage .curves > :nth-child(2)";
    const train = await rowsOf(page, loss, "learnt from");
    const tested = await rowsOf(page, loss, "test");
    assert.ok(train.length >= 5 && tested.length >= 5, `${train.length}, ${tested.length}`);
    // At the same moments, the early ones among them.
    assert.deepEqual(
      train.map(([step]) => step),
      tested.map(([step]) => step),
    );
    assert.ok(train.some(([step]) => step > 0 && step <= 8));
    assert.ok(train.at(-1)[1] < 0.5 * train[0][1], `${train}`);
    assert.ok(tested.at(-1)[1] > 0.95 * tested[0][1], `${tested}`);
    const said = await page.$eval(`${loss} .sr-only`, (p) => p.textContent);
    assert.match(said, /Loss on samples it learns from 0?\.?\d.*, on test samples \d/);
    assert.deepEqual(trouble, []);
    await close();
  });
});
