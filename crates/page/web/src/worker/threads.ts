// Threads of the program, where the page is cross-origin isolated: a worker each, on the same memory.
//
// The workers are there before they are needed, as one begins only once the page comes to start it, and a
// thread that is waited for could wait for that. Each has a desk: what it is to do, and when.

import { Files } from "./files";
import type { Shared } from "./messages";
import { wasi } from "./wasi";

/** Pages of 64 KiB: those at first, and the most, in crates/web/build.sh as well. */
const [PAGES, MOST_PAGES] = [256, 32_768];
/** More are not asked for: small networks have no use for them. */
const MOST_THREADS = 4;
/** Numbers of a desk: whether its worker is free, the thread's number, and what it begins with. */
const [STATE, NUMBER, ARGUMENT, EACH] = [0, 1, 2, 3];
const [FREE, TAKEN, CALLED] = [0, 1, 2];
/** As a system that has no more threads says it. */
const AGAIN = -6;

/** How many threads there may be. */
export function threads(): number {
  return crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
}

/** The program's memory: less where there is no room for addresses of the most. */
export function reserved(maximum = MOST_PAGES): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: PAGES, maximum, shared: true });
  } catch (error) {
    if (maximum <= 8 * PAGES) throw error;
    return reserved(maximum / 2);
  }
}

export function desks(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * EACH * count);
}

/** Starts threads at these desks; null: there are none. */
export function spawning(desks: SharedArrayBuffer | null): (argument: number) => number {
  const all = desks === null ? new Int32Array(0) : new Int32Array(desks);
  let started = 0;
  return (argument) => {
    for (let at = 0; at < all.length; at += EACH) {
      if (Atomics.compareExchange(all, at + STATE, FREE, TAKEN) !== FREE) continue;
      all[at + NUMBER] = ++started;
      all[at + ARGUMENT] = argument;
      Atomics.store(all, at + STATE, CALLED);
      Atomics.notify(all, at + STATE);
      return started;
    }
    return AGAIN;
  };
}

/** Is a thread whenever it is called: does not return. */
export async function serve({ module, memory, desks, origin }: Shared, desk: number): Promise<never> {
  const clock = performance.timeOrigin - origin;
  const imports = wasi(new Files(), () => memory.buffer, console.error, clock);
  const instance = await WebAssembly.instantiate(module, {
    env: { memory },
    wasi: { "thread-spawn": spawning(null) },
    wasi_snapshot_preview1: imports,
  });
  const begin = instance.exports.wasi_thread_start as (number: number, argument: number) => void;
  const all = new Int32Array(desks);
  const at = EACH * desk;
  for (;;) {
    const state = Atomics.load(all, at + STATE);
    if (state === CALLED) {
      begin(all[at + NUMBER]!, all[at + ARGUMENT]!);
      Atomics.store(all, at + STATE, FREE);
    } else Atomics.wait(all, at + STATE, state);
  }
}
