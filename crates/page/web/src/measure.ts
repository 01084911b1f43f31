// At full speed a run is tested seldom. Once it has ended, its kept moments tell how right it was between.

import { api, type Run } from "./api";
import { addTests, alive, on, selected, state } from "./state";

const FEW = 8;
const WANTED = 12;
const asked = new Set<string>();

async function fillIn(run: Run): Promise<void> {
  const known = state.curves.get(run.id)?.test[0] ?? [];
  if (asked.has(run.id) || alive(run) || run.task === "number" || run.data === null || known.length >= FEW)
    return;
  if (known.length === 0) return;
  asked.add(run.id);
  const { steps } = await api.snapshots(run.id);
  // Close to each other where learning is fast, at the beginning.
  const last = steps.length - 1;
  const places = new Set(
    Array.from({ length: WANTED }, (_, i) => Math.round(last * ((i + 1) / (WANTED + 1)) ** 1.2)),
  );
  for (const place of places) {
    const step = steps[place];
    if (step === undefined || known.includes(step)) continue;
    const told = await api.mistakes(run.id, { limit: 0, step });
    if (!state.runs.has(run.id)) return;
    addTests(run.id, told.step, 1 - (told.errors ?? 0) / Math.max(1, told.samples));
  }
}

/** Fills in the curve of each run that is looked at. */
export function fillCurves(): void {
  on(["run", "ended", "progress"], () => {
    const run = selected();
    if (run !== null && !alive(run)) void fillIn(run).catch(() => asked.delete(run.id));
  });
}
