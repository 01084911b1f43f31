// Of a page without a server: the language that the reader has asked for, or that the browser likes best. It runs
// before anything is shown.

const asked = [new URLSearchParams(location.search).get("lang"), remembered(), ...navigator.languages];
// `iw` is what Hebrew was called until 1989.
const known = asked.map((name) => /^(en|he|iw)\b/i.exec(name ?? "")?.[1]?.toLowerCase()).find((name) => name);
const hebrew = known === "he" || known === "iw";
document.documentElement.lang = hebrew ? "he" : "en";
document.documentElement.dir = hebrew ? "rtl" : "ltr";

function remembered(): string | null {
  try {
    return localStorage.getItem("lang");
  } catch {
    return null;
  }
}

export {};
