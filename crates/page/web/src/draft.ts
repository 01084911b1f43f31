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
  /** The fields whose numbers are out of range. */
  wrong: new Set<Element>(),
};

const KEPT = "draft";

/** Keeps the draft for this tab: a reload or another language begins with it again. */
function keep(): void {
  if (draft.spec !== null)
    sessionStorage.setItem(KEPT, JSON.stringify({ spec: draft.spec, pace: draft.pace }));
}

/** The draft that this tab had, if its data is still there. */
function kept(): Spec | null {
  try {
    const { spec, pace } = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    if (!state.data.some((d) => d.id === spec.data)) return null;
    draft.pace = pace;
    return spec;
  } catch {
    return null;
  }
}

/** Marks a field's number as out of range, or not any more. */
export function markWrong(field: Element, wrong: boolean): void {
  if (draft.wrong.has(field) === wrong) return;
  if (wrong) draft.wrong.add(field);
  else draft.wrong.delete(field);
  tell();
}

/** Chooses how fast it is to be trained. */
export function choosePace(pace: number | null): void {
  draft.pace = pace;
  keep();
}

const listeners: (() => void)[] = [];
/** Calls `then` when the SPEC or its plan changed. */
export function onDraft(then: () => void): void {
  listeners.push(then);
}
function tell(): void {
  keep();
  for (const field of draft.wrong) if (!field.isConnected) draft.wrong.delete(field);
  listeners.forEach((then) => then());
}

/** The data the SPEC is about. */
export function draftData(): Data | null {
  return state.data.find((d) => d.id === draft.spec?.data) ?? null;
}

/** A data's own question with its defaults; of the digits the lecture's: is it a 7? */
export function specFor(data: Data): Spec {
  const defaults = data.defaults as Spec;
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
  // Of data that is still on its way nothing can be said.
  if (first === undefined) return tell();
  if (draft.spec === null || !state.data.some((d) => d.id === draft.spec?.data)) {
    const before = draft.spec === null ? kept() : null;
    if (before !== null) replaceDraft(before);
    else replaceDraft(specFor(first));
  }
  tell();
});
