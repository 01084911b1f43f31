// What the server says, in the reader's language: by its kind and its values, or in the server's own English.

import type { Told } from "./api-types";
import { hasText, lang, t, told as sentences, withValues } from "./i18n";

/** What a setting is called here. */
export function settingName(name: string): string {
  const [, width] = /^width (\d+)$/.exec(name) ?? [];
  if (width !== undefined) return t("studyWidth", { n: width });
  const key = `study_${name.replaceAll(/[ -]/g, "_")}`;
  return hasText(key) ? t(key) : name;
}

/** A sentence of the server's; one in Hebrew goes from right to left, whatever it begins with. */
export function tell(told: Told): string {
  const text = said(told);
  return lang === "he" && told.kind !== "other" ? `\u200f${text}` : text;
}

function said(told: Told): string {
  const sentence = told.kind === "other" ? undefined : sentences[told.kind];
  if (sentence === undefined) return told.text;
  const parts = Object.entries(told.parts).map(([name, part]) => [name, said(part)]);
  const text = withValues(sentence, { ...told.values, ...Object.fromEntries(parts) });
  if (told.place === null) return text;
  const { file, line, column } = told.place;
  const place = column === null ? t("placeLine", { file, line }) : t("placeCell", { file, line, column });
  return `${place} ${text}`;
}

/** Why something was refused. */
export function whyRefused(told: Told): string {
  if (told.kind === "other" && told.setting !== null && told.setting.value !== "" && lang !== "en") {
    return t("badSetting", { name: settingName(told.setting.name), value: told.setting.value });
  }
  return tell(told);
}
