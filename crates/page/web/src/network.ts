// The network drawn: a column of neurons a layer; a line is as strong as what flows along it.

import { api, type Plan, type Run, type Trace } from "./api";
import type { Touched } from "./api-types";
import { activationName } from "./blocks";
import { colours, onScheme } from "./colours";
import { drawColumns, keep, MOST, type Column, type Flow, type Spot } from "./columns";
import { fill, h, say, scroller } from "./dom";
import { draft, onDraft } from "./draft";
import { follow, parametersOf, weightTensors } from "./follow";
import { className, int, num, percent, t } from "./i18n";
import { drawPerceptron, isPerceptron } from "./perceptron";
import { board, describe, paintGrey, reach } from "./picture";
import { recorded } from "./pen";
import { saveButtons } from "./share";
import { dataOf, on, selected, state } from "./state";
import { touchPanel } from "./touch";
import { inputName, legend } from "./weights";

/** The network that the draft would train, without numbers: it changes with the blocks. */
export function planDrawing(): HTMLElement {
  const canvas = h("canvas");
  const host = h("div", { class: "net", dir: "ltr" }, canvas);
  const el = h(
    "figure",
    { class: "paper preview" },
    h(
      "figcaption",
      {},
      h("h3", {}, t("yourNetwork")),
      saveButtons(t("yourNetwork"), () => draft.plan && recorded(draw, colours().card)),
    ),
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

const ENDS: Record<string, string> = { sigmoid: "Sigmoid", softmax: "Softmax" };

function sketch(canvas: HTMLCanvasElement, plan: Plan): void {
  const column = (size: number, under: string, labels: string[] | null = null): Column => ({
    size,
    head: int(size),
    under,
    labels,
    values: null,
    drawn: keep(undefined, null, size),
  });
  const names = plan.task === "classes" ? plan.names : plan.task === "binary" ? plan.names?.slice(-1) : null;
  const columns = [
    column(plan.inputs, t("inputLayer")),
    ...plan.spec.hidden.map((l) => column(l.width, activationName(l.activation))),
    column(
      plan.outputs,
      ENDS[plan.output_activation] ?? t("outputLayer"),
      names ? names.slice(0, MOST).map(className) : null,
    ),
  ];
  if (plan.shape.length === 3) columns[0]!.drawn = [];
  drawColumns(canvas, columns, [], plan.shape.length === 3 ? seven() : null);
  describe(canvas, plan.network);
}

/** A seven, only to show where the picture goes in. */
function seven(): HTMLCanvasElement {
  const picture = board(28, 28, "");
  const grey = Array.from({ length: 28 * 28 }, (_, i) => {
    const [x, y] = [i % 28, Math.floor(i / 28)];
    if (y >= 6 && y <= 8) return x >= 7 && x <= 20 ? 235 : 0;
    const off = Math.abs(x - (20 - (y - 8) * 0.55));
    return y < 9 || y > 23 ? 0 : off < 1.5 ? 235 : off < 2.4 ? 110 : 0;
  });
  paintGrey(picture, grey, 1);
  return picture;
}

/** How near to a neuron a press has to be, in pixels. */
const REACH = 20;

/** The selected run's network with one sample's activations. */
export function liveDrawing(): HTMLElement {
  const canvas = h("canvas", {
    class: "touchable",
    tabindex: 0,
    role: "application",
    "aria-roledescription": t("drawnNetwork"),
  });
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
  const panel = touchPanel(() => poke());
  let spots: Spot[] = [];
  const table = scroller(`${t("oneSample")}, ${t("asTable")}`, { dir: "ltr" });
  const details = h(
    "details",
    { class: "as-table", ontoggle: () => poke() },
    h("summary", {}, t("asTable")),
    table,
  );
  const el = h(
    "figure",
    { class: "net-figure" },
    h(
      "figcaption",
      {},
      h("h3", {}, t("oneSample")),
      legend(t("pushesDown"), t("pushesUp")),
      saveButtons(t("oneSample"), () => last && recorded(last, colours().card)),
    ),
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
    h("p", { class: "quiet" }, t("touchHint")),
    panel.el,
    details,
  );
  const picture = board(28, 28, "");
  let kept: number[][] = [];
  let last: (() => void) | null = null;
  let lastTrace: Trace | null = null;

  const refresh = async (run: Run | null) => {
    if (run === null || run.data === null) return;
    const at = Math.max(0, Math.min((dataOf(run)?.test_samples ?? 1) - 1, row.valueAsNumber || 0));
    const alone = isPerceptron(run);
    if (alone) panel.pick({ layer: 0, neuron: 0 });
    const asked = panel.wanted()
      ? panel.ask(run, at)
      : api.trace(run.id, at, "test", state.moment).then((trace) => ({ trace, neuron: null }));
    const [touched, told] = await Promise.all([asked, parametersOf(run)]);
    if (run.id !== selected()?.id) return;
    last = () =>
      alone && touched.neuron !== null
        ? showAlone(run, touched as Touched)
        : show(run, touched.trace, panel.applied(run, told.tensors));
    last();
  };

  const paint = (run: Run, trace: Trace): boolean => {
    if (run.shape.length !== 3) return false;
    const [channels = 1, height = 28, width = 28] = run.shape;
    if (picture.width !== width || picture.height !== height) Object.assign(picture, { width, height });
    paintGrey(picture, trace.input, channels, 255);
    return true;
  };
  const showAlone = (run: Run, touched: Touched) => {
    const pictured = paint(run, touched.trace);
    spots = drawPerceptron(canvas, run, touched, pictured ? picture : null);
    spoken(run, touched.trace);
  };
  const spoken = (run: Run, trace: Trace) => {
    lastTrace = trace;
    const said = traceSentence(trace);
    say(answer, said);
    canvas.setAttribute("aria-label", `${run.network}. ${said}`);
    canvas.dataset.step = String(trace.step);
    canvas.dataset.spots = JSON.stringify(spots);
    if (details.open) tabulate(table, trace.layers);
  };

  const show = (run: Run, trace: Trace, tensors: Map<string, Float32Array>) => {
    const pictured = paint(run, trace);
    const layers = trace.layers;
    const values: ArrayLike<number>[] = [trace.input, ...layers.map((l) => l.values)];
    kept = values.map((v, i) => keep(kept[i], v, v.length));
    if (pictured) kept[0] = [];
    const mats = weightTensors(run);
    const flows = mats.map((m, i): Flow | undefined => {
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
    const end = values.length - 1;
    const under = (i: number) =>
      i === 0 ? t("inputLayer") : i === end ? t("outputLayer") : activationName(layers[i - 1]!.activation);
    const labels = (i: number) =>
      i === end
        ? kept[i]!.map(outputs)
        : i === 0 && !pictured
          ? kept[0]!.map((n) => inputName(run, n))
          : null;
    const columns = values.map((v, i): Column => ({
      size: v.length,
      drawn: kept[i]!,
      values: v,
      head: int(v.length),
      under: under(i),
      labels: labels(i),
    }));
    const chosen = panel.chosen();
    const ring = chosen && { column: chosen.layer + 1, neuron: chosen.neuron };
    spots = drawColumns(canvas, columns, flows, pictured ? picture : null, ring);
    spoken(run, trace);
  };
  const near = (event: MouseEvent): Spot | undefined => {
    const box = canvas.getBoundingClientRect();
    const far = (s: Spot) => Math.hypot(s.x - (event.clientX - box.left), s.y - (event.clientY - box.top));
    return spots.filter((s) => s.column > 0 && far(s) < REACH).sort((a, b) => far(a) - far(b))[0];
  };
  const pick = (spot: Spot) => panel.pick({ layer: spot.column - 1, neuron: spot.neuron });
  canvas.addEventListener("click", (event) => {
    const spot = near(event);
    if (spot !== undefined) pick(spot);
  });
  canvas.addEventListener("pointermove", (event) => {
    const spot = near(event);
    canvas.style.cursor = spot === undefined ? "" : "pointer";
    canvas.title = spot === undefined ? "" : hover(spot);
  });
  const hover = (spot: Spot) => {
    const value = values(spot);
    return `${t("neuronN", { n: spot.neuron + 1 })}${value === undefined ? "" : `: ${num(value, 3)}`}`;
  };
  const values = (spot: Spot) => lastTrace?.layers[spot.column - 1]?.values[spot.neuron];
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] }[event.key];
    if (event.key === "Escape") return panel.close();
    const there = spots.filter((s) => s.column > 0);
    if (by === undefined || there.length === 0) return;
    event.preventDefault();
    const now = panel.chosen();
    const at = there.find((s) => s.column - 1 === now?.layer && s.neuron === now.neuron);
    if (at === undefined) return pick(there[0]!);
    const column = there.filter((s) => s.column === at.column + by[0]!);
    const next =
      by[0] === 0
        ? column[column.indexOf(at) + by[1]!]
        : column.sort((a, b) => Math.abs(a.y - at.y) - Math.abs(b.y - at.y))[0];
    if (next !== undefined) pick(next);
  });
  // Not in `refresh`: what is hidden is not refreshed.
  let of = "";
  on(["run", "runs"], () => {
    const run = selected();
    el.hidden = !run?.data;
    if (run === null || run.id === of) return;
    // Pictures belong to their run.
    of = run.id;
    panel.close();
    last = null;
    spots = [];
    kept = [];
    canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
    canvas.setAttribute("aria-label", run.network);
    say(answer, t("onItsWay"));
  });
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
