// A worker in place of a server: it has the program, and everything happens in this tab.

import { scriptUrl, source } from "./assets";
import { keep, keeping, kept } from "./kept";
import { ONLINE, type Take, type Transport } from "./transport";
import type { FromWorker, Shared, ToWorker } from "./worker/messages";

const DIGITS = [
  "train-images-0",
  "train-images-1",
  "train-images-2",
  "train-images-3",
  "test-images-0",
  "test-images-1",
  "train-labels",
  "test-labels",
];

/** Starts the worker. */
export function tab(): Transport {
  const worker = new Worker(scriptUrl("worker.js"));
  const waiting = new Map<number, { answer(response: Response): void; fail(error: Error): void }>();
  let broken: Error | null = null;
  const early: [string, unknown][] = [];
  let take: Take = (event, value) => early.push([event, value]);
  let asked = 0;

  const send = (message: ToWorker, transfer: Transferable[] = []) => worker.postMessage(message, transfer);
  const failed = (reason: string) => {
    console.error(reason);
    take(ONLINE, false);
    // As where a server is away.
    broken = new TypeError(reason);
    for (const { fail } of waiting.values()) fail(broken);
    waiting.clear();
  };
  worker.onerror = (event) => failed(event.message);
  /** Starts a worker that is a thread of the first one's program. */
  const start = (shared: Shared, desk: number) => {
    const member = new Worker(scriptUrl("worker.js"));
    member.onerror = (event) => failed(event.message);
    member.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "failed") failed(data.reason);
    };
    member.postMessage({ kind: "member", shared, desk } satisfies ToWorker);
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    switch (data.kind) {
      case "event":
        if (data.event === "state") take(ONLINE, true);
        return take(data.event, JSON.parse(data.data));
      case "answer": {
        const { status, headers, body } = data;
        // A 204 must not have a body, not even an empty one.
        waiting.get(data.id)?.answer(new Response(status === 204 ? null : body, { status, headers }));
        return void waiting.delete(data.id);
      }
      case "kept":
        return void keep(data.files);
      case "members":
        for (let desk = 0; desk < data.count; desk++) start(data.shared, desk);
        return;
      case "failed":
        return failed(data.reason);
    }
  };
  void keeping()
    .then(kept)
    .then((files) => {
      send({ kind: "begin", wasm: source("reshet.wasm"), digits: DIGITS.length, kept: files });
      // Inside a page they are long texts: one at a time, so that it stays free.
      DIGITS.forEach((name) =>
        setTimeout(() => send({ kind: "digits", name, source: source(`digits/${name}`) })),
      );
    });

  const ask = async (path: string, options: RequestInit): Promise<Response> => {
    const [address = "", query = ""] = path.split("?");
    const { body = null, method = "GET" } = options;
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    const type = new Headers(options.headers).get("Content-Type") ?? "";
    const id = asked++;
    if (broken !== null) throw broken;
    return new Promise((answer, fail) => {
      waiting.set(id, { answer, fail });
      send({ kind: "ask", id, method, path: address, query, type, body: bytes }, [bytes.buffer]);
    });
  };
  return {
    ask,
    listen(to) {
      take = to;
      for (const [event, value] of early.splice(0)) take(event, value);
    },
    saves(link, path, name) {
      link.setAttribute("href", "#");
      link.onclick = (event) => {
        event.preventDefault();
        void ask(path, {}).then(async (response) => {
          if (response.ok) save(await response.blob(), name);
        });
      };
    },
  };
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
