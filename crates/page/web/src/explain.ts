// A step on the drawn network: what flows forward, the gradient on its way back, how far each weight moves.

import { api, type Run, type StageReport, type Trace } from "./api";
import type { Nothing } from "./api-types";
import { activationName } from "./blocks";
import { colours, onScheme } from "./colours";
import { drawColumns, keep, type Column, type Flow } from "./columns";
import { h, ltr, say } from "./dom";
import { int, num, signed, t } from "./i18n";
import { recorded } from "./pen";
import { board, describe, paintGrey } from "./picture";
import { saveButtons } from "./share";
import { selected } from "./state";
import { inputName, legend } from "./weights";

/** Networks of more numbers are not fetched at each stage. */
const MOST = 300_000;
/** Between one layer and the next. */
const PAUSE = 450;

type Tensors = Map<string, Float32Array>;

/** The drawing, and a function that shows a stage in it. */
export function stepDrawing(): { el: HTMLElement; show: (report: StageReport) => void } {
  const canvas = h("canvas");
  const caption = h("p", { class: "step-said" });
  const save = saveButtons(t("stepDrawn"), () => last && recorded(last, colours().card));
  const el = h(
    "figure",
    { class: "step-drawing", hidden: true },
    h("figcaption", {}, h("h3", {}, t("stepDrawn")), legend(), save),
    h("div", { class: "net", dir: "ltr" }, canvas),
    caption,
  );
  const picture = board(28, 28, "");
  let trace: Trace | null = null;
  let before: Float32Array | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last: (() => void) | null = null;

  const show = async (report: StageReport): Promise<void> => {
    const run = selected();
    if (run === null || run.data === null || run.parameters > MOST) return void (el.hidden = true);
    if (report.stage === "forward") {
      trace = await api.trace(run.id, report.rows[0] ?? 0, "train", null);
      before = (await api.parameters(run.id, null, null)).values;
      say(caption, t("stepForward", { row: report.rows[0] ?? 0 }));
      animate(run, before, false, (i) => trace!.layers[i]!.values);
    } else if (trace === null || before === null) {
      // A whole step was taken: nothing was seen on its way.
      return void (el.hidden = true);
    } else if (report.stage === "backward") {
      const gradients = await api.gradients(run.id);
      say(caption, t("stepBackward"));
      animate(run, gradients, true, (i) => biases(run, gradients, i));
    } else {
      const after = (await api.parameters(run.id, null, null)).values;
      const moved = after.map((w, i) => w - before![i]!);
      say(caption, t("stepUpdate"));
      animate(run, moved, true, (i) => biases(run, moved, i));
    }
    el.dataset.stage = report.stage;
    el.hidden = false;
    last?.();
  };

  /** Draws layer after layer: forwards, or from the end back. `of`: the numbers of a layer's neurons. */
  const animate = (
    run: Run,
    numbers: Float32Array,
    back: boolean,
    of: (layer: number) => ArrayLike<number>,
  ) => {
    clearTimeout(timer);
    const layers = trace!.layers.length;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const go = (seen: number) => {
      last = () => draw(run, split(run, numbers), back, seen, of);
      last();
      if (seen < layers) timer = setTimeout(() => go(seen + 1), PAUSE);
    };
    el.hidden = false;
    go(still ? layers : 1);
  };

  const draw = (
    run: Run,
    tensors: Tensors,
    back: boolean,
    seen: number,
    of: (layer: number) => ArrayLike<number>,
  ) => {
    const layers = trace!.layers;
    const pictured = run.shape.length === 3;
    if (pictured) {
      const [channels = 1, height = 28, width = 28] = run.shape;
      Object.assign(picture, { width, height });
      paintGrey(picture, trace!.input, channels, 255);
    }
    const there = (layer: number) => (back ? layer >= layers.length - seen : layer < seen);
    const columns: Column[] = [trace!.input, ...layers.map((l) => l.values)].map((values, i) => {
      const told = i === 0 ? values : there(i - 1) ? of(i - 1) : null;
      const end = i === layers.length;
      const drawn =
        pictured && i === 0 ? [] : keep(undefined, i === 0 || !back ? values : of(i - 1), values.length);
      return {
        size: values.length,
        drawn,
        values: told,
        head: int(values.length),
        under: i === 0 ? t("inputLayer") : end ? t("outputLayer") : activationName(layers[i - 1]!.activation),
        labels:
          i === 0 && !pictured
            ? drawn.map((n) => inputName(run, n))
            : end && told !== null
              ? // Signs stay before their numbers in a line from right to left.
                drawn.map((n) => `\u2066${back ? signed(told[n]!, 4) : num(told[n]!, 3)}\u2069`)
              : null,
      };
    });
    const flows = layers.map((_, i): Flow | undefined => {
      if (!there(i)) return undefined;
      const weights = tensors.get(run.tensors[2 * i]!.name)!;
      const bias = tensors.get(run.tensors[2 * i + 1]!.name)!;
      const inputs = run.tensors[2 * i]!.shape[1]!;
      const into = i === 0 ? trace!.input : layers[i - 1]!.values;
      return (from, to) => {
        if (from < 0) return back ? bias[to]! : dot(weights, to * inputs, into);
        return weights[to * inputs + from]! * (back ? 1 : into[from]!);
      };
    });
    drawColumns(canvas, columns, flows, pictured ? picture : null);
    describe(canvas, caption.textContent ?? "");
    canvas.dataset.seen = String(seen);
  };
  onScheme(() => last?.());
  return { el, show: (report) => void show(report).catch(() => (el.hidden = true)) };
}

function dot(weights: Float32Array, at: number, into: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < into.length; i++) sum += weights[at + i]! * into[i]!;
  return sum;
}

function split(run: Run, all: Float32Array): Tensors {
  let at = 0;
  return new Map(
    run.tensors.map(({ name, shape }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return [name, all.subarray(at, (at += length))];
    }),
  );
}

function biases(run: Run, all: Float32Array, layer: number): Float32Array {
  return split(run, all).get(run.tensors[2 * layer + 1]!.name)!;
}

type Update = Extract<StageReport, { stage: "update" }>;

/** One weight's way written out: as SGD would go it, and as the run's optimizer has gone it. */
export function writtenOut(report: Update): HTMLElement {
  const w = [...report.changes].sort((a, b) => Math.abs(b.gradient) - Math.abs(a.gradient))[0];
  const el = h("div", { class: "written-out" });
  if (w === undefined) return el;
  const { lr, optimizer, updates } = report;
  const line = (text: string) => h("p", {}, ltr(text, "code"));
  const g = num(w.gradient, 5);
  el.append(
    h("h4", {}, t("oneWeight"), " ", ltr(`${w.name}[${w.index.join(", ")}]`, "code")),
    line(`SGD: w − η·g = ${num(w.before, 5)} − ${num(lr)} × (${g}) = ${num(w.before - lr * w.gradient, 5)}`),
  );
  const kind = optimizer?.type ?? "";
  if (kind === "SGD") {
    if (optimizer!.weight_decay !== 0 || optimizer!.momentum)
      el.append(line(`w = ${num(w.after, 5)}`), note(t("alsoDecay")));
    return el;
  }
  const [first = 0, second = 0] = w.state;
  if (kind === "Adam" || kind === "AdamW") {
    const [b1, b2] = optimizer!.betas!;
    const m = first / (1 - b1 ** updates);
    const v = second / (1 - b2 ** updates);
    el.append(
      line(`m = ${b1}·m + ${num(1 - b1)}·g → m̂ = m / (1 − ${b1}^${updates}) = ${num(m, 5)}`),
      line(`v = ${b2}·v + ${num(1 - b2)}·g² → √v̂ = ${num(Math.sqrt(v), 5)}`),
      line(
        `${kind}: w − η·m̂/√v̂ = ${num(w.before, 5)} − ${num(lr)} × (${num(m / (Math.sqrt(v) + optimizer!.eps!), 4)}) = ${num(w.after, 5)}`,
      ),
      note(t("whyEqual", { name: kind })),
    );
  } else if (kind === "RMSprop") {
    const root = Math.sqrt(first);
    el.append(
      line(`v = ${optimizer!.alpha}·v + ${num(1 - optimizer!.alpha!)}·g² → √v = ${num(root, 5)}`),
      line(
        `RMSprop: w − η·g/√v = ${num(w.before, 5)} − ${num(lr)} × (${num(w.gradient / (root + optimizer!.eps!), 4)}) = ${num(w.after, 5)}`,
      ),
      note(t("whyEqual", { name: kind })),
    );
  }
  if (optimizer!.weight_decay !== 0) el.append(note(t("alsoDecay")));
  return el;
}

function note(text: string): HTMLElement {
  return h("p", { class: "quiet" }, text);
}

/** Why a step has learnt nothing, or hardly anything. */
export function nothingLearnt(nothing: Nothing): string {
  switch (nothing.kind) {
    case "rate_is_zero":
      return t("nothingRate");
    case "all_right":
      return t("nothingRight", { loss: num(nothing.loss) });
    case "no_gradient":
      return t("nothingGradient", { layer: nothing.layer });
    case "vanishing":
      return t("nothingVanishing", { times: int(nothing.times) });
    case "too_small":
      return t("nothingSmall");
  }
}
