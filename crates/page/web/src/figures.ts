// The lecture's small drawings. They are the same in both languages: signs and numbers, left to right.

import { api } from "./api";
import { h, ltr, s } from "./dom";
import { percent, t } from "./i18n";
import { board, paintGrey } from "./picture";

export type Figure =
  | "perceptron"
  | "connected"
  | "layers"
  | "ends"
  | "digits"
  | "flatten"
  | "stages"
  | "falling"
  | "test"
  | "wrong"
  | "trial"
  | "hand";

/** The drawing of a step. */
export function figure(which: Figure): HTMLElement {
  return h(
    "div",
    { class: `figure ${which}`, dir: "ltr", "aria-hidden": which === "ends" ? null : "true" },
    DRAWN[which](),
  );
}

const svg = (width: number, height: number, ...children: (Node | false)[]) =>
  s("svg", { viewBox: `0 0 ${width} ${height}` }, ...children);
const text = (x: number, y: number, what: string, kind = "", anchor = "middle") =>
  s("text", { x, y, "text-anchor": anchor, class: kind }, what);
const node = (x: number, y: number, kind: string, r = 13) => s("circle", { cx: x, cy: y, r, class: kind });
const wire = (x1: number, y1: number, x2: number, y2: number, kind = "wire") =>
  s("line", { x1, y1, x2, y2, class: kind });

function net(widths: number[], kinds: string[], width = 420, height = 190): SVGElement {
  const x = (i: number) => 50 + (i * (width - 100)) / (widths.length - 1);
  const y = (i: number, n: number) => height / 2 + (n - (widths[i]! - 1) / 2) * 35;
  const parts: SVGElement[] = [];
  widths.slice(1).forEach((to, i) => {
    for (let a = 0; a < widths[i]!; a++)
      for (let b = 0; b < to; b++) parts.push(wire(x(i), y(i, a), x(i + 1), y(i + 1, b)));
  });
  widths.forEach((count, i) => {
    for (let n = 0; n < count; n++) parts.push(node(x(i), y(i, n), kinds[i]!));
  });
  return svg(width, height, ...parts);
}

function perceptron(): SVGElement {
  const inputs = [0.8, 0.1, 0.9];
  const weights = ["+1.2", "−0.7", "+0.4"];
  return svg(
    460,
    190,
    ...inputs.flatMap((v, i) => {
      const y = 40 + i * 55;
      return [
        wire(68, y, 232, 95, weights[i]!.startsWith("+") ? "wire plus" : "wire minus"),
        node(50, y, "input", 18),
        text(50, y + 5, String(v)),
        text(150, [52, 88, 150][i]!, `× ${weights[i]}`, "small"),
      ];
    }),
    node(250, 95, "hidden", 30),
    text(250, 103, "Σ", "sigma"),
    wire(280, 95, 340, 95),
    s("path", { d: "M340 70h50v50h-50z", class: "box" }),
    s("path", { d: "M345 115c20 0 20-40 40-40", class: "curve" }),
    wire(390, 95, 424, 95),
    node(438, 95, "output", 16),
    text(438, 100, "0.8"),
  );
}

function flatten(): SVGElement {
  const on = new Set([1, 2, 3, 7, 11, 14, 18]);
  const cell = (x: number, y: number, i: number, size: number) =>
    s("rect", { x, y, width: size - 1, height: size - 1, class: on.has(i) ? "px on" : "px" });
  return svg(
    460,
    170,
    ...Array.from({ length: 20 }, (_, i) => cell(20 + (i % 4) * 26, 20 + Math.floor(i / 4) * 26, i, 26)),
    text(72, 168, "28 × 28", "small"),
    s("path", { d: "M140 85h44m-10-8l10 8l-10 8", class: "curve" }),
    ...Array.from({ length: 20 }, (_, i) => cell(198 + i * 12.6, 74, i, 12.6)),
    text(324, 110, "784", "small"),
  );
}

function stagesFigure(): SVGElement {
  const box = (x: number, n: string, sign: string) => [
    s("rect", { x, y: 46, width: 104, height: 66, rx: 10, class: "box" }),
    text(x + 52, 72, n, "small"),
    text(x + 52, 98, sign, "sigma"),
  ];
  const arrow = (x: number) => s("path", { d: `M${x} 79h30m-8-7l8 7l-8 7`, class: "curve" });
  return svg(
    460,
    170,
    ...box(20, "1", "x → ŷ"),
    arrow(130),
    ...box(168, "2", "loss, ∂"),
    arrow(278),
    ...box(316, "3", "w − η∂"),
    s("path", { d: "M368 118c0 44-296 44-296 4m-8 10l8-10l9 9", class: "curve" }),
    text(220, 164, "× 1200", "small"),
  );
}

function falling(): SVGElement {
  let y = 0.69;
  let seed = 7;
  const points = Array.from({ length: 60 }, (_, i) => {
    seed = (seed * 16807) % 2147483647;
    y = 0.6 * Math.exp(-i / 9) + 0.05 + (seed / 2147483647) ** 3 * 0.12 * Math.exp(-i / 60);
    return `${50 + i * 6.6},${150 - y * 170}`;
  });
  return svg(
    460,
    180,
    wire(50, 150, 450, 150, "axis"),
    wire(50, 20, 50, 150, "axis"),
    s("polyline", { points: points.join(" "), class: "curve" }),
    text(250, 172, "2400", "small"),
    text(42, 40, "loss", "small", "end"),
  );
}

function test(): SVGElement {
  const bar = (y: number, share: number, kind: string) => [
    s("rect", { x: 20, y, width: 400 * share, height: 34, rx: 4, class: kind }),
    text(30, y + 23, percent(share), "on", "start"),
  ];
  return svg(
    460,
    130,
    ...bar(16, 0.9882, "bar good"),
    ...bar(66, 0.8972, "bar base"),
    wire(420, 6, 420, 112, "axis"),
    text(420, 126, percent(1, 0), "small"),
  );
}

function trial(): SVGElement {
  const at: [string, number, number][] = [
    ["10", 7960, 0.925],
    ["100", 79510, 0.9736],
    ["300", 238510, 0.9774],
    ["300-100", 266610, 0.9756],
  ];
  const x = (p: number) => 60 + (Math.log10(p) - 3.7) * 200;
  const y = (a: number) => 140 - (a - 0.915) * 1800;
  return svg(
    460,
    180,
    wire(50, 150, 450, 150, "axis"),
    wire(50, 20, 50, 150, "axis"),
    ...at.flatMap(([name, p, a], i) => [
      node(x(p), y(a), i % 2 ? "hidden" : "output", 7),
      text(
        x(p) + (i === 2 ? -10 : 12),
        y(a) + (i === 3 ? 18 : i === 2 ? -10 : 5),
        name,
        "small",
        i === 2 ? "end" : "start",
      ),
    ]),
    text(250, 172, t("parametersLog").replace(/[\u2068\u2069]/g, ""), "small"),
  );
}

function wrong(): SVGElement {
  const cell = (x: number, y: number, n: string, kind: string) => [
    s("rect", { x, y, width: 110, height: 54, rx: 6, class: kind }),
    text(x + 55, y + 34, n, kind.includes("right") ? "on" : ""),
  ];
  return svg(
    460,
    170,
    text(215, 20, "→ ✗ 7", "small"),
    text(335, 20, "→ 7", "small"),
    text(140, 62, "✗ 7", "small", "end"),
    text(140, 124, "7", "small", "end"),
    ...cell(160, 30, "8887", "bar right"),
    ...cell(280, 30, "85", "cellbox"),
    ...cell(160, 92, "33", "cellbox"),
    ...cell(280, 92, "995", "bar right"),
  );
}

function hand(): SVGElement {
  const cells = Array.from({ length: 14 * 14 }, (_, i) => [i % 14, Math.floor(i / 14)] as const).filter(
    ([x, y]) =>
      (y >= 3 && y <= 4 && x >= 3 && x <= 10) ||
      (y > 4 && y < 13 && Math.abs(x - (11 - (y - 3) * 0.6)) < 0.8),
  );
  return svg(
    460,
    170,
    s("rect", { x: 30, y: 10, width: 150, height: 150, rx: 8, class: "box" }),
    s("path", { d: "M62 44C90 38 120 44 146 40C128 78 112 104 96 138", class: "stroke" }),
    s("path", { d: "M200 85h44m-10-8l10 8l-10 8", class: "curve" }),
    s("rect", { x: 264, y: 15, width: 140, height: 140, class: "screen" }),
    ...cells.map(([x, y]) =>
      s("rect", { x: 264 + x * 10, y: 15 + y * 10, width: 9.5, height: 9.5, class: "lit" }),
    ),
  );
}

/** Real digits from the server. */
function digits(): HTMLElement {
  const host = h("div", { class: "digit-row" });
  void api
    .pictures(
      { data: "mnist" },
      "test",
      Array.from({ length: 14 }, (_, i) => i),
    )
    .then((got) => {
      const size = got.width * got.height;
      host.append(
        ...got.labels.map((label, i) => {
          const canvas = board(got.width, got.height, label);
          paintGrey(canvas, got.bytes.subarray(i * size, (i + 1) * size), 1);
          return h(
            "figure",
            { class: label === "7" ? "yes" : "no" },
            canvas,
            h("figcaption", {}, label === "7" ? "7 ✓" : `${label} ✗`),
          );
        }),
      );
    })
    .catch(() => undefined);
  return host;
}

function ends(): HTMLElement {
  const row = (...cells: string[]) =>
    h("tr", {}, ...cells.map((c, i) => (i === 0 ? h("th", { scope: "row" }, c) : h("td", {}, ltr(c)))));
  return h(
    "table",
    { dir: document.documentElement.dir },
    h(
      "tbody",
      {},
      row(t("askYesNo"), "1 · Sigmoid", "BCE"),
      row(t("askOneOf"), "n · Softmax", "Cross Entropy"),
      row(t("askNumber"), "1 · Linear", "MSE"),
    ),
  );
}

const DRAWN: Record<Figure, () => Element> = {
  perceptron,
  connected: () => net([3, 4, 4, 2], ["input", "hidden", "hidden", "output"]),
  layers: () => net([4, 5, 1], ["input", "hidden", "output"]),
  ends,
  digits,
  flatten,
  stages: stagesFigure,
  falling,
  test,
  wrong,
  trial,
  hand,
};
