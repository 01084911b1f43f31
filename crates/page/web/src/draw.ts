// The view Draw: what the selected model says of a drawing, a row, or a sample.

import { api, Refused, type Run, type Trace } from "./api";
import { answerPanel } from "./answer";
import { announce, fill, h } from "./dom";
import { figure, type Figure } from "./figures";
import { follow } from "./follow";
import { className, percent, t } from "./i18n";
import { pad } from "./pad";
import { board, paintGrey } from "./picture";
import { rowForm, type Row } from "./form";
import { lectureSpec, start } from "./start";
import { dataOf, on, selected, state } from "./state";

/** What is asked about now; Time shows its answer at each moment. */
export const asked = { body: null as unknown, sample: null as number | null };

/** The answer to what is asked, at the moment shown; null if nothing is. */
export async function askNow(run: Run): Promise<Trace | null> {
  if (asked.sample !== null && run.data !== null)
    return api.trace(run.id, asked.sample, "test", state.moment);
  return asked.body === null ? null : api.predict(run.id, asked.body, state.moment);
}

/** A drawing of digits fits a model of grey pictures of 28 × 28. */
function drawable(run: Run): boolean {
  return run.shape.join() === "1,28,28";
}

/** Word and button for when nothing is trained yet. */
export function invitation(text: string, drawing: Figure): HTMLElement {
  const button = h(
    "button",
    {
      type: "button",
      class: "primary",
      onclick: async () => {
        button.disabled = true;
        await start(lectureSpec(), null);
        button.disabled = false;
      },
    },
    h("span", { class: "play", "aria-hidden": "true" }),
    t("trainLecture"),
  );
  return h(
    "div",
    { class: "paper invitation" },
    h("h2", {}, t("nothingYet")),
    figure(drawing),
    h("p", {}, text),
    button,
  );
}

/** Builds the view. */
export function draw(): HTMLElement {
  const stamps = h("div", { class: "stamps" });
  const answer = answerPanel(t("netSees"));
  const tool = h("div", { class: "paper draw-tool" });
  const panel = h("div", { class: "paper draw-answer" }, answer.el);
  const invite = invitation(t("inviteDraw"), "hand");
  const stampPanel = h(
    "div",
    { class: "paper draw-stamps" },
    h("h2", { class: "small-title" }, t("orStamp")),
    stamps,
  );
  const body = h("div", { class: "draw" }, tool, panel, stampPanel);
  const el = h("div", {}, invite, body);
  let built = "";

  const sheet = pad(() => {
    asked.sample = null;
    const drawing = sheet.drawing();
    asked.body = drawing === null ? null : { drawing };
    poke();
  });

  const refresh = async (run: Run | null) => {
    if (run === null) return;
    const hint = drawable(run) ? t("drawHint") : t("chooseHint");
    let trace: Trace | null;
    try {
      trace = await askNow(run);
    } catch (error) {
      if (error instanceof Refused && error.status === 422) return answer.clear(error.message);
      throw error;
    }
    if (trace === null) return answer.clear(hint);
    answer.show(run, trace);
    if (trace.probabilities !== null) {
      const [label, share] = Object.entries(trace.probabilities).sort((a, b) => b[1] - a[1])[0]!;
      announce(t("says", { label: className(label), share: percent(share, 1) }));
    }
  };
  const poke = follow(panel, () => 60, refresh);

  const build = () => {
    const run = selected();
    invite.hidden = run !== null;
    body.hidden = run === null;
    if (run === null) return;
    const shape = [run.id, drawable(run) ? "pad" : run.columns ? "form" : "samples"].join();
    stampPanel.hidden = !drawable(run) || run.columns !== null;
    if (shape === built) return;
    const wasPad = built.endsWith("pad");
    built = shape;
    if (run.columns) {
      asked.sample = null;
      fill(
        tool,
        h("h2", {}, t("fillRow")),
        rowForm(run.columns, (row: Row) => {
          asked.sample = null;
          asked.body = { row };
          poke();
        }),
      );
    } else if (drawable(run)) {
      if (!wasPad) {
        fill(tool, h("h2", {}, t("drawDigit")), sheet.el);
        const drawing = sheet.drawing();
        asked.sample = null;
        asked.body = drawing === null ? null : { drawing };
      }
      void fillStamps(run);
    } else {
      const row = h("input", {
        type: "number",
        min: 0,
        value: "0",
        dir: "ltr",
        onchange: () => choose(row.valueAsNumber || 0),
      });
      const choose = (at: number) => {
        asked.body = null;
        asked.sample = at;
        poke();
      };
      fill(
        tool,
        h("h2", {}, t("chooseSample")),
        h("label", { class: "field" }, h("span", {}, t("testSample")), row),
      );
      choose(0);
    }
    poke();
  };

  let stamped = "";
  const fillStamps = async (run: Run) => {
    const data = dataOf(run) ?? state.data.find((d) => d.id === "mnist");
    if (!data || stamped === data.id || data.shape.join() !== "1,28,28") return;
    stamped = data.id;
    const rows = Array.from({ length: Math.min(100, data.test_samples) }, (_, i) => i);
    const got = await api.pictures({ data: data.id }, "test", rows).catch(() => null);
    if (got === null) return void (stamped = "");
    const size = got.width * got.height;
    const names = data.names ?? [];
    fill(
      stamps,
      ...names.slice(0, 20).map((name) => {
        const at = got.labels.indexOf(name);
        if (at < 0) return null;
        const bytes = got.bytes.slice(at * size, (at + 1) * size);
        const picture = board(got.width, got.height, "");
        paintGrey(picture, bytes, 1);
        return h(
          "button",
          {
            type: "button",
            class: "stamp",
            "aria-label": t("stampDigit", { x: name }),
            onclick: () => sheet.stamp(bytes, got.width, got.height),
          },
          picture,
        );
      }),
    );
  };

  on(["runs", "run", "data"], build);
  build();
  return el;
}
