// The network as blocks: layers and neurons are added and taken away; what follows from the question is shown.

import type { Hidden, Plan } from "./api";
import { fill, h, ltr, say, set } from "./dom";
import { change, draft, draftData, onDraft } from "./draft";
import { checked, troubleOf } from "./field";
import { className, int, num, t, type Key } from "./i18n";

const ACTIVATIONS = ["relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "elu"];
const NAMES: Record<string, string> = {
  relu: "ReLU",
  leaky_relu: "LeakyReLU",
  tanh: "Tanh",
  sigmoid: "Sigmoid",
  gelu: "GELU",
  silu: "SiLU",
  elu: "ELU",
};
const MOST_LAYERS = 8;
const MOST_NEURONS = 4096;

/** An activation as the lecture writes it. */
export function activationName(name: string | null): string {
  return name === null ? "" : (NAMES[name] ?? name);
}

/** How far one press of + or − goes: small networks by one, large ones by more. */
function stride(width: number): number {
  return width < 10 ? 1 : width < 100 ? 10 : width < 500 ? 50 : 100;
}

function layerBlock(layer: Hidden, at: number): HTMLElement {
  const edit = (part: Partial<Hidden>) => {
    Object.assign(draft.spec!.hidden[at]!, part);
    change({});
  };
  const to = (width: number) => {
    number.value = String(width);
    if (!checked(number, said, { low: 1, high: () => MOST_NEURONS, whole: true })) return;
    edit({ width });
    shape();
  };
  const number = h("input", {
    type: "number",
    min: 1,
    max: MOST_NEURONS,
    value: String(layer.width),
    dir: "ltr",
    "aria-label": t("neuronsOf", { n: at + 1 }),
    onchange: () => to(number.valueAsNumber),
  });
  const said = troubleOf(number);
  const fewer = () => to(Math.max(1, layer.width - stride(layer.width - 1)));
  const more = () => to(Math.min(MOST_NEURONS, layer.width + stride(layer.width)));
  const known =
    layer.activation !== null && !ACTIVATIONS.includes(layer.activation) ? [layer.activation] : [];
  const activation = h(
    "select",
    {
      "aria-label": t("activationOf", { n: at + 1 }),
      onchange: () => edit({ activation: activation.value || null }),
    },
    ...[...ACTIVATIONS, ...known].map((a) => h("option", { value: a }, activationName(a))),
    h("option", { value: "" }, t("noActivation")),
  );
  activation.value = layer.activation ?? "";
  const row = h(
    "li",
    { class: "block hidden-layer" },
    h("span", { class: "block-name" }, t("hiddenN", { n: at + 1 })),
    h(
      "span",
      { class: "stepper", dir: "ltr" },
      h(
        "button",
        { type: "button", class: "round", "aria-label": t("fewerNeurons", { n: at + 1 }), onclick: fewer },
        "−",
      ),
      number,
      h(
        "button",
        { type: "button", class: "round", "aria-label": t("moreNeurons", { n: at + 1 }), onclick: more },
        "+",
      ),
    ),
    activation,
    layer.dropout > 0 && h("small", { class: "quiet" }, ltr(`dropout ${num(layer.dropout, 2)}`)),
    h(
      "button",
      {
        type: "button",
        class: "round quiet",
        "aria-label": t("removeLayer", { n: at + 1 }),
        onclick: () => removeLayer(at),
      },
      "×",
    ),
    said,
  );
  const shape = () => row.style.setProperty("--share", String(share(layer.width)));
  shape();
  return row;
}

/** How much of its row a block fills: by the logarithm, so that 10 and 1000 both are blocks. */
function share(width: number): number {
  return Math.min(1, 0.08 + (0.92 * Math.log2(1 + width)) / Math.log2(1 + 1024));
}

function addLayer(at: number): void {
  const hidden = draft.spec!.hidden;
  const like = hidden[at - 1] ?? hidden[at];
  const width = like === undefined ? 100 : Math.max(2, Math.round(like.width / 2));
  hidden.splice(at, 0, { width, activation: like?.activation ?? "relu", dropout: like?.dropout ?? 0 });
  change({});
}

function removeLayer(at: number): void {
  draft.spec!.hidden.splice(at, 1);
  change({});
}

const WHY: Record<string, Key> = { binary: "whyBinary", classes: "whyClasses", number: "whyNumber" };
const OUTPUT: Record<string, string> = { sigmoid: "Sigmoid", softmax: "Softmax", identity: "" };
const LOSS: Record<string, Key> = { binary: "lossBinary", classes: "lossClasses", number: "lossNumber" };

/** The network editor. */
export function blocks(): HTMLElement {
  const list = h("ol", { class: "blocks" });
  const why = h("p", { class: "why", "aria-live": "polite" });
  const total = h("p", { class: "total" });
  const el = h("div", {}, list, why, total);
  let built = "";

  const input = h("li", { class: "block input-layer" });
  const output = h("li", { class: "block output-layer" });

  const build = () => {
    const { hidden } = draft.spec!;
    const focused = [...list.querySelectorAll<HTMLElement>("button, input, select")].indexOf(
      document.activeElement as HTMLElement,
    );
    const rows: HTMLElement[] = [input];
    hidden.forEach((layer, i) => rows.push(gap(i), layerBlock(layer, i)));
    rows.push(gap(hidden.length), output);
    fill(list, ...rows);
    if (focused >= 0) {
      const all = [...list.querySelectorAll<HTMLElement>("button, input, select")];
      all[Math.min(focused, all.length - 1)]?.focus();
    }
  };
  const gap = (at: number) =>
    h(
      "li",
      { class: "gap" },
      h(
        "button",
        {
          type: "button",
          class: "add",
          disabled: draft.spec!.hidden.length >= MOST_LAYERS,
          "aria-label": t("addLayerAt", { n: at + 1 }),
          onclick: () => addLayer(at),
        },
        h("span", { "aria-hidden": "true" }, "+"),
        h("span", { class: "add-text" }, t("addLayer")),
      ),
    );

  onDraft(() => {
    const { spec, plan } = draft;
    if (spec === null) return;
    const shape =
      spec.data +
      spec.hidden.map((l) => `${l.width}:${l.activation}:${l.dropout}`).join("-") +
      "/" +
      spec.hidden.length;
    const widthsOnly =
      document.activeElement?.closest(".stepper") !== null &&
      built.split("/")[1] === shape.split("/")[1] &&
      built !== "";
    if (shape !== built && !widthsOnly) build();
    built = shape;
    const data = draftData();
    if (data) {
      const picture = data.shape.length === 3 ? data.shape.join(" × ") : null;
      fill(
        input,
        h("span", { class: "block-name" }, t("inputLayer")),
        h("strong", {}, int(plan?.inputs ?? data.features)),
        h("small", {}, picture === null ? t("inputsColumns") : ltr(`${picture} → ${int(data.features)}`)),
      );
      input.style.setProperty("--share", String(share(plan?.inputs ?? data.features)));
    }
    if (plan) describe(plan);
  });

  const describe = (plan: Plan) => {
    fill(
      output,
      h("span", { class: "block-name" }, t("outputLayer")),
      h("strong", {}, int(plan.outputs)),
      h(
        "small",
        {},
        plan.output_activation === "identity"
          ? t("noActivation")
          : ltr(OUTPUT[plan.output_activation] ?? plan.output_activation),
      ),
      h("span", { class: "follows" }, t("follows")),
    );
    output.style.setProperty("--share", String(share(plan.outputs)));
    const key = WHY[plan.task];
    const answer = plan.names?.at(-1) ?? "";
    say(
      why,
      key === undefined
        ? ""
        : `${t(key, { n: plan.outputs, answer: className(answer) })} ${t(LOSS[plan.task]!)}`,
    );
    fill(
      total,
      h("strong", {}, t("parametersN", { n: plan.parameters })),
      " ",
      h("span", { class: "quiet" }, ltr(sum(plan))),
    );
    set(total, { title: sum(plan) });
  };
  return el;
}

/** How the parameters add up: (784 + 1) × 100 + (100 + 1) × 1. */
function sum(plan: Plan): string {
  const widths = [plan.inputs, ...plan.spec.hidden.map((l) => l.width), plan.outputs];
  const terms = widths.slice(1).map((out, i) => `(${widths[i]} + 1) × ${out}`);
  return `= ${terms.join(" + ")}`;
}
