// A class: two pupils and a teacher, each in a browser of their own.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faults, open, press, serve, serverOnly, skip, still, text, together, type } from "./page.mjs";

const RULE = "beat 95 % with at most 30 neurons";

describe("a class", { skip: skip || serverOnly }, () => {
  const here = together(() => serve(undefined, "--class", "--host", "127.0.0.1", "--task", RULE));
  const address = (who) => new RegExp(`^${who}\\s+(\\S+)$`, "m").exec(here.server.address())[1];
  const says = (page, selector, part) =>
    page.waitForFunction(
      (selector, part) => document.querySelector(selector)?.textContent.includes(part),
      { timeout: 60_000 },
      selector,
      part,
    );

  async function setNeurons(page, value) {
    const field = await page.waitForSelector(".block input[type=number]");
    await field.click({ count: 3 });
    await page.keyboard.type(value);
    await page.keyboard.press("Tab");
  }

  async function enter(page, nickname, touch = false) {
    await press(page, "dialog input", touch);
    await page.keyboard.type(nickname);
    await press(page, "dialog .primary", touch);
  }

  test("who has no token, or a secret of their own making, is nobody", async () => {
    const { origin, searchParams } = new URL(address("pupils"));
    const teacher = new URL(address("teacher")).searchParams.get("teacher");
    const token = `reshet-token=${searchParams.get("token")}`;
    const ask = (path, cookie, body) =>
      fetch(origin + path, {
        method: body ? "POST" : "GET",
        headers: { Cookie: cookie, "Content-Type": "application/json" },
        body: body && JSON.stringify(body),
      });
    const status = async (...what) => (await ask(...what)).status;
    const made = `reshet-pupil=${"0".repeat(32)}`;
    assert.equal(await status("/api/class", made), 401);
    assert.equal(await status("/api/state", token), 403);
    assert.equal(await status("/api/events", `${token}; ${made}`), 403);
    assert.equal(await status("/api/class/wall", token), 403);
    assert.equal(await status("/api/class/link", token), 403);
    assert.equal(await status("/api/class/link", `reshet-teacher=${teacher}`), 200);
    assert.equal(await status("/api/class/nickname", `reshet-teacher=${teacher}`, { nickname: "x" }), 409);
    const joined = await ask("/api/class/nickname", `${token}; ${made}`, { nickname: "Guest" });
    const [cookie] = joined.headers.getSetCookie();
    assert.match(cookie, /^reshet-pupil=[0-9a-f]{32}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=43200$/);
    assert.ok(!cookie.startsWith(made));
    assert.equal(await status("/api/state", `${token}; ${made}`), 403);
    const pupil = `${token}; ${cookie.split(";")[0]}`;
    assert.equal(await status("/api/state", pupil), 200);
    const { pupils } = await (await ask("/api/class/wall", `reshet-teacher=${teacher}`)).json();
    const sent = await fetch(`${origin}/api/class/pupils/${pupils[0].id}`, {
      method: "DELETE",
      headers: { Authorization: `Bearer ${teacher}` },
    });
    assert.equal(sent.status, 200);
    assert.equal(await status("/api/state", pupil), 403);
  });

  test("pupils have their own runs, the teacher sees all and sets the task", async () => {
    const dana = await open(here.browser, address("pupils"));
    await enter(dana.page, "Dana");
    await says(dana.page, ".task-strip", "at least 95");
    assert.ok(!dana.page.url().includes("token"), dana.page.url());

    // By touch, in Hebrew; a nickname that is taken is not had.
    const noam = await open(here.browser, address("pupils"), {
      width: 390,
      height: 800,
      language: "he",
      touch: true,
    });
    await enter(noam.page, "dana.", true);
    await says(noam.page, "#nickname-why", "תפוס");
    await noam.page.keyboard.press("Backspace");
    await enter(noam.page, "נועם", true);
    await says(noam.page, ".nickname", "נועם");

    await dana.page.waitForSelector(".start:not([disabled])");
    await setNeurons(dana.page, "20");
    await type(dana.page, "Epochs", "1");
    await press(dana.page, ".start");
    await says(dana.page, ".task-reached", "done it");
    assert.equal(await noam.page.$$eval(".runs tbody tr", (rows) => rows.length), 0);

    const teacher = await open(here.browser, address("teacher"));
    await says(teacher.page, ".wall-counts", "2 here · 1 have done it");
    assert.match(await text(teacher.page, "tbody tr:nth-child(1)"), /^1Dana9[5-9].*✓/);
    assert.match(await text(teacher.page, "tbody tr:nth-child(2)"), /^2נועם–/);
    assert.equal(await text(teacher.page, ".wall-join code"), address("pupils"));

    await press(teacher.page, ".wall-form summary");
    await type(teacher.page, "Hidden neurons at most", "10");
    await press(teacher.page, ".wall-form .primary");
    await says(teacher.page, "tbody tr:nth-child(1)", "too large");
    await says(noam.page, ".task-strip", "10");
    await says(dana.page, ".task-strip", "at most 10");

    await press(teacher.page, "tbody tr:nth-child(2) .wall-actions button");
    // A Hebrew nickname keeps to itself in an English sentence.
    assert.match(await text(teacher.page, ".wall-acts"), /\u2068נועם\u2069 chooses another/);
    await press(teacher.page, ".wall-acts li:first-child button");
    await noam.page.waitForSelector("dialog input", { visible: true });
    await noam.page.keyboard.press("Escape");
    await enter(noam.page, "עומר", true);
    await says(teacher.page, "tbody tr:nth-child(2)", "עומר");

    // A reload comes back as the same pupil, with the same runs.
    await dana.page.reload();
    await says(dana.page, ".nickname", "Dana");
    await dana.page.waitForSelector(".runs tbody tr");
    await press(dana.page, ".nickname");
    await dana.page.keyboard.type("Dana L.");
    await dana.page.keyboard.press("Enter");
    await says(teacher.page, "tbody tr:nth-child(1)", "Dana L.");

    await press(teacher.page, ".show-code");
    await teacher.page.waitForSelector(".qr-dialog .qr", { visible: true });
    for (const { page } of [teacher, noam, dana]) {
      await still(page, "light");
      assert.deepEqual(await faults(page), []);
    }
    // A name that is taken is refused, and the console says so.
    const other = noam.trouble.filter((line) => !/409/.test(line));
    assert.deepEqual([...dana.trouble, ...teacher.trouble, ...other], []);
    for (const one of [dana, noam, teacher]) await one.close();
  });
});
