// A picture of networks: how good they are against the number of their parameters.

import { colours } from "./colours";
import { h, s, set } from "./dom";
import { int, num, percent, t } from "./i18n";
import { styled } from "./pen";
import { saveButtons } from "./share";

export interface Point {
  parameters: number;
  measure: number;
  /** Read out, and shown when pointed at. */
  label: string;
  /** Written beside it. */
  tag?: string;
  shape: Shape;
  size: number;
  colour: string;
  current: boolean;
  choose: () => void;
}

export interface Plane {
  points: Point[];
  /** R² rather than accuracy. */
  number: boolean;
  base: { measure: number; label: string };
  /** The networks that no smaller one beats, as steps: [parameters, measure]. */
  frontier?: [number, number][];
  /** Worse ones are left out below. */
  lowest?: number;
  /** Whether points can be reached by keyboard; many are better read in a table. */
  reachable: boolean;
}

export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "star"] as const;
export type Shape = (typeof SHAPES)[number];

function marker(kind: Shape, x: number, y: number, size: number, colour: string): SVGElement {
  const points: Record<string, [number, number][]> = {
    square: [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ],
    triangle: [
      [0, -1.2],
      [1.1, 0.9],
      [-1.1, 0.9],
    ],
    diamond: [
      [0, -1.3],
      [1.3, 0],
      [0, 1.3],
      [-1.3, 0],
    ],
    cross: [
      [-1.2, -0.4],
      [-0.4, -0.4],
      [-0.4, -1.2],
      [0.4, -1.2],
      [0.4, -0.4],
      [1.2, -0.4],
      [1.2, 0.4],
      [0.4, 0.4],
      [0.4, 1.2],
      [-0.4, 1.2],
      [-0.4, 0.4],
      [-1.2, 0.4],
    ],
    star: [
      [0, -1.4],
      [0.4, -0.4],
      [1.4, -0.3],
      [0.6, 0.35],
      [0.9, 1.3],
      [0, 0.7],
      [-0.9, 1.3],
      [-0.6, 0.35],
      [-1.4, -0.3],
      [-0.4, -0.4],
    ],
  };
  const corners = points[kind];
  if (corners === undefined) return s("circle", { cx: x, cy: y, r: size, fill: colour });
  return s("polygon", {
    fill: colour,
    points: corners.map(([a, b]) => `${x + a * size},${y + b * size}`).join(" "),
  });
}

const [W, H, L, R, T, B] = [420, 250, 58, 32, 14, 40];

/** Draws it. */
export function scatter({ points, number, base, frontier, lowest, reachable }: Plane): SVGElement {
  const measures = points.map((p) => p.measure).filter((m) => m >= (lowest ?? -Infinity));
  const high = Math.min(1, Math.max(...measures) + 0.005);
  const low = Math.min(...measures, high - 0.02);
  const withBase = base.measure > low - 3 * (high - low);
  const bottom = (withBase ? Math.min(low, base.measure) : low) - (high - low) * 0.15;
  const logs = points.map((p) => Math.log10(Math.max(1, p.parameters)));
  const from = Math.floor(Math.min(...logs) * 2 - 0.2) / 2;
  const to = Math.ceil(Math.max(...logs) * 2 + 0.2) / 2;
  const x = (p: number) => L + ((Math.log10(Math.max(1, p)) - from) / (to - from)) * (W - L - R);
  const y = (m: number) => T + ((high - m) / (high - bottom)) * (H - T - B);
  const say = (m: number) => (number ? num(m, 3) : percent(m, high - bottom < 0.2 ? 1 : 0));
  const picture = s("svg", { viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": t("scatterTitle") });
  for (let i = 0; i <= 4; i++) {
    const m = bottom + ((high - bottom) * i) / 4;
    picture.append(
      s("line", { x1: L, x2: W - R, y1: y(m), y2: y(m), class: "grid" }),
      s("text", { x: L - 6, y: y(m) + 4, "text-anchor": "end" }, say(m)),
    );
  }
  for (let e = Math.ceil(from); e <= to; e++) {
    picture.append(
      s("line", { x1: x(10 ** e), x2: x(10 ** e), y1: T, y2: H - B, class: "grid" }),
      s("text", { x: x(10 ** e), y: H - B + 16, "text-anchor": "middle" }, int(10 ** e)),
    );
  }
  picture.append(
    s("text", { x: (L + W - R) / 2, y: H - 6, "text-anchor": "middle", class: "axis" }, t("parametersLog")),
  );
  if (withBase && base.measure >= bottom) {
    picture.append(
      s("line", { x1: L, x2: W - R, y1: y(base.measure), y2: y(base.measure), class: "base" }),
      s("text", { x: W - R - 2, y: y(base.measure) - 4, "text-anchor": "end", class: "axis" }, base.label),
    );
  }
  if (frontier && frontier.length > 0) {
    const seen = frontier.filter(([, m]) => m >= bottom);
    const steps = seen.map(([p, m], i) => `${i === 0 ? "M" : "H"}${x(p)}${i === 0 ? "," : "V"}${y(m)}`);
    picture.append(s("path", { d: `${steps.join("")}H${W - R}`, class: "frontier" }));
  }
  for (const point of points.filter((p) => p.measure >= bottom)) {
    const [px, py] = [x(point.parameters), y(point.measure)];
    const drawn = s(
      "g",
      {
        class: "point",
        ...(reachable
          ? { tabindex: 0, role: "button", "aria-label": point.label }
          : { "aria-hidden": "true" }),
        onclick: point.choose,
        onkeydown: (event: KeyboardEvent) => event.key === "Enter" && point.choose(),
      },
      s("title", {}, point.label),
      s("circle", { cx: px, cy: py, r: reachable ? 20 : 7, fill: "transparent" }),
      marker(point.shape, px, py, point.size, point.colour),
      point.tag === undefined ? null : s("text", { x: px + 11, y: py - 7 }, point.tag),
    );
    if (point.current) set(drawn, { "aria-current": "true" });
    picture.append(drawn);
  }
  return picture;
}

/** A frame for it, with its heading. */
export function scatterFigure(host: HTMLElement): HTMLElement {
  const draw = () => {
    const drawn = host.querySelector<SVGSVGElement>("svg");
    return drawn && styled(drawn, colours().card);
  };
  const title = t("scatterTitle");
  return h("figure", {}, h("figcaption", {}, h("h3", {}, title), saveButtons(title, draw)), host);
}
