// The left side of Train: data, question, network, how to learn, start.

import { api, Refused, type Data } from "./api";
import { blocks } from "./blocks";
import { commandLine } from "./command";
import { fill, h, roving, say, segmented, set } from "./dom";
import { change, draft, draftData, onDraft, replaceDraft, specFor } from "./draft";
import { className, int, num, percent, t } from "./i18n";
import { rateSlider } from "./rate";
import { startDraft } from "./start";
import { learnedData, on, state } from "./state";
import { toast } from "./toast";

/** Takes a file as data and puts it into the draft. */
export async function takeFile(file: File): Promise<void> {
  try {
    const data = await api.addData(file);
    learnedData(data);
    replaceDraft(specFor(data));
  } catch (error) {
    toast(error instanceof Refused ? `${file.name}: ${error.message}` : t("offline"));
  }
}

function dataCards(): HTMLElement {
  const cards = h("div", { class: "cards", role: "radiogroup", "aria-label": t("chooseData") });
  const file = h("input", {
    type: "file",
    class: "sr-only",
    accept: ".csv,.tsv,.gz,text/csv",
    tabindex: -1,
    "aria-label": t("ownTable"),
    onchange: () => {
      if (file.files?.[0]) void takeFile(file.files[0]);
      file.value = "";
    },
  });
  const said = h("ul", { class: "warnings" });
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
    fill(said, ...(data?.warnings ?? []).map((line) => h("li", { class: "warning", dir: "auto" }, line)));
    said.hidden = !data?.warnings.length;
  };
  on("data", show);
  onDraft(show);
  const pick = h(
    "button",
    { type: "button", class: "drop", onclick: () => file.click() },
    h("span", { "aria-hidden": "true" }, "+"),
    t("ownTable"),
  );
  return h("div", {}, cards, pick, file, said);
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
        plan.task === "number"
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

function whole(label: string, low: number, get: () => number, put: (value: number) => void): HTMLElement {
  const input = h("input", {
    type: "number",
    min: low,
    step: 1,
    dir: "ltr",
    inputmode: "numeric",
    onchange: () => {
      const value = Math.round(input.valueAsNumber);
      if (Number.isFinite(value) && value >= low) put(value);
      input.value = String(get());
    },
  });
  onDraft(() => draft.spec && document.activeElement !== input && (input.value = String(get())));
  return h("label", { class: "field" }, h("span", {}, label), input);
}

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
    whole(
      t("batchSize"),
      1,
      () => spec().batch_size,
      (batch_size) => change({ batch_size }),
    ),
    whole(
      t("epochs"),
      1,
      () => spec().epochs,
      (epochs) => change({ epochs }),
    ),
    whole(
      t("seed"),
      0,
      () => spec().seed,
      (seed) => change({ seed }),
    ),
    choice(
      t("schedule"),
      schedules,
      () => spec().schedule,
      (schedule) => change({ schedule }),
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
  const pace = paceChoice((value) => (draft.pace = value), draft.pace);
  onDraft(() => pace.set(draft.pace));
  const button = h(
    "button",
    {
      type: "button",
      class: "primary start",
      onclick: async () => {
        set(button, { disabled: true });
        if (await startDraft()) started();
        set(button, { disabled: draft.refused !== null });
      },
    },
    h("span", { class: "play", "aria-hidden": "true" }),
    t("start"),
  );
  const trouble = h("p", { class: "trouble", role: "alert", dir: "auto" });
  const command = commandLine();
  const steps = h("p", { class: "quiet" });
  onDraft(() => {
    say(trouble, draft.refused ?? "");
    trouble.hidden = draft.refused === null;
    set(button, { disabled: draft.refused !== null || draft.spec === null });
    if (draft.plan) {
      command.set(draft.plan.command);
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
    "details",
    { class: "command" },
    h("summary", {}, t("sameCommand")),
    command.el,
  );
  return [steps, same, h("div", { class: "launch" }, trouble, pace.el, button)];
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
    part(3, t("theNetwork"), blocks()),
    part(4, t("howToLearn"), learning(), steps, command),
    start,
  );
}
