// What one does on the page: train, draw, look at mistakes, go back in time, bring a table.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  drawSeven,
  open,
  serve,
  serverOnly,
  skip,
  sleep,
  text,
  together,
  trainLecture,
  untilRun,
} from "./page.mjs";

describe("learning", { skip }, () => {
  const here = together();

  test("training starts, the curve moves, and more than 98 % are right", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    await page.evaluate(() =>
      [...document.querySelectorAll(".setup [role=radio]")].find((b) => b.textContent === "Watch").click(),
    );
    await page.click(".start");
    await untilRun(page, "running");
    const points = () =>
      page.$$eval(".live-stage .plot", (plots) => plots.map((p) => Number(p.dataset.points ?? 0)));
    await page.waitForFunction(
      () => Number(document.querySelectorAll(".live-stage .plot")[1]?.dataset.points) > 3,
    );
    // The points are told before they are drawn.
    const drawn = () =>
      page.evaluate(async () => {
        const frame = () => new Promise((done) => requestAnimationFrame(done));
        await frame();
        await frame();
        return [...document.querySelectorAll(".live-stage .plot canvas")].at(-1).toDataURL();
      });
    const picture = await drawn();
    const early = await points();
    await page.waitForFunction(
      (n) => Number(document.querySelectorAll(".live-stage .plot")[1].dataset.points) > n + 5,
      {},
      early[1],
    );
    assert.notEqual(await drawn(), picture);
    await page.evaluate(() =>
      [...document.querySelectorAll(".live [role=radio]")]
        .find((b) => b.textContent === "Full speed")
        .click(),
    );
    await untilRun(page, "done");
    await page.waitForFunction(() => parseFloat(document.querySelector(".big").textContent) > 98, {
      timeout: 20_000,
    });
    assert.match(await text(page, ".bar-label"), /always “not 7”: 89\.72/);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a drawn 7 is recognised", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await trainLecture(page);
    await drawSeven(page);
    const shares = await page.$$eval("#view-draw .bars .bar-number", (cells) =>
      cells.map((c) => parseFloat(c.textContent)),
    );
    assert.ok(shares[1] > 90, `sure of ${shares}`);
    assert.ok(Math.abs(shares[0] + shares[1] - 100) < 0.2);
    const lit = await page.$eval("#view-draw .neurons figcaption", (c) =>
      parseInt(/: (\d+) of 100/.exec(c.textContent)[1], 10),
    );
    assert.ok(lit > 0 && lit < 100);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("the gallery opens, filters by cell, and shows what the network saw", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await trainLecture(page);
    await page.click("#tab-mistakes");
    await page.waitForSelector(".mistake");
    const heading = await text(page, ".gallery-head h2");
    const wrong = parseInt(heading, 10);
    assert.ok(wrong > 20 && wrong < 200, heading);
    const cell = await page.evaluate(() => {
      const button = [...document.querySelectorAll(".confusion button.cell:not(.right)")].find(
        (b) => Number(b.textContent) > 0,
      );
      button.click();
      return Number(button.textContent);
    });
    await page.waitForFunction(
      (n) =>
        document.querySelector(".gallery-head h2").textContent.startsWith(`${n} times`) &&
        document.querySelectorAll(".mistake").length === Math.min(60, n),
      {},
      cell,
    );
    await page.click(".mistake");
    await page.waitForSelector("dialog[open] .bars");
    const drawn = await page.$eval("dialog .saw canvas", (c) => {
      const { data } = c.getContext("2d").getImageData(0, 0, 28, 28);
      return data.filter((v, i) => i % 4 === 0 && v > 128).length;
    });
    assert.ok(drawn > 20, `${drawn} bright pixels`);
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !document.querySelector("dialog").open);
    await page.evaluate(() => document.querySelectorAll(".subtabs button")[1].click());
    await page.waitForFunction(
      () =>
        document.querySelectorAll(".mistake").length > 10 && document.querySelector(".confusion-side").hidden,
    );
    assert.deepEqual(trouble, []);
    await close();
  });

  test("one step in three stages shows the real numbers", async () => {
    const { page, trouble, close } = await open(here.browser, `${here.server.url}/#train?start=step`);
    await untilRun(page, "paused");
    const stage = () =>
      page.evaluate(() =>
        [...document.querySelectorAll(".transport button")]
          .find((b) => b.textContent.includes("Stage"))
          .click(),
      );
    await stage();
    await page.waitForFunction(() => {
      const canvas = document.querySelector(".stage.forward[aria-current] td canvas");
      return canvas
        ?.getContext("2d")
        .getImageData(0, 0, 28, 28)
        .data.some((v, i) => i % 4 === 0 && v > 128);
    });
    await stage();
    await page.waitForSelector(".stage.backward[aria-current]");
    const loss = parseFloat(await text(page, ".stage-number strong"));
    assert.ok(loss > 0.5 && loss < 0.9, `the first loss is near ln 2: ${loss}`);
    await stage();
    await page.waitForSelector(".stage.update[aria-current] tbody tr");
    const [gradient, before, after] = await page.$eval(".stage.update tbody tr", (row) =>
      [row.querySelector("small bdi"), row.cells[1], row.cells[2]].map((c) =>
        parseFloat(c.textContent.replace("−", "-")),
      ),
    );
    assert.ok(Math.sign(after - before) === -Math.sign(gradient), `${before} → ${after} against ${gradient}`);
    await page.evaluate(() =>
      [...document.querySelectorAll(".transport button")].find((b) => b.textContent.includes("Stop")).click(),
    );
    await untilRun(page, "stopped");
    assert.deepEqual(trouble, []);
    await close();
  });

  test("time goes back: weights and answers of that moment", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await trainLecture(page);
    await page.click("#tab-time");
    await page.waitForSelector("#view-time .weights[data-step]", { visible: true });
    await page.waitForFunction(() =>
      [...document.querySelectorAll("#view-time .plot")].every((plot) => Number(plot.dataset.points) > 1),
    );
    await page.waitForFunction(() => Number(document.querySelector(".time-strip input").max) > 0);
    await page.focus(".time-strip input");
    await page.keyboard.press("Home");
    await page.waitForFunction(() => document.querySelector("#view-time .weights").dataset.step === "0");
    await page.waitForFunction(() =>
      /After 0 steps/.test(document.querySelector(".moment-result").textContent),
    );
    const share = parseFloat(/steps ([\d.]+)/.exec(await text(page, ".moment-result"))[1]);
    assert.ok(share < 95, `untrained it gets ${share} %`);
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.querySelector("#view-time .weights").dataset.step === "2400");
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a table of one's own is learnt, and a row of it answered", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    const rows = Array.from(
      { length: 300 },
      (_, i) =>
        `${(i % 100) / 10},${["red", "green"][i % 2]},${(i % 100) / 10 + (i % 2) * 3 > 6 ? "big" : "small"}`,
    );
    const file = join(here.server.directory, "sizes.csv");
    writeFileSync(file, ["width,colour,size", ...rows].join("\n"));
    await (await page.waitForSelector("input[type=file]")).uploadFile(file);
    await page.waitForFunction(() =>
      document.querySelector(".cards [aria-checked=true]")?.textContent.includes("sizes"),
    );
    await page.waitForFunction(() => /small|big/.test(document.querySelector(".question-said").textContent));
    await page.waitForSelector(".start:not([disabled])");
    await page.click(".start");
    await untilRun(page, "done");
    await page.click("#tab-draw");
    await page.waitForSelector(".row-form");
    await page.evaluate(() => {
      const input = document.querySelector(".row-form input[type=number]");
      input.value = "9.5";
      input.dispatchEvent(new Event("input"));
    });
    await page.waitForFunction(() => document.querySelector("#view-draw .answer-big").textContent === "big");
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a file can be dropped on the page, and one that is no table is refused in words", async () => {
    const { page, close } = await open(here.browser, here.server.url);
    await page.waitForSelector(".start:not([disabled])");
    const drop = (name, text) =>
      page.evaluate(
        (name, text) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], name, { type: "text/csv" }));
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }),
          );
        },
        name,
        text,
      );
    await drop("empty.csv", "");
    await page.waitForFunction(() =>
      /^empty\.csv: ./.test(document.querySelector(".toast:not([hidden])")?.textContent ?? ""),
    );
    const rows = Array.from({ length: 60 }, (_, i) => `${i % 7},${i % 5},${(i % 7) * 3 - (i % 5)}`);
    await drop("sums.csv", ["a,b,sum", ...rows].join("\n"));
    await page.waitForFunction(() =>
      document.querySelector(".cards [aria-checked=true]")?.textContent.includes("sums"),
    );
    await close();
  });

  test("several runs are kept, compared and deleted", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await page.evaluate(() => (location.hash = "#train?is=&trials=5,20&epochs=1"));
    await page.waitForFunction(
      () =>
        document.querySelectorAll(".runs tbody tr").length >= 2 &&
        document.querySelectorAll(".scatter .point").length >= 2,
      { timeout: 60_000 },
    );
    await untilRun(page, "done");
    const count = await page.$$eval(".runs tbody tr", (rows) => rows.length);
    await page.waitForFunction(() => document.querySelectorAll(".runs input:checked").length >= 2);
    assert.ok(
      (await page.$$eval(".runs .result", (cells) => cells.map((c) => c.textContent))).every(
        (r) => /always/.test(r) || /–|…/.test(r),
      ),
    );
    await page.evaluate(() => document.querySelector(".runs tbody tr .round").click());
    await page.waitForFunction(
      (n) => document.querySelectorAll(".runs tbody tr").length === n - 1,
      {},
      count,
    );
    assert.deepEqual(trouble, []);
    await close();
  });

  test("a model from a file draws on, and says what it cannot show", { skip: serverOnly }, async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url);
    await trainLecture(page);
    const id = await page.$eval(".controls", (c) => c.dataset.run);
    const file = join(here.server.directory, "sevens.safetensors");
    writeFileSync(
      file,
      Buffer.from(await (await fetch(`${here.server.url}/api/runs/${id}/model`)).arrayBuffer()),
    );
    await close();
    const other = await serve(undefined, file);
    const { page: alone, trouble: more, close: end } = await open(here.browser, `${other.url}/#draw`);
    await (await alone.waitForSelector(".stamp:nth-child(8)")).click();
    await alone.waitForFunction(() => document.querySelector("#view-draw .answer-big").textContent === "7");
    for (const view of ["mistakes", "time"]) {
      await alone.click(`#tab-${view}`);
      await alone.waitForSelector(`#view-${view} .invitation:not([hidden]) h2`);
    }
    assert.deepEqual([...trouble, ...more], []);
    await end();
    await other.stop();
  });

  test("a server that is away is said, and found again", { skip: serverOnly }, async () => {
    const other = await serve();
    const { page, close } = await open(here.browser, other.url);
    await page.waitForSelector(".start:not([disabled])");
    await other.stop();
    await page.waitForSelector(".banner:not([hidden])");
    await sleep(200);
    const again = await serve(other.port);
    await page.waitForSelector(".banner[hidden]", { timeout: 30_000 });
    await close();
    await again.stop();
  });
});
