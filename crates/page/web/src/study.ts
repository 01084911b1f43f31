// The view Study: many networks raced; which were best, of each size, and what mattered.

import { api, type Network, type Study } from "./api";
import { colours, onScheme } from "./colours";
import { commandLine } from "./command";
import { announce, fill, h, ltr, say, scroller, segmented, set } from "./dom";
import { replaceDraft, specFor } from "./draft";
import { int, num, percent, t, type Key } from "./i18n";
import { scatter, scatterFigure, type Point } from "./scatter";
import { on, state } from "./state";
import { settingName } from "./told";

/** Between two looks while the study goes on. */
const EVERY = 1500;
/** Rows of the table of the best. */
const LEADERS = 12;
/** Points that are drawn, the longest trained first. */
const POINTS = 600;

const SCHEDULES: Record<string, Key> = { constant: "constant", cosine: "cosine", "one-cycle": "oneCycle" };

/** Builds the view. */
export function study(): HTMLElement {
  let place = 0;
  let shown: Study | null = null;
  let told = "";
  let chosen: number | null = null;
  let which: "best" | "sizes" = "best";

  const picker = h("select", {
    "aria-label": t("theStudy"),
    onchange: () => {
      place = picker.selectedIndex;
      chosen = null;
      void look();
    },
  });
  const name = h("span");
  const question = ltr("", "code");
  const facts = h("p", { class: "quiet" });
  const result = h("p", { class: "study-result" });
  const trouble = h("p", { class: "trouble", role: "alert", dir: "auto", hidden: true });
  const plot = h("div", { class: "scatter study-scatter", dir: "ltr" });
  const legend = h("p", { class: "quiet" }, `★ ${t("best")} · ◆ ${t("simplest")}. ${t("studyLegend")}`);
  const body = h("tbody");
  const head = [t("networkName"), t("parameters"), t("result"), t("epochs")].map((x) =>
    h("th", { scope: "col" }, x),
  );
  const table = h("table", { class: "study-table" }, h("thead", {}, h("tr", {}, ...head)), body);
  const tables = segmented(
    t("whichNetworks"),
    [
      { value: "best", text: t("theBest") },
      { value: "sizes", text: t("bestOfSize") },
    ] as const,
    which,
    (value) => {
      which = value;
      show();
    },
  );
  const detail = h("div", { class: "study-detail" });
  const command = commandLine();
  const take = h("button", { type: "button", onclick: () => bring() }, t("trainItHere"));
  const mattered = h("ul", { class: "bars" });
  const el = h(
    "div",
    { class: "study" },
    h(
      "section",
      { class: "paper" },
      h("div", { class: "study-head" }, h("h2", {}, t("tab_study"), " ", h("bdi", {}, name)), picker),
      h("p", {}, question),
      facts,
      result,
      trouble,
      h(
        "div",
        { class: "runs-body" },
        scatterFigure(h("div", {}, plot, legend)),
        h("div", {}, detail, command.el, take),
      ),
    ),
    h("section", { class: "paper" }, tables.el, scroller(t("whichNetworks"), {}, table)),
    h(
      "section",
      { class: "paper" },
      h("h2", {}, t("whatMattered")),
      h("p", { class: "quiet" }, t("matteredHint")),
      mattered,
    ),
  );

  const measure = (network: Network, study: Study) =>
    network.measure === null
      ? t("stateDiverged")
      : study.task === "number"
        ? `R² ${num(network.measure, 3)}`
        : percent(network.measure);
  const find = (study: Study) => study.networks.find((n) => n.trial === chosen) ?? study.best;
  const choose = (trial: number) => {
    chosen = trial;
    show();
    const network = shown && find(shown);
    if (shown && network) announce(`${network.network}: ${measure(network, shown)}`, true);
  };

  /** Puts the chosen network into Train. */
  const bring = () => {
    const network = shown && find(shown);
    const data = state.data.find((d) => d.id === shown?.spec.data);
    if (!shown || !network || !data) return;
    const { activation, dropout, lr, schedule, epochs } = network;
    const { is = null, target = null, seed = 0 } = shown.spec;
    replaceDraft({
      ...specFor(data),
      is,
      target,
      seed,
      hidden: network.hidden.map((width) => ({ width, activation, dropout })),
      optimizer: "adamw",
      lr,
      weight_decay: network["weight-decay"],
      schedule,
      batch_size: network["batch-size"],
      epochs,
    });
    location.hash = "#train";
  };

  const draw = (study: Study) => {
    const { minus, runs } = colours();
    const marks = new Map([
      [study.simplest?.trial, { shape: "diamond", colour: runs[2]! }],
      [study.best?.trial, { shape: "star", colour: runs[0]! }],
    ] as const);
    const all = study.networks.filter((n) => n.measure !== null);
    all.sort((a, b) => b.epochs - a.epochs);
    const points = all.slice(0, POINTS).map((network): Point => {
      const mark = marks.get(network.trial);
      const whole = network.epochs === study.epochs;
      return {
        parameters: network.parameters,
        measure: network.measure!,
        label: `${network.network}, ${int(network.parameters)}: ${measure(network, study)}`,
        shape: mark?.shape ?? "circle",
        size: mark ? 8 : whole ? 4.5 : 2.8,
        colour: mark?.colour ?? (whole ? `rgb(${minus.join(",")})` : colours().quiet),
        current: network === find(study),
        choose: () => choose(network.trial),
      };
    });
    // The largest marks last: they lie on top.
    points.sort((a, b) => a.size - b.size);
    plot.parentElement!.parentElement!.hidden = points.length === 0;
    if (points.length === 0) return fill(plot);
    const number = study.task === "number";
    const measures = points.map((p) => p.measure).sort((a, b) => a - b);
    // The worst ones would press all others flat.
    const quarter = measures[Math.floor(measures.length / 4)]!;
    const lowest = Math.max(study.baseline, quarter - 0.3 * (measures.at(-1)! - quarter));
    const base = { measure: study.baseline, label: number ? t("alwaysMean") : t("alwaysSame") };
    const frontier = study.frontier.map((n): [number, number] => [n.parameters, n.measure!]);
    fill(plot, scatter({ points, number, base, frontier, lowest, reachable: false }));
  };

  const row = (network: Network, study: Study): HTMLElement => {
    const is = [
      network.trial === study.best?.trial ? t("best") : null,
      network.trial === study.simplest?.trial ? t("simplest") : null,
    ].filter((word) => word !== null);
    return h(
      "tr",
      { "aria-current": network.trial === find(study)?.trial ? "true" : null },
      h(
        "td",
        {},
        h(
          "button",
          { type: "button", class: "link", onclick: () => choose(network.trial) },
          // Widths alone.
          ltr(network.network.replace(/:[a-z_]+(\([^)]*\))?/g, ""), "code"),
        ),
        h(
          "small",
          { class: "quiet" },
          ltr(
            [network.activation, network.dropout > 0 && `dropout ${network.dropout}`]
              .filter(Boolean)
              .join(", "),
          ),
        ),
        is.length > 0 && h("small", { class: "chip-state" }, is.join(", ")),
      ),
      h("td", {}, ltr(int(network.parameters))),
      h("td", { class: "result" }, h("strong", {}, ltr(measure(network, study)))),
      h("td", {}, ltr(int(network.epochs))),
    );
  };

  const show = () => {
    const study = shown;
    if (study === null) return;
    say(name, study.name);
    say(question, study.question.replace(/^reshet train/, "reshet tune"));
    const n = study.networks.length;
    say(facts, t("studyFacts", { n, samples: study.validation_samples, epochs: study.epochs }));
    const number = study.task === "number";
    const score = study.test === null ? null : number ? `R² ${num(study.test, 3)}` : percent(study.test);
    say(result, score === null ? t("testClosed") : t("testOpened", { score }));
    draw(study);
    const most = Math.max(0, ...study.networks.map((network) => network.epochs));
    const longest = study.networks.filter((network) => network.epochs === most);
    longest.sort((a, b) => (b.measure ?? -Infinity) - (a.measure ?? -Infinity));
    const rows = which === "best" ? longest.slice(0, LEADERS) : study.frontier;
    const focused = [...body.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement);
    fill(body, ...rows.map((network) => row(network, study)));
    if (focused >= 0) body.querySelectorAll("button")[focused]?.focus();
    const network = find(study);
    for (const part of [detail, command.el, take]) part.hidden = network === null;
    if (network !== null) {
      fill(
        detail,
        h("p", { class: "big" }, ltr(measure(network, study))),
        h("p", { class: "under" }, t("onValidation")),
        h("p", {}, ltr(network.network, "code")),
        h(
          "p",
          { class: "quiet" },
          t("studySettings", {
            lr: num(network.lr),
            batch: network["batch-size"],
            decay: num(network["weight-decay"]),
            epochs: network.epochs,
            schedule: SCHEDULES[network.schedule] ? t(SCHEDULES[network.schedule]!) : network.schedule,
          }),
        ),
      );
      command.set(network.command);
      const there = state.data.some((d) => d.id === study.spec.data);
      set(take, { disabled: !there, title: there ? null : t("studyNoData") });
    }
    fill(
      mattered,
      ...Object.entries(study.importance)
        .sort(([, a], [, b]) => b - a)
        .map(([name, share]) => {
          const part = h("span", { class: "bar-part" });
          part.style.inlineSize = `${Math.min(100, share * 100)}%`;
          return h(
            "li",
            {},
            h("span", { class: "bar-name" }, h("bdi", {}, settingName(name))),
            h("span", { class: "bar-track" }, part),
            h("span", { class: "bar-number" }, ltr(percent(share, 0))),
          );
        }),
    );
    mattered.parentElement!.hidden = study.networks.length < 9;
  };

  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async () => {
    clearTimeout(timer);
    const seen = document.body.dataset.view === "study" && !document.hidden;
    if (seen && state.studies.length > 0) {
      const mine = place;
      try {
        const study = await api.study(place);
        if (mine !== place) return;
        trouble.hidden = true;
        const text = JSON.stringify(study);
        if (text !== told) {
          [told, shown] = [text, study];
          show();
        }
      } catch (error) {
        say(trouble, error instanceof Error ? error.message : String(error));
        trouble.hidden = false;
      }
    }
    clearTimeout(timer);
    // What is finished does not change.
    if (shown?.test === null || shown === null) timer = setTimeout(look, EVERY);
  };
  const names = () => {
    fill(picker, ...state.studies.map((name) => h("option", {}, name)));
    picker.selectedIndex = place;
    picker.hidden = state.studies.length < 2;
    void look();
  };
  on("data", names);
  addEventListener("routed", () => void look());
  document.addEventListener("visibilitychange", () => void look());
  onScheme(show);
  names();
  return el;
}
