// Making elements, and telling a screen reader what happened.

type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: any) => void);
export type Props = Record<string, Value>;

/** Sets attributes; `onclick` and the like listen, booleans toggle, `value` and `checked` are properties. */
export function set(element: Element, props: Props): void {
  for (const [key, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked") (element as any)[key] = value;
    else if (value === false || value === null || value === undefined) element.removeAttribute(key);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
}

/** An HTML element. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.append(...kept(children));
  set(element, props);
  return element;
}

/** An SVG element. */
export function s(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, props);
  element.append(...kept(children));
  return element;
}

/** Replaces what an element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...kept(children));
}

/** Sets a text only if it differs, which keeps selections and screen readers calm. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** What may be wider than its place, to be scrolled by keys too; `label` names it. */
export function scroller(label: string, props: Props = {}, ...children: Child[]): HTMLElement {
  const { class: more = "", ...rest } = props;
  const all = {
    class: `table-scroll ${more}`.trim(),
    tabindex: 0,
    role: "region",
    "aria-label": label,
    ...rest,
  };
  return h("div", all, ...children);
}

/** A piece that reads left to right whatever surrounds it: numbers with units, code. */
export function ltr(text: string, tag: "bdi" | "code" = "bdi"): HTMLElement {
  return h(tag, { dir: "ltr" }, text);
}

function kept(children: Child[]): (Node | string)[] {
  return children
    .filter((c): c is Node | string | number => c !== null && c !== undefined && c !== false)
    .map((c) => (typeof c === "number" ? String(c) : c));
}

const live = h("div", { class: "sr-only", role: "status", "aria-live": "polite" });
let spoken = 0;
let waiting: ReturnType<typeof setTimeout> | undefined;

/** Lets a screen reader say something, at most once in four seconds: the newest wins. */
export function announce(text: string, soon = false): void {
  clearTimeout(waiting);
  const wait = soon ? 0 : Math.max(0, spoken + 4000 - Date.now());
  waiting = setTimeout(() => {
    spoken = Date.now();
    live.textContent = text;
  }, wait);
}

/** How large the reader wants text, against 17 px: what is drawn grows with it. */
export function textScale(): number {
  return (parseFloat(getComputedStyle(document.documentElement).fontSize) || 17) / 17;
}

/** Puts the speaking element on the page. */
export function mountLive(): void {
  document.body.append(live);
}

/** Arrow keys, Home and End move the focus among `items()`; in right-to-left text left is forward. */
export function roving(
  host: HTMLElement,
  items: () => HTMLElement[],
  pick: (item: HTMLElement) => void,
): void {
  host.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (at < 0) return;
    const forward = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
    const back = document.documentElement.dir === "rtl" ? "ArrowRight" : "ArrowLeft";
    let to: number;
    if (event.key === forward || event.key === "ArrowDown") to = (at + 1) % all.length;
    else if (event.key === back || event.key === "ArrowUp") to = (at + all.length - 1) % all.length;
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = all.length - 1;
    else return;
    event.preventDefault();
    all[to]!.focus();
    pick(all[to]!);
  });
}

/** A choice of one among few, as buttons in a row: a radio group. */
export function segmented<T>(
  label: string,
  options: { value: T; text: string; title?: string }[],
  chosen: T,
  choose: (value: T) => void,
): { el: HTMLElement; set: (value: T) => void } {
  const buttons = options.map((option) =>
    h(
      "button",
      { type: "button", role: "radio", title: option.title, onclick: () => pick(option.value) },
      option.text,
    ),
  );
  const el = h("div", { class: "segmented", role: "radiogroup", "aria-label": label }, ...buttons);
  const show = (value: T) => {
    const at = options.findIndex((o) => o.value === value);
    buttons.forEach((b, i) =>
      set(b, { "aria-checked": String(i === at), tabindex: i === Math.max(0, at) ? 0 : -1 }),
    );
  };
  const pick = (value: T) => {
    show(value);
    choose(value);
  };
  roving(
    el,
    () => buttons,
    (b) => b.click(),
  );
  show(chosen);
  return { el, set: show };
}
