// Keeping a picture up to date: with the run while it trains, with the moment while time is moved.

import { api, type Run } from "./api";
import { on, selected, state } from "./state";

/**
 * Calls `refresh` when the selected run, its step or the moment changed, while `host` can be seen;
 * one call at a time, at most one each `ms()` milliseconds, the last change never lost.
 * Answers a function that asks for a refresh.
 */
export function follow(
  host: Element,
  ms: () => number,
  refresh: (run: Run | null) => Promise<void> | void,
): () => void {
  let wanted = false;
  let busy = false;
  let seen = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  let of: string | undefined;

  const go = async () => {
    timer = undefined;
    if (!wanted || busy || !seen || document.hidden) return;
    wanted = false;
    busy = true;
    last = performance.now();
    of = selected()?.id;
    try {
      await refresh(selected());
    } catch {
      // The server was away, or the run went: the next change asks again.
    }
    busy = false;
    if (wanted) poke();
  };
  const poke = () => {
    wanted = true;
    // Another run does not wait as long as the one before, which may have been large.
    const other = selected()?.id !== of;
    if (other) {
      clearTimeout(timer);
      timer = undefined;
    }
    if (timer !== undefined || busy) return;
    timer = setTimeout(go, other ? 0 : Math.max(0, last + ms() - performance.now()));
  };
  new IntersectionObserver((entries) => {
    seen = entries.at(-1)!.isIntersecting;
    if (seen) poke();
  }).observe(host);
  document.addEventListener("visibilitychange", poke);
  on(["run", "moment", "ended"], poke);
  on("progress", () => {
    if (state.moment === null) poke();
  });
  return poke;
}

interface Parameters {
  step: number;
  tensors: Map<string, Float32Array>;
}
let cached: { key: string; value: Promise<Parameters> } | null = null;

const WHOLE = 600_000;

/**
 * The selected run's parameters at the moment shown: all tensors if they are not many numbers, else the
 * first layer's alone. Who asks for the same moment gets the same answer.
 */
export function parametersOf(run: Run): Promise<Parameters> {
  const key = `${run.id} ${state.moment ?? `now ${run.step}`} ${run.state}`;
  if (cached?.key !== key) {
    const value = fetchParameters(run);
    const mine = (cached = { key, value });
    // What failed is asked for again.
    value.catch(() => cached === mine && (cached = null));
  }
  return cached.value;
}

async function fetchParameters(run: Run): Promise<Parameters> {
  const tensors = new Map<string, Float32Array>();
  const first = run.tensors[0]?.name ?? null;
  if (run.parameters > WHOLE && first !== null) {
    const part = await api.parameters(run.id, first, state.moment);
    tensors.set(first, part.values);
    return { step: part.step, tensors };
  }
  const all = await api.parameters(run.id, null, state.moment);
  let at = 0;
  for (const { name, shape } of run.tensors) {
    const length = shape.reduce((a, b) => a * b, 1);
    tensors.set(name, all.values.subarray(at, at + length));
    at += length;
  }
  return { step: all.step, tensors };
}

/** How long to wait between fetches of parameters: ten a second, fewer where they are large. */
export function parameterPause(): number {
  const run = selected();
  const bytes =
    run === null ? 0 : 4 * Math.min(run.parameters, run.parameters > WHOLE ? firstSize(run) : WHOLE);
  return Math.max(100, bytes / 4000);
}

function firstSize(run: Run): number {
  return run.tensors[0]?.shape.reduce((a, b) => a * b, 1) ?? 0;
}

/** The weight tensors, in order: those of two dimensions. */
export function weightTensors(run: Run): { name: string; shape: number[] }[] {
  return run.tensors.filter((t) => t.shape.length === 2);
}
