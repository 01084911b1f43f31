// The view Mistakes: the wrong answers of the test part, the surest first, and the oddest training samples.

import { api, type Item, type Mistakes, type Run } from "./api";
import { answerPanel } from "./answer";
import { confusionTable } from "./confusion";
import { announce, fill, h, ltr, roving, say, set } from "./dom";
import { invitation } from "./draw";
import { follow } from "./follow";
import { className, int, num, percent, t } from "./i18n";
import { board, paintGrey } from "./picture";
import { alive, on, selected, state } from "./state";
import { complain } from "./toast";

type Part = "test" | "train";
const PAGE = 60;

/** Builds the view. */
export function mistakes(): HTMLElement {
  const invite = invitation(t("inviteMistakes"), "wrong");
  const title = h("h2", {}, t("wrongOnes"));
  const grid = h("ul", { class: "gallery" });
  const more = h("button", { type: "button", onclick: () => load(true) }, t("more"));
  const confusion = confusionTable((cell) => {
    filter = cell;
    void load(false);
  });
  const all = h(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        filter = null;
        confusion.mark(null);
        void load(false);
      },
    },
    t("allMistakes"),
  );
  const part = tabs();
  const side = h(
    "aside",
    { class: "paper confusion-side" },
    h("h2", {}, t("confusion")),
    h("p", { class: "quiet" }, t("confusionHint")),
    confusion.el,
    confusion.saving,
  );
  const main = h(
    "section",
    { class: "paper gallery-side" },
    part.el,
    h("div", { class: "gallery-head" }, title, all),
    grid,
    more,
  );
  const body = h("div", { class: "mistakes" }, main, side);
  const without = h(
    "div",
    { class: "paper invitation", hidden: true },
    h("h2", {}, t("noData")),
    h("p", {}, t("noDataLong")),
  );
  const el = h("div", {}, invite, without, body);
  const opened = dialog();

  let which: Part = "test";
  let filter: { truth: number; answer: number } | null = null;
  let shown: Item[] = [];
  let names: string[] = [];
  let newest = 0;
  let of = "";

  function tabs() {
    const make = (value: Part, text: string) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          onclick: () => {
            which = value;
            mark();
            void load(false);
          },
        },
        text,
      );
    const items = { test: make("test", t("wrongOnes")), train: make("train", t("suspiciousOnes")) };
    const el = h(
      "div",
      { class: "subtabs", role: "tablist", "aria-label": t("mistakes") },
      items.test,
      items.train,
    );
    const mark = () =>
      (["test", "train"] as const).forEach((p) =>
        set(items[p], { "aria-selected": String(p === which), tabindex: p === which ? 0 : -1 }),
      );
    roving(
      el,
      () => [items.test, items.train],
      (b) => b.click(),
    );
    queueMicrotask(mark);
    return { el };
  }

  async function load(further: boolean): Promise<void> {
    await fetchItems(further).catch(complain);
  }

  async function fetchItems(further: boolean): Promise<void> {
    const run = selected();
    if (run === null || run.data === null) return;
    const mine = ++newest;
    const offset = further ? shown.length : 0;
    if (which === "train") {
      const told = await api.suspicious(run.id, PAGE, state.moment);
      if (mine !== newest) return;
      names = run.names ?? [];
      say(title, t("suspiciousTitle"));
      await present(run, told.items, false);
      more.hidden = true;
      side.hidden = true;
      all.hidden = true;
      return;
    }
    const told = await api.mistakes(run.id, { ...filter, offset, limit: PAGE, step: state.moment });
    if (mine !== newest) return;
    names = told.names ?? [];
    side.hidden = told.confusion === null;
    all.hidden = filter === null;
    confusion.show(told, filter);
    const count =
      filter === null ? (told.errors ?? told.found) : (told.confusion?.[filter.truth]?.[filter.answer] ?? 0);
    say(title, heading(told, count));
    if (!further) announce(title.textContent ?? "");
    await present(run, told.items, further);
    const total = told.confusion === null ? told.samples : count;
    more.hidden = told.items.length < PAGE || shown.length >= total;
  }

  function heading(told: Mistakes, count: number): string {
    if (told.confusion === null) return t("farthestOff");
    if (filter === null)
      return t("wrongOf", {
        n: int(count),
        of: int(told.samples),
        share: percent(1 - count / told.samples),
      });
    const place = {
      n: count,
      truth: className(names[filter.truth] ?? ""),
      answer: className(names[filter.answer] ?? ""),
    };
    return filter.truth === filter.answer ? t("rightCell", place) : t("wrongCell", place);
  }

  async function present(run: Run, items: Item[], further: boolean): Promise<void> {
    shown = further ? [...shown, ...items] : items;
    const cards = items.map((item) => card(run, item));
    if (further) grid.append(...cards.map((c) => c.el));
    else fill(grid, ...cards.map((c) => c.el));
    if (items.length === 0 && !further) fill(grid, h("li", { class: "quiet" }, t("none")));
    if (!run.pictures || run.data === null || items.length === 0) return;
    const got = await api
      .pictures(
        { run: run.id },
        which,
        items.map((i) => i.row),
      )
      .catch(() => null);
    if (got === null) return;
    const size = got.channels * got.width * got.height;
    cards.forEach(({ canvas }, i) => {
      if (canvas === null) return;
      Object.assign(canvas, { width: got.width, height: got.height });
      paintGrey(canvas, got.bytes.subarray(i * size, (i + 1) * size), got.channels);
    });
  }

  function card(run: Run, item: Item) {
    const number = run.task === "number";
    const said = (value: Item["truth"]) =>
      number || Array.isArray(value) ? num(value) : className(names[value] ?? String(value));
    const [truth, answer] = [said(item.truth), said(item.answer)];
    const share =
      item.probability === undefined || item.probability === null
        ? ""
        : percent(item.probability, which === "test" ? 1 : 2);
    const canvas = run.pictures ? board(28, 28, "") : null;
    const label =
      which === "train" && !number
        ? t("suspectLabel", { truth, answer, share })
        : number
          ? t("offLabel", { truth, answer })
          : t("mistakeLabel", { truth, answer, share });
    const el = h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: "mistake",
          onclick: () => opened.open(run, which, item.row),
        },
        h("span", { class: "sr-only" }, label),
        canvas ?? h("span", { class: "row-number", "aria-hidden": "true" }, ltr(`#${item.row}`)),
        h(
          "span",
          { "aria-hidden": "true", class: number ? "verdict off" : "verdict" },
          h("bdi", { class: "truth" }, truth),
          item.truth !== item.answer && h("span", { class: "flip", "aria-hidden": "true" }, "→"),
          item.truth !== item.answer && h("bdi", { class: "said" }, answer),
        ),
        share &&
          h("small", { "aria-hidden": "true" }, which === "train" ? t("believed", { share }) : ltr(share)),
      ),
    );
    return { el, canvas };
  }

  const poke = follow(
    body,
    () => 400,
    async (run) => {
      // While it trains the gallery would never hold still: it follows moments and ends.
      const key =
        run === null
          ? ""
          : `${run.id} ${state.moment ?? (alive(run) && run.state === "running" ? "running" : run.step)}`;
      if (key === of) return;
      if (run && of.split(" ")[0] !== run.id) {
        filter = null;
        confusion.mark(null);
      }
      of = key;
      await load(false);
    },
  );
  const show = () => {
    const run = selected();
    invite.hidden = run !== null;
    without.hidden = run === null || run.data !== null;
    body.hidden = run === null || run.data === null;
    poke();
  };
  on(["run", "runs"], show);
  show();
  return el;
}

/** The dialog in which one sample is laid open. */
function dialog() {
  const answer = answerPanel(t("netSaw"));
  const title = h("h2", {});
  const close = h(
    "button",
    { type: "button", class: "round", "aria-label": t("close"), onclick: () => el.close() },
    "×",
  );
  const values = h("dl", { class: "row-values" });
  const el = h(
    "dialog",
    { "aria-label": t("netSaw"), onclick: (event: Event) => event.target === el && el.close() },
    h("div", { class: "dialog-body" }, h("div", { class: "dialog-head" }, title, close), values, answer.el),
  );
  document.body.append(el);
  return {
    async open(run: Run, part: Part, row: number) {
      const trace = await api.trace(run.id, row, part, state.moment).catch(complain);
      if (!trace) return;
      say(title, t(part === "test" ? "testSampleN" : "trainSampleN", { n: row }));
      const given = Object.entries(trace.row_values ?? {});
      values.hidden = given.length === 0;
      fill(
        values,
        ...given.map(([k, v]) =>
          h(
            "div",
            {},
            h("dt", {}, h("bdi", {}, k)),
            h("dd", {}, h("bdi", {}, v === null ? "–" : typeof v === "number" ? num(v) : v)),
          ),
        ),
      );
      answer.show(run, trace);
      if (!el.open) el.showModal();
    },
  };
}
