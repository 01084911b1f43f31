// What it is to be learnt from: the first test pictures, marked by the question, or what was decided about a table.

import { api, type Data } from "./api";
import { fill, h } from "./dom";
import { draft, draftData, onDraft } from "./draft";
import { className, t } from "./i18n";
import { board, paintGrey } from "./picture";
import { tell } from "./told";

const MOST = 18;

/** The panel; it follows the draft. */
export function samples(): HTMLElement {
  const body = h("div");
  const el = h("section", { class: "paper samples" }, h("h2", {}, t("learnsFrom")), body);
  let shown = "";
  let fetched: { id: string; figures: { el: HTMLElement; caption: HTMLElement; label: string }[] } | null =
    null;

  const mark = () => {
    for (const { el, caption, label } of fetched?.figures ?? []) {
      const is = draft.spec?.is ?? null;
      const yes = is === null || label === is;
      el.className = yes && is !== null ? "yes" : "";
      fill(caption, is === null ? h("bdi", {}, className(label)) : yes ? `✓ ${t("yes")}` : `✗ ${t("no")}`);
    }
  };
  const pictures = async (data: Data) => {
    const rows = Array.from({ length: Math.min(MOST, data.test_samples) }, (_, i) => i);
    const got = await api.pictures({ data: data.id }, "test", rows).catch(() => null);
    if (got === null || shown !== data.id) return;
    const size = got.channels * got.width * got.height;
    const figures = got.labels.map((label, i) => {
      const canvas = board(got.width, got.height, label);
      paintGrey(canvas, got.bytes.subarray(i * size, (i + 1) * size), got.channels);
      const caption = h("figcaption");
      return { el: h("figure", {}, canvas, caption), caption, label };
    });
    fetched = { id: data.id, figures };
    fill(body, h("div", { class: "digit-row" }, ...figures.map((f) => f.el)));
    mark();
  };
  onDraft(() => {
    const data = draftData();
    if (data === null) return;
    if (data.id !== shown) {
      shown = data.id;
      fetched = null;
      fill(
        body,
        h("ul", { class: "decided" }, ...data.told.said.map((line) => h("li", { dir: "auto" }, tell(line)))),
      );
      if (data.kind === "pictures") void pictures(data);
    }
    el.hidden = data.kind !== "pictures" && data.said.length === 0;
    mark();
  });
  return el;
}
