// The network drawn: a column of neurons a layer; a line is as strong as what flows along it.

import { api, type Plan, type Run, type Trace } from "./api";
import { activationName } from "./blocks";
import { colours, css, onScheme } from "./colours";
import { fill, h, say } from "./dom";
import { draft, draftData, onDraft } from "./draft";
import { follow, parametersOf, weightTensors } from "./follow";
import { className, int, num, percent, t } from "./i18n";
import { board, fit, paintGrey, reach } from "./picture";
import { dataOf, on, selected, state } from "./state";
import { inputName, legend } from "./weights";

const MOST = 14;
const HEIGHT = 340;

interface Column {
  size: number;
  /** Which neurons are drawn. */
  drawn: number[];
  head: string;
  values: ArrayLike<number> | null;
  labels: string[] | null;
}

/** The neurons to draw: the most active, each in its place for as long as it stays among the active ones. */
function keep(before: number[] | undefined, values: ArrayLike<number> | null, size: number): number[] {
  const count = Math.min(size, MOST);
  const all = Array.from({ length: size }, (_, i) => i);
  if (size <= MOST || values === null) return all.slice(0, count);
  const order = all.sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!));
  if (before?.length !== count) return order.slice(0, count).sort((a, b) => a - b);
  const good = new Set(order.slice(0, count * 2).filter((n) => values[n] !== 0));
  const fresh = order.filter((n) => !before.includes(n) && values[n] !== 0);
  return before.map((n) => (good.has(n) ? n : (fresh.shift() ?? n)));
}

function drawColumns(
  canvas: HTMLCanvasElement,
  columns: Column[],
  flows: ((from: number, to: number) => number)[],
  picture: HTMLCanvasElement | null,
): void {
  const { context: c, width } = fit(canvas, HEIGHT);
  const look = colours();
  const last = columns.length - 1;
  const named = (columns[0]!.labels?.length ?? 0) > 0 && picture === null;
  const left = picture ? 48 : named ? 118 : 34;
  const right = width - (columns[last]!.labels ? 104 : 40);
  const top = 44;
  const bottom = HEIGHT - 26;
  const x = (i: number) => (last === 0 ? left : left + ((right - left) * i) / last);
  const most = Math.max(...columns.map((k) => k.drawn.length));
  const radius = Math.max(4, Math.min(11, (bottom - top) / most / 2 - 2));
  const y = (i: number, n: number) => {
    const count = columns[i]!.drawn.length;
    const between = Math.min(38, (bottom - top) / Math.max(1, count));
    return (top + bottom) / 2 + (n - (count - 1) / 2) * between;
  };
  c.font = "13px system-ui, sans-serif";

  for (let i = 0; i < last; i++) {
    const from = columns[i]!;
    const to = columns[i + 1]!;
    const asPicture = i === 0 && picture !== null;
    const starts = asPicture ? [-1] : from.drawn;
    const amounts = starts.map((a) => to.drawn.map((b) => flows[i]?.(a, b) ?? 0));
    const strongest = Math.max(1e-12, ...amounts.flat().map(Math.abs));
    const known = flows[i] !== undefined;
    amounts.forEach((row, a) =>
      row.forEach((flow, b) => {
        const strength = known ? Math.abs(flow) / strongest : 0;
        c.strokeStyle = known ? css(flow < 0 ? look.minus : look.plus, 0.1 + 0.9 * strength) : look.wire;
        c.lineWidth = 0.5 + 3.5 * strength;
        c.setLineDash(known && flow < 0 ? [5, 4] : []);
        const ends = to.drawn.length;
        const x0 = asPicture ? left + 40 : x(i) + radius;
        const y0 = asPicture ? (top + bottom) / 2 + ((b + 0.5) / ends - 0.5) * 76 : y(i, a);
        const x1 = x(i + 1) - radius;
        const y1 = y(i + 1, b);
        c.beginPath();
        c.moveTo(x0, y0);
        c.bezierCurveTo((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1);
        c.stroke();
      }),
    );
  }
  c.setLineDash([]);

  columns.forEach((column, i) => {
    c.textAlign = "center";
    c.textBaseline = "top";
    c.fillStyle = look.ink;
    c.font = "600 13px system-ui, sans-serif";
    const [size, word] = column.head.split("\n");
    const headX = Math.max(24, Math.min(width - 32, x(i)));
    c.fillText(size!, headX, 4);
    c.font = "12px system-ui, sans-serif";
    c.fillStyle = look.quiet;
    c.fillText(word ?? "", headX, 20);
    if (i === 0 && picture !== null) {
      c.imageSmoothingEnabled = false;
      c.drawImage(picture, left - 40, (top + bottom) / 2 - 40, 80, 80);
      c.strokeStyle = look.quiet;
      c.lineWidth = 1;
      c.strokeRect(left - 40, (top + bottom) / 2 - 40, 80, 80);
      return;
    }
    const scale =
      column.values === null
        ? 1
        : Math.max(1e-12, ...column.drawn.map((n) => Math.abs(column.values![n] ?? 0)));
    column.drawn.forEach((n, at) => {
      const value = column.values?.[n] ?? 0;
      const strength = Math.min(1, Math.abs(value) / scale);
      const cx = x(i);
      const cy = y(i, at);
      c.beginPath();
      c.arc(cx, cy, radius, 0, 7);
      c.fillStyle = look.card;
      c.fill();
      c.strokeStyle = look.quiet;
      c.lineWidth = 1.2;
      c.stroke();
      if (column.values !== null && strength > 0.02) {
        c.beginPath();
        c.arc(cx, cy, Math.max(1.5, (radius - 1) * Math.sqrt(strength)), 0, 7);
        c.fillStyle = css(value < 0 ? look.minus : look.plus);
        c.fill();
        if (value < 0 && radius > 5) {
          c.fillStyle = look.card;
          c.fillRect(cx - radius * 0.45, cy - 1, radius * 0.9, 2);
        }
      }
      const label = column.labels?.[at];
      if (label !== undefined) {
        c.textBaseline = "middle";
        c.textAlign = i === 0 ? "right" : "left";
        c.fillStyle = look.ink;
        c.fillText(clip(label, 15), cx + (i === 0 ? -radius - 5 : radius + 6), cy);
      }
    });
    if (column.drawn.length < column.size) {
      c.textAlign = "center";
      c.textBaseline = "bottom";
      c.fillStyle = look.quiet;
      c.fillText(
        t("andMore", { n: column.size - column.drawn.length }).replace(/[\u2068\u2069]/g, ""),
        Math.max(40, Math.min(width - 40, x(i))),
        HEIGHT - 4,
      );
    }
  });
}

function clip(text: string, most: number): string {
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
}

/** The network that the draft would train, without numbers: it changes with the blocks. */
export function planDrawing(): HTMLElement {
  const canvas = h("canvas", { role: "img" });
  const host = h("div", { class: "net", dir: "ltr" }, canvas);
  const el = h(
    "figure",
    { class: "paper preview" },
    h("figcaption", {}, h("h3", {}, t("yourNetwork"))),
    host,
    h("p", { class: "quiet" }, t("pressStart")),
  );
  const draw = () => {
    if (draft.plan && canvas.offsetParent !== null) sketch(canvas, draft.plan);
  };
  onDraft(draw);
  onScheme(draw);
  on(["run", "runs"], () => requestAnimationFrame(draw));
  new ResizeObserver(draw).observe(host);
  return el;
}

function sketch(canvas: HTMLCanvasElement, plan: Plan): void {
  const column = (size: number, head: string, labels: string[] | null = null): Column => ({
    size,
    head,
    labels,
    values: null,
    drawn: keep(undefined, null, size),
  });
  const names = plan.task === "classes" ? plan.names : plan.task === "binary" ? plan.names?.slice(-1) : null;
  const data = draftData();
  const table = data?.kind === "table";
  const picture = plan.shape.length === 3 ? board(28, 28, "") : null;
  if (picture)
    paintGrey(
      picture,
      SEVEN.flatMap((row) => [...row].map((p) => (p === "#" ? 235 : p === "+" ? 110 : 0))),
      1,
    );
  const columns = [
    column(plan.inputs, `${int(plan.inputs)}\n${t("inputLayer")}`, table && plan.inputs <= MOST ? [] : null),
    ...plan.spec.hidden.map((l) => column(l.width, `${int(l.width)}\n${activationName(l.activation)}`)),
    column(
      plan.outputs,
      `${int(plan.outputs)}\n${plan.output_activation === "identity" ? t("outputLayer") : activationName(plan.output_activation) === plan.output_activation ? "Softmax" : activationName(plan.output_activation)}`,
      names ? names.slice(0, MOST).map(className) : null,
    ),
  ];
  drawColumns(canvas, columns, [], picture);
  canvas.setAttribute("aria-label", plan.network);
}

// A seven of 28 × 28, only to show where the picture goes in.
const SEVEN = Array.from({ length: 28 }, (_, y) =>
  Array.from({ length: 28 }, (_, x) => {
    const bar = y >= 6 && y <= 8 && x >= 7 && x <= 20;
    const stem = y > 8 && y <= 23 && Math.abs(x - (20 - (y - 8) * 0.55)) < 1.5;
    const edge = y > 8 && y <= 23 && Math.abs(x - (20 - (y - 8) * 0.55)) < 2.4;
    return bar || stem ? "#" : edge ? "+" : ".";
  }).join(""),
);

/** The selected run's network with one sample's activations. */
export function liveDrawing(): HTMLElement {
  const canvas = h("canvas", { role: "img" });
  const host = h("div", { class: "net", dir: "ltr" }, canvas);
  const row = h("input", {
    type: "number",
    min: 0,
    value: "0",
    dir: "ltr",
    inputmode: "numeric",
    onchange: () => poke(),
  });
  const to = (by: number) => {
    const run = selected();
    const count = (run && dataOf(run)?.test_samples) || 1;
    row.value = String(((row.valueAsNumber || 0) + by + count) % count);
    poke();
  };
  const answer = h("p", { class: "net-answer", "aria-live": "off" });
  const table = h("div", { class: "table-scroll", dir: "ltr" });
  const details = h(
    "details",
    { class: "as-table", ontoggle: () => poke() },
    h("summary", {}, t("asTable")),
    table,
  );
  const el = h(
    "figure",
    { class: "net-figure" },
    h("figcaption", {}, h("h3", {}, t("oneSample")), legend(t("pushesDown"), t("pushesUp"))),
    h(
      "div",
      { class: "sample-choice" },
      h("label", {}, t("testSample"), " ", row),
      h(
        "button",
        { type: "button", class: "round", "aria-label": t("previous"), onclick: () => to(-1) },
        h("span", { class: "flip" }, "‹"),
      ),
      h(
        "button",
        { type: "button", class: "round", "aria-label": t("next"), onclick: () => to(1) },
        h("span", { class: "flip" }, "›"),
      ),
      answer,
    ),
    host,
    details,
  );
  const picture = board(28, 28, "");
  let kept: number[][] = [];
  let last: (() => void) | null = null;

  const refresh = async (run: Run | null) => {
    el.hidden = run === null || run.data === null;
    if (run === null || run.data === null) return;
    const [trace, told] = await Promise.all([
      api.trace(run.id, Math.max(0, row.valueAsNumber || 0), "test", state.moment),
      parametersOf(run),
    ]);
    last = () => show(run, trace, told.tensors);
    last();
  };

  const show = (run: Run, trace: Trace, tensors: Map<string, Float32Array>) => {
    const pictured = run.shape.length === 3;
    if (pictured) {
      const [channels = 1, height = 28, width = 28] = run.shape;
      if (picture.width !== width || picture.height !== height) Object.assign(picture, { width, height });
      paintGrey(picture, trace.input, channels, 255);
    }
    const layers = trace.layers;
    const values: ArrayLike<number>[] = [trace.input, ...layers.map((l) => l.values)];
    kept = values.map((v, i) => keep(kept[i], v, v.length));
    if (pictured) kept[0] = [];
    const mats = weightTensors(run);
    const flows = mats.map((m, i) => {
      const w = tensors.get(m.name);
      const inputs = m.shape[1] ?? 0;
      const before = values[i]!;
      if (w === undefined) return undefined;
      return (from: number, to: number) => {
        if (from >= 0) return w[to * inputs + from]! * before[from]!;
        let sum = 0;
        for (let k = 0; k < inputs; k++) sum += w[to * inputs + k]! * before[k]!;
        return sum;
      };
    });
    const shares = trace.probabilities;
    const outputs = (n: number): string => {
      if (shares === null) return num(trace.value);
      const name = run.task === "binary" ? run.names?.[1] : run.names?.[n];
      return name === undefined ? "" : `${className(name)}  ${percent(shares[name], 0)}`;
    };
    const columns = values.map((v, i): Column => ({
      size: v.length,
      drawn: kept[i]!,
      values: v,
      head: `${int(v.length)}\n${i === 0 ? t("inputLayer") : i === values.length - 1 ? t("outputLayer") : activationName(layers[i - 1]!.activation)}`,
      labels:
        i === values.length - 1
          ? kept[i]!.map(outputs)
          : i === 0 && !pictured
            ? kept[0]!.map((n) => inputName(run, n))
            : null,
    }));
    if (pictured) columns[0]!.size = 0;
    drawColumns(canvas, columns, flows as ((a: number, b: number) => number)[], pictured ? picture : null);
    const said = traceSentence(trace);
    say(answer, said);
    canvas.setAttribute("aria-label", `${run.network}. ${said}`);
    canvas.dataset.step = String(trace.step);
    if (details.open) tabulate(table, layers);
  };
  const poke = follow(el, () => 150, refresh);
  onScheme(() => last?.());
  new ResizeObserver(() => last?.()).observe(host);
  return el;
}

/** What the network says of a sample, and whether that is right. */
export function traceSentence(trace: Trace): string {
  if (trace.probabilities === null)
    return t("saysNumber", { value: num(trace.value), truth: num(Number(trace.truth)) });
  const label = trace.label ?? Object.entries(trace.probabilities).sort((a, b) => b[1] - a[1])[0]?.[0] ?? "";
  const share = percent(trace.probabilities[label], 1);
  const says = t("says", { label: className(label), share });
  return trace.truth === undefined
    ? says
    : `${says} ${trace.right ? t("isRight") : t("isWrong", { truth: className(String(trace.truth)) })}`;
}

function tabulate(table: HTMLElement, layers: Trace["layers"]): void {
  const rows = layers.map((layer) => {
    const most = reach(layer.values);
    const order = [...layer.values.keys()]
      .sort((a, b) => Math.abs(layer.values[b]!) - Math.abs(layer.values[a]!))
      .slice(0, 6);
    const strongest = order
      .filter((i) => Math.abs(layer.values[i]!) > most * 1e-3)
      .map((i) => `#${i + 1}: ${num(layer.values[i]!, 3)}`);
    const awake = layer.values.filter((v) => v > 0).length;
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, layer.name),
      h("td", {}, `${awake} / ${layer.values.length}`),
      h("td", {}, strongest.join(", ")),
    );
  });
  const head = [t("layer"), t("awake"), t("strongest")].map((x) => h("th", { scope: "col" }, x));
  fill(table, h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
}
