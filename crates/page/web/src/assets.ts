// Where the page's other files are: beside its script, or inside the page itself.

import type { Source } from "./worker/messages";

/** An element that holds a file in base64. */
function inside(name: string): HTMLElement | null {
  return document.getElementById(`file:${name}`);
}

/** Where a file comes from. */
export function source(name: string): Source {
  const element = inside(name);
  return element === null ? { url: beside(name) } : { base64: element.textContent.trim() };
}

/** An address of a script. */
export function scriptUrl(name: string): string {
  const element = inside(name);
  if (element === null) return beside(name);
  const bytes = Uint8Array.from(atob(element.textContent.trim()), (c) => c.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
}

function beside(name: string): string {
  return new URL(name, import.meta.url).href;
}
