// One step in slow motion: forward, loss and backward, update, each with the real numbers.

import { api, type StageReport } from "./api";
import { announce, fill, h, ltr, scroller, set } from "./dom";
import { nothingLearnt, stepDrawing, writtenOut } from "./explain";
import { className, int, num, percent, signed, t, type Key } from "./i18n";
import { board, paintGrey } from "./picture";
import { on, selected } from "./state";

const ORDER = ["forward", "backward", "update"] as const;
const TITLES: Record<(typeof ORDER)[number], [Key, Key]> = {
  forward: ["forward", "forwardLong"],
  backward: ["backward", "backwardLong"],
  update: ["update", "updateLong"],
};

/** The three cards, and a function that shows a report in its card. */
export function stages(): { el: HTMLElement; show: (report: StageReport) => void } {
  const bodies = { forward: h("div"), backward: h("div"), update: h("div") };
  const cards = ORDER.map((name, i) =>
    h(
      "li",
      { class: `stage ${name}` },
      h("h3", {}, h("span", { class: "n", "aria-hidden": "true" }, String(i + 1)), t(TITLES[name][0])),
      h("p", {}, t(TITLES[name][1])),
      bodies[name],
    ),
  );
  const drawn = stepDrawing();
  const el = h(
    "section",
    { class: "stages paper", "aria-label": t("oneStep") },
    h("h2", {}, t("oneStep")),
    h("p", { class: "quiet" }, t("oneStepHint")),
    drawn.el,
    h("ol", { class: "stage-row" }, ...cards),
  );
  let of = "";

  const mark = (done: string | null) => {
    const at = done === null ? -1 : ORDER.indexOf(done as (typeof ORDER)[number]);
    cards.forEach((card, i) => set(card, { "aria-current": i === at ? "step" : null }));
  };
  const visible = () => {
    const run = selected();
    el.hidden = run === null || run.state !== "paused";
    if (run !== null && run.id !== of) {
      of = run.id;
      ORDER.forEach((name) => fill(bodies[name]));
      mark(null);
      drawn.el.hidden = true;
    }
  };
  on(["run", "runs"], visible);
  visible();

  return {
    el,
    show(report) {
      visible();
      mark(report.stage);
      drawn.show(report);
      if (report.stage === "forward") {
        fill(bodies.backward, h("p", { class: "quiet empty" }, t("notYet")));
        fill(bodies.update, h("p", { class: "quiet empty" }, t("notYet")));
        void forward(bodies.forward, report);
      } else if (report.stage === "backward") backward(bodies.backward, report);
      else update(bodies.update, report);
    },
  };
}

type Of<K> = Extract<StageReport, { stage: K }>;

async function forward(body: HTMLElement, report: Of<"forward">): Promise<void> {
  const run = selected();
  if (run === null) return;
  const names = run.names ?? [];
  const line = (i: number) => {
    const out = report.outputs[i] ?? [];
    const target = report.targets[i] ?? [];
    if (run.task === "number") return { said: num(out[0]), wanted: num(target[0]) };
    if (run.task === "binary")
      return { said: percent(out[0], 1), wanted: className(names[target[0] ? 1 : 0] ?? String(target[0])) };
    const hot = target.length > 1 ? target.indexOf(Math.max(...target)) : (target[0] ?? 0);
    return { said: percent(out[hot], 1), wanted: className(names[hot] ?? String(hot)) };
  };
  const rows = report.rows.map((row, i) => {
    const { said, wanted } = line(i);
    const picture = run.pictures ? board(run.shape[2] ?? 28, run.shape[1] ?? 28, wanted) : ltr(`#${row}`);
    return {
      picture,
      tr: h("tr", {}, h("td", {}, picture), h("td", {}, h("bdi", {}, wanted)), h("td", {}, ltr(said))),
    };
  });
  const head = [
    t("sample"),
    t("wanted"),
    run.task === "number"
      ? t("said")
      : run.task === "binary"
        ? t("saidYes", { answer: className(names[1] ?? "") })
        : t("saidRight"),
  ];
  fill(
    body,
    h("p", {}, t("batchOf", { n: report.batch, step: report.step })),
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...head.map((x) => h("th", { scope: "col" }, x)))),
      h("tbody", {}, ...rows.map((r) => r.tr)),
    ),
  );
  announce(t("forward"), true);
  if (!run.pictures || run.data === null) return;
  const got = await api.pictures({ run: run.id }, "train", report.rows).catch(() => null);
  if (got === null) return;
  const size = got.channels * got.height * got.width;
  rows.forEach(({ picture }, i) => {
    if (picture instanceof HTMLCanvasElement)
      paintGrey(picture, got.bytes.subarray(i * size, (i + 1) * size), got.channels);
  });
}

function backward(body: HTMLElement, report: Of<"backward">): void {
  const most = Math.max(...report.tensors.map((x) => x.norm), 1e-12);
  fill(
    body,
    h("p", { class: "stage-number" }, t("lossNow"), " ", h("strong", { dir: "ltr" }, num(report.loss, 5))),
    h("p", { class: "quiet" }, t("gradientSizes")),
    h(
      "ul",
      { class: "norms", dir: "ltr" },
      ...report.tensors.map((x) => {
        const bar = h("span", { class: "norm-bar" });
        bar.style.inlineSize = `${Math.max(2, (x.norm / most) * 100)}%`;
        return h(
          "li",
          {},
          ltr(x.name, "code"),
          h("span", { class: "norm" }, bar),
          h("span", {}, num(x.norm)),
          h(
            "small",
            {},
            h("bdi", {}, t("largest")),
            " ",
            ltr(`${place(x.largest.index)}: ${signed(x.largest.value, 5)}`),
          ),
        );
      }),
    ),
  );
  announce(`${t("backward")}. ${t("lossNow")} ${num(report.loss)}`, true);
}

function update(body: HTMLElement, report: Of<"update">): void {
  const rows = report.changes.map((c) =>
    h(
      "tr",
      {},
      h(
        "td",
        {},
        ltr(`${c.name}${place(c.index)}`, "code"),
        h("small", {}, `${t("gradient")} `, ltr(signed(c.gradient, 5))),
      ),
      h("td", { class: "number" }, ltr(num(c.before))),
      h(
        "td",
        { class: "number" },
        h("strong", {}, ltr(num(c.after))),
        h("span", { class: "quiet" }, c.after > c.before ? " ▲" : c.after < c.before ? " ▼" : " ="),
      ),
    ),
  );
  const head = [t("weight"), t("before"), t("after")];
  fill(
    body,
    h("p", {}, t("updateSaid", { lr: num(report.lr) })),
    scroller(
      t("update"),
      {},
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...head.map((x) => h("th", { scope: "col" }, x)))),
        h("tbody", {}, ...rows),
      ),
    ),
    report.nothing && h("p", { class: "nothing-learnt" }, nothingLearnt(report.nothing)),
    writtenOut(report),
  );
  announce(`${t("update")}. ${t("stepDone", { n: int(report.step) })}`, true);
}

function place(index: number[]): string {
  return `[${index.join(", ")}]`;
}
