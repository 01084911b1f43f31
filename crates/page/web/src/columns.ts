// Drawing a network on a canvas: columns of neurons, and between them lines as strong as what flows.

import { colours, css, type Colours } from "./colours";
import { t } from "./i18n";
import { fit } from "./picture";

/** At most so many neurons of a layer are drawn. */
export const MOST = 14;
/** At the text size of 17 px; all of it grows with the text. */
const HEIGHT = 340;
const TOP = 44;
const BOTTOM = HEIGHT - 26;
const MIDDLE = (TOP + BOTTOM) / 2;
const PICTURE = 80;

/** A layer. */
export interface Column {
  size: number;
  /** Which neurons are drawn. */
  drawn: number[];
  head: string;
  under: string;
  /** The activations; null: not known. */
  values: ArrayLike<number> | null;
  /** Beside the drawn neurons. */
  labels: string[] | null;
}

/** What flows from one neuron into another of the next layer; from −1: from the whole picture. */
export type Flow = (from: number, to: number) => number;

/** A neuron on the screen, in its own pixels. */
export interface Spot {
  column: number;
  neuron: number;
  x: number;
  y: number;
}

/** A neuron of the drawing. */
export interface Place {
  column: number;
  neuron: number;
}

/** Where things stand. */
interface Layout {
  /** Pixels of a unit. */
  unit: number;
  context: CanvasRenderingContext2D;
  width: number;
  look: Colours;
  left: number;
  radius: number;
  x: (column: number) => number;
  y: (column: number, place: number) => number;
}

/** The neurons to draw: the most active, each in its place for as long as it stays among the active ones. */
export function keep(before: number[] | undefined, values: ArrayLike<number> | null, size: number): number[] {
  const count = Math.min(size, MOST);
  const all = Array.from({ length: size }, (_, i) => i);
  if (size <= MOST || values === null) return all.slice(0, count);
  const order = all.sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!));
  if (before?.length !== count) return order.slice(0, count).sort((a, b) => a - b);
  const good = new Set(order.slice(0, count * 2).filter((n) => values[n] !== 0));
  const fresh = order.filter((n) => !before.includes(n) && values[n] !== 0);
  return before.map((n) => (good.has(n) ? n : (fresh.shift() ?? n)));
}

/** Draws the columns; `flows[i]` between column i and the next. A picture stands in for the first column. */
export function drawColumns(
  canvas: HTMLCanvasElement,
  columns: Column[],
  flows: (Flow | undefined)[],
  picture: HTMLCanvasElement | null,
  chosen: Place | null = null,
): Spot[] {
  const layout = place(canvas, columns, picture !== null);
  for (let i = 0; i + 1 < columns.length; i++) {
    wires(layout, columns, i, flows[i], i === 0 && picture !== null);
  }
  columns.forEach((column, i) => {
    heads(layout, column, i);
    if (i === 0 && picture !== null) drawPicture(layout, picture);
    else neurons(layout, column, i);
  });
  const { context: c, unit, x, y, radius, look } = layout;
  const spots = columns.flatMap((column, i) =>
    i === 0 && picture !== null
      ? []
      : column.drawn.map((neuron, n) => ({ column: i, neuron, x: x(i) * unit, y: y(i, n) * unit })),
  );
  const ring = spots.find((s) => s.column === chosen?.column && s.neuron === chosen.neuron);
  if (ring !== undefined) {
    c.strokeStyle = look.ink;
    c.lineWidth = 3;
    c.beginPath();
    c.arc(ring.x / unit, ring.y / unit, radius + 4, 0, 7);
    c.stroke();
  }
  return spots;
}

function place(canvas: HTMLCanvasElement, columns: Column[], pictured: boolean): Layout {
  const { context, width, unit } = fit(canvas, HEIGHT);
  context.direction = document.documentElement.dir === "rtl" ? "rtl" : "ltr";
  const last = columns.length - 1;
  const left = pictured ? 48 : columns[0]!.labels ? 118 : 34;
  const right = width - (columns[last]!.labels ? 104 : 40);
  const most = Math.max(...columns.map((k) => k.drawn.length));
  return {
    unit,
    context,
    width,
    left,
    look: colours(),
    radius: Math.max(4, Math.min(11, (BOTTOM - TOP) / most / 2 - 2)),
    x: (i) => (last === 0 ? left : left + ((right - left) * i) / last),
    y: (i, n) => {
      const count = columns[i]!.drawn.length;
      return MIDDLE + (n - (count - 1) / 2) * Math.min(38, (BOTTOM - TOP) / Math.max(1, count));
    },
  };
}

function wires(
  layout: Layout,
  columns: Column[],
  i: number,
  flow: Flow | undefined,
  pictured: boolean,
): void {
  const { context: c, look, radius, left, x, y } = layout;
  const to = columns[i + 1]!.drawn;
  const from = pictured ? [-1] : columns[i]!.drawn;
  const amounts = from.map((a) => to.map((b) => flow?.(a, b) ?? 0));
  const strongest = Math.max(1e-12, ...amounts.flat().map(Math.abs));
  const x1 = x(i + 1) - radius;
  const x0 = pictured ? left + PICTURE / 2 : x(i) + radius;
  const middle = (x0 + x1) / 2;
  amounts.forEach((row, a) =>
    row.forEach((amount, b) => {
      const strength = Math.abs(amount) / strongest;
      c.strokeStyle = flow ? css(amount < 0 ? look.minus : look.plus, 0.1 + 0.9 * strength) : look.wire;
      c.lineWidth = 0.5 + 3.5 * strength;
      c.setLineDash(amount < 0 ? [5, 4] : []);
      const y0 = pictured ? MIDDLE + ((b + 0.5) / to.length - 0.5) * (PICTURE - 4) : y(i, a);
      const y1 = y(i + 1, b);
      c.beginPath();
      c.moveTo(x0, y0);
      c.bezierCurveTo(middle, y0, middle, y1, x1, y1);
      c.stroke();
    }),
  );
  c.setLineDash([]);
}

function heads({ context: c, look, width, x }: Layout, column: Column, i: number): void {
  c.textAlign = "center";
  c.textBaseline = "top";
  c.fillStyle = look.ink;
  c.font = "600 13px system-ui, sans-serif";
  const at = Math.max(24, Math.min(width - 32, x(i)));
  c.fillText(column.head, at, 4);
  c.font = "12px system-ui, sans-serif";
  c.fillStyle = look.quiet;
  c.fillText(column.under, at, 20);
  const hidden = column.size - column.drawn.length;
  if (column.drawn.length === 0 || hidden === 0) return;
  c.textBaseline = "bottom";
  const text = t("andMore", { n: hidden }).replace(/[\u2068\u2069]/g, "");
  c.fillText(text, Math.max(40, Math.min(width - 40, x(i))), HEIGHT - 4);
}

function drawPicture({ context: c, look, left }: Layout, picture: HTMLCanvasElement): void {
  const at = [left - PICTURE / 2, MIDDLE - PICTURE / 2, PICTURE, PICTURE] as const;
  c.imageSmoothingEnabled = false;
  c.drawImage(picture, ...at);
  c.strokeStyle = look.quiet;
  c.lineWidth = 1;
  c.strokeRect(...at);
}

function neurons({ context: c, look, radius, x, y }: Layout, column: Column, i: number): void {
  const { values, drawn, labels } = column;
  const scale = Math.max(1e-12, ...drawn.map((n) => Math.abs(values?.[n] ?? 0)));
  const cx = x(i);
  drawn.forEach((n, at) => {
    const cy = y(i, at);
    const value = values?.[n] ?? 0;
    const strength = Math.abs(value) / scale;
    c.beginPath();
    c.arc(cx, cy, radius, 0, 7);
    c.fillStyle = look.card;
    c.fill();
    c.strokeStyle = look.quiet;
    c.lineWidth = 1.2;
    c.stroke();
    if (strength > 0.02) {
      c.beginPath();
      c.arc(cx, cy, Math.max(1.5, (radius - 1) * Math.sqrt(strength)), 0, 7);
      c.fillStyle = css(value < 0 ? look.minus : look.plus);
      c.fill();
    }
    if (strength > 0.02 && value < 0 && radius > 5) {
      c.fillStyle = look.card;
      c.fillRect(cx - radius * 0.45, cy - 1, radius * 0.9, 2);
    }
    if (labels === null) return;
    c.textBaseline = "middle";
    c.textAlign = i === 0 ? "right" : "left";
    c.fillStyle = look.ink;
    c.fillText(clip(labels[at] ?? ""), cx + (i === 0 ? -radius - 5 : radius + 6), cy);
  });
}

function clip(text: string): string {
  return text.length > 15 ? text.slice(0, 14) + "…" : text;
}
