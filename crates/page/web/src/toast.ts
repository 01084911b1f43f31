// Short messages at the edge of the page, and the banner of a server that is away.

import { Refused } from "./api";
import { fill, h, say } from "./dom";
import { t } from "./i18n";
import { on, state } from "./state";

const message = h("div", { class: "toast", role: "alert", hidden: true });
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a message for some seconds, longer if it is long; `undo` takes back what it says. */
export function toast(text: string, undo?: () => void): void {
  message.hidden = false;
  fill(
    message,
    h("span", { dir: "auto" }, text),
    undo &&
      h(
        "button",
        {
          type: "button",
          class: "small",
          onclick: () => {
            message.hidden = true;
            undo();
          },
        },
        t("undo"),
      ),
  );
  clearTimeout(timer);
  timer = setTimeout(() => (message.hidden = true), 4000 + 60 * text.length);
}

/** Shows why something was refused, or that nobody answered. */
export function complain(error: unknown): void {
  toast(error instanceof Refused ? error.message : t("offline"));
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
