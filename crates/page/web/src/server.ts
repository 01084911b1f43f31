// A server over HTTP, its messages as server-sent events. One page of a browser listens for all: a browser keeps
// few connections to one server.

import { ONLINE, type Take, type Transport } from "./transport";

const EVENTS = ["state", "progress", "run", "gone", "data", "class"];
const LOCK = "reshet-events";

/** The server that the page came from. */
export const server: Transport = {
  ask: (path, options) => fetch(path, options),
  listen,
  saves: (link, path) => link.setAttribute("href", path),
};

function listen(take: Take): void {
  // Only pages of this machine have locks; others listen while they can be seen.
  if (navigator.locks === undefined) return listenWhileSeen(take);
  const channel = new BroadcastChannel("reshet");
  const spread: Take = (event, value) => {
    take(event, value);
    channel.postMessage([event, value]);
  };
  // The lock is held until this page goes; then another one listens.
  const lead = () => {
    channel.onmessage = null;
    open(spread);
    return new Promise<void>(() => undefined);
  };
  void navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
    if (lock !== null) return lead();
    void navigator.locks.request(LOCK, lead);
    return join(channel, take);
  });
}

/** A page that does not listen itself is told what there is once, and then all that is new. */
async function join(channel: BroadcastChannel, take: Take): Promise<void> {
  const meanwhile: [string, unknown][] = [];
  channel.onmessage = ({ data }) => meanwhile.push(data);
  try {
    const response = await fetch("/api/state");
    if (response.ok) take("state", await response.json());
  } catch {
    take(ONLINE, false);
  }
  for (const [event, value] of meanwhile) take(event, value);
  channel.onmessage = ({ data: [event, value] }) => take(event, value);
}

function listenWhileSeen(take: Take): void {
  let source: EventSource | null = null;
  const look = () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else source ??= open(take);
  };
  document.addEventListener("visibilitychange", look);
  look();
}

function open(take: Take): EventSource {
  const source = new EventSource("/api/events");
  for (const event of EVENTS) {
    source.addEventListener(event, (message) => {
      if (event === "state") take(ONLINE, true);
      take(event, JSON.parse((message as MessageEvent<string>).data));
    });
  }
  source.onerror = () => {
    take(ONLINE, false);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => open(take), 2000);
  };
  return source;
}
