// Before a run that another page has started is ended: its reader is asked, or waited for.

import type { Run } from "./api";
import { h } from "./dom";
import { t } from "./i18n";

const OWN = "own-runs";

/** Remembers that this tab has started a run. */
export function started(run: Run): void {
  sessionStorage.setItem(OWN, JSON.stringify([...own(), run.id]));
}

/** Whether this tab has started it. */
export function isOwn(run: Run): boolean {
  return own().includes(run.id);
}

function own(): string[] {
  try {
    return JSON.parse(sessionStorage.getItem(OWN) ?? "[]");
  } catch {
    return [];
  }
}

/** Asks what is to become of a run that goes on. */
export function askBusy(run: Run): Promise<"wait" | "replace" | "cancel"> {
  return new Promise((answer) => {
    const button = (text: string, value: string, primary = false) =>
      h(
        "button",
        { type: "button", class: primary ? "primary" : null, onclick: () => dialog.close(value) },
        text,
      );
    const dialog = h(
      "dialog",
      { class: "ask", "aria-labelledby": "busy-title" },
      h(
        "div",
        { class: "dialog-body" },
        h("h2", { id: "busy-title" }, t("busyTitle")),
        h("p", {}, t("busyLong", { name: `#${run.id} ${run.name}` })),
        h(
          "div",
          { class: "ask-buttons" },
          button(t("busyWait"), "wait", true),
          button(t("busyReplace"), "replace"),
          button(t("cancel"), "cancel"),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer((dialog.returnValue || "cancel") as "wait" | "replace" | "cancel");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
