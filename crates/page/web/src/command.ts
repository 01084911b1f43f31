// A command line to be read and copied.

import { h, say } from "./dom";
import { t } from "./i18n";
import { toast } from "./toast";

/** Copies a line; where the address is no secure one the browser copies what is selected. */
async function copied(line: HTMLElement): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(line.textContent ?? "");
  getSelection()?.selectAllChildren(line);
  document.execCommand("copy");
}

/** The line with its button; `set` puts another one in. */
export function commandLine(): { el: HTMLElement; set: (line: string) => void } {
  // A long one is scrolled, by keys too.
  const line = h("code", { dir: "ltr", tabindex: 0 });
  const copy = h(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        void copied(line).then(() => toast(t("copied")));
      },
    },
    t("copy"),
  );
  return { el: h("div", { class: "command-line" }, line, copy), set: (text) => say(line, text) };
}
