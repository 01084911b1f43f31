// The runs kept: a list with results, and accuracy against the number of parameters.

import type { Run } from "./api";
import { resultSentence } from "./controls";
import { onScheme, runStyle } from "./colours";
import { fill, h, ltr, s, set } from "./dom";
import { className, int, num, percent, t } from "./i18n";
import { allRuns, compared, forget, loadCurve, on, select, selected, state } from "./state";
import { complain } from "./toast";

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
    h("th", { scope: "col" }, x),
  );
  const table = h("table", { class: "runs" }, h("thead", {}, h("tr", {}, ...head)), body);
  const plot = h("div", { class: "scatter", dir: "ltr" });
  const el = h(
    "section",
    { class: "paper runs-panel" },
    h("h2", {}, t("yourRuns")),
    h("p", { class: "quiet" }, t("runsHint")),
    h(
      "div",
      { class: "runs-body" },
      h("div", { class: "table-scroll" }, table),
      h("figure", {}, h("figcaption", {}, h("h3", {}, t("scatterTitle"))), plot),
    ),
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
        onclick: async () => {
          compared.delete(run.id);
          await forget(run.id).catch(complain);
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
    scatter(plot);
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
      h("strong", {}, ltr(`R² ${num(run.test.r2 ?? run.test.measure, 3)}`)),
      h("small", {}, t("offBy", { rmse: num(run.test.rmse), base: num(run.baseline?.measure) })),
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

const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "star"] as const;

function marker(
  kind: (typeof SHAPES)[number],
  x: number,
  y: number,
  size: number,
  colour: string,
): SVGElement {
  const points: Record<string, [number, number][]> = {
    square: [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ],
    triangle: [
      [0, -1.2],
      [1.1, 0.9],
      [-1.1, 0.9],
    ],
    diamond: [
      [0, -1.3],
      [1.3, 0],
      [0, 1.3],
      [-1.3, 0],
    ],
    cross: [
      [-1.2, -0.4],
      [-0.4, -0.4],
      [-0.4, -1.2],
      [0.4, -1.2],
      [0.4, -0.4],
      [1.2, -0.4],
      [1.2, 0.4],
      [0.4, 0.4],
      [0.4, 1.2],
      [-0.4, 1.2],
      [-0.4, 0.4],
      [-1.2, 0.4],
    ],
    star: [
      [0, -1.4],
      [0.4, -0.4],
      [1.4, -0.3],
      [0.6, 0.35],
      [0.9, 1.3],
      [0, 0.7],
      [-0.9, 1.3],
      [-0.6, 0.35],
      [-1.4, -0.3],
      [-0.4, -0.4],
    ],
  };
  const corners = points[kind];
  if (corners === undefined) return s("circle", { cx: x, cy: y, r: size, fill: colour });
  return s("polygon", {
    fill: colour,
    points: corners.map(([a, b]) => `${x + a * size},${y + b * size}`).join(" "),
  });
}

function scatter(host: HTMLElement): void {
  const chosen = selected();
  const runs =
    chosen === null ? [] : [...state.runs.values()].filter((r) => r.test !== null && sameQuestion(r, chosen));
  host.parentElement!.hidden = runs.length < 2;
  if (runs.length < 2) return fill(host);
  const [W, H, L, R, T, B] = [420, 250, 58, 16, 14, 40];
  const base = chosen!.task === "number" ? 0 : (chosen!.baseline?.measure ?? 0);
  const measures = runs.map((r) => r.test!.measure);
  const high = Math.min(1, Math.max(...measures) + 0.005);
  const low = Math.min(...measures, high - 0.02);
  const withBase = base > low - 3 * (high - low);
  const bottom = (withBase ? Math.min(low, base) : low) - (high - low) * 0.15;
  const logs = runs.map((r) => Math.log10(Math.max(1, r.parameters)));
  const from = Math.floor(Math.min(...logs) * 2 - 0.2) / 2;
  const to = Math.ceil(Math.max(...logs) * 2 + 0.2) / 2;
  const x = (p: number) => L + ((Math.log10(Math.max(1, p)) - from) / (to - from)) * (W - L - R);
  const y = (m: number) => T + ((high - m) / (high - bottom)) * (H - T - B);
  const say = (m: number) =>
    chosen!.task === "number" ? num(m, 3) : percent(m, high - bottom < 0.05 ? 1 : 0);
  const picture = s("svg", { viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": t("scatterTitle") });
  for (let i = 0; i <= 4; i++) {
    const m = bottom + ((high - bottom) * i) / 4;
    picture.append(
      s("line", { x1: L, x2: W - R, y1: y(m), y2: y(m), class: "grid" }),
      s("text", { x: L - 6, y: y(m) + 4, "text-anchor": "end" }, say(m)),
    );
  }
  for (let e = Math.ceil(from); e <= to; e++) {
    picture.append(
      s("line", { x1: x(10 ** e), x2: x(10 ** e), y1: T, y2: H - B, class: "grid" }),
      s("text", { x: x(10 ** e), y: H - B + 16, "text-anchor": "middle" }, int(10 ** e)),
    );
  }
  picture.append(
    s("text", { x: (L + W - R) / 2, y: H - 6, "text-anchor": "middle", class: "axis" }, t("parametersLog")),
  );
  if (withBase && base >= bottom) {
    picture.append(
      s("line", { x1: L, x2: W - R, y1: y(base), y2: y(base), class: "base" }),
      s(
        "text",
        { x: W - R - 2, y: y(base) - 4, "text-anchor": "end", class: "axis" },
        chosen!.task === "number"
          ? t("alwaysMean")
          : t("alwaysShort", { answer: className(chosen!.baseline?.answer ?? "") }),
      ),
    );
  }
  for (const run of runs) {
    const { colour, place } = runStyle(run.id);
    const label = `#${run.id} ${run.network}, ${int(run.parameters)}: ${resultSentence(run)}`;
    const point = s(
      "g",
      {
        tabindex: 0,
        role: "button",
        class: "point",
        "aria-label": label,
        onclick: () => select(run.id),
        onkeydown: (event: KeyboardEvent) => event.key === "Enter" && select(run.id),
      },
      s("title", {}, label),
      s("circle", { cx: x(run.parameters), cy: y(run.test!.measure), r: 20, fill: "transparent" }),
      marker(SHAPES[place]!, x(run.parameters), y(run.test!.measure), run === chosen ? 9 : 6.5, colour),
      s("text", { x: x(run.parameters) + 11, y: y(run.test!.measure) - 7 }, `#${run.id}`),
    );
    if (run === chosen) set(point, { "aria-current": "true" });
    picture.append(point);
  }
  fill(host, picture);
}
