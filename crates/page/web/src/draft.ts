// What is about to be trained: the SPEC that is being put together, and the server's plan for it.

import { api, Refused, type Data, type Plan, type Spec } from "./api";
import { on, state } from "./state";

export const draft = {
  spec: null as Spec | null,
  plan: null as Plan | null,
  /** Why the SPEC does not fit, in the server's words. */
  refused: null as string | null,
  /** Steps a second; null: full speed; 0: one step at a time. */
  pace: null as number | null,
};

const listeners: (() => void)[] = [];
/** Calls `then` when the SPEC or its plan changed. */
export function onDraft(then: () => void): void {
  listeners.push(then);
}
const tell = () => listeners.forEach((then) => then());

/** The data the SPEC is about. */
export function draftData(): Data | null {
  return state.data.find((d) => d.id === draft.spec?.data) ?? null;
}

/** A data's own question with its defaults; of the digits the lecture's: is it a 7? */
export function specFor(data: Data): Spec {
  const { defaults } = data;
  const is = data.id === "mnist" && data.names?.includes("7") ? "7" : null;
  return {
    ...defaults,
    data: data.id,
    is,
    target: null,
    hidden: defaults.hidden.map((layer) => ({ ...layer })),
  };
}

let timer: ReturnType<typeof setTimeout> | undefined;
let asked = 0;

/** Changes the SPEC and asks the server what would come of it. */
export function change(part: Partial<Spec>, wait = 120): void {
  if (draft.spec === null) return;
  Object.assign(draft.spec, part);
  tell();
  clearTimeout(timer);
  timer = setTimeout(plan, wait);
}

/** Puts a whole SPEC in place. */
export function replaceDraft(spec: Spec): void {
  draft.spec = spec;
  draft.plan = null;
  change({}, 0);
}

async function plan(): Promise<void> {
  if (draft.spec === null) return;
  const mine = ++asked;
  try {
    const planned = await api.plan(draft.spec);
    if (mine !== asked) return;
    draft.plan = planned;
    draft.refused = null;
  } catch (error) {
    if (mine !== asked) return;
    if (error instanceof Refused) draft.refused = error.message;
    else timer = setTimeout(plan, 2000);
  }
  tell();
}

on("data", () => {
  const first = state.data[0];
  if (draft.spec === null || !state.data.some((d) => d.id === draft.spec?.data)) {
    if (first) replaceDraft(specFor(first));
  }
  tell();
});
