// A run on paper: its setting, its curves, its results, its mistakes, and the command that does the same.

import { api, type Item, type Run, type Spec } from "./api";
import { isDark } from "./colours";
import { h, ltr } from "./dom";
import { className, int, lang, num, percent, t } from "./i18n";
import { board, paintGrey } from "./picture";
import { drawingOf } from "./share";
import { dataOf, state } from "./state";
import { complain } from "./toast";

/** Mistakes that are shown. */
const SHOWN = 18;

/** A button that prints the report of a run; `result` says how it did. */
export function reportButton(find: () => Run | null, result: (run: Run) => string): HTMLElement {
  const print = async () => {
    const run = find();
    if (run === null) return;
    try {
      const paper = await report(run, result(run));
      document.body.append(paper);
      document.body.classList.add("reporting");
      addEventListener(
        "afterprint",
        () => {
          document.body.classList.remove("reporting");
          paper.remove();
        },
        { once: true },
      );
      window.print();
    } catch (error) {
      complain(error);
    }
  };
  return h(
    "button",
    { type: "button", class: "small report-button", title: t("reportLong"), onclick: print },
    t("report"),
  );
}

async function report(run: Run, result: string): Promise<HTMLElement> {
  const figures = await Promise.all([...document.querySelectorAll(".live-stage figure")].map(pictured));
  const wrong = run.data === null || run.test === null ? null : await mistakes(run);
  const when = new Intl.DateTimeFormat(lang === "he" ? "he-IL" : "en-GB", {
    dateStyle: "long",
    timeStyle: "short",
  });
  return h(
    "article",
    { class: "report" },
    h("h1", {}, h("bdi", {}, run.name), " ", ltr(run.network, "code")),
    h("p", { class: "quiet" }, ltr(`reshet ${state.version}`), `, ${when.format(new Date())}`),
    h("p", { class: "report-result" }, result),
    settings(run),
    h(
      "div",
      { class: isDark() ? "report-figures from-dark" : "report-figures" },
      ...figures.filter((figure) => figure !== null),
    ),
    wrong,
    run.command !== null && h("h2", {}, t("sameCommand")),
    run.command !== null && h("p", {}, ltr(run.command, "code")),
  );
}

/** A figure with its heading, as sharp as paper can show it. */
async function pictured(figure: Element): Promise<HTMLElement | null> {
  const svg = (figure as HTMLElement).offsetParent === null ? null : (drawingOf(figure)?.() ?? null);
  if (svg === null) return null;
  const image = h("img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt: "" });
  await image.decode().catch(() => undefined);
  return h("figure", {}, h("figcaption", {}, figure.querySelector("h3")?.textContent ?? ""), image);
}

function settings(run: Run): HTMLElement {
  const spec = run.spec as Spec | null;
  const rows: [string, string | null | undefined][] = [
    [t("reportData"), run.data === null ? null : (dataOf(run)?.name ?? run.data)],
    [t("wallParameters"), int(run.parameters)],
    [t("optimizer"), spec?.optimizer],
    [t("learningRate"), spec && num(spec.lr)],
    [t("batchSize"), spec && int(spec.batch_size)],
    [t("epochs"), spec && int(spec.epochs)],
    [t("schedule"), spec?.schedule],
    [t("weightDecay"), spec && num(spec.weight_decay)],
    [t("precision"), spec?.precision],
    [t("seed"), spec && String(spec.seed)],
    [t("step"), `${int(run.step)} / ${int(run.steps)}`],
    [t("lossNow"), run.loss === null ? null : num(run.loss)],
    [t("wallTime"), t("wallSeconds", { s: num(run.seconds, 2) })],
  ];
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h(
    "dl",
    { class: "report-settings" },
    ...shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, ltr(value!)))),
  );
}

async function mistakes(run: Run): Promise<HTMLElement> {
  const told = await api.mistakes(run.id, { limit: SHOWN, step: null });
  const number = told.confusion === null;
  const said = (value: Item["truth"]) =>
    number || Array.isArray(value) ? num(value) : className(told.names[value] ?? String(value));
  const wrong = told.items.filter((item) => number || item.truth !== item.answer);
  const rows = wrong.map((item) => item.row);
  const pictures = run.pictures && rows.length > 0 ? await api.pictures({ run: run.id }, "test", rows) : null;
  const cards = wrong.map((item, i) => {
    let shown: HTMLElement = ltr(`#${item.row}`);
    if (pictures !== null) {
      const { width, height, channels, bytes } = pictures;
      const canvas = board(width, height, "");
      paintGrey(
        canvas,
        bytes.subarray(i * channels * width * height, (i + 1) * channels * width * height),
        channels,
      );
      shown = canvas;
    }
    const share = item.probability === null ? "" : ` ${percent(item.probability, 0)}`;
    return h(
      "li",
      {},
      shown,
      h("span", {}, h("bdi", {}, said(item.truth)), " / ", h("bdi", {}, said(item.answer)), share),
    );
  });
  const errors = told.errors ?? told.found;
  const title = number
    ? t("farthestOff")
    : t("wrongOf", { n: int(errors), of: int(told.samples), share: percent(1 - errors / told.samples) });
  return h(
    "section",
    {},
    h("h2", {}, title),
    h("p", { class: "quiet" }, t("reportTruth")),
    h("ol", { class: "report-mistakes" }, ...cards),
  );
}
