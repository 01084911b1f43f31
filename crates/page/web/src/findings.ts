// What looks wrong in a network or in what came of a training: the server tells it by kind, the page in words.

import type { Finding, Spec } from "./api";
import { fill, h, s } from "./dom";
import { className, int, num, t } from "./i18n";

/** What a layer is called in the form; the server counts activations and dropout as layers of their own. */
function layerName(spec: Spec | null, number: number): string {
  let last = 0;
  for (const [i, layer] of (spec?.hidden ?? []).entries()) {
    last += 1 + (layer.activation === null ? 0 : 1) + (layer.dropout > 0 ? 1 : 0);
    if (number <= last) return t("hiddenNamed", { n: i + 1 });
  }
  return spec === null ? t("layerNamed", { n: number }) : t("outputNamed");
}

/** A finding in the reader's language. */
export function findingText(finding: Finding, spec: Spec | null): string {
  switch (finding.kind) {
    case "linear_after_linear":
      return t("foundLinear", {
        first: layerName(spec, finding.first),
        second: layerName(spec, finding.second),
      });
    case "softmax_inside":
      return t("foundSoftmax", { layer: layerName(spec, finding.layer) });
    case "no_better":
      return finding.answer === null
        ? t("foundNoBetterMean")
        : t("foundNoBetter", { answer: className(finding.answer) });
    case "same_answer":
      return t("foundSameAnswer");
    case "dead_neurons":
      return t("foundDead", { dead: finding.dead, of: finding.of, layer: layerName(spec, finding.layer) });
    case "high_learning_rate":
      return t("foundHighRate", { lr: num(finding.lr), usual: num(finding.usual) });
    case "low_learning_rate":
      return t("foundLowRate", { lr: num(finding.lr), usual: num(finding.usual) });
    case "few_steps":
      return t("foundFewSteps", { steps: int(finding.steps) });
    case "nothing_seen":
      return t("foundNothing");
    case "still_falling":
      return t("foundFalling");
    case "other":
      return finding.text;
  }
}

/** The findings as a list under a heading; hidden while there are none. */
export function findingList(): { el: HTMLElement; set: (found: Finding[], spec: Spec | null) => void } {
  const list = h("ul");
  const sign = s("svg", { viewBox: "0 0 24 24", class: "sign", "aria-hidden": "true" });
  sign.innerHTML = '<path d="M12 3 22 21H2Z"/><path d="M12 10v5M12 18v.5"/>';
  const el = h(
    "section",
    { class: "findings", role: "status", hidden: true },
    sign,
    h("div", {}, h("h3", {}, t("found")), list),
  );
  let shown = "";
  return {
    el,
    set(found, spec) {
      const texts = found.map((finding) => findingText(finding, spec));
      el.hidden = texts.length === 0;
      if (texts.join("\n") === shown) return;
      shown = texts.join("\n");
      fill(list, ...texts.map((text) => h("li", { dir: "auto" }, text)));
    },
  };
}
