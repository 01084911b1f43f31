// Colours for canvases, taken from the style sheet, so that light and dark are decided in one place.

type Rgb = [number, number, number];

export interface Colours {
  ink: string;
  quiet: string;
  line: string;
  wire: string;
  card: string;
  plus: Rgb;
  minus: Rgb;
  zero: Rgb;
  runs: string[];
}

const SHADES = 255;
let ramp: Uint32Array | null = null;
const dark = matchMedia("(prefers-color-scheme: dark)");
let known: Colours | null = null;
const listeners: (() => void)[] = [];
dark.addEventListener("change", () => {
  known = null;
  ramp = null;
  for (const then of listeners) then();
});

/** Whether the page is dark. */
export function isDark(): boolean {
  return dark.matches;
}

/** Calls `then` when light turns dark or back. */
export function onScheme(then: () => void): void {
  listeners.push(then);
}

/** The colours in force. */
export function colours(): Colours {
  if (known) return known;
  const style = getComputedStyle(document.documentElement);
  const get = (name: string) => style.getPropertyValue(name).trim();
  known = {
    ink: get("--ink"),
    quiet: get("--quiet"),
    line: get("--line"),
    wire: get("--wire"),
    card: get("--card"),
    plus: rgb(get("--plus")),
    minus: rgb(get("--minus")),
    zero: rgb(get("--zero")),
    runs: [1, 2, 3, 4, 5, 6].map((i) => get(`--run-${i}`)),
  };
  return known;
}

function rgb(hex: string): Rgb {
  const n = parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

/** From minus (−1) over zero to plus (1): blue speaks for, orange against. */
export function diverging(x: number): Rgb {
  const { plus, minus, zero } = colours();
  const end = x < 0 ? minus : plus;
  const t = Math.min(1, Math.abs(x)) || 0;
  return [0, 1, 2].map((i) => zero[i]! + (end[i]! - zero[i]!) * t) as Rgb;
}

/** The same as a pixel of an image, from a table: a gallery of weights is a hundred thousand pixels. */
export function divergingPixel(x: number): number {
  ramp ??= Uint32Array.from({ length: 2 * SHADES + 1 }, (_, i) => pixel(diverging(i / SHADES - 1)));
  return ramp[Math.round(Math.max(-1, Math.min(1, x)) * SHADES) + SHADES] ?? ramp[SHADES]!;
}

/** A colour as the four bytes of a pixel. */
export function pixel([r, g, b]: Rgb): number {
  const bytes = new Uint8Array([r, g, b, 255].map(Math.round));
  return new Uint32Array(bytes.buffer)[0]!;
}

/** As CSS writes it. */
export function css(colour: Rgb, alpha = 1): string {
  return `rgba(${colour.map(Math.round).join(",")},${alpha})`;
}

/** The dash of a run's line: with the colour it also tells apart without one. */
export const dashes: number[][] = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 4]];

/** Which colour and dash a run has: by its number, so that it keeps them. */
export function runStyle(id: string): { colour: string; dash: number[]; place: number } {
  const place = Math.max(0, (parseInt(id, 10) || 1) - 1) % 6;
  return { colour: colours().runs[place]!, dash: dashes[place]!, place };
}
