// The page's two languages: texts, numbers, names. The server has put the language on <html>.

import type { Kind } from "./api-types";
import { scriptUrl } from "./assets";
import type { texts as english, Words } from "./texts.en";

export type Key = keyof typeof english;
export const lang: "en" | "he" = document.documentElement.lang.startsWith("he") ? "he" : "en";

// A file of its own for each language: a page loads one. index.html has asked for it already.
const file = scriptUrl(`${lang}.js`);
interface Language {
  texts: Record<Key, string>;
  lecture: Words[];
  /** What the server says, by its kinds; none of those that its own English serves. */
  told: { [kind in Kind]?: string };
}
const { texts, lecture, told }: Language = await import(file);
export { lecture, told };

/** Whether there is such a text. */
export function hasText(key: string): key is Key {
  return key in texts;
}

/** A text, its `{places}` filled; each filling keeps its own direction. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return withValues(texts[key], values);
}

/** What is written from right to left. */
const RTL = /[\u0590-\u08ff]/;

/** A text with its `{places}` filled. */
export function withValues(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    const filled = typeof value === "number" ? int(value) : (value ?? "");
    return lang === "he" || RTL.test(filled) ? `\u2068${filled}\u2069` : filled;
  });
}

const whole = new Intl.NumberFormat(lang === "he" ? "he-IL" : "en-US", { maximumFractionDigits: 0 });

/** A whole number with its thousands apart. */
export function int(n: number): string {
  return whole.format(n);
}

/** A share in percent: 98.82 %. */
export function percent(share: number | null | undefined, digits = 2): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  return (share * 100).toFixed(digits) + (lang === "he" ? "%" : "\u00a0%");
}

/** A number, or several apart by commas, with as many digits as say something. */
export function num(n: number | readonly number[] | null | undefined, digits = 4): string {
  if (Array.isArray(n)) return n.map((one) => num(one, digits)).join(", ");
  return one(n as number | null | undefined, digits);
}

function one(n: number | null | undefined, digits: number): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return "–";
  if (n === 0) return "0";
  const size = Math.abs(n);
  if (size >= 1e6 || size < 1e-5) return n.toExponential(2).replace("-", "−");
  const text =
    size >= 1 ? n.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(size)))) : n.toFixed(digits);
  return (/\./.test(text) ? text.replace(/0+$/, "").replace(/\.$/, "") : text).replace("-", "−") || "0";
}

/** A number with its sign always shown. */
export function signed(n: number, digits = 4): string {
  return (n > 0 ? "+" : "") + num(n, digits);
}

/** A class as this language calls it: the server says "not 7". */
export function className(name: string): string {
  return lang === "he" && name.startsWith("not ") ? `לא ${name.slice(4)}` : name;
}

/** Changes the language: for a server a cookie, for a page without one a note to itself; then the page anew. */
export function switchTo(language: "en" | "he"): void {
  try {
    localStorage.setItem("lang", language);
  } catch {
    // A page from a file may have no storage: then the address alone says it.
  }
  document.cookie = `lang=${language}; path=/; max-age=31536000; SameSite=Strict`;
  const url = new URL(location.href);
  url.searchParams.delete("lang");
  if (url.href.split("#")[0] === location.href.split("#")[0]) location.reload();
  else location.href = url.href;
}
