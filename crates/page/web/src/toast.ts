// Short messages at the edge of the page, and the banner of a server that is away.

import { Refused } from "./api";
import { h, say } from "./dom";
import { t } from "./i18n";
import { on, state } from "./state";

const message = h("div", { class: "toast", role: "alert", hidden: true });
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a message for some seconds, longer if it is long. */
export function toast(text: string): void {
  message.hidden = false;
  message.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => (message.hidden = true), 4000 + 60 * text.length);
}

/** Shows why something was refused; a server that is away has its banner. */
export function complain(error: unknown): void {
  if (error instanceof Refused) toast(error.message);
}

/** Puts both on the page. */
export function mountMessages(): void {
  const banner = h("div", { class: "banner", role: "status", hidden: true });
  message.addEventListener("click", () => (message.hidden = true));
  document.body.prepend(banner);
  document.body.append(message);
  on("online", () => {
    banner.hidden = state.online;
    say(banner, state.online ? "" : t("offline"));
  });
}
