// Curves: uPlot with a labelled line for the baseline, a marker for the moment, and the same as a table.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { colours, onScheme } from "./colours";
import { fill, h, say, scroller, textScale } from "./dom";
import { int, t } from "./i18n";
import { recorded, recording } from "./pen";
import { saveButtons } from "./share";

/** Points of each line that its table has in any case. */
const FIRST = 5;

export interface Line {
  id: string;
  /** What it is called at its end and in the table: #3, test. */
  name: string;
  colour: string;
  /** Dashes tell lines apart. */
  dash: number[];
  xs: number[];
  ys: number[];
  /** Faint, behind the others: the points that a smoother line is of. */
  raw?: boolean;
}

interface Tick {
  value: number;
  text: string;
}

export interface Mark {
  value: number;
  label: string;
}

export interface Content {
  lines: Line[];
  baselines?: Mark[];
  moment?: number | null;
  summary: string;
}

export interface Options {
  title: string;
  format: (y: number) => string;
  height?: number;
  /** Offers a logarithmic axis. */
  log?: boolean;
  range?: (low: number, high: number) => [number, number];
}

/** A chart with a heading, a sentence that says what it shows, and its numbers as a table on demand. */
/** What waits to be drawn: one chart a frame, as two together would block the page for too long. */
const waiting = new Set<Chart>();

/** A frame later than the change it follows: what that moved is then in its place, and not measured twice. */
function drawSoon(): void {
  requestAnimationFrame(() => requestAnimationFrame(drawNext));
}

function drawNext(): void {
  const [next] = waiting;
  if (next === undefined) return;
  waiting.delete(next);
  if (waiting.size > 0) requestAnimationFrame(drawNext);
  next.draw();
}

export class Chart {
  readonly el: HTMLElement;
  private readonly host = h("div", { class: "plot", dir: "ltr", "aria-hidden": "true" });
  private readonly readout = h("span", { class: "readout" });
  private readonly summary = h("p", { class: "sr-only" });
  private readonly table: HTMLElement;
  private readonly details: HTMLDetailsElement;
  private plot: uPlot | null = null;
  private shown = "";
  /** What was asked for last: the same again needs no drawing. */
  private key = "";
  private content: Content = { lines: [], summary: "" };
  private drawn = 0;
  private log = false;
  /** The numbers at the axes, as uPlot has chosen them: x and y. */
  private readonly ticks: [Tick[], Tick[]] = [[], []];

  constructor(private readonly options: Options) {
    this.table = scroller(`${options.title}, ${t("asTable")}`, { dir: "ltr" });
    this.details = h(
      "details",
      { class: "as-table", ontoggle: () => this.tabulate() },
      h("summary", {}, t("asTable")),
      this.table,
    );
    const scale = options.log
      ? h(
          "label",
          { class: "tick" },
          h("input", {
            type: "checkbox",
            onchange: (e: Event) => this.setLog((e.target as HTMLInputElement).checked),
          }),
          t("logScale"),
        )
      : null;
    const save = saveButtons(
      options.title,
      () => this.plot && recorded(() => this.retrace(this.plot!), colours().card),
    );
    this.el = h(
      "figure",
      { class: "chart" },
      h("figcaption", {}, h("h3", {}, options.title), this.readout, scale, save, this.details),
      this.host,
      this.summary,
    );
    new ResizeObserver(() => this.resize()).observe(this.host);
    onScheme(() => this.rebuild());
  }

  /** Shows other content, one of the next frames. */
  set(content: Content): void {
    this.content = content;
    const key = JSON.stringify([
      content.lines.map((l) => [l.id, l.name, l.colour, l.xs.length, l.xs[0], l.xs.at(-1)]),
      content.baselines,
      content.moment,
      content.summary,
    ]);
    if (key === this.key) return;
    this.key = key;
    if (waiting.size === 0) drawSoon();
    waiting.add(this);
  }

  private setLog(log: boolean): void {
    this.log = log;
    this.rebuild();
  }

  private rebuild(): void {
    this.shown = this.key = "";
    this.set(this.content);
  }

  private resize(): void {
    const width = this.host.clientWidth;
    if (width > 0 && this.plot && this.plot.width !== width)
      this.plot.setSize({ width, height: this.height() });
    // What changed while it could not be seen.
    if (width > 0 && this.key === "") this.set(this.content);
  }

  private height(): number {
    return Math.max(this.options.height ?? 200, Math.min(300, Math.round(this.host.clientWidth * 0.45)));
  }

  /** Draws what it was given last. */
  draw(): void {
    if (this.host.clientWidth === 0) return void (this.key = "");
    const { lines } = this.content;
    const shown = (ys: number[]) => (this.log ? ys.map((y) => (y > 0 ? y : null)) : ys);
    const tables = lines.map((l): uPlot.AlignedData => [l.xs, shown(l.ys)]);
    const data: uPlot.AlignedData =
      tables.length === 0 ? [[], []] : tables.length === 1 ? tables[0]! : uPlot.join(tables);
    const shape = lines.map((l) => [l.id, l.name, l.colour].join()).join("|");
    if (this.plot === null || shape !== this.shown) {
      this.plot?.destroy();
      this.shown = shape;
      this.plot = new uPlot(this.settings(lines), data, this.host);
    } else this.plot.setData(data);
    say(this.summary, this.content.summary);
    if (this.details.open) this.tabulate();
    this.host.dataset.draws = String(++this.drawn);
    this.host.dataset.points = String(data[0].length);
  }

  private settings(lines: Line[]): uPlot.Options {
    const c = colours();
    const scale = textScale();
    const font = `${13 * scale}px system-ui, sans-serif`;
    const axis = {
      stroke: c.quiet,
      font,
      grid: { stroke: c.line, width: 1 },
      ticks: { stroke: c.line, width: 1, size: 4 },
    };
    const range = this.options.range;
    const named = lines.filter((l) => !l.raw);
    const longest = named.length > 1 ? Math.max(...named.map((l) => l.name.length)) : 0;
    return {
      width: this.host.clientWidth,
      height: this.height(),
      // Names stand beside the ends of their lines.
      padding: [10, Math.max(24, longest * 7.5 * scale + 8), 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: {
        x: { time: false },
        y: this.log ? { distr: 3 } : range ? { range: (_, low, high) => range(low, high) } : {},
      },
      axes: [
        {
          ...axis,
          size: 30 * scale,
          values: (_, ticks) => this.labelled(0, ticks, (v) => (Number.isInteger(v) ? int(v) : "")),
        },
        {
          ...axis,
          size: 66 * scale,
          values: (_, ticks) => this.labelled(1, ticks, (v) => (v === null ? "" : this.options.format(v))),
        },
      ],
      series: [{}, ...(lines.length === 0 ? [{ label: "" }] : lines.map((line) => series(line)))],
      hooks: { draw: [(u) => this.marks(u, u.ctx, uPlot.pxRatio)], setCursor: [(u) => this.read(u)] },
    };
  }

  private labelled(axis: 0 | 1, ticks: number[], text: (v: number) => string): string[] {
    this.ticks[axis] = ticks.map((value) => ({ value, text: text(value) }));
    return this.ticks[axis].map((tick) => tick.text);
  }

  /** Draws all of it once more, with the pen of a recording: what uPlot draws into its own canvas, and the marks. */
  private retrace(u: uPlot): void {
    const ratio = uPlot.pxRatio;
    const pen = recording([u.width * ratio, u.height * ratio]);
    if (pen === null) return;
    const c = colours();
    const { left, top, width, height } = u.bbox;
    const [bottom, right] = [top + height, left + width];
    pen.font = `${13 * textScale() * ratio}px system-ui, sans-serif`;
    pen.lineWidth = ratio;
    pen.strokeStyle = c.line;
    pen.fillStyle = c.quiet;
    for (const { value, text } of this.ticks[0]) {
      const x = u.valToPos(value, "x", true);
      if (x < left - 1 || x > right + 1) continue;
      line(pen, x, top, x, bottom + 4 * ratio);
      pen.textAlign = "center";
      pen.textBaseline = "top";
      if (text !== "") pen.fillText(text, x, bottom + 8 * ratio);
    }
    for (const { value, text } of this.ticks[1]) {
      const y = u.valToPos(value, "y", true);
      if (value === null || y < top - 1 || y > bottom + 1) continue;
      line(pen, left - 4 * ratio, y, right, y);
      pen.textAlign = "right";
      pen.textBaseline = "middle";
      if (text !== "") pen.fillText(text, left - 8 * ratio, y);
    }
    for (const l of this.content.lines) {
      pen.globalAlpha = l.raw ? 0.3 : 1;
      pen.strokeStyle = l.colour;
      pen.lineWidth = (l.raw ? 1 : 2.5) * ratio;
      pen.setLineDash(l.raw ? [] : l.dash.map((d) => d * ratio));
      pen.beginPath();
      let begun = false;
      l.xs.forEach((x, i) => {
        const y = l.ys[i]!;
        if (!Number.isFinite(y) || (this.log && y <= 0)) return;
        const at = [u.valToPos(x, "x", true), u.valToPos(y, "y", true)] as const;
        if (begun) pen.lineTo(...at);
        else pen.moveTo(...at);
        begun = true;
      });
      pen.stroke();
      pen.globalAlpha = 1;
    }
    pen.setLineDash([]);
    this.marks(u, pen, ratio);
  }

  /** The baselines, the moment, and each line's number at its end where there are several. */
  private marks(u: uPlot, ctx: CanvasRenderingContext2D, ratio: number): void {
    const { bbox } = u;
    const c = colours();
    const { baselines = [], moment, lines } = this.content;
    ctx.save();
    ctx.font = `${13 * textScale() * ratio}px system-ui, sans-serif`;
    ctx.lineWidth = 1.5 * ratio;
    ctx.direction = document.documentElement.dir === "rtl" ? "rtl" : "ltr";
    const high = 17 * textScale() * ratio;
    // From above downwards: where two are near each other, the words of the lower one stand below it.
    let before = -Infinity;
    for (const { value, label } of [...baselines].sort((a, b) => b.value - a.value)) {
      const y = u.valToPos(value, "y", true);
      if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue;
      ctx.strokeStyle = c.ink;
      ctx.setLineDash([6 * ratio, 5 * ratio]);
      line(ctx, bbox.left, y, bbox.left + bbox.width, y);
      ctx.setLineDash([]);
      ctx.fillStyle = c.ink;
      ctx.textAlign = "right";
      const above = y - bbox.top > high && y - before > high;
      before = y;
      ctx.textBaseline = above ? "bottom" : "top";
      const [x, most] = [bbox.left + bbox.width - 4 * ratio, bbox.width - 8 * ratio];
      ctx.fillText(label, x, y + (above ? -3 : 4) * ratio, most);
    }
    if (moment !== null && moment !== undefined) {
      const x = u.valToPos(moment, "x", true);
      if (x >= bbox.left && x <= bbox.left + bbox.width) {
        ctx.strokeStyle = c.ink;
        line(ctx, x, bbox.top, x, bbox.top + bbox.height);
        ctx.fillStyle = c.ink;
        ctx.beginPath();
        ctx.moveTo(x - 6 * ratio, bbox.top);
        ctx.lineTo(x + 6 * ratio, bbox.top);
        ctx.lineTo(x, bbox.top + 8 * ratio);
        ctx.fill();
      }
    }
    const named = lines.filter((l) => !l.raw);
    if (named.length > 1) {
      ctx.direction = "ltr";
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      const ends = named.flatMap((l) => {
        const [x, y] = [l.xs.at(-1), l.ys.at(-1)];
        if (x === undefined || y === undefined || (this.log && y <= 0)) return [];
        return [{ l, x: bbox.left + bbox.width + 6 * ratio, y: u.valToPos(y, "y", true) }];
      });
      // From below upwards, so that none covers another; then down again, should the topmost stand out.
      let free = bbox.top + bbox.height;
      const heights = ends
        .sort((a, b) => b.y - a.y)
        .map(({ y }) => {
          const height = Math.min(free, y);
          free = height - 14 * ratio;
          return height;
        });
      const out = Math.max(0, bbox.top + 12 * ratio - (heights.at(-1) ?? Infinity));
      ends.forEach(({ l, x }, i) => {
        ctx.fillStyle = l.colour;
        ctx.fillText(l.name, x, heights[i]! + out);
      });
    }
    ctx.restore();
  }

  private read(u: uPlot): void {
    const at = u.cursor.idx;
    if (at === null || at === undefined) return say(this.readout, "");
    const step = u.data[0][at];
    const told = this.content.lines
      .map((l, i) => ({ l, y: u.data[i + 1]?.[at] }))
      .filter(({ y }) => y !== null && y !== undefined)
      .map(
        ({ l, y }) => (this.content.lines.length > 1 ? `${l.name} ` : "") + this.options.format(y as number),
      );
    say(
      this.readout,
      step === undefined || told.length === 0 ? "" : `${t("step")} ${int(step)}: ${told.join(", ")}`,
    );
  }

  private tabulate(): void {
    if (!this.details.open) return;
    const rows: HTMLElement[] = [];
    for (const l of this.content.lines) {
      const every = Math.max(1, Math.ceil(l.xs.length / 12));
      l.xs.forEach((x, i) => {
        // Of many some, evenly, and all of the first ones: there most happens.
        if (i >= FIRST && i % every !== 0 && i !== l.xs.length - 1) return;
        rows.push(
          h("tr", {}, h("td", {}, l.name), h("td", {}, int(x)), h("td", {}, this.options.format(l.ys[i]!))),
        );
      });
    }
    const head = [t("run"), t("step"), this.options.title].map((x) => h("th", { scope: "col" }, x));
    fill(this.table, h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
  }
}

function series(line: Line): uPlot.Series {
  if (line.raw) return { stroke: line.colour, alpha: 0.3, width: 1, spanGaps: true, points: { show: false } };
  return {
    label: line.name,
    stroke: line.colour,
    width: 2.5,
    dash: line.dash,
    spanGaps: true,
    points: { show: line.xs.length < 30, size: 6, fill: line.colour },
  };
}

/** Each point the mean of its neighbours, a sixtieth of the curve to either side. */
export function smoothed(ys: number[]): number[] {
  const reach = Math.floor(ys.length / 60);
  if (reach === 0) return ys;
  const sums = new Float64Array(ys.length + 1);
  ys.forEach((y, i) => (sums[i + 1] = sums[i]! + y));
  return ys.map((_, i) => {
    const to = Math.min(ys.length, i + reach + 1);
    const from = Math.max(0, i - reach);
    return (sums[to]! - sums[from]!) / (to - from);
  });
}

function line(ctx: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}
