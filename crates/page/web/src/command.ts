// A command line to be read and copied.

import { h, ltr, say } from "./dom";
import { t } from "./i18n";
import { toast } from "./toast";

/** The line with its button; `set` puts another one in. */
export function commandLine(): { el: HTMLElement; set: (line: string) => void } {
  const line = ltr("", "code");
  const copy = h(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        void navigator.clipboard?.writeText(line.textContent ?? "").then(() => toast(t("copied")));
      },
    },
    t("copy"),
  );
  return { el: h("div", { class: "command-line" }, line, copy), set: (text) => say(line, text) };
}
