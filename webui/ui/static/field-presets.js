// Presets of the page's fields, in a menu beside Generate: to take one, to keep the fields, and in a sheet to carry and mend them.

import { put, snapshot, whenRestored } from "./fields.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t, tn } from "./language.js";
import { ask, linked, onReceipt } from "./link.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { currentPage } from "./pages.js";
import { change, look } from "./rest.js";
import { closeSheet, onSheet, showSheet } from "./sheet.js";
import { recall } from "./storage.js";
import { errorToast, toast } from "./toasts.js";
import { draft } from "./upscale-draft.js";

const NAME = "field-presets";
const UPSCALE = "upscale";
const FIRST_VISIT = recall("fields", null) === null;

let presets = []; // of all pages, as the server tells them
const buttons = []; // one on each page that has the menu
let parts = null; // of the open sheet
let before = null; // the fields before a preset was taken
let waiting = null; // takes the fields as a request has them

on("presets", load);
onSheet((name) => {
  if (name !== NAME) parts = null;
});

export function mount(element) {
  fill(element, presetButton());
  load().then(startWithUsual);
}

/** The button that opens the menu of the page it stands on. */
export function presetButton() {
  const button = h(
    "button",
    { class: "ez-btn ez-presets", type: "button", title: `${t("Presets")} (T)`, "aria-label": t("Presets"), "aria-haspopup": "menu", "aria-expanded": "false", onclick: openPresetMenu },
    icon("layers"),
  );
  buttons.push(button);
  return button;
}

/** The menu beside Generate or Upscale, on a page that has it. */
export function openPresetMenu() {
  const button = buttons.find((one) => one.offsetParent);
  if (!button) return;
  toggleMenu(button, t("Presets"), items(), () => button);
}

async function load() {
  const answer = await look("/presets");
  if (!answer) return;
  presets = answer.items;
  draw();
}

function here() {
  return presets.filter((preset) => preset.page === currentPage());
}

function items() {
  const usual = here().find((preset) => preset.usual);
  return [
    ...here().map((preset) => ({ words: preset.missing.length ? t("{name} (something is missing)", { name: preset.name }) : preset.name, icon: preset.usual ? "star" : "apply", run: () => use(preset) })),
    here().length ? null : false,
    usual && { words: t("Back to the usual fields"), icon: "restore", run: () => use(usual) },
    { words: t("Keep these fields…"), icon: "add", run: () => openSheet(true) },
    { words: t("All presets…"), icon: "sliders", run: () => openSheet(false) },
  ];
}

// ---- taking one

function use({ name, page, fields, missing }) {
  if (page === UPSCALE) return useUpscale(name, fields, missing);
  before = snapshot();
  ask("preset", { name, page });
}

// The fields of the Upscale page are not Gradio's: a chain is all that it asks for.
function useUpscale(name, { finishing }, missing) {
  if (!finishing) return errorToast({ message: t("{name} can't be used here", { name }), hint: missing.join(" ") });
  const kept = draft.finishing;
  draft.set({ finishing });
  tellUsed(name, missing, () => draft.set({ finishing: kept }));
}

onReceipt("preset", ({ error, name, missing }) => {
  if (error) return errorToast(error);
  const kept = before;
  tellUsed(name, missing, kept && (() => put(kept)));
});

function tellUsed(name, missing, undo) {
  if (missing.length) toast({ icon: "info", title: t("{name} is in the fields, but for what is missing", { name }), text: missing.join(" "), undo });
  else toast({ icon: "ok", title: t("{name} is in the fields", { name }), undo });
}

// Nobody has been here before: the fields begin as the preset that was marked so has them.
async function startWithUsual() {
  const usual = here().find((preset) => preset.usual);
  if (!FIRST_VISIT || !usual) return;
  await Promise.all([linked, whenRestored]);
  use(usual);
}

// ---- keeping

/** The page's fields as a request has them: {fields, differing}. */
function asked() {
  if (currentPage() === UPSCALE) return Promise.resolve({ fields: { finishing: draft.finishing }, differing: ["finishing"] });
  return new Promise((resolve) => {
    waiting = resolve;
    ask("fields", { page: currentPage() });
  });
}

onReceipt("fields", (answer) => {
  waiting?.(answer.error ? null : answer);
  waiting = null;
  if (answer.error) errorToast(answer.error);
});

function chosen({ fields, differing }, all) {
  return all ? fields : Object.fromEntries(differing.map((name) => [name, fields[name]]));
}

async function keep(name, all, usual) {
  const page = currentPage();
  const answer = await asked();
  return answer && save({ name, page, usual, fields: chosen(answer, all) });
}

async function update(preset) {
  const answer = await asked();
  if (!answer) return;
  const wanted = Object.keys(preset.fields);
  const fields = Object.fromEntries(Object.entries(answer.fields).filter(([name]) => wanted.includes(name) || answer.differing.includes(name)));
  await save({ ...plain(preset), fields });
}

function plain({ name, page, usual, fields }) {
  return { name, page, usual, fields };
}

/** Returns whether it was saved; what went wrong is told. */
async function save(preset, was = null) {
  const old = presets.find((one) => one.page === preset.page && one.name === (was ?? preset.name.trim()));
  const saved = await change("/presets", { ...preset, was }, { method: "PUT" });
  if (!saved) return false;
  const undo = () => (old ? change("/presets", { ...plain(old), was: saved.name }, { method: "PUT" }) : drop(saved));
  toast({ icon: "ok", title: old ? t("{name} is changed", { name: saved.name }) : t("{name} is kept", { name: saved.name }), undo });
  return true;
}

async function remove(preset) {
  const gone = await drop(preset);
  if (gone) toast({ icon: "trash", title: t("{name} is deleted", { name: preset.name }), undo: () => change("/presets", plain(gone), { method: "PUT" }) });
}

function drop({ name, page }) {
  return change(`/presets?${new URLSearchParams({ page, name })}`, {}, { method: "DELETE" });
}

// ---- the sheet

function openSheet(keeping) {
  const file = h("input", { type: "file", accept: ".yaml,.yml", multiple: true, hidden: true, "aria-hidden": "true", tabindex: "-1", onchange: () => take(file) });
  const keepIt = h("button", { class: "ez-btn s", type: "button", onclick: () => openForm(null) }, t("Keep these fields"));
  const bring = h("button", { class: "ez-btn ghost s", type: "button", onclick: () => file.click() }, t("Import"));
  const all = h("a", { class: "ez-btn ghost s", href: "/api/v1/presets/export.yaml", download: "easel-presets.yaml" }, t("Export all"));
  parts = { form: h("div"), keep: keepIt, list: h("div", { role: "list", "aria-label": t("Presets") }) };
  showSheet(NAME, t("Presets of {page}", { page: currentPage() }), h("div", { class: "ez-sheet-body ez-styles" }, h("div", { class: "row ez-styles-head" }, keepIt, bring, all, file), parts.form, parts.list));
  draw();
  if (keeping) openForm(null);
}

function draw() {
  if (!parts) return;
  const nothing = t("A preset keeps fields of this page under a name. Set them as you like, and keep them here.");
  fill(parts.list, here().length ? here().map(row) : h("div", { class: "ez-empty" }, h("p", {}, nothing)));
}

function row(preset) {
  const { name, page, usual, missing } = preset;
  const acts = [
    { words: t("Take the fields as they are now"), icon: "replace", run: () => update(preset) },
    { words: t("Rename"), icon: "edit", run: () => openForm(preset) },
    usual ? { words: t("Usual no more"), icon: "star", run: () => save({ ...plain(preset), usual: false }) } : { words: t("Make it usual"), icon: "star", run: () => save({ ...plain(preset), usual: true }) },
    { words: t("Export"), icon: "download", run: () => h("a", { href: `/api/v1/presets/export.yaml?${new URLSearchParams({ page, name })}`, download: `${name.replace(/[\\/:*?"<>|]/g, "_")}.yaml` }).click() },
    null,
    { words: t("Delete"), icon: "trash", kind: "bad", run: () => remove(preset) },
  ];
  const more = h("button", { class: "ez-btn ghost s icon", type: "button", title: t("More"), "aria-label": t("More about {name}", { name }), "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => toggleMenu(more, name, acts, () => parts?.keep) }, icon("more"));
  const told = missing.length ? missing.join(" ") : tn("{n} field", "{n} fields", Object.keys(preset.fields).length);
  return h(
    "div",
    { class: "ez-style", role: "listitem", "data-name": name },
    h("button", { class: "ez-style-pick", type: "button", title: t("Take {name}", { name }), onclick: () => (closeSheet(), use(preset)) }, icon(usual ? "star" : "apply", "s"), h("span", { class: "grow" }, h("span", { class: "b cut" }, name), h("span", { class: `xs cut2 ${missing.length ? "bad" : "mid"}` }, usual ? `${t("Usual")} · ${told}` : told))),
    more,
  );
}

/** preset: the one that gets another name; null for the fields as they stand. */
function openForm(preset) {
  const name = h("input", { id: "ez-field-preset-name", maxlength: 100, value: preset?.name ?? "", required: true });
  const all = h("input", { type: "checkbox" });
  const usual = h("input", { type: "checkbox" });
  const more = preset ? null : [h("label", { class: "row s" }, all, t("All fields, also those at their default")), h("label", { class: "row s" }, usual, t("Usual: what the fields are at a first visit"))];
  const acts = h("div", { class: "row" }, h("button", { class: "ez-btn s", type: "submit" }, t("Save")), h("button", { class: "ez-btn s ghost", type: "button", onclick: () => fill(parts.form) }, t("Cancel")));
  const send = async (event) => {
    event.preventDefault();
    const done = preset ? await save({ ...plain(preset), name: name.value }, preset.name) : await keep(name.value, all.checked, usual.checked);
    if (done && parts) fill(parts.form);
  };
  fill(parts.form, h("form", { class: "ez-style-form", onsubmit: send }, h("div", {}, h("label", { class: "ez-label", for: name.id }, t("Name")), h("div", { class: "ez-field" }, name)), more, acts));
  name.focus();
}

async function take(input) {
  for (const file of [...input.files]) {
    if (file.size > 1_000_000) {
      errorToast({ message: t("{name} is too large for a file of presets.", { name: file.name }), hint: t("Choose a file that Export has made.") });
      continue;
    }
    const added = await change("/presets/import", { text: await file.text() });
    if (added) toast({ icon: "ok", title: tn("{n} preset is kept", "{n} presets are kept", added.items.length), undo: () => added.items.forEach(drop) });
  }
  input.value = "";
}
