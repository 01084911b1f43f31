// How the page reaches the lab: a server over HTTP, or a worker of its own. Nothing else differs between the two.

import { server } from "./server";
import { tab } from "./tab";

export type Take = (event: string, value: unknown) => void;

/** Told beside the lab's own events: whether it answers. */
export const ONLINE = "online";

export interface Transport {
  /** Asks as `fetch` does. */
  ask(path: string, options: RequestInit): Promise<Response>;
  /** Passes on all events for as long as the page is open. */
  listen(take: Take): void;
  /** Makes a link that saves what an address answers, as a file of that name. */
  saves(link: HTMLAnchorElement, path: string, name: string): void;
}

/** Says so in index.html. */
const inTab = document.documentElement.dataset.transport === "worker";

export const transport: Transport = inTab ? tab() : server;
