// The first layer's weights: of pictures a small picture for each neuron, of tables a heat map by input.

import type { Run } from "./api";
import { colours, css, diverging, divergingPixel, onScheme, pixel } from "./colours";
import { fill, h, ltr, say, set } from "./dom";
import { follow, parameterPause, parametersOf, weightTensors } from "./follow";
import { signed, t } from "./i18n";
import { recorded, recording } from "./pen";
import { board, overChannels, pixelsOf, reach } from "./picture";
import { saveButtons } from "./share";
import { on, selected } from "./state";

const MOST = 100;
const GAP = 2;
/** A weight of a table, and the room for the names of its inputs on paper. */
const CELL = 20;
const NAMES = 160;

/** The gallery; it follows the run and the moment. */
export function weights(): HTMLElement {
  const canvas = h("canvas", {
    class: "weights pixels",
    tabindex: 0,
    role: "application",
    "aria-roledescription": t("gallery"),
    "aria-label": t("firstWeights"),
  });
  const names = h("ol", { class: "input-names", "aria-hidden": "true" });
  const large = board(28, 28, "");
  const about = h("p", { class: "about", "aria-live": "polite" });
  const caption = h("p", { class: "quiet" });
  const saved = () => shown && recorded(onPaper, colours().card);
  const single = h("div", { class: "single" }, large, about);
  const el = h(
    "figure",
    { class: "weights-figure" },
    h("figcaption", {}, h("h3", {}, t("firstWeights")), legend(), saveButtons(t("firstWeights"), saved)),
    h(
      "div",
      { class: "weights-body" },
      h("div", { class: "weights-grid", dir: "ltr" }, names, canvas),
      single,
    ),
    caption,
  );

  let shown: {
    run: Run;
    values: Float32Array;
    all: Map<string, Float32Array>;
    out: number;
    inputs: number;
    scale: number;
    columns: number;
  } | null = null;
  let chosen = 0;
  // Until one is picked by hand, the neuron that learnt most is shown.
  let picked = false;

  const draw = () => {
    if (shown === null) return;
    if (shown.run.shape.length === 3) tiles();
    else heat();
    one();
  };

  const tiles = () => {
    const { run, values, out, inputs, scale } = shown!;
    const [, rows = 28, cols = 28] = run.shape;
    const count = Math.min(out, MOST);
    const columns = Math.max(1, Math.min(count, 10));
    shown!.columns = columns;
    names.hidden = true;
    const lines = Math.ceil(count / columns);
    const width = columns * (cols + GAP) + GAP;
    const height = lines * (rows + GAP) + GAP;
    if (canvas.width !== width || canvas.height !== height) set(canvas, { width, height });
    canvas.style.blockSize = "auto";
    canvas.style.inlineSize = count < 4 ? `${count * 140}px` : "100%";
    const { line, ink } = framePixels();
    const { data, put } = pixelsOf(canvas);
    data.fill(line);
    for (let n = 0; n < count; n++) {
      const x0 = GAP + (n % columns) * (cols + GAP);
      const y0 = GAP + Math.floor(n / columns) * (rows + GAP);
      const row = values.subarray(n * inputs, (n + 1) * inputs);
      const cells = inputs === rows * cols ? row : overChannels(row, rows * cols);
      for (let i = 0; i < rows * cols; i++) {
        data[(y0 + Math.floor(i / cols)) * width + x0 + (i % cols)] = divergingPixel(cells[i]! / scale);
      }
      if (n === chosen) frame(data, width, x0, y0, cols, rows, ink);
    }
    put();
  };

  const heat = () => {
    const { run, values, out, inputs, scale } = shown!;
    const count = Math.min(out, MOST);
    const lines = Math.min(inputs, 60);
    shown!.columns = count;
    names.hidden = false;
    if (names.childElementCount !== lines || names.dataset.run !== run.id) {
      names.dataset.run = run.id;
      fill(names, ...Array.from({ length: lines }, (_, i) => h("li", {}, inputName(run, i))));
    }
    const cell = CELL;
    set(canvas, { width: count * cell, height: lines * cell });
    canvas.style.inlineSize = `min(100%, ${count * 26}px)`;
    canvas.style.blockSize = `${lines * cell}px`;
    const context = canvas.getContext("2d")!;
    for (let n = 0; n < count; n++) {
      for (let i = 0; i < lines; i++) {
        context.fillStyle = css(diverging(values[n * inputs + i]! / scale));
        context.fillRect(n * cell, i * cell, cell - 1, cell - 1);
      }
    }
    context.strokeStyle = colours().ink;
    context.lineWidth = 2;
    context.strokeRect(chosen * cell, 1, cell - 1, lines * cell - 2);
  };

  /** The gallery as a drawing: the pixels as they are, and of a table the names of the inputs. */
  const onPaper = () => {
    const beside = names.hidden ? 0 : NAMES;
    const scale = names.hidden ? 3 : 1;
    const [width, height] = [canvas.width * scale, canvas.height * scale];
    const pen = recording([beside + width, height]);
    if (pen === null) return;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(canvas, beside, 0, width, height);
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = colours().ink;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    if (names.hidden) return;
    [...names.children].forEach((name, i) => pen.fillText(name.textContent, beside - 6, (i + 0.5) * CELL));
  };

  const one = () => {
    const { run, values, all, inputs, out, scale } = shown!;
    chosen = Math.min(chosen, out - 1);
    const row = values.subarray(chosen * inputs, (chosen + 1) * inputs);
    const [, rows = 1, cols = inputs] = run.shape.length === 3 ? run.shape : [];
    large.hidden = run.shape.length !== 3;
    if (!large.hidden) {
      set(large, { width: cols, height: rows, "aria-label": t("weightsOf", { n: chosen + 1 }) });
      const cells = overChannels(row, rows * cols);
      const { data, put } = pixelsOf(large);
      cells.forEach((v, i) => (data[i] = divergingPixel(v / scale)));
      put();
    }
    const tensors = run.tensors;
    const bias = tensors[1]?.shape.length === 1 ? all.get(tensors[1].name)?.[chosen] : undefined;
    const next = weightTensors(run)[1];
    const onward = next && all.get(next.name);
    const parts = [t("neuronOf", { n: chosen + 1, of: out })];
    if (bias !== undefined) parts.push(t("biasIs", { x: signed(bias, 3) }));
    if (onward && next.shape[0] === 1) parts.push(t("onwardIs", { x: signed(onward[chosen] ?? 0, 3) }));
    if (run.shape.length !== 3) {
      const order = [...row.keys()].sort((a, b) => Math.abs(row[b]!) - Math.abs(row[a]!)).slice(0, 4);
      // Each pair keeps its order in a line from right to left.
      parts.push(order.map((i) => `\u2066${inputName(run, i)} ${signed(row[i]!, 2)}\u2069`).join(", "));
    }
    say(about, parts.join(" · "));
    set(canvas, { "aria-label": t("galleryHint", { n: Math.min(out, MOST) }) });
  };

  const pick = (n: number) => {
    if (shown === null) return;
    picked = true;
    chosen = Math.max(0, Math.min(Math.min(shown.out, MOST) - 1, n));
    draw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (shown === null) return;
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * shown.columns);
    const lines = shown.run.shape.length === 3 ? Math.ceil(Math.min(shown.out, MOST) / shown.columns) : 1;
    pick(Math.floor(((event.clientY - box.top) / box.height) * lines) * shown.columns + column);
  });
  canvas.addEventListener("keydown", (event) => {
    const by = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: shown?.columns ?? 1,
      ArrowUp: -(shown?.columns ?? 1),
    }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    pick(chosen + by);
  });

  const refresh = async (run: Run | null) => {
    const first = run === null ? undefined : weightTensors(run)[0];
    if (run === null || first === undefined) return;
    const told = await parametersOf(run);
    const values = told.tensors.get(first.name);
    if (values === undefined) return;
    const [out = 0, inputs = 0] = first.shape;
    const most = reach(values);
    if (shown?.run.id !== run.id) picked = false;
    const scale = shown?.run.id === run.id ? shown.scale * 0.85 + most * 0.15 : most;
    shown = { run, values, all: told.tensors, out, inputs, scale, columns: 10 };
    if (!picked && run.state !== "running") chosen = busiest(values, Math.min(out, MOST), inputs);
    draw();
    const cut = out > MOST ? " · " + t("firstOf", { n: MOST, of: out }) : "";
    say(caption, t("afterStep", { n: told.step }) + cut);
    canvas.dataset.step = String(told.step);
  };
  // Not in `refresh`: what is hidden is not refreshed.
  on(["run", "runs"], () => {
    const run = selected();
    if (shown !== null && shown.run.id !== run?.id) {
      // Pictures belong to their run.
      shown = null;
      canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
      large.hidden = true;
      delete canvas.dataset.step;
      say(about, t("onItsWay"));
      say(caption, "");
    }
    el.hidden = run !== null && weightTensors(run).length === 0;
  });
  const poke = follow(el, parameterPause, refresh);
  onScheme(() => (draw(), poke()));
  return el;
}

function busiest(values: Float32Array, count: number, inputs: number): number {
  let best = 0;
  let most = -1;
  for (let n = 0; n < count; n++) {
    let sum = 0;
    for (let i = n * inputs; i < (n + 1) * inputs; i++) sum += values[i]! ** 2;
    if (sum > most) [best, most] = [n, sum];
  }
  return best;
}

function framePixels(): { line: number; ink: number } {
  const light = colours().zero[0] > 128;
  return {
    line: pixel(light ? [203, 209, 222] : [48, 56, 76]),
    ink: pixel(light ? [20, 28, 50] : [240, 244, 255]),
  };
}

function frame(
  data: Uint32Array,
  width: number,
  x0: number,
  y0: number,
  cols: number,
  rows: number,
  colour: number,
): void {
  for (let y = y0 - GAP; y < y0 + rows + GAP; y++) {
    for (let x = x0 - GAP; x < x0 + cols + GAP; x++) {
      const inside = x >= x0 && x < x0 + cols && y >= y0 && y < y0 + rows;
      if (!inside) data[y * width + x] = colour;
    }
  }
}

/** What an input is called: the table's words where the server tells them. */
export function inputName(run: Run, i: number): string {
  const name = run.inputs?.[i];
  if (name === undefined) return t("inputN", { n: i + 1 });
  const [, column, kind] = /^(.*) (missing|rare)$/.exec(name) ?? [];
  if (column === undefined) return name;
  return kind === "missing" ? t("missingNamed", { x: column }) : t("rareNamed", { x: column });
}

/** What a sample's input says: of two words the one that is there. */
export function inputSaid(run: Run, i: number, value: number | undefined): string {
  const name = inputName(run, i);
  const column = run.columns?.find((c) => c.kind === "category" && name.startsWith(`${c.name} = `));
  if (column?.kind !== "category" || value === undefined || value > 0) return name;
  const other = column.words.find((word) => name !== `${column.name} = ${word}`);
  if (column.words.length === 2 && value < 0 && other !== undefined) return `${column.name} = ${other}`;
  return t("notNamed", { x: name });
}

/** Blue with plus, white, orange with minus. */
export function legend(minus = t("minus"), plus = t("plus")): HTMLElement {
  return h(
    "span",
    { class: "legend" },
    h("span", {}, ltr("−"), " ", minus),
    h("span", { class: "ramp", "aria-hidden": "true" }),
    h("span", {}, plus, " ", ltr("+")),
  );
}
