// A single perceptron, drawn as one with its numbers: inputs, each times its weight, the sum, the bias, the output.

import { activationLabel } from "./touch";
import type { Run } from "./api";
import type { Touched } from "./api-types";
import { colours, css, divergingPixel } from "./colours";
import { className, num, percent, signed, t } from "./i18n";
import { board, fit, overChannels, pixelsOf, reach } from "./picture";
import type { Spot } from "./columns";
import { inputName } from "./weights";

const HEIGHT = 340;
const MIDDLE = 170;
/** Inputs that are drawn: those that count most. */
const MOST = 7;

/** Whether a run's network is one neuron alone. */
export function isPerceptron(run: Run): boolean {
  return run.tensors.length === 2 && run.tensors[0]?.shape[0] === 1;
}

/** Draws it; answers where the neuron is. */
export function drawPerceptron(
  canvas: HTMLCanvasElement,
  run: Run,
  told: Touched,
  picture: HTMLCanvasElement | null,
): Spot[] {
  const n = told.neuron!;
  const { context: c, width, unit } = fit(canvas, HEIGHT);
  const look = colours();
  const small = width < 480;
  const x = { left: picture ? 52 : small ? 84 : 130, sum: width * 0.52, bend: width * 0.72, end: width - 62 };
  const write = (text: string, at: number, y: number, align: CanvasTextAlign = "center", bold = false) => {
    c.font = `${bold ? "700 " : ""}${small ? 12 : 13}px system-ui, sans-serif`;
    c.direction = "ltr";
    c.textAlign = align;
    c.textBaseline = "middle";
    c.fillStyle = look.ink;
    c.fillText(text.replace(/[\u2068\u2069]/g, ""), at, y);
  };
  const line = (x0: number, y0: number, x1: number, y1: number, amount: number, most: number) => {
    const strength = most === 0 ? 0 : Math.abs(amount) / most;
    c.strokeStyle = css(amount < 0 ? look.minus : look.plus, 0.3 + 0.7 * strength);
    c.lineWidth = 1 + 3 * strength;
    c.setLineDash(amount < 0 ? [5, 4] : []);
    c.beginPath();
    c.moveTo(x0, y0);
    c.lineTo(x1, y1);
    c.stroke();
    c.setLineDash([]);
  };
  const weighted = n.sum - n.bias;
  if (picture !== null) {
    c.imageSmoothingEnabled = false;
    const size = small ? 62 : 84;
    const weights = x.left + size + (small ? 18 : 40);
    line(x.left + size / 2, MIDDLE, x.sum, MIDDLE, weighted, Math.abs(weighted));
    c.drawImage(picture, x.left - size / 2, MIDDLE - size / 2, size, size);
    c.drawImage(painted(run, n.weights), weights - size / 2, MIDDLE - size / 2, size, size);
    c.strokeStyle = look.quiet;
    c.strokeRect(x.left - size / 2, MIDDLE - size / 2, size, size);
    c.strokeRect(weights - size / 2, MIDDLE - size / 2, size, size);
    write("×", (x.left + weights) / 2, MIDDLE - size / 2 - 10, "center", true);
    write(num(weighted, 3), weights, MIDDLE + size / 2 + 16);
  } else {
    const products = n.inputs.map((v, i) => v * n.weights[i]!);
    const order = [...products.keys()].sort((a, b) => Math.abs(products[b]!) - Math.abs(products[a]!));
    const drawn = order.slice(0, MOST).sort((a, b) => a - b);
    const most = Math.max(...products.map(Math.abs), 1e-12);
    // As much room as the longest name needs, but never more than a third.
    const room = small ? 8 : 20;
    const told = drawn.map((i) => {
      const name = inputName(run, i);
      return `${name.length > room ? name.slice(0, room) + "…" : name} = ${num(n.inputs[i]!, 2)}`;
    });
    c.font = `${small ? 12 : 13}px system-ui, sans-serif`;
    const widest = Math.max(...told.map((text) => c.measureText(text).width));
    x.left = Math.min(Math.max(x.left, widest + 16), width * 0.36);
    const step = Math.min(44, 260 / Math.max(1, drawn.length));
    drawn.forEach((i, place) => {
      const y = MIDDLE + (place - (drawn.length - 1) / 2) * step;
      line(x.left, y, x.sum, MIDDLE, products[i]!, most);
      dot(c, x.left, y, 7, look.card, look.quiet);
      write(told[place]!, x.left - 12, y, "right");
      // Near its input, where the lines are apart; on a ground of its own.
      const at = x.left + (x.sum - x.left) * 0.3;
      const text = `× ${num(n.weights[i]!, 3)}`;
      c.fillStyle = look.card;
      const high = y + (MIDDLE - y) * 0.3;
      c.fillRect(at - text.length * 3.6, high - 8, text.length * 7.2, 16);
      write(text, at, high);
    });
    const rest = order.slice(MOST).reduce((sum, i) => sum + products[i]!, 0);
    if (order.length > MOST) write(t("addAll", { x: num(rest, 3) }), x.left, HEIGHT - 12, small ? "center" : "left");
  }
  line(x.sum, MIDDLE, x.end, MIDDLE, n.sum, Math.abs(n.sum));
  dot(c, x.sum, MIDDLE, 26, look.card, look.ink);
  write("Σ", x.sum, MIDDLE, "center", true);
  write(`${num(weighted, 3)} ${signed(n.bias, 3)}`, x.sum, MIDDLE + 42);
  write(`= ${num(n.sum, 3)}`, x.sum, MIDDLE + 60, "center", true);
  if (n.activation !== "" && n.activation !== "identity") {
    c.fillStyle = look.card;
    c.strokeStyle = look.ink;
    c.lineWidth = 1.5;
    c.beginPath();
    c.rect(x.bend - 22, MIDDLE - 22, 44, 44);
    c.fill();
    c.stroke();
    write(activationLabel(n.activation), x.bend, MIDDLE, "center", true);
  }
  dot(c, x.end, MIDDLE, 12, css(look.plus, Math.max(0.1, Math.min(1, Math.abs(n.output)))), look.ink);
  const name = run.task === "binary" ? className(run.names.at(-1) ?? "") : "";
  write(name, x.end, MIDDLE - 28, "center", true);
  write(run.task === "binary" ? percent(n.output, 1) : num(told.trace.value), x.end, MIDDLE + 30, "center", true);
  return [{ column: 1, neuron: 0, x: x.sum * unit, y: MIDDLE * unit }];
}

function dot(c: CanvasRenderingContext2D, x: number, y: number, r: number, inside: string, rim: string): void {
  c.fillStyle = inside;
  c.strokeStyle = rim;
  c.lineWidth = 1.5;
  c.beginPath();
  c.arc(x, y, r, 0, 7);
  c.fill();
  c.stroke();
}

/** The weights as a picture. */
function painted(run: Run, weights: number[]): HTMLCanvasElement {
  const [, height = 28, width = 28] = run.shape;
  const canvas = board(width, height, "");
  const cells = overChannels(Float32Array.from(weights), width * height);
  const scale = reach(cells);
  const { data, put } = pixelsOf(canvas);
  cells.forEach((w, i) => (data[i] = divergingPixel(w / scale)));
  put();
  return canvas;
}
