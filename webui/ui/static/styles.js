// Styles: texts kept by name. The picked ones stand as chips below the prompt; the sheet has all of them, to pick, to write into the
// prompt, to change and to delete.

import { onTaken } from "./completion.js";
import { onChange, put, snapshot, values } from "./fields.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t, tn } from "./language.js";
import { linked } from "./link.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { change, look } from "./rest.js";
import { closeSheet, onSheet, openSheet, showSheet } from "./sheet.js";
import { toast } from "./toasts.js";

const NAME = "styles";
const PLACE = "{prompt}";
const BLANK = { name: "", prompt: "", negative_prompt: "" };

let known = []; // {name, prompt, negative_prompt, file, more, place}
let problems = [];
let loaded = false;
let search = "";
let parts = null; // of the open sheet, null while it is closed

/** The names that are picked, in order. */
export function pickedStyles() {
  return (values.styles ?? "").split("\n").filter(Boolean);
}

function pick(names) {
  put({ styles: [...new Set(names)].join("\n") });
}

/** Keeps the chips of the picked styles in `element`. */
export function showPicked(element) {
  const draw = () => fill(element, chips());
  onChange((changed) => changed.includes("styles") && draw());
  on("styles", load);
  onTaken("style", ({ label }) => pick([...pickedStyles(), label]));
  linked.then(load);
  return draw;

  async function load() {
    const answer = await look("/styles");
    if (!answer) return;
    ({ items: known, problems } = answer);
    loaded = true;
    draw();
    drawList();
  }
}

function chips() {
  const names = pickedStyles();
  const all = names.map((name) => {
    const style = known.find((one) => one.name === name);
    const missing = loaded && !style;
    return h(
      "span",
      { class: `ez-token${missing ? " not" : ""}`, title: missing ? t("There is no style of this name any more.") : wordsOf(style ?? BLANK) },
      h("span", { class: "cut" }, name),
      h(
        "button",
        { type: "button", "aria-label": t("Take {name} away", { name }), onclick: () => pick(pickedStyles().filter((other) => other !== name)) },
        icon("close", "s"),
      ),
    );
  });
  const out = h(
    "button",
    { class: "ez-link xs", type: "button", title: t("Puts the words of these styles into the prompts"), onclick: () => writeOut(names) },
    t("Write out"),
  );
  return names.length ? [all, out] : [];
}

function wordsOf({ prompt, negative_prompt: negative }) {
  return [prompt, negative && t("Not: {negative}", { negative })].filter(Boolean).join("\n");
}

function added(words, style) {
  if (style.includes(PLACE)) return style.replaceAll(PLACE, () => words);
  return [words.trim(), style.trim()].filter(Boolean).join(", ");
}

// Their words instead of their names.
function writeOut(names) {
  const before = snapshot();
  const written = names.filter((name) => known.some((style) => style.name === name));
  let { prompt, negative_prompt: negative } = before;
  for (const name of written) {
    const style = known.find((one) => one.name === name);
    prompt = added(prompt, style.prompt);
    negative = added(negative, style.negative_prompt);
  }
  put({ prompt, negative_prompt: negative, styles: pickedStyles().filter((name) => !written.includes(name)).join("\n") });
  toast({
    icon: "ok",
    title: written.length === 1 ? t("{value} is written out", { value: written[0] }) : t("{count} are written out", { count: tn("{n} style", "{n} styles", written.length) }),
    undo: () => put({ prompt: before.prompt, negative_prompt: before.negative_prompt, styles: before.styles }),
  });
}

// --- The sheet ---

export function toggleStyles() {
  if (openSheet() === NAME) return closeSheet();
  search = "";
  parts = {
    search: h("input", { type: "search", placeholder: t("Search"), "aria-label": t("Search styles"), oninput: (event) => seek(event.target.value) }),
    form: h("div"),
    list: h("div", { role: "list", "aria-label": t("Styles") }),
  };
  const add = h("button", { class: "ez-btn s", type: "button", onclick: saveCurrent }, t("Save prompt"));
  const head = h("div", { class: "row ez-styles-head" }, h("label", { class: "ez-field grow" }, parts.search), add);
  showSheet(NAME, t("Styles"), h("div", { class: "ez-sheet-body ez-styles" }, head, parts.form, parts.list));
  drawList();
}

onSheet((name) => {
  if (name !== NAME) parts = null;
});
onChange((changed) => changed.includes("styles") && drawList());

function seek(words) {
  search = words.toLowerCase();
  drawList();
}

function drawList() {
  if (!parts) return;
  const focused = document.activeElement?.closest(".ez-style")?.dataset.name;
  const chosen = pickedStyles();
  const found = known.filter((style) => `${style.name}\n${style.prompt}\n${style.negative_prompt}`.toLowerCase().includes(search));
  const nothing = known.length
    ? t("No style has these words.")
    : t("A style keeps words under a name, to be added to a prompt with one click. Write a prompt and save it here.");
  fill(
    parts.list,
    problems.map((problem) => h("p", { class: "ez-hint bad" }, problem)),
    found.length ? found.map((style) => row(style, chosen.includes(style.name))) : h("div", { class: "ez-empty" }, h("p", {}, nothing)),
  );
  const again = focused && [...parts.list.children].find((element) => element.dataset.name === focused);
  again?.querySelector("button").focus({ preventScroll: true });
}

function row(style, chosen) {
  const { name } = style;
  const toggle = () => pick(chosen ? pickedStyles().filter((other) => other !== name) : [...pickedStyles(), name]);
  const acts = [
    { words: t("Write out"), icon: "apply", run: () => writeOut([name]) },
    { words: t("Edit"), icon: "edit", run: () => openForm(style, name) },
    null,
    { words: t("Delete"), icon: "trash", kind: "bad", run: () => remove(name) },
  ];
  return h(
    "div",
    { class: "ez-style", role: "listitem", "data-name": name },
    h(
      "button",
      { class: "ez-style-pick", type: "button", "aria-pressed": String(chosen), title: wordsOf(style), onclick: toggle },
      chosen ? icon("ok", "s") : h("span", { class: "ez-no-icon" }),
      h("span", { class: "grow" }, h("span", { class: "b cut" }, name), h("span", { class: "mid xs cut2" }, wordsOf(style))),
    ),
    h(
      "button",
      {
        class: "ez-btn ghost s icon",
        type: "button",
        title: t("More"),
        "aria-label": t("More about {name}", { name }),
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        onclick: (event) => toggleMenu(event.currentTarget, name, acts, () => parts?.search),
      },
      icon("more"),
    ),
  );
}

// --- Changing ---

function saveCurrent() {
  openForm({ ...BLANK, prompt: values.prompt ?? "", negative_prompt: values.negative_prompt ?? "" }, null);
}

/** was: the name so far, null for a new style. */
function openForm(style, was) {
  const field = (label, input, kind = "") =>
    h("div", {}, h("label", { class: "ez-label", for: input.id }, label), h("div", { class: `ez-field ${kind}` }, input));
  const name = h("input", { id: "ez-style-name", maxlength: 200, value: style.name, required: true });
  const prompt = h("textarea", { id: "ez-style-prompt", rows: 3 }, style.prompt);
  const negative = h("textarea", { id: "ez-style-negative", rows: 2 }, style.negative_prompt);
  const form = h(
    "form",
    { class: "ez-style-form", onsubmit: send },
    field(t("Name"), name),
    field(t("Prompt"), prompt, "area"),
    field(t("Negative prompt"), negative, "area"),
    h("p", { class: "ez-hint" }, t("Where the words hold {PLACE}, your own go there; else these stand behind them.", { PLACE })),
    h(
      "div",
      { class: "row" },
      h("button", { class: "ez-btn s", type: "submit" }, t("Save")),
      h("button", { class: "ez-btn s ghost", type: "button", onclick: closeForm }, t("Cancel")),
    ),
  );
  fill(parts.form, form);
  name.focus();

  async function send(event) {
    event.preventDefault();
    const told = { name: name.value.trim(), prompt: prompt.value, negative_prompt: negative.value };
    if (await save(told, was)) closeForm();
  }
}

function closeForm() {
  if (parts) fill(parts.form);
}

/** Returns whether it was saved; what went wrong is told. */
async function save(style, was) {
  const before = known.find(({ name }) => name === (was ?? style.name));
  const saved = await change("/styles", { ...style, was }, { method: "PUT" });
  if (!saved) return false;
  const chosen = pickedStyles();
  if (was && was !== saved.name && chosen.includes(was)) pick(chosen.map((name) => (name === was ? saved.name : name)));
  toast({
    icon: "ok",
    title: before ? t("{name} is changed", { name: saved.name }) : t("{name} is saved", { name: saved.name }),
    undo: () => (before ? change("/styles", { ...textOf(before), was: saved.name }, { method: "PUT" }) : drop(saved.name)),
  });
  return true;
}

async function remove(name) {
  const chosen = pickedStyles();
  const gone = await drop(name);
  if (!gone) return;
  if (chosen.includes(name)) pick(chosen.filter((other) => other !== name));
  toast({
    icon: "trash",
    title: t("{name} is deleted", { name }),
    undo: async () => {
      if ((await change("/styles", gone, { method: "PUT" })) && chosen.includes(name)) pick(chosen);
    },
  });
}

function drop(name) {
  return change(`/styles?${new URLSearchParams({ name })}`, {}, { method: "DELETE" });
}

function textOf({ name, prompt, negative_prompt }) {
  return { name, prompt, negative_prompt };
}
