// Deep links: #train?is=7&hidden=100&start=watch sets the draft up, and may start it.

import type { Hidden, Spec } from "./api";
import { draft, replaceDraft, specFor } from "./draft";
import { t } from "./i18n";
import { settingOf } from "./share";
import { lectureSpec, start, startAll } from "./start";
import { on, state } from "./state";
import { toast } from "./toast";

const PACES: Record<string, number | null> = { full: null, watch: 200, slow: 10, step: 0 };

/** Layers as a link writes them: "300-100" with one activation for all; "" is none. */
function layers(text: string, activation: string): Hidden[] {
  return text
    .split("-")
    .map(Number)
    .filter((width) => width > 0)
    .map((width) => ({ width, activation, dropout: 0 }));
}

/** Takes a link's settings: what it leaves out is the lecture's. */
export async function applyPreset(query: URLSearchParams): Promise<void> {
  await known();
  const whole = query.get("spec");
  if (whole !== null) {
    const setting = settingOf(whole, state.data);
    return setting === null ? toast(t("linkNoData")) : replaceDraft(setting);
  }
  const named = state.data.find((d) => d.id === query.get("data"));
  const base: Spec = named && named.id !== "mnist" ? specFor(named) : lectureSpec();
  const activation = query.get("activation") ?? "relu";
  const number = (name: string) => (query.has(name) ? Number(query.get(name)) : undefined);
  const spec: Spec = {
    ...base,
    is: query.has("is") ? query.get("is") || null : base.is,
    hidden: query.has("hidden")
      ? layers(query.get("hidden")!, activation)
      : base.hidden.map((l) => ({ ...l, activation })),
    lr: number("lr") ?? base.lr,
    epochs: number("epochs") ?? base.epochs,
    batch_size: number("batch") ?? base.batch_size,
    seed: number("seed") ?? base.seed,
  };
  const trials = query.get("trials");
  if (trials !== null) {
    const specs = trials.split(",").map((widths) => ({ ...spec, hidden: layers(widths, activation) }));
    replaceDraft({ ...specs.at(-1)! });
    return startAll(specs);
  }
  replaceDraft(spec);
  const pace = query.get("start");
  if (pace !== null) {
    draft.pace = PACES[pace] ?? null;
    await start(spec, draft.pace);
  }
}

/** Waits until there is data: a page without a server fetches the digits when it is there itself. */
function known(): Promise<void> {
  return new Promise((done) => {
    const look = () => state.data.length > 0 && done();
    on("data", look);
    look();
  });
}
