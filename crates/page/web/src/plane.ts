// The plane: points, a field, contours, curves, lines, residuals and paths over two axes. All pictures of data, of a
// model over its inputs and of a descent are drawn here. Points can be added and moved, by hand or by keys.

import { colours, css, onScheme } from "./colours";
import { h, set } from "./dom";
import { num } from "./i18n";
import { recorded } from "./pen";
import { describe, fit } from "./picture";
import { saveButtons } from "./share";

export type Rgb = [number, number, number];
export type Place = [number, number];

export interface Axis {
  name: string;
  low: number;
  high: number;
}

export interface Dot {
  at: Place;
  /** 0: a circle, 1: a triangle, 2: a square, and so on. */
  shape: number;
  colour: Rgb;
  hollow?: boolean;
  large?: boolean;
}

export interface Curve {
  places: Place[];
  colour: string;
  width?: number;
  dash?: number[];
  dots?: boolean;
  /** A ball at its end. */
  ball?: boolean;
  name?: string;
}

export interface Scene {
  x: Axis;
  y: Axis;
  /** side × side colours, x first, from low to high. */
  field?: { side: number; colours: Rgb[] };
  /** side × side heights, drawn as lines of one height. */
  contours?: { side: number; heights: number[]; levels: number[] };
  dots?: Dot[];
  curves?: Curve[];
  /** From a point to what was answered. */
  residuals?: { from: Place; to: number; square: boolean }[];
  /** What it shows, for who does not see it. */
  summary: string;
}

interface Hands {
  /** A place that was clicked where no dot is. */
  add?: (at: Place) => void;
  /** A dot that is being moved; `done`: it was let go. */
  move?: (dot: number, to: Place, done: boolean) => void;
}

const [LEFT, RIGHT, TOP, BOTTOM] = [50, 12, 10, 38];
/** How near a dot one has to come, in the canvas's units. */
const NEAR = 14;

export class Plane {
  readonly el: HTMLElement;
  readonly canvas = h("canvas", { class: "plane-canvas" });
  private scene: Scene | null = null;
  private width = 0;
  private held: number | null = null;
  private cursor: Place | null = null;

  constructor(
    private readonly height: number,
    private readonly hands: Hands = {},
  ) {
    this.el = h("div", { class: "plane", dir: "ltr" }, this.canvas);
    new ResizeObserver(() => this.redraw()).observe(this.el);
    onScheme(() => this.redraw());
    if (hands.add || hands.move) this.listen();
  }

  /** Buttons that save it under this name. */
  saving(name: string): HTMLElement {
    return saveButtons(name, () => this.scene && recorded(() => this.redraw(), colours().card));
  }

  draw(scene: Scene): void {
    this.scene = scene;
    describe(this.canvas, scene.summary);
    this.redraw();
  }

  private x(value: number): number {
    const { low, high } = this.scene!.x;
    return LEFT + ((value - low) / (high - low)) * (this.width - LEFT - RIGHT);
  }

  private y(value: number): number {
    const { low, high } = this.scene!.y;
    return this.height - BOTTOM - ((value - low) / (high - low)) * (this.height - TOP - BOTTOM);
  }

  private back(px: number, py: number): Place {
    const { x, y } = this.scene!;
    const across = (px - LEFT) / (this.width - LEFT - RIGHT);
    const up = (this.height - BOTTOM - py) / (this.height - TOP - BOTTOM);
    return [x.low + across * (x.high - x.low), y.low + up * (y.high - y.low)];
  }

  private redraw(): void {
    const { scene } = this;
    if (scene === null || this.el.clientWidth === 0) return;
    const { context: c, width } = fit(this.canvas, this.height);
    this.width = width;
    c.save();
    c.beginPath();
    c.rect(LEFT, TOP, width - LEFT - RIGHT, this.height - TOP - BOTTOM);
    c.clip();
    if (scene.field) this.field(c, scene.field);
    if (scene.contours) this.contours(c, scene.contours);
    for (const residual of scene.residuals ?? []) this.residual(c, residual);
    for (const dot of scene.dots ?? []) this.dot(c, dot);
    for (const curve of scene.curves ?? []) this.curve(c, curve);
    if (this.cursor !== null) this.cross(c, this.cursor);
    c.restore();
    this.axes(c, scene);
    this.canvas.dataset.draws = String(Number(this.canvas.dataset.draws ?? 0) + 1);
  }

  private field(c: CanvasRenderingContext2D, { side, colours }: NonNullable<Scene["field"]>): void {
    const small = document.createElement("canvas");
    small.width = small.height = side;
    const own = small.getContext("2d")!;
    const image = own.createImageData(side, side);
    colours.forEach((colour, i) => {
      // The field's first row is the lowest.
      const at = ((side - 1 - Math.floor(i / side)) * side + (i % side)) * 4;
      image.data.set([...colour.map(Math.round), 255], at);
    });
    own.putImageData(image, 0, 0);
    c.imageSmoothingEnabled = true;
    c.drawImage(small, LEFT, TOP, this.width - LEFT - RIGHT, this.height - TOP - BOTTOM);
  }

  private contours(
    c: CanvasRenderingContext2D,
    { side, heights, levels }: NonNullable<Scene["contours"]>,
  ): void {
    const { x, y } = this.scene!;
    const at = (i: number, j: number): Place => [
      this.x(x.low + (i / (side - 1)) * (x.high - x.low)),
      this.y(y.low + (j / (side - 1)) * (y.high - y.low)),
    ];
    c.lineWidth = 1;
    c.strokeStyle = colours().quiet;
    c.globalAlpha = 0.55;
    for (const level of levels) {
      c.beginPath();
      for (let j = 0; j + 1 < side; j++) {
        for (let i = 0; i + 1 < side; i++) {
          const corners = [
            [i, j],
            [i + 1, j],
            [i + 1, j + 1],
            [i, j + 1],
          ] as Place[];
          const cuts: Place[] = [];
          corners.forEach(([ci, cj], n) => {
            const [ni, nj] = corners[(n + 1) % 4]!;
            const [a, b] = [heights[cj * side + ci]! - level, heights[nj * side + ni]! - level];
            if (a < 0 === b < 0) return;
            const part = a / (a - b);
            cuts.push(at(ci + part * (ni - ci), cj + part * (nj - cj)));
          });
          for (let n = 0; n + 1 < cuts.length; n += 2) {
            c.moveTo(...cuts[n]!);
            c.lineTo(...cuts[n + 1]!);
          }
        }
      }
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  private residual(
    c: CanvasRenderingContext2D,
    { from, to, square }: NonNullable<Scene["residuals"]>[number],
  ): void {
    const [px, py, qy] = [this.x(from[0]), this.y(from[1]), this.y(to)];
    const { minus } = colours();
    c.strokeStyle = css(minus, 0.8);
    c.lineWidth = 1.4;
    c.fillStyle = css(minus, 0.16);
    if (square) {
      const side = qy - py;
      c.fillRect(px, py, Math.abs(side), side);
      c.strokeRect(px, py, Math.abs(side), side);
      return;
    }
    c.beginPath();
    c.moveTo(px, py);
    c.lineTo(px, qy);
    c.stroke();
  }

  private curve(c: CanvasRenderingContext2D, { places, colour, width, dash, dots, ball }: Curve): void {
    c.strokeStyle = c.fillStyle = colour;
    c.lineWidth = width ?? 2;
    c.setLineDash(dash ?? []);
    c.beginPath();
    // Far outside a canvas draws nothing right.
    const clip = (p: number) => Math.max(-1e4, Math.min(1e4, p));
    const drawn = places.map(([x, y]): Place => [clip(this.x(x)), clip(this.y(y))]);
    drawn.forEach((place, i) => (i === 0 ? c.moveTo(...place) : c.lineTo(...place)));
    c.stroke();
    c.setLineDash([]);
    if (dots) {
      for (const place of drawn) {
        c.beginPath();
        c.arc(...place, 2.6, 0, 7);
        c.fill();
      }
    }
    const last = drawn.at(-1);
    if (ball && last !== undefined) {
      c.beginPath();
      c.arc(...last, 8, 0, 7);
      c.fill();
      c.lineWidth = 2;
      c.strokeStyle = colours().card;
      c.stroke();
    }
  }

  private dot(c: CanvasRenderingContext2D, { at, shape, colour, hollow, large }: Dot): void {
    const [px, py, r] = [this.x(at[0]), this.y(at[1]), large ? 6.5 : 3.4];
    c.beginPath();
    if (shape % 3 === 0) c.arc(px, py, r, 0, 7);
    else if (shape % 3 === 1) {
      c.moveTo(px, py - 1.25 * r);
      c.lineTo(px + 1.15 * r, py + 0.85 * r);
      c.lineTo(px - 1.15 * r, py + 0.85 * r);
      c.closePath();
    } else c.rect(px - r, py - r, 2 * r, 2 * r);
    c.lineWidth = hollow ? 1.5 : 0.8;
    c.fillStyle = css(colour);
    c.strokeStyle = hollow ? css(colour) : colours().card;
    if (!hollow) c.fill();
    c.stroke();
  }

  private cross(c: CanvasRenderingContext2D, [x, y]: Place): void {
    c.strokeStyle = colours().ink;
    c.lineWidth = 1.5;
    c.beginPath();
    c.moveTo(this.x(x) - 10, this.y(y));
    c.lineTo(this.x(x) + 10, this.y(y));
    c.moveTo(this.x(x), this.y(y) - 10);
    c.lineTo(this.x(x), this.y(y) + 10);
    c.stroke();
  }

  private axes(c: CanvasRenderingContext2D, { x, y }: Scene): void {
    const { quiet, line, ink } = colours();
    const bottom = this.height - BOTTOM;
    c.strokeStyle = line;
    c.lineWidth = 1;
    c.strokeRect(LEFT, TOP, this.width - LEFT - RIGHT, bottom - TOP);
    c.font = "12px system-ui, sans-serif";
    c.fillStyle = quiet;
    c.textBaseline = "middle";
    c.textAlign = "center";
    for (const tick of ticks(x, this.width < 420 ? 4 : 7)) {
      const label = num(tick, 3);
      const most = this.width - c.measureText(label).width / 2 - 1;
      c.fillText(label, Math.min(this.x(tick), most), bottom + 11);
    }
    c.textAlign = "right";
    for (const tick of ticks(y, 6)) c.fillText(num(tick, 3), LEFT - 5, this.y(tick));
    c.fillStyle = ink;
    c.textAlign = "center";
    c.fillText(x.name, (LEFT + this.width - RIGHT) / 2, this.height - 8);
    c.save();
    c.translate(9, (TOP + bottom) / 2);
    c.rotate(-Math.PI / 2);
    c.fillText(y.name, 0, 0);
    c.restore();
  }

  /** Which dot is near a place of the canvas. */
  private near(px: number, py: number): number | null {
    let [best, least] = [null as number | null, NEAR];
    this.scene?.dots?.forEach(({ at }, i) => {
      const far = Math.hypot(this.x(at[0]) - px, this.y(at[1]) - py);
      if (far < least) [best, least] = [i, far];
    });
    return best;
  }

  /** Where on the canvas, in its units. */
  private where(event: PointerEvent): Place {
    const box = this.canvas.getBoundingClientRect();
    const unit = box.width / this.width;
    return [(event.clientX - box.left) / unit, (event.clientY - box.top) / unit];
  }

  private listen(): void {
    set(this.canvas, { tabindex: 0, role: "application" });
    this.canvas.classList.add("handy");
    this.canvas.addEventListener("pointerdown", (event) => {
      if (this.scene === null) return;
      const [px, py] = this.where(event);
      const dot = this.hands.move ? this.near(px, py) : null;
      if (dot === null) return this.hands.add?.(this.back(px, py));
      this.held = dot;
      this.canvas.setPointerCapture(event.pointerId);
    });
    const moved = (done: boolean) => (event: PointerEvent) => {
      if (this.held === null || this.scene === null) return;
      const dot = this.held;
      if (done) this.held = null;
      this.hands.move?.(dot, this.back(...this.where(event)), done);
    };
    this.canvas.addEventListener("pointermove", moved(false));
    this.canvas.addEventListener("pointerup", moved(true));
    this.canvas.addEventListener("pointercancel", moved(true));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => {
      this.cursor = null;
      this.redraw();
    });
  }

  /** Arrows move a cross, with Shift the nearest dot too; Enter adds a dot where it is. */
  private key(event: KeyboardEvent): void {
    const { scene } = this;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (scene === null || (by === undefined && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    const { x, y } = scene;
    this.cursor ??= [(x.low + x.high) / 2, (y.low + y.high) / 2];
    const [cx, cy] = this.cursor;
    if (by === undefined) return this.hands.add?.(this.cursor);
    const dot = event.shiftKey && this.hands.move ? this.near(this.x(cx), this.y(cy)) : null;
    const to: Place = [cx + (by[0]! * (x.high - x.low)) / 40, cy + (by[1]! * (y.high - y.low)) / 40];
    this.cursor = to;
    if (dot !== null) this.hands.move!(dot, to, true);
    this.redraw();
  }
}

/** Round numbers along an axis. */
function ticks({ low, high }: Axis, most: number): number[] {
  const raw = (high - low) / most;
  const ten = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * ten).find((n) => n >= raw) ?? raw;
  const all: number[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    all.push(Math.abs(tick) < step / 1e6 ? 0 : tick);
  }
  return all;
}

/** Heights at which lines are drawn: evenly, or closer where it is low. */
export function levels(heights: number[], count: number, low = false): number[] {
  const least = Math.min(...heights);
  const most = Math.max(...heights);
  const at = (i: number) => (i + 1) / (count + 1);
  return Array.from({ length: count }, (_, i) => least + (most - least) * (low ? at(i) ** 3 : at(i)));
}
