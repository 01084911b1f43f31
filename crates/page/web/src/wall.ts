// The teacher's view: a wall of results for the projector, how to join, and the task.

import { api } from "./api";
import type { Standing, Wall, WallRow } from "./api-types";
import { questionOf, taskPhrases } from "./class";
import { fill, h, ltr, s, say, set } from "./dom";
import { int, num, percent, t } from "./i18n";
import { on, state } from "./state";
import { complain } from "./toast";

/** Between two looks at the results. */
const EVERY = 1000;

let wall: Wall | null = null;

/** Builds the view. */
export function classWall(): HTMLElement {
  const task = h("h2", { class: "wall-task" });
  const counts = h("p", { class: "wall-counts", role: "status" });
  const rows = new Map<number, Row>();
  const body = h("tbody");
  const head = [
    "wallPupil",
    "wallResult",
    "wallNeurons",
    "wallParameters",
    "wallTime",
    "wallTraining",
  ] as const;
  const columns = head.map((key) => h("th", { scope: "col" }, t(key)));
  const table = h(
    "table",
    { class: "wall-table" },
    h(
      "thead",
      {},
      h("tr", {}, h("th", { scope: "col" }, "#"), ...columns, h("td", { class: "wall-actions" })),
    ),
    body,
  );
  const empty = h("p", { class: "wall-empty" }, t("wallEmpty"));
  const results = h("div", { class: "paper wall-results" }, table, empty);
  const side = h(
    "div",
    { class: "wall-side" },
    joining(),
    taskForm((next) => show(next)),
  );
  const el = h(
    "div",
    { class: "wall" },
    h("div", { class: "wall-head" }, h("div", {}, task, counts), fullScreen()),
    results,
    side,
  );

  function show(next: Wall): void {
    wall = next;
    fill(task, ...taskPhrases(next.task).flatMap((phrase, i) => [i > 0 && " · ", h("bdi", {}, phrase)]));
    const done = next.pupils.filter((pupil) => pupil.best?.reached).length;
    const bounded = next.task.at_least !== null;
    const here = t("wallHere", { n: next.pupils.filter((pupil) => pupil.here).length });
    say(counts, bounded ? `${here} · ${t("wallReached", { n: done })}` : here);
    table.hidden = next.pupils.length === 0;
    empty.hidden = next.pupils.length > 0;
    const ids = new Set(next.pupils.map((pupil) => pupil.id));
    for (const [id, row] of rows) {
      if (ids.has(id)) continue;
      row.el.remove();
      rows.delete(id);
    }
    next.pupils.forEach((pupil, place) => {
      const row = rows.get(pupil.id) ?? new Row(show);
      rows.set(pupil.id, row);
      row.show(pupil, place + 1);
      // Moved only where it stands elsewhere: what has the focus keeps it.
      if (body.children[place] !== row.el) body.insertBefore(row.el, body.children[place] ?? null);
    });
  }

  const look = async () => {
    if (document.hidden || el.closest("[hidden]") !== null) return;
    try {
      show(await api.wall());
    } catch {
      // The banner says that nobody answers.
    }
  };
  setInterval(look, EVERY);
  addEventListener("routed", () => void look());
  on(["class", "data"], () => void look());
  void look();
  return el;
}

/** A pupil's row, changed in place. */
class Row {
  readonly el: HTMLTableRowElement;
  private readonly place = h("td", { class: "wall-place" });
  private readonly name = h("th", { scope: "row", class: "wall-name" });
  private readonly result = h("td", { class: "wall-result" });
  private readonly neurons = h("td");
  private readonly parameters = h("td");
  private readonly time = h("td");
  private readonly bar = h("progress", { max: 1 });
  private readonly more: HTMLButtonElement;
  private pupil: WallRow | null = null;
  private shown = "";

  constructor(show: (wall: Wall) => void) {
    this.more = h(
      "button",
      { type: "button", class: "round quiet", onclick: () => this.pupil && actions(this.pupil, show) },
      "⋯",
    );
    const actionCell = h("td", { class: "wall-actions" }, this.more);
    this.el = h(
      "tr",
      {},
      this.place,
      this.name,
      this.result,
      this.neurons,
      this.parameters,
      this.time,
      h("td", {}, this.bar),
      actionCell,
    );
  }

  show(pupil: WallRow, place: number): void {
    this.pupil = pupil;
    this.bar.hidden = pupil.training === null;
    set(this.bar, { "aria-label": t("wallTraining") });
    this.bar.value = pupil.training ?? 0;
    const told = JSON.stringify([place, pupil.nickname, pupil.here, pupil.best]);
    if (told === this.shown) return;
    this.shown = told;
    const { best } = pupil;
    const name = nameOf(pupil);
    say(this.place, int(place));
    fill(this.name, h("bdi", {}, name), !pupil.here && h("small", {}, t("wallAway")));
    fill(this.result, ...resultOf(best));
    say(this.neurons, best === null ? "" : int(best.neurons));
    say(this.parameters, best === null ? "" : int(best.parameters));
    say(this.time, best === null ? "" : t("wallSeconds", { s: num(best.seconds, 2) }));
    this.el.classList.toggle("reached", best?.reached ?? false);
    set(this.more, { "aria-label": t("wallMore", { name }), title: t("wallMore", { name }) });
  }
}

function nameOf(pupil: WallRow): string {
  return pupil.nickname ?? t("wallNoName");
}

function resultOf(best: Standing | null): (HTMLElement | string | false)[] {
  if (best === null || wall === null) return [t("wallNone")];
  const number = state.data.find((d) => d.id === wall!.task.data)?.task === "number";
  const measure = h("strong", {}, ltr(number ? `R² ${num(best.measure, 3)}` : percent(best.measure)));
  const mark = best.reached
    ? `✓ ${t("wallDone")}`
    : !best.fits
      ? t("wallTooLarge")
      : !best.whole
        ? t("wallSome")
        : "";
  return [measure, mark !== "" && h("small", {}, mark)];
}

/** What a teacher can do about a pupil; each says what it does before it is done. */
function actions(pupil: WallRow, show: (wall: Wall) => void): void {
  const name = nameOf(pupil);
  const { best } = pupil;
  const act = (title: string, text: string, then: () => Promise<Wall>) =>
    h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            dialog.close();
            then().then(show, complain);
          },
        },
        title,
      ),
      h("p", { class: "quiet" }, text),
    );
  const list = h(
    "ul",
    { class: "wall-acts" },
    pupil.nickname !== null &&
      act(t("wallTakeName"), t("wallTakeNameLong", { name }), () => api.takeNickname(pupil.id)),
    best !== null &&
      act(t("wallTakeRun"), t("wallTakeRunLong", { name, run: best.run, network: best.network }), () =>
        api.takeRun(pupil.id, best.run),
      ),
    act(t("wallTakePupil"), t("wallTakePupilLong", { name }), () => api.takePupil(pupil.id)),
  );
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, t("cancel"));
  const dialog = asDialog(
    "ask",
    h("h2", { id: "wall-acts" }, h("bdi", {}, name)),
    list,
    h("div", { class: "ask-buttons" }, cancel),
  );
  set(dialog, { "aria-labelledby": "wall-acts" });
}

/** Opens a dialog; it goes when it is closed. */
function asDialog(kind: string, ...children: HTMLElement[]): HTMLDialogElement {
  const dialog = h("dialog", { class: kind }, h("div", { class: "dialog-body" }, ...children));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** The address and its code, and both as large as the screen. */
function joining(): HTMLElement {
  const el = h("section", { class: "paper wall-join" }, h("h3", {}, t("wallJoin")));
  api.classLink().then(({ address, size, path }) => {
    const code = () =>
      s(
        "svg",
        { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": t("wallCode") },
        s("rect", { width: size, height: size, fill: "#fff" }),
        s("path", { d: path, fill: "#000", "shape-rendering": "crispEdges" }),
      );
    const large = () => {
      const close = h("button", { type: "button", onclick: () => dialog.close() }, t("close"));
      const dialog = asDialog(
        "qr-dialog",
        code() as unknown as HTMLElement,
        h("p", { class: "qr-address" }, ltr(address, "code")),
        close,
      );
      set(dialog, { "aria-label": t("wallJoin") });
    };
    el.append(
      code(),
      h("p", {}, ltr(address, "code")),
      h("button", { type: "button", class: "small show-code", onclick: large }, t("wallShowCode")),
    );
  }, complain);
  return el;
}

/** A form for the task of the day. */
function taskForm(show: (wall: Wall) => void): HTMLElement {
  const question = h("select", {});
  const amount = (key: "wallMostNeurons" | "wallMostParameters", max: number) => {
    const input = h("input", { type: "number", min: 0, max, step: 1, inputmode: "numeric" });
    return { input, el: h("label", { class: "field" }, h("span", {}, t(key)), input) };
  };
  const least = h("input", { type: "number", min: 0.01, max: 100, step: "any", inputmode: "decimal" });
  const leastName = h("span", {});
  const neurons = amount("wallMostNeurons", 1e6);
  const parameters = amount("wallMostParameters", 1e9);
  const chosen = () => JSON.parse(question.value || "{}") as { data?: string; is?: string | null };
  const isNumber = () => state.data.find((d) => d.id === chosen().data)?.task === "number";
  const nameLeast = () => {
    say(leastName, t(isNumber() ? "wallThresholdR2" : "wallThreshold"));
    set(least, { max: isNumber() ? 1 : 100 });
  };
  question.addEventListener("change", nameLeast);
  const numberIn = (input: HTMLInputElement) => (input.value === "" ? null : input.valueAsNumber);
  const send = async (event: Event) => {
    event.preventDefault();
    const { data = "", is = null } = chosen();
    const value = numberIn(least);
    const at_least = value === null ? null : isNumber() ? value : value / 100;
    try {
      show(
        await api.setTask({
          data,
          is,
          at_least,
          neurons: numberIn(neurons.input),
          parameters: numberIn(parameters.input),
        }),
      );
      details.open = false;
    } catch (error) {
      complain(error);
    }
  };
  const form = h(
    "form",
    { onsubmit: send },
    h("label", { class: "field" }, h("span", {}, t("wallQuestion")), question),
    h("label", { class: "field" }, leastName, least),
    neurons.el,
    parameters.el,
    h("p", { class: "quiet" }, t("wallOpenField")),
    h("button", { class: "primary", type: "submit" }, t("wallSet")),
  );
  const details = h("details", { class: "paper wall-form" }, h("summary", {}, t("wallSetTask")), form);
  // Filled with the task as it is when the form is opened.
  details.addEventListener("toggle", () => {
    const task = wall?.task;
    if (!details.open || task === undefined) return;
    const all = state.data.flatMap((data) => [
      { data: data.id, is: null as string | null },
      ...(data.task === "classes"
        ? data.names.map((is) => ({ data: data.id, is: is as string | null }))
        : []),
    ]);
    fill(
      question,
      ...all.map((one) => h("option", { value: JSON.stringify(one) }, questionOf(one.data, one.is))),
    );
    question.value = JSON.stringify({ data: task.data, is: task.is });
    nameLeast();
    const share =
      task.at_least === null ? null : isNumber() ? task.at_least : Number((task.at_least * 100).toFixed(4));
    least.value = share === null ? "" : String(share);
    neurons.input.value = task.neurons === null ? "" : String(task.neurons);
    parameters.input.value = task.parameters === null ? "" : String(task.parameters);
  });
  return details;
}

/** Nothing but the results, in large type. */
function fullScreen(): HTMLElement {
  const button = h("button", { type: "button", class: "wall-big" });
  const isOn = () => document.body.classList.contains("projecting");
  const show = (on: boolean) => {
    document.body.classList.toggle("projecting", on);
    document.documentElement.classList.toggle("large", on);
    say(button, t(on ? "wallSmall" : "wallBig"));
  };
  button.addEventListener("click", () => {
    const on = !isOn();
    show(on);
    if (on) void document.documentElement.requestFullscreen?.().catch(() => undefined);
    else if (document.fullscreenElement) void document.exitFullscreen();
  });
  document.addEventListener("fullscreenchange", () => document.fullscreenElement || (isOn() && show(false)));
  show(false);
  return button;
}
