// Touching the network: the numbers of one neuron on the sample shown, and sliders that change them. What is
// changed is tried, not kept: the run stays as it is.

import { api, type Neuron, type Run, type Tweak } from "./api";
import type { Touched } from "./api-types";
import { activationName } from "./blocks";
import { divergingPixel, onScheme } from "./colours";
import { announce, fill, h, ltr, say, set } from "./dom";
import { className, num, percent, signed, t, withValues } from "./i18n";
import { board, overChannels, pixelsOf, reach } from "./picture";
import { state } from "./state";
import { complain } from "./toast";
import { inputName } from "./weights";

/** Inputs whose weights are shown: those that count most. */
const SHOWN = 5;
/** Steps of a slider. */
const FINE = 200;

/** What the panel knows of a sample: the network as it is, and with what is changed. */
interface Shown {
  run: Run;
  plain: Touched;
  now: Touched;
}

/** The panel under the drawing; `changed` is called when something is to be drawn anew. */
export function touchPanel(changed: () => void) {
  let neuron: Neuron | null = null;
  let of = "";
  let shown: Shown | null = null;
  /** The inputs whose weights have sliders. */
  let rows: number[] = [];
  let built = "";
  const tweaks = new Map<string, Tweak>();

  const title = h("h4", { tabindex: -1 });
  const picture = board(28, 28, "");
  const hint = h("p", { class: "quiet" }, t("pressPixel"));
  const sum = h("p", { class: "touch-sum", dir: "ltr" });
  const list = h("ul", { class: "touch-weights" });
  const back = h("button", { type: "button", class: "put-back", onclick: () => putBack() }, t("putBack"));
  const table = h("table", { class: "touch-result" });
  const el = h(
    "section",
    { class: "touch", hidden: true, "aria-label": t("ofTheNetwork") },
    h(
      "div",
      { class: "touch-head" },
      title,
      h(
        "button",
        { type: "button", class: "round quiet", "aria-label": t("closePanel"), onclick: () => close() },
        "×",
      ),
    ),
    h("div", { class: "touch-body" }, h("div", {}, picture, hint), h("div", {}, sum, list)),
    h("div", { class: "touch-end" }, table, back),
  );

  const key = (tensor: string, index: number[]) => `${tensor}${index}`;
  const putBack = () => {
    tweaks.clear();
    built = "";
    announce(t("putBack"), true);
    changed();
  };
  const close = () => {
    neuron = null;
    tweaks.clear();
    shown = null;
    el.hidden = true;
    changed();
  };
  const tweak = (tensor: string, index: number[], value: number) => {
    tweaks.set(key(tensor, index), { tensor, index, value });
    changed();
  };

  /** A slider with a field for one number. */
  const slider = (label: string, tensor: string, index: number[], value: number, most: number) => {
    const props = { min: -most, max: most, step: most / FINE, dir: "ltr", "aria-label": label };
    const range = h("input", {
      type: "range",
      ...props,
      value: String(value),
      "data-of": key(tensor, index),
      oninput: () => tweak(tensor, index, range.valueAsNumber),
    });
    return range;
  };

  const build = ({ run, now }: Shown) => {
    const n = now.neuron!;
    const most = 2 * Math.max(n.largest, Math.abs(n.bias), 0.5);
    const row = (name: string, tensor: string, index: number[], value: number, reach = most) =>
      h(
        "li",
        { "data-of": key(tensor, index) },
        h("span", { class: "touch-name" }, h("bdi", {}, name)),
        slider(name, tensor, index, value, Math.max(reach, Math.abs(value))),
        h("span", { class: "touch-number", dir: "ltr" }),
      );
    fill(
      list,
      // So far that it can turn the sum over.
      row(t("bias"), n.bias_name, [n.neuron], n.bias, Math.max(most, 2 * Math.abs(n.sum))),
      ...rows.map((i) =>
        row(t("weightFrom", { x: source(run, n.layer, i) }), n.weight_name, [n.neuron, i], n.weights[i] ?? 0),
      ),
    );
  };

  const numbers = ({ run, now }: Shown) => {
    const n = now.neuron!;
    const last = run.tensors.length / 2 - 1 === n.layer;
    say(
      title,
      last
        ? t("neuronOut", { name: className(outputName(run, n.neuron)) })
        : t("neuronHidden", { layer: n.layer + 1, n: n.neuron + 1 }),
    );
    const weighted = n.sum - n.bias;
    const bent = n.activation === "" || n.activation === "identity" ? "" : activationLabel(n.activation);
    fill(
      sum,
      h("span", {}, `${t("weightedSum")} `, ltr(num(weighted, 3))),
      h("span", {}, `${signed(n.bias, 3)} (${t("bias")}) = `, h("b", {}, num(n.sum, 3))),
      h("span", {}, bent === "" ? "→ " : `${bent}(${num(n.sum, 3)}) = `, h("b", {}, num(n.output, 3))),
    );
    const ranges = list.querySelectorAll<HTMLInputElement>("input[type=range]");
    list.querySelectorAll(".touch-number").forEach((cell, i) => {
      const input = rows[i - 1];
      const range = ranges[i]!;
      const value = input === undefined ? n.bias : n.weights[input]!;
      if (document.activeElement !== range || !tweaks.has(range.dataset.of!)) range.value = String(value);
      say(
        cell,
        input === undefined
          ? signed(value, 3)
          : `${num(n.inputs[input]!, 2)} × ${num(value, 3)} = ${num(n.inputs[input]! * value, 3)}`,
      );
    });
    const pictured = n.layer === 0 && run.shape.length === 3;
    picture.parentElement!.hidden = !pictured;
    if (pictured) {
      const [, height = 28, width = 28] = run.shape;
      set(picture, { width, height });
      const cells = overChannels(Float32Array.from(n.weights), width * height);
      const scale = reach(cells);
      const { data, put } = pixelsOf(picture);
      cells.forEach((w, i) => (data[i] = divergingPixel(w / scale)));
      put();
    }
  };

  const results = ({ run, plain, now }: Shown) => {
    const answer = (of: Touched) =>
      of.trace.probabilities === null
        ? num(of.trace.value)
        : withValues("{name} {share}", {
            name: className(of.trace.label ?? ""),
            share: percent(of.trace.probabilities[of.trace.label ?? ""], 1),
          });
    const measure = (of: Touched) =>
      run.task === "number" ? num(of.test?.measure, 3) : percent(of.test?.measure);
    const line = (name: string, told: (of: Touched) => string) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        h("td", {}, h("bdi", {}, told(plain))),
        h("td", {}, h("bdi", {}, h("b", {}, told(now)))),
      );
    const n = { n: now.test?.samples ?? 0 };
    fill(
      table,
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("td", {}),
          h("th", { scope: "col" }, t("asItIs")),
          h("th", { scope: "col" }, t("changed")),
        ),
      ),
      h(
        "tbody",
        {},
        line(t("theAnswer"), answer),
        line(t("lossHere"), (of) => num(of.loss, 4)),
        now.test !== null && line(t(run.task === "number" ? "r2Of" : "rightOf", n), measure),
      ),
    );
    set(back, { disabled: tweaks.size === 0 });
    say(back, tweaks.size === 0 ? t("putBack") : `${t("putBack")} (${t("changedN", { n: tweaks.size })})`);
  };

  const show = () => {
    el.hidden = shown === null || neuron === null || !shown.now.neuron;
    if (el.hidden || shown === null) return;
    const n = shown.now.neuron!;
    const place = [shown.run.id, n.layer, n.neuron, shown.now.trace.row].join();
    if (place !== built) {
      built = place;
      const order = [...n.weights.keys()].sort(
        (a, b) => Math.abs(n.weights[b]! * n.inputs[b]!) - Math.abs(n.weights[a]! * n.inputs[a]!),
      );
      rows = order.slice(0, SHOWN);
      build(shown);
    }
    numbers(shown);
    results(shown);
    el.dataset.changes = String(tweaks.size);
  };

  picture.addEventListener("click", (event) => {
    if (shown === null) return;
    const box = picture.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * picture.width);
    const row = Math.floor(((event.clientY - box.top) / box.height) * picture.height);
    const at = row * picture.width + column;
    rows = [at, ...rows.filter((i) => i !== at)].slice(0, SHOWN + 1);
    build(shown);
    numbers(shown);
    list.querySelectorAll<HTMLElement>("input")[1]?.focus({ preventScroll: true });
  });
  onScheme(show);

  return {
    el,
    /** Which neuron is shown. */
    chosen: () => neuron,
    /** Whether something is to be asked through the panel. */
    wanted: () => neuron !== null || tweaks.size > 0,
    close,
    pick(next: Neuron) {
      if (neuron?.layer === next.layer && neuron.neuron === next.neuron) return;
      neuron = next;
      changed();
    },
    /** The sample through the network as it is with the changes; another run has none. */
    async ask(run: Run, row: number): Promise<Touched> {
      if (of !== run.id) {
        of = run.id;
        tweaks.clear();
        built = "";
      }
      const changes = [...tweaks.values()];
      const about = { row, neuron };
      try {
        const plain = await api.touch(run.id, { ...about, changes: [] }, state.moment);
        const now =
          changes.length === 0 ? plain : await api.touch(run.id, { ...about, changes }, plain.trace.step);
        shown = { run, plain, now };
        show();
        return now;
      } catch (error) {
        complain(error);
        throw error;
      }
    },
    /** A copy of the tensors with the changes. */
    applied(run: Run, tensors: Map<string, Float32Array>): Map<string, Float32Array> {
      if (tweaks.size === 0) return tensors;
      const copies = new Map(tensors);
      for (const { tensor, index, value } of tweaks.values()) {
        const values = tensors.get(tensor);
        const shape = run.tensors.find((one) => one.name === tensor)?.shape ?? [];
        if (values === undefined) continue;
        const copy = copies.get(tensor) === values ? values.slice() : copies.get(tensor)!;
        copy[index.reduce((at, i, d) => at * shape[d]! + i, 0)] = value;
        copies.set(tensor, copy);
      }
      return copies;
    },
  };
}

/** What comes in at a place: a pixel, a column, or a neuron of the layer before. */
function source(run: Run, layer: number, i: number): string {
  if (layer > 0) return t("neuronN", { n: i + 1 });
  if (run.shape.length !== 3) return inputName(run, i);
  const width = run.shape[2] ?? 28;
  const place = i % ((run.shape[1] ?? 28) * width);
  return t("pixelAt", { row: Math.floor(place / width) + 1, column: (place % width) + 1 });
}

function outputName(run: Run, n: number): string {
  return (run.task === "binary" ? run.names.at(-1) : run.names[n]) ?? String(n + 1);
}

/** A function as formulas write it. */
export function activationLabel(name: string): string {
  return name === "sigmoid" ? "σ" : name === "softmax" ? "softmax" : activationName(name);
}
