// The page: a head with the views' tabs, the view, the strip of time.

import "./style/base.css";
import "./style/train.css";
import "./style/views.css";
import "./style/course.css";
import "./style/class.css";
import { h, ltr, mountLive, roving, say, set } from "./dom";
import { enterClass, nicknameButton, role, taskStrip } from "./class";
import { course } from "./course";
import { draw } from "./draw";
import { lang, switchTo, t, type Key } from "./i18n";
import { lecture } from "./lecture";
import { fillCurves } from "./measure";
import { mistakes } from "./mistakes";
import { applyPreset } from "./preset";
import { runPicker } from "./picker";
import { takeFile } from "./setup";
import { listenToServer, on, state } from "./state";
import { study } from "./study";
import { time, timeStrip } from "./time";
import { mountMessages } from "./toast";
import { train } from "./train";
import { classWall } from "./wall";

// The token, or the teacher's, is a cookie by now. It leaves the address, which others see and which is kept and shared.
const address = new URL(location.href);
if (address.searchParams.has("token") || address.searchParams.has("teacher")) {
  address.searchParams.delete("token");
  address.searchParams.delete("teacher");
  history.replaceState(null, "", address);
}

const VIEWS = { train, draw, mistakes, lecture, course, time, study, class: classWall } as const;
type Name = keyof typeof VIEWS;
// The wall of a class is its teacher's.
const names = (Object.keys(VIEWS) as Name[]).filter((name) => name !== "class" || role === "teacher");
const built = new Map<Name, HTMLElement>();

const tabs = new Map(
  names.map((name) => [
    name,
    h(
      "a",
      { href: `#${name}`, role: "tab", id: `tab-${name}`, "aria-controls": `view-${name}` },
      t(`tab_${name}` as Key),
    ),
  ]),
);
const panels = new Map(
  names.map((name) => [
    name,
    h("section", {
      role: "tabpanel",
      id: `view-${name}`,
      "aria-labelledby": `tab-${name}`,
      tabindex: -1,
      hidden: true,
    }),
  ]),
);

function route(): void {
  const [path = "", query = ""] = location.hash.slice(1).split("?");
  const name = names.find((n) => n === path.split("/")[0]) ?? (role === "teacher" ? "class" : "train");
  if (!built.has(name)) {
    const view = VIEWS[name]();
    built.set(name, view);
    panels.get(name)!.append(view);
  }
  for (const n of names) {
    panels.get(n)!.hidden = n !== name;
    set(tabs.get(n)!, { "aria-selected": String(n === name), tabindex: n === name ? 0 : -1 });
  }
  document.title = `${t(`tab_${name}` as Key)} · reshet`;
  say(title, t(`tab_${name}` as Key));
  document.body.dataset.view = name;
  if (query !== "") {
    // Once applied it must not start again on reload or on the way back.
    history.replaceState(null, "", `#${path}`);
    void applyPreset(new URLSearchParams(query));
  }
  dispatchEvent(new Event("routed"));
}

function logo(): HTMLElement {
  const mark = h("span", { class: "logo", "aria-hidden": "true" });
  mark.innerHTML =
    '<svg viewBox="0 0 32 32" width="30" height="30"><path d="M7 7l9 5M7 7l9 13M7 16l9-4M7 16l9 4M7 25l9-13M7 25l9-5M16 12l9 4M16 20l9-4" class="wires"/><circle cx="7" cy="7" r="3.2" class="a"/><circle cx="7" cy="16" r="3.2" class="b"/><circle cx="7" cy="25" r="3.2" class="a"/><circle cx="16" cy="12" r="3.6" class="b"/><circle cx="16" cy="20" r="3.6" class="a"/><circle cx="25" cy="16" r="4.2" class="c"/></svg>';
  return h(
    "a",
    { class: "brand", href: "#train", "aria-label": "reshet" },
    mark,
    h("span", { dir: "ltr" }, "reshet"),
  );
}

/** Scrolls what gets the focus clear of the bars that stay at the edges, however high they are. */
function keepClear(...bars: HTMLElement[]): void {
  const measure = () => {
    const heights = bars.map((bar) => (getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0));
    document.documentElement.style.scrollPaddingBlock = heights.map((height) => `${height + 10}px`).join(" ");
  };
  const observer = new ResizeObserver(measure);
  for (const bar of bars) observer.observe(bar);
  addEventListener("resize", measure);
}

function dropping(): void {
  let depth = 0;
  const files = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener(
    "dragenter",
    (event) => files(event) && document.body.classList.toggle("dropping", ++depth > 0),
  );
  addEventListener(
    "dragleave",
    (event) => files(event) && document.body.classList.toggle("dropping", --depth > 0),
  );
  addEventListener("dragover", (event) => files(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dropping");
    location.hash = "#train";
    for (const file of event.dataTransfer?.files ?? []) void takeFile(file);
  });
}

const other = lang === "he" ? "en" : "he";
const language = h(
  "button",
  { type: "button", class: "language", lang: other, onclick: () => switchTo(other) },
  other === "he" ? "עברית" : "English",
);
const list = h("nav", { class: "tabs", role: "tablist", "aria-label": t("views") }, ...tabs.values());
roving(
  list,
  () => [...tabs.values()].filter((tab) => !tab.hidden),
  (tab) => tab.click(),
);

const device = h("p", { class: "device" });
on("data", () => {
  device.replaceChildren(ltr(`reshet ${state.version} · ${state.device}`));
  // A study is there when the program was given one.
  tabs.get("study")!.hidden = state.studies.length === 0;
});

const title = h("h1", { class: "sr-only" });
const main = h("main", { id: "main", tabindex: -1 }, title, taskStrip() ?? "", ...panels.values());
const skip = h(
  "a",
  {
    class: "skip",
    href: "#main",
    onclick: (event: Event) => {
      event.preventDefault();
      [...panels.values()].find((p) => !p.hidden)?.focus();
    },
  },
  t("skip"),
);
const header = h("header", {}, logo(), list, runPicker(), nicknameButton() ?? "", language);
const strip = timeStrip();
document.body.append(skip, header, main, h("footer", {}, device), strip);
keepClear(header, strip);
mountMessages();
mountLive();
dropping();
fillCurves();
addEventListener("hashchange", route);
await enterClass();
// In a task of its own: both together would keep the page from anything else for too long.
await new Promise((done) => setTimeout(done));
route();
listenToServer();
