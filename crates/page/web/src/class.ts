// A class: who one is in it, the nickname, and the task that all have.

import { api } from "./api";
import type { ClassTask } from "./api-types";
import { fill, h, say, set } from "./dom";
import { replaceDraft, specFor } from "./draft";
import { int, num, percent, t } from "./i18n";
import { alive, on, state, tookClass } from "./state";
import { complain, toast } from "./toast";

/** Says so on <html>: the page of a class is a pupil's or the teacher's. */
export const role = document.documentElement.dataset.class as "pupil" | "teacher" | undefined;

const KEPT = "nickname";

/** Waits until a pupil of a class has a nickname; elsewhere there is nothing to wait for. */
export async function enterClass(): Promise<void> {
  if (role === undefined) return;
  const told = await api.classTold().catch(complain);
  if (told) tookClass(told);
  if (role === "pupil" && !told?.nickname) await chooseNickname(true);
  on("class", () => {
    if (role === "pupil" && state.class?.nickname === null) void chooseNickname(true);
  });
  // One who was sent out, or comes to a class that has begun anew, is not known any more.
  on("online", () => void (!state.online && role === "pupil" && askAnew()));
}

async function askAnew(): Promise<void> {
  const told = await api.classTold().catch(() => null);
  if (told === null || told.nickname !== null) return;
  await chooseNickname(true);
  location.reload();
}

let open: Promise<void> | null = null;

/** Asks for a nickname; `first`: there is none, and without one nothing goes on. */
function chooseNickname(first: boolean): Promise<void> {
  open ??= askNickname(first).finally(() => (open = null));
  return open;
}

function askNickname(first: boolean): Promise<void> {
  return new Promise((done) => {
    const kept = state.class?.nickname ?? localStorage.getItem(KEPT) ?? "";
    const field = h("input", {
      type: "text",
      maxlength: 20,
      autocomplete: "nickname",
      required: true,
      value: kept,
      "aria-describedby": "nickname-rule nickname-why",
    });
    const why = h("p", { class: "field-trouble", id: "nickname-why", role: "alert", hidden: true });
    const enter = async (event: Event) => {
      event.preventDefault();
      try {
        const told = await api.nickname(field.value);
        localStorage.setItem(KEPT, told.nickname ?? "");
        dialog.close("done");
        tookClass(told);
      } catch (error) {
        why.hidden = false;
        say(why, error instanceof Error ? error.message : String(error));
        set(field, { "aria-invalid": "true" });
        field.select();
      }
    };
    const cancel = h("button", { type: "button", onclick: () => dialog.close() }, t("cancel"));
    const form = h(
      "form",
      { class: "dialog-body", onsubmit: enter },
      h("h2", { id: "nickname-title" }, t(first ? "welcome" : "nickname")),
      h("p", {}, t("welcomeLong")),
      h("label", { class: "field" }, h("span", {}, t("nickname")), field),
      h("p", { class: "quiet", id: "nickname-rule" }, t("nicknameRule")),
      why,
      h(
        "div",
        { class: "ask-buttons" },
        h("button", { class: "primary", type: "submit" }, t(first ? "enter" : "save")),
        !first && cancel,
      ),
    );
    const dialog = h("dialog", { class: "ask", "aria-labelledby": "nickname-title" }, form);
    dialog.addEventListener("cancel", (event) => first && event.preventDefault());
    dialog.addEventListener("close", () => {
      // Some browsers close it at a second Escape whatever was said.
      if (first && dialog.returnValue !== "done") return dialog.showModal();
      dialog.remove();
      done();
    });
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
  });
}

/** A button with the own nickname, to change it. */
export function nicknameButton(): HTMLElement | null {
  if (role !== "pupil") return null;
  const name = h("bdi", {});
  const button = h(
    "button",
    { type: "button", class: "nickname", onclick: () => void chooseNickname(false) },
    name,
  );
  const show = () => {
    const nickname = state.class?.nickname ?? "";
    button.hidden = nickname === "";
    say(name, nickname);
    set(button, {
      title: t("changeNickname", { name: nickname }),
      "aria-label": t("changeNickname", { name: nickname }),
    });
  };
  on("class", show);
  show();
  return button;
}

/** A task in short phrases: what is asked, and each bound. */
export function taskPhrases(task: ClassTask): string[] {
  const data = state.data.find((d) => d.id === task.data);
  const number = data?.task === "number";
  const phrases = [questionOf(task.data, task.is)];
  if (task.at_least !== null)
    phrases.push(
      number
        ? t("taskR2", { r2: num(task.at_least) })
        : t("taskAtLeast", { share: shortPercent(task.at_least) }),
    );
  if (task.neurons !== null) phrases.push(t("taskNeurons", { n: int(task.neurons) }));
  if (task.parameters !== null) phrases.push(t("taskParameters", { n: int(task.parameters) }));
  if (phrases.length === 1) phrases.push(t("taskOpen"));
  return phrases;
}

/** 99.2 %, not 99.20 %. */
function shortPercent(share: number): string {
  const digits = [0, 1].find(
    (digits) => Math.abs(share * 100 - Number((share * 100).toFixed(digits))) < 1e-9,
  );
  return percent(share, digits ?? 2);
}

/** A question in words. */
export function questionOf(id: string, is: string | null): string {
  const data = state.data.find((d) => d.id === id);
  if (is !== null) return t("isItA", { x: is });
  if (data === undefined) return id;
  if (data.task === "number") return t("taskHowMuch", { data: data.name });
  if (data.task === "binary") return t("taskYesNo", { data: data.name });
  return t("taskWhich", { data: data.name, n: data.names.length });
}

/** The task over all views of a pupil. */
export function taskStrip(): HTMLElement | null {
  if (role !== "pupil") return null;
  const text = h("p", { class: "task-text" });
  const reached = h("strong", { class: "task-reached", role: "status" });
  const ask = h(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        const data = state.data.find((d) => d.id === state.class?.task.data);
        if (data === undefined) return;
        replaceDraft({ ...specFor(data), is: state.class!.task.is });
        location.hash = "#train";
        toast(questionOf(data.id, state.class!.task.is));
      },
    },
    t("taskSetUp"),
  );
  const strip = h(
    "aside",
    { class: "task-strip", "aria-label": t("task") },
    h("span", { class: "task-mark" }, t("task")),
    text,
    reached,
    ask,
  );
  const show = () => {
    const told = state.class;
    strip.hidden = told === null || state.data.length === 0;
    if (told === null) return;
    fill(text, ...taskPhrases(told.task).flatMap((phrase, i) => [i > 0 && " · ", h("bdi", {}, phrase)]));
    say(reached, told.reached ? t("taskReached") : "");
  };
  on(["class", "data"], show);
  // Whether an own run has done it is known when it is over, and tested on all there is.
  let over = "";
  on(["run", "runs"], () => {
    const ended = [...state.runs.values()].filter((run) => !alive(run));
    const now = ended.map((run) => `${run.id} ${run.test?.samples}`).join();
    if (now === over) return;
    over = now;
    void api.classTold().then(tookClass, () => undefined);
  });
  show();
  return strip;
}
