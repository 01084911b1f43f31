// A command line to be read and copied.

import { h, say } from "./dom";
import { t } from "./i18n";
import { toast } from "./toast";

/**
 * Copies a line; where the address is no secure one the browser copies what is selected. Answers whether it has.
 */
async function copied(line: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(line.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(line);
    return document.execCommand("copy");
  }
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
        void copied(line).then((done) => toast(t(done ? "copied" : "notCopied")));
      },
    },
    t("copy"),
  );
  return { el: h("div", { class: "command-line" }, line, copy), set: (text) => say(line, text) };
}
