// A pen that draws as a canvas does and keeps what it has drawn as SVG: a figure is drawn by the same code for both.

/** What of a canvas our figures use. */
export class SvgPen {
  strokeStyle = "#000";
  fillStyle = "#000";
  lineWidth = 1;
  font = "10px sans-serif";
  textAlign: CanvasTextAlign = "start";
  textBaseline: CanvasTextBaseline = "alphabetic";
  direction: CanvasDirection = "ltr";
  imageSmoothingEnabled = true;
  globalAlpha = 1;
  private dash = "";
  private path = "";
  private readonly parts: string[] = [];
  /** Groups that are open, and how many were at each `save`. */
  private groups = 0;
  private readonly saved: number[] = [];
  private clips = 0;

  /** The picture, `width` by `height` units, on this ground. */
  svg(width: number, height: number, ground: string): string {
    const size = `width="${round(width)}" height="${round(height)}" viewBox="0 0 ${round(width)} ${round(height)}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n<rect width="100%" height="100%" fill="${ground}"/>\n${this.parts.join("\n")}\n</svg>\n`;
  }

  // Colours and fonts that are set between the two are set anew by who draws next.
  save(): void {
    this.saved.push(this.groups);
  }
  restore(): void {
    const before = this.saved.pop() ?? 0;
    for (; this.groups > before; this.groups--) this.parts.push("</g>");
  }
  private group(attributes: string): void {
    this.parts.push(`<g ${attributes}>`);
    this.groups++;
  }
  clip(): void {
    const id = `clip-${++this.clips}`;
    this.parts.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath>`);
    this.group(`clip-path="url(#${id})"`);
  }
  translate(x: number, y: number): void {
    this.group(`transform="translate(${round(x)} ${round(y)})"`);
  }
  rotate(angle: number): void {
    this.group(`transform="rotate(${round((angle * 180) / Math.PI)})"`);
  }
  measureText(text: string): TextMetrics {
    const context = document.createElement("canvas").getContext("2d")!;
    context.font = this.font;
    return context.measureText(text);
  }
  beginPath(): void {
    this.path = "";
  }
  moveTo(x: number, y: number): void {
    this.path += `M${round(x)} ${round(y)}`;
  }
  lineTo(x: number, y: number): void {
    this.path += `L${round(x)} ${round(y)}`;
  }
  closePath(): void {
    this.path += "z";
  }
  bezierCurveTo(x1: number, y1: number, x2: number, y2: number, x: number, y: number): void {
    this.path += `C${[x1, y1, x2, y2, x, y].map(round).join(" ")}`;
  }
  /** A whole circle, whatever the angles: ours are. */
  arc(x: number, y: number, r: number): void {
    this.path += `M${round(x - r)} ${round(y)}a${round(r)} ${round(r)} 0 1 0 ${round(2 * r)} 0a${round(r)} ${round(r)} 0 1 0 ${round(-2 * r)} 0`;
  }
  rect(x: number, y: number, width: number, height: number): void {
    this.path += `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}z`;
  }
  fill(): void {
    this.parts.push(`<path d="${this.path}" fill="${plain(this.fillStyle)}"${this.alpha(this.fillStyle)}/>`);
  }
  stroke(): void {
    const dash = this.dash === "" ? "" : ` stroke-dasharray="${this.dash}"`;
    const line = `stroke="${plain(this.strokeStyle)}" stroke-width="${round(this.lineWidth)}"`;
    this.parts.push(
      `<path d="${this.path}" fill="none" ${line} stroke-linejoin="round"${dash}${this.alpha(this.strokeStyle)}/>`,
    );
  }
  fillRect(x: number, y: number, width: number, height: number): void {
    this.beginPath();
    this.rect(x, y, width, height);
    this.fill();
  }
  strokeRect(x: number, y: number, width: number, height: number): void {
    this.beginPath();
    this.rect(x, y, width, height);
    this.stroke();
  }
  setLineDash(dash: number[]): void {
    this.dash = dash.map(round).join(" ");
  }
  fillText(text: string, x: number, y: number): void {
    const [, weight = "", size = "10", family = ""] =
      /^(?:(\d+|bold) )?([\d.]+)px (.*)$/.exec(this.font) ?? [];
    const rtl = this.direction === "rtl";
    const anchors = {
      left: rtl ? "end" : "start",
      right: rtl ? "start" : "end",
      center: "middle",
      start: "start",
      end: "end",
    };
    const down = { top: 0.8, hanging: 0.8, middle: 0.35, alphabetic: 0, ideographic: 0, bottom: -0.2 }[
      this.textBaseline
    ];
    const place = `x="${round(x)}" y="${round(y + down * Number(size))}" text-anchor="${anchors[this.textAlign]}"`;
    const font = `font-family="${escaped(family)}" font-size="${size}"${weight === "" ? "" : ` font-weight="${weight}"`}`;
    this.parts.push(
      `<text ${place} ${font} fill="${this.fillStyle}"${rtl ? ' direction="rtl"' : ""}>${escaped(text)}</text>`,
    );
  }
  /** Pixels stay pixels, where the canvas would not smooth them either. */
  drawImage(picture: HTMLCanvasElement, x: number, y: number, width: number, height: number): void {
    const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
    const pixels = this.imageSmoothingEnabled ? "" : ' style="image-rendering:pixelated"';
    this.parts.push(`<image ${place}${pixels} preserveAspectRatio="none" href="${picture.toDataURL()}"/>`);
  }
  private alpha(colour: string): string {
    const own = /^rgba\(.*,([\d.e-]+)\)$/.exec(colour)?.[1] ?? "1";
    const alpha = this.globalAlpha * Number(own);
    return alpha === 1 ? "" : ` opacity="${round(alpha)}"`;
  }
}

/** A colour without how much of it shows: not every reader of SVG knows `rgba`. */
function plain(colour: string): string {
  return colour.replace(/^rgba\((.*),[^,]+\)$/, "rgb($1)");
}

function round(x: number): string {
  return String(Math.round(x * 100) / 100);
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** The pen of a figure that is being recorded. */
let pen: SvgPen | null = null;
let width = 0;
let height = 0;

/** The pen to draw with instead of the canvas, while a figure is recorded; `size` of the drawing in its units. */
export function recording(size: [number, number]): CanvasRenderingContext2D | null {
  if (pen === null) return null;
  [width, height] = size;
  return pen as unknown as CanvasRenderingContext2D;
}

/** What a drawing draws, as SVG. */
export function recorded(draw: () => void, ground: string): string {
  pen = new SvgPen();
  try {
    draw();
    return pen.svg(width, height, ground);
  } finally {
    pen = null;
  }
}

/** What of a style is taken along into a file. */
const STYLE = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "font-family",
  "font-size",
  "font-weight",
  "direction",
] as const;

/** A drawing of the page, which is SVG already, with the style that it has there; units are those of its view box. */
export function styled(drawing: SVGSVGElement, ground: string): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const copies = copy.querySelectorAll<SVGElement>("*");
  drawing.querySelectorAll("*").forEach((own, i) => {
    const style = getComputedStyle(own);
    for (const name of STYLE) copies[i]!.setAttribute(name, style.getPropertyValue(name));
  });
  for (const hidden of copy.querySelectorAll("[fill='rgba(0, 0, 0, 0)'][stroke='none']")) hidden.remove();
  const { width, height } = drawing.viewBox.baseVal;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.setAttribute("style", `background: ${ground}`);
  return new XMLSerializer().serializeToString(copy);
}
