// The left side of Train: data, question, network, how to learn, start.

import { api, Refused, type Data } from "./api";
import { blocks } from "./blocks";
import { commandLine } from "./command";
import { fill, h, roving, say, scroller, segmented, set } from "./dom";
import { change, choosePace, draft, draftData, onDraft, replaceDraft, specFor } from "./draft";
import { numberField } from "./field";
import { findingList } from "./findings";
import { className, int, num, percent, t } from "./i18n";
import { rateSlider } from "./rate";
import { linkTo } from "./share";
import { startDraft } from "./start";
import { learned, learnedData, on, select, state } from "./state";
import { complain } from "./toast";
import { tell } from "./told";

/** Takes a file as data and puts it into the draft. */
export async function takeFile(file: File): Promise<void> {
  try {
    if (file.name.toLowerCase().endsWith(".safetensors")) {
      const run = await api.openModel(file);
      learned(run);
      return select(run.id);
    }
    const data = await api.addData(file);
    learnedData(data);
    replaceDraft(specFor(data));
  } catch (error) {
    const named = error instanceof Refused && error.message.includes(file.name);
    complain(
      named || !(error instanceof Refused)
        ? error
        : new Refused(error.status, `${file.name}: ${error.message}`),
    );
  }
}

function dataCards(): HTMLElement {
  const cards = h("div", { class: "cards", role: "radiogroup", "aria-label": t("chooseData") });
  const file = h("input", {
    type: "file",
    class: "sr-only",
    accept: ".csv,.tsv,.gz,.safetensors,text/csv",
    tabindex: -1,
    "aria-label": t("ownTable"),
    onchange: () => {
      if (file.files?.[0]) void takeFile(file.files[0]);
      file.value = "";
    },
  });
  const said = h("ul", { class: "warnings" });
  const howRead = h("details", { class: "command how-read", open: true });
  let read = "";
  const buttons = () => [...cards.querySelectorAll<HTMLElement>("[role=radio]")];
  roving(cards, buttons, (b) => b.click());
  let built = "";
  const show = () => {
    const shape = state.data.map((d) => d.id).join("|");
    if (shape !== built) {
      built = shape;
      fill(cards, ...state.data.map(card));
    }
    for (const button of buttons()) {
      const chosen = button.dataset.id === draft.spec?.data;
      set(button, { "aria-checked": String(chosen), tabindex: chosen ? 0 : -1 });
    }
    const data = draftData();
    fill(
      said,
      ...(data?.told.warnings ?? []).map((line) => h("li", { class: "warning", dir: "auto" }, tell(line))),
    );
    said.hidden = !data?.warnings.length;
    if (data?.id !== read) {
      read = data?.id ?? "";
      fill(howRead, ...(data === null ? [] : reading(data)));
      howRead.hidden = data?.kind !== "table";
    }
  };
  on("data", show);
  onDraft(show);
  const pick = h(
    "button",
    { type: "button", class: "drop", onclick: () => file.click() },
    h("span", { "aria-hidden": "true" }, "+"),
    t("ownTable"),
  );
  return h("div", {}, cards, pick, file, said, howRead);
}

/** How a table was read: what was decided, and its first rows. */
function reading(data: Data): HTMLElement[] {
  const columns = (data.columns ?? []).filter((name) => name in (data.rows[0] ?? {}));
  const cell = (value: string | number | null | undefined) =>
    h(
      "bdi",
      {},
      value === null || value === undefined ? "–" : typeof value === "number" ? num(value) : value,
    );
  const head = columns.map((name) => h("th", { scope: "col" }, h("bdi", {}, name)));
  const rows = data.rows.map((row) => h("tr", {}, ...columns.map((name) => h("td", {}, cell(row[name])))));
  return [
    h("summary", {}, t("howRead")),
    h("ul", { class: "decided" }, ...data.told.said.map((line) => h("li", { dir: "auto" }, tell(line)))),
    scroller(
      t("firstRows"),
      {},
      h(
        "table",
        {},
        h("caption", {}, t("firstRows")),
        h("thead", {}, h("tr", {}, ...head)),
        h("tbody", {}, ...rows),
      ),
    ),
  ];
}

function card(data: Data): HTMLElement {
  const size = t("samplesN", { train: int(data.train_samples), test: int(data.test_samples) });
  return h(
    "button",
    {
      type: "button",
      class: "card-choice",
      role: "radio",
      "data-id": data.id,
      onclick: () => replaceDraft(specFor(data)),
    },
    h("strong", {}, h("bdi", {}, data.name)),
    h(
      "span",
      {},
      data.kind === "pictures"
        ? t("kindPictures")
        : data.kind === "table"
          ? t("kindTable", { n: data.columns?.length ?? data.features })
          : t("kindArray"),
    ),
    h("span", { class: "quiet" }, size),
  );
}

/** The classes that "is it a …?" can ask about, known from the data or from a plan for another target. */
function classesAsked(): string[] {
  const { plan, spec } = draft;
  const data = draftData();
  if (data === null || spec === null) return [];
  if (spec.target === null || spec.target === data.target)
    return data.task === "classes" ? (data.names ?? []) : [];
  if (plan !== null && plan.spec.target === spec.target && plan.spec.is === null && plan.task === "classes") {
    targetClasses = plan.names ?? [];
    targetOf = spec.data + spec.target;
  }
  return targetOf === spec.data + spec.target ? targetClasses : [];
}
let targetClasses: string[] = [];
let targetOf = "";

function question(): HTMLElement {
  const target = h("select", { onchange: () => change({ target: target.value, is: null }, 0) });
  const targetRow = h("label", { class: "field" }, h("span", {}, t("targetColumn")), target);
  const chips = h("div", { class: "chips", role: "radiogroup", "aria-label": t("theQuestion") });
  const all = h("button", {
    type: "button",
    role: "radio",
    class: "chip wide",
    "data-is": "",
    onclick: () => change({ is: null }, 0),
  });
  const label = h("span", { class: "chips-label" });
  const buttons = () => [...chips.querySelectorAll<HTMLElement>("[role=radio]")];
  roving(chips, buttons, (b) => b.click());
  const sentence = h("p", { class: "question-said" });
  let built = "";
  onDraft(() => {
    const data = draftData();
    const { spec, plan } = draft;
    if (!data || !spec) return;
    targetRow.hidden = !data.columns;
    const names = classesAsked();
    const shape = [data.id, spec.target, ...names].join("|");
    if (shape !== built) {
      built = shape;
      fill(target, ...(data.columns ?? []).map((c) => h("option", { value: c }, c)));
      const shown = names.slice(0, 30);
      fill(
        chips,
        all,
        label,
        ...shown.map((name) =>
          h(
            "button",
            {
              type: "button",
              role: "radio",
              class: "chip",
              "data-is": name,
              "aria-label": t("isItA", { x: name }),
              onclick: () => change({ is: name }, 0),
            },
            h("bdi", {}, name),
          ),
        ),
      );
    }
    target.value = spec.target ?? data.target ?? "";
    say(all, t("whichOfAll", { n: names.length }));
    say(label, t("isIt"));
    chips.hidden = names.length < 2;
    for (const button of buttons()) {
      const chosen = (button.dataset.is || null) === spec.is;
      set(button, { "aria-checked": String(chosen), tabindex: chosen ? 0 : -1 });
    }
    if (plan) {
      const b = plan.baseline;
      say(
        sentence,
        b === null
          ? ""
          : plan.task === "number"
            ? t("baselineNumber", { rmse: num(b.measure) })
            : t("baselineSaid", { answer: className(b.answer ?? ""), share: percent(b.measure) }),
      );
    }
  });
  return h("div", {}, targetRow, chips, sentence);
}

function choice(
  label: string,
  options: [string, string][],
  get: () => string,
  put: (value: string) => void,
): HTMLElement {
  const select = h(
    "select",
    { onchange: () => put(select.value) },
    ...options.map(([value, text]) => h("option", { value }, text)),
  );
  onDraft(() => draft.spec && (select.value = get()));
  return h("label", { class: "field" }, h("span", {}, label), select);
}

const USUAL_PRECISION = "f32";

function learning(): HTMLElement {
  const spec = () => draft.spec!;
  const rate = rateSlider(t("learningRate"), (lr) => change({ lr }));
  onDraft(() => draft.spec && rate.set(draft.spec.lr));
  const optimizers: [string, string][] = [
    ["adam", "Adam"],
    ["adamw", "AdamW"],
    ["sgd", "SGD"],
    ["rmsprop", "RMSprop"],
  ];
  const schedules: [string, string][] = [
    ["constant", t("constant")],
    ["cosine", t("cosine")],
    ["one-cycle", t("oneCycle")],
  ];
  const precisions: [string, string][] = [
    [USUAL_PRECISION, "float32"],
    ["bf16", "bfloat16"],
    ["auto", t("fasterOne")],
  ];
  return h(
    "div",
    { class: "settings" },
    rate.el,
    choice(
      t("optimizer"),
      optimizers,
      () => spec().optimizer,
      (optimizer) => change({ optimizer }),
    ),
    numberField(
      t("batchSize"),
      { low: 1, high: () => draft.plan?.train_samples ?? Infinity, whole: true },
      () => spec().batch_size,
      (batch_size) => change({ batch_size }),
    ),
    numberField(
      t("epochs"),
      { low: 1, high: () => 1_000_000, whole: true },
      () => spec().epochs,
      (epochs) => change({ epochs }),
    ),
    numberField(
      t("seed"),
      { low: 0, high: () => Number.MAX_SAFE_INTEGER, whole: true },
      () => spec().seed,
      (seed) => change({ seed }),
    ),
    choice(
      t("schedule"),
      schedules,
      () => spec().schedule,
      (schedule) => change({ schedule }),
    ),
    numberField(
      t("weightDecay"),
      { low: 0, high: () => 1000, whole: false },
      // Without one it is the optimizer's own.
      () => spec().weight_decay ?? (spec().optimizer === "adamw" ? 0.01 : 0),
      (weight_decay) => change({ weight_decay }),
    ),
    numberField(
      t("dropout"),
      { low: 0, high: () => 0.95, whole: false },
      () => spec().hidden[0]?.dropout ?? 0,
      (dropout) => change({ hidden: spec().hidden.map((layer) => ({ ...layer, dropout })) }),
    ),
    choice(
      t("precision"),
      precisions,
      () => spec().precision ?? USUAL_PRECISION,
      (precision) => change({ precision: precision === USUAL_PRECISION ? undefined : precision }),
    ),
  );
}

/** The paces one can choose: null is full speed, 0 one step at a time. */
export function paceChoice(choose: (pace: number | null) => void, chosen: number | null) {
  return segmented(
    t("pace"),
    [
      { value: 0, text: t("paceStep"), title: t("paceStepLong") },
      { value: 10, text: t("paceSlow"), title: t("perSecond", { n: 10 }) },
      { value: 200, text: t("paceWatch"), title: t("perSecond", { n: 200 }) },
      { value: null as number | null, text: t("paceFull"), title: t("paceFullLong") },
    ],
    chosen,
    choose,
  );
}

function launch(started: () => void): HTMLElement[] {
  const pace = paceChoice(choosePace, draft.pace);
  onDraft(() => pace.set(draft.pace));
  const word = h("span", {}, t("start"));
  const startable = () => draft.refused === null && draft.spec !== null && draft.wrong.size === 0;
  const button = h(
    "button",
    {
      type: "button",
      class: "primary start",
      // Until there is something to start.
      disabled: true,
      onclick: async () => {
        set(button, { disabled: true, "aria-busy": "true" });
        say(word, t("starting"));
        if (await startDraft()) started();
        say(word, t("start"));
        set(button, { disabled: !startable(), "aria-busy": null });
      },
    },
    h("span", { class: "play", "aria-hidden": "true" }),
    word,
  );
  const trouble = h("p", { class: "trouble", role: "alert", dir: "auto" });
  const command = commandLine();
  const link = commandLine();
  const steps = h("p", { class: "quiet" });
  onDraft(() => {
    say(trouble, draft.refused ?? "");
    trouble.hidden = draft.refused === null;
    if (!button.hasAttribute("aria-busy")) set(button, { disabled: !startable() });
    if (draft.plan) {
      command.set(draft.plan.command);
      if (draft.spec !== null) link.set(linkTo(draft.spec));
      say(
        steps,
        t("stepsN", {
          steps: draft.plan.steps,
          sum: `${int(draft.plan.spec.epochs)} × ${int(draft.plan.steps_per_epoch)}`,
        }),
      );
    }
  });
  const same = h(
    "div",
    {},
    h("details", { class: "command" }, h("summary", {}, t("sameCommand")), command.el),
    h("details", { class: "command share" }, h("summary", {}, t("shareLink")), link.el),
  );
  return [steps, same, h("div", { class: "launch" }, trouble, pace.el, button)];
}

/** What looks wrong in the network, before it is trained. */
function oddities(): HTMLElement {
  const found = findingList();
  onDraft(() => found.set(draft.plan?.findings ?? [], draft.plan?.spec ?? null));
  return found.el;
}

/** The whole column; `started` is called when a run has begun. */
export function setup(started: () => void): HTMLElement {
  const part = (n: number, title: string, ...children: HTMLElement[]) =>
    h(
      "section",
      { class: "part" },
      h("h2", {}, h("span", { class: "n", "aria-hidden": "true" }, String(n)), title),
      ...children,
    );
  const [steps, command, start] = launch(started) as [HTMLElement, HTMLElement, HTMLElement];
  return h(
    "div",
    { class: "setup paper" },
    part(1, t("chooseData"), dataCards()),
    part(2, t("theQuestion"), question()),
    part(3, t("theNetwork"), blocks(), oddities()),
    part(4, t("howToLearn"), learning(), steps, command),
    start,
  );
}
