// How else the page is read: what the server says in Hebrew, in other colours, enlarged, on paper, presented.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { faults, open, serve, serverOnly, skip, text, together, trainLecture, untilRun } from "./page.mjs";

const HEBREW = /[\u0590-\u05ff]/;

/** Windows-1255, as Hebrew spreadsheets write it: letters from 0xE0 on. */
const windows1255 = (text) =>
  Buffer.from([...text].map((c) => (c >= "\u05d0" ? c.codePointAt(0) - 0x5d0 + 0xe0 : c.codePointAt(0))));

/** A sentence and the sentences in it. */
const all = (told) => [told, ...Object.values(told.parts).flatMap(all)];

describe("readers", { skip }, () => {
  const here = together();

  /** Drops a file through the field for it. */
  const bring = async (page, name, bytes) => {
    const path = join(here.server.directory, name);
    writeFileSync(path, bytes);
    const field = await page.waitForSelector("input[type=file]");
    await field.uploadFile(path);
  };

  test("what the server decided, doubts and refuses is said in Hebrew", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url, { language: "he" });
    await page.waitForSelector(".start:not([disabled])");
    const rows = Array.from({ length: 60 }, (_, i) => {
      const age = i % 10 === 0 ? "n/a" : 20 + ((i * 7) % 50);
      return `${i + 1},same,${age},${(i * 31) % 90},${i % 3 === 0 ? "yes" : "no"}`;
    });
    await bring(page, "people.csv", ["id,country,age,height,member", ...rows, ""].join("\n"));
    await page.waitForSelector(".how-read:not([hidden]) li");
    const said = await page.$$eval(".how-read li", (all) => all.map((e) => e.textContent));
    assert.ok(said.length > 3, said.join("\n"));
    for (const line of said) assert.match(line, HEBREW);
    const same = ["a,b", ...Array.from({ length: 30 }, (_, i) => `${i},same`), ""].join("\n");
    await bring(page, "same.csv", same);
    await page.waitForFunction(() => document.querySelector(".toast")?.textContent.includes("same.csv"));
    assert.match(await text(page, ".toast"), HEBREW);
    await bring(page, "sheet.xlsx", Buffer.from("PK\u0003\u0004"));
    await page.waitForFunction(() => document.querySelector(".toast")?.textContent.includes("csv"));
    assert.match(await text(page, ".toast"), HEBREW);
    assert.deepEqual(
      trouble.filter((line) => !/415|422/.test(line)),
      [],
    );
    await close();
  });

  test(
    "all that is decided about tables, or looks wrong in them, has a kind",
    { skip: serverOnly },
    async () => {
      const table = (head, row, n = 60) =>
        [head, ...Array.from({ length: n }, (_, i) => row(i)), ""].join("\n");
      const tables = {
        dates: table(
          "day,price,answer",
          (i) => `2024-0${1 + (i % 9)}-1${i % 10},"$${i + 1},200.50",${i % 2 ? "a" : "b"}`,
        ),
        leak: table("code,copy,answer", (i) => `00${i % 7},${i % 3},${["x", "y", "z"][i % 3]}`),
        odd: table(
          "size,word,answer",
          (i) => `${i === 7 ? "big" : i * 3},${i % 5 ? i : "w"},${(i * 37) % 101}`,
        ),
        rare: table(
          "a,b,answer",
          (i) => `${((i * 7) % 50) + 100},${i % 9 ? (i % 11) + 500 : 0},${i < 2 ? "seldom" : i % 2}`,
        ),
        constant: table("a,same,answer", (i) => `${(i * 7) % 50},1,${i % 4 ? "Yes" : "no"}`),
      };
      for (const [name, text] of Object.entries(tables)) {
        const answer = await fetch(`${here.server.url}/api/data?name=${name}.csv`, {
          method: "POST",
          body: text,
        });
        const told = await answer.json();
        assert.equal(answer.status, 201, JSON.stringify(told));
        const lines = [...told.told.said, ...told.told.warnings];
        const unknown = lines.flatMap(all).filter((line) => line.kind === "other");
        assert.deepEqual(
          unknown.map((line) => line.text),
          [],
          name,
        );
        assert.equal(told.told.said.length, told.said.length);
      }
    },
  );

  test("a table in windows-1255 keeps its letters", async () => {
    const { page, trouble, close } = await open(here.browser, here.server.url, { language: "he" });
    await page.waitForSelector(".start:not([disabled])");
    const rows = Array.from(
      { length: 40 },
      (_, i) => `${i % 2 ? "חיפה" : "אילת"},${i},${i % 4 ? "כן" : "לא"}`,
    );
    await bring(page, "ערים.csv", windows1255(["עיר,גובה,גרים", ...rows, ""].join("\r\n")));
    await page.waitForFunction(() => document.querySelector(".how-read th")?.textContent === "עיר");
    assert.match(await text(page, ".how-read table"), /אילת|חיפה/);
    assert.deepEqual(trouble, []);
    await close();
  });

  test("what has the focus is never hidden by a bar, at 100 % and at 200 %", async () => {
    for (const [width, height] of [
      [1366, 768],
      [900, 700],
      [683, 384],
      [360, 740],
    ]) {
      const { page, trouble, close } = await open(here.browser, here.server.url, { width, height });
      await trainLecture(page);
      await page.evaluate(() => scrollTo(0, 0));
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press("Tab");
        const look = () =>
          page.evaluate(() => {
            const element = document.activeElement;
            if (
              element === null ||
              element === document.body ||
              element.closest(".time-strip, header, .skip, dialog")
            )
              return null;
            const box = element.getBoundingClientRect();
            if (box.width < 2 || box.height > innerHeight / 2) return null;
            const at = [box.x + box.width / 2, box.y + box.height / 2];
            const top = document.elementFromPoint(...at);
            const bar = top?.closest("header, .time-strip");
            return bar ? `${element.outerHTML.slice(0, 90)} under ${bar.className || bar.tagName}` : null;
          });
        // What the server says late may still move the page once.
        let covered = await look();
        for (let again = 0; covered !== null && again < 3; again++) {
          await new Promise((done) => setTimeout(done, 200));
          covered = await look();
        }
        assert.equal(covered, null, `${width}×${height}`);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} px of ${width}`);
      assert.deepEqual(trouble, []);
      await close();
    }
  });

  test("on paper nothing is to be pressed, and the figures are there", async () => {
    const { page, close } = await open(here.browser, here.server.url);
    await trainLecture(page);
    await page.emulateMediaType("print");
    const seen = (selector) => page.$$eval(selector, (all) => all.filter((e) => e.checkVisibility()).length);
    for (const selector of ["header", "footer", ".time-strip", ".setup-side", ".transport"])
      assert.equal(await seen(selector), 0, selector);
    assert.ok((await seen(".live-stage .plot")) === 2 && (await seen(".big")) === 1);
    const pdf = await page.pdf({ format: "A4" });
    assert.ok(pdf.length > 10_000);
    await close();
  });

  test("in forced colours what is chosen is framed, and axe finds nothing", async () => {
    const { page, close } = await open(here.browser, here.server.url);
    const client = await page.createCDPSession();
    await client.send("Emulation.setEmulatedMedia", {
      features: [{ name: "forced-colors", value: "active" }],
    });
    await page.waitForSelector(".start:not([disabled])");
    assert.ok(await page.evaluate(() => matchMedia("(forced-colors: active)").matches));
    const outline = (selector) => page.$eval(selector, (e) => getComputedStyle(e).outlineStyle);
    assert.equal(await outline(".setup [role=radio][aria-checked=true]"), "solid");
    assert.equal(await outline(".tabs [aria-selected=true]"), "solid");
    assert.deepEqual(await faults(page), []);
    await close();
  });

  test("presented, a run starts beside the words", async () => {
    const { page, trouble, close } = await open(here.browser, `${here.server.url}/#lecture/8`);
    await page.waitForSelector(".present");
    await page.click(".present");
    await page.waitForSelector("body.presenting");
    await page.click(".try-button");
    await page.waitForSelector(".lecture-live:not([hidden]) .plot canvas");
    assert.equal(await page.evaluate(() => document.body.dataset.view), "lecture");
    await page.waitForFunction(
      () => Number(document.querySelector(".lecture-live .plot").dataset.points) > 0,
    );
    await page.waitForFunction(() => /%/.test(document.querySelector(".lecture-live .result").textContent));
    await page.click(".present");
    await page.click("#tab-train");
    await untilRun(page, "running", "done");
    assert.deepEqual(trouble, []);
    await close();
  });

  test("the token leaves the address", { skip: serverOnly }, async () => {
    const server = await serve(undefined, "--host", "0.0.0.0");
    const [, token] = /\?token=(\w+)/.exec(server.address());
    const { page, close } = await open(here.browser, `${server.url}/?token=${token}#lecture/2`);
    assert.equal(await page.evaluate(() => location.href), `${server.url}/#lecture/2`);
    await page.reload();
    await page.waitForSelector("#view-lecture:not([hidden]) h2");
    assert.equal((await fetch(`${server.url}/`)).status, 401);
    await close();
    await server.stop();
  });
});
