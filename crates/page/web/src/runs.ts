// The runs kept: a list with results, and accuracy against the number of parameters.

import type { Run } from "./api";
import { resultSentence, rmseOf } from "./controls";
import { onScheme, runStyle } from "./colours";
import { fill, h, ltr, s, scroller } from "./dom";
import { className, int, num, percent, t } from "./i18n";
import { scatter, scatterFigure, SHAPES } from "./scatter";
import { alive, allRuns, compared, forget, loadCurve, on, select, selected, state } from "./state";
import { complain, toast } from "./toast";

/** Runs that answer the same question: only their accuracies can be compared. */
export function sameQuestion(a: Run, b: Run): boolean {
  return (
    a.data === b.data &&
    a.task === b.task &&
    String(a.names) === String(b.names) &&
    (a.spec?.target ?? null) === (b.spec?.target ?? null)
  );
}

/** The selected run and those laid over it, oldest first. */
export function drawnRuns(): Run[] {
  const chosen = selected();
  return [...state.runs.values()].filter((run) => run === chosen || compared.has(run.id));
}

/** A short line in the run's own colour and dash. */
function sample(id: string): SVGElement {
  const { colour, dash } = runStyle(id);
  return s(
    "svg",
    { width: 34, height: 12, viewBox: "0 0 34 12", class: "line-sample", "aria-hidden": "true" },
    s("line", {
      x1: 1,
      y1: 6,
      x2: 33,
      y2: 6,
      stroke: colour,
      "stroke-width": 3,
      "stroke-dasharray": dash.join(" ") || null,
    }),
  );
}

/** The list and the scatter; `changed` is called when other curves are to be laid over. */
export function runList(changed: () => void): HTMLElement {
  const body = h("tbody");
  const head = ["", t("run"), t("parameters"), t("result"), t("compare"), ""].map((x) =>
    x === "" ? h("td", {}) : h("th", { scope: "col" }, x),
  );
  const table = h("table", { class: "runs" }, h("thead", {}, h("tr", {}, ...head)), body);
  const plot = h("div", { class: "scatter", dir: "ltr" });
  const el = h(
    "section",
    { class: "paper runs-panel" },
    h("h2", {}, t("yourRuns")),
    h("p", { class: "quiet" }, t("runsHint")),
    h("div", { class: "runs-body" }, scroller(t("yourRuns"), {}, table), scatterFigure(plot)),
  );

  const row = (run: Run): HTMLElement => {
    const compare = h("input", {
      type: "checkbox",
      checked: compared.has(run.id) || run === selected(),
      disabled: run === selected() || run.state === "loaded",
      "aria-label": t("compareRun", { n: run.id }),
      onchange: () => {
        if (compare.checked) {
          compared.add(run.id);
          if (!state.curves.has(run.id)) void loadCurve(run.id).then(changed);
        } else compared.delete(run.id);
        changed();
      },
    });
    const remove = h(
      "button",
      {
        type: "button",
        class: "round quiet",
        "aria-label": t("deleteRun", { n: run.id }),
        disabled: alive(run),
        onclick: () => {
          compared.delete(run.id);
          toast(t("deletedRun", { n: run.id }), forget(run.id, complain));
        },
      },
      "×",
    );
    return h(
      "tr",
      { "aria-current": run === selected() ? "true" : null },
      h("td", {}, sample(run.id)),
      h(
        "td",
        {},
        h(
          "button",
          { type: "button", class: "link", onclick: () => select(run.id) },
          ltr(`#${run.id}`),
          " ",
          h("bdi", {}, run.name),
        ),
        h("small", {}, ltr(run.network, "code")),
      ),
      h("td", {}, ltr(int(run.parameters))),
      h("td", { class: "result" }, ...result(run)),
      h("td", {}, h("label", { class: "tick" }, compare)),
      h("td", {}, remove),
    );
  };
  let frame = 0;
  let pressed = "";
  const show = () => {
    frame = 0;
    const runs = allRuns();
    el.hidden = runs.length === 0;
    const shape = runs
      .map((r) => [r.id, r.state, r.test?.step, r.test?.measure, r === selected(), compared.has(r.id)].join())
      .join("|");
    if (shape === pressed) return;
    pressed = shape;
    const focused = [...body.querySelectorAll<HTMLElement>("button, input")].indexOf(
      document.activeElement as HTMLElement,
    );
    fill(body, ...runs.map(row));
    if (focused >= 0) [...body.querySelectorAll<HTMLElement>("button, input")][focused]?.focus();
    scatterOf(plot);
  };
  on(["runs", "run", "ended"], () => (frame ||= requestAnimationFrame(show)));
  // While it trains twice a second is often enough.
  let later: ReturnType<typeof setTimeout> | undefined;
  on("progress", () => {
    later ??= setTimeout(() => {
      later = undefined;
      show();
    }, 500);
  });
  onScheme(() => {
    pressed = "";
    show();
  });
  show();
  return el;
}

function result(run: Run): (HTMLElement | string)[] {
  if (run.test === null) return [run.state === "running" ? "…" : "–"];
  if (run.task === "number") {
    return [
      h("strong", {}, ltr(`R² ${num(run.test.measure, 3)}`)),
      h("small", {}, t("offBy", { rmse: num(rmseOf(run)), base: num(run.baseline?.measure) })),
    ];
  }
  return [
    h("strong", {}, ltr(percent(run.test.measure))),
    h(
      "small",
      {},
      t("always", { answer: className(run.baseline?.answer ?? ""), share: percent(run.baseline?.measure) }),
    ),
  ];
}

function scatterOf(host: HTMLElement): void {
  const chosen = selected();
  const runs =
    chosen === null ? [] : [...state.runs.values()].filter((r) => r.test !== null && sameQuestion(r, chosen));
  host.parentElement!.hidden = runs.length < 2;
  if (runs.length < 2) return fill(host);
  const number = chosen!.task === "number";
  const { measure = 0, answer = "" } = chosen!.baseline ?? {};
  const points = runs.map((run) => {
    const { colour, place } = runStyle(run.id);
    return {
      parameters: run.parameters,
      measure: run.test!.measure ?? 0,
      label: `#${run.id} ${run.network}, ${int(run.parameters)}: ${resultSentence(run)}`,
      tag: `#${run.id}`,
      shape: SHAPES[place]!,
      size: run === chosen ? 9 : 6.5,
      colour,
      current: run === chosen,
      choose: () => select(run.id),
    };
  });
  const base = number
    ? { measure: 0, label: t("alwaysMean") }
    : { measure, label: t("alwaysShort", { answer: className(answer ?? "") }) };
  fill(host, scatter({ points, number, base, reachable: true }));
}
