// Finishing chains kept by name, in a sheet: to take one, to keep one, and to carry them to another Easel as files.

import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { change, look } from "./rest.js";
import { closeSheet, onSheet, showSheet } from "./sheet.js";
import { tellSteps } from "./steps.js";
import { toast } from "./toasts.js";

const NAME = "presets";

let known = []; // {name, steps}
let problems = [];
let chain = null; // the one that asked
let parts = null; // of the open sheet, null while it is closed

on("presets", load);
onSheet((name) => {
  if (name !== NAME) parts = null;
});

/** saving: begin with a name for this chain. */
export function openPresets(asking, { saving = false } = {}) {
  chain = asking;
  const file = h("input", { type: "file", accept: ".json,application/json", multiple: true, hidden: true, "aria-hidden": "true", tabindex: "-1", onchange: () => take([...file.files]) });
  parts = { form: h("div"), list: h("div", { role: "list", "aria-label": t("Presets") }), keep: h("button", { class: "ez-btn s", type: "button", disabled: !chain.steps.length, onclick: () => openForm("") }, t("Save as preset")) };
  const bring = h("button", { class: "ez-btn ghost s", type: "button", onclick: () => file.click() }, t("Import"));
  const head = h("div", { class: "row ez-styles-head" }, parts.keep, bring, file);
  showSheet(NAME, t("Finishing presets"), h("div", { class: "ez-sheet-body ez-styles" }, head, parts.form, parts.list));
  draw();
  load();
  if (saving) openForm("");
}

async function load() {
  const answer = await look("/finishing/presets");
  if (!answer) return;
  ({ items: known, problems } = answer);
  draw();
}

function draw() {
  if (!parts) return;
  const focused = document.activeElement?.closest(".ez-style")?.dataset.name;
  const nothing = t("A preset keeps a finishing chain under a name. Put steps together and save them here.");
  fill(
    parts.list,
    problems.map((problem) => h("p", { class: "ez-hint bad" }, problem)),
    known.length ? known.map(row) : h("div", { class: "ez-empty" }, h("p", {}, nothing)),
  );
  const again = focused && [...parts.list.children].find((element) => element.dataset.name === focused);
  again?.querySelector("button").focus({ preventScroll: true });
}

function row(preset) {
  const { name, steps } = preset;
  const acts = [
    { words: t("Rename"), icon: "edit", run: () => openForm(name) },
    { words: t("Export"), icon: "download", run: () => give(preset) },
    null,
    { words: t("Delete"), icon: "trash", kind: "bad", run: () => remove(name) },
  ];
  const words = tellSteps(steps);
  return h(
    "div",
    { class: "ez-style", role: "listitem", "data-name": name },
    h(
      "button",
      { class: "ez-style-pick", type: "button", title: words, onclick: () => use(preset) },
      icon("apply", "s"),
      h("span", { class: "grow" }, h("span", { class: "b cut" }, name), h("span", { class: "mid xs cut2" }, words)),
    ),
    h(
      "button",
      { class: "ez-btn ghost s icon", type: "button", title: t("More"), "aria-label": t("More about {name}", { name }), "aria-haspopup": "menu", "aria-expanded": "false", onclick: (event) => toggleMenu(event.currentTarget, name, acts, () => parts?.keep) },
      icon("more"),
    ),
  );
}

function use({ name, steps }) {
  const undo = chain.take(steps);
  closeSheet();
  toast({ icon: "ok", title: t("{name} is in the chain", { name }), undo });
}

// ---- changing

/** was: the name so far; empty for the chain as it stands, under a new one. */
function openForm(was) {
  const name = h("input", { id: "ez-preset-name", maxlength: 100, value: was, required: true });
  const form = h(
    "form",
    { class: "ez-style-form", onsubmit: send },
    h("div", {}, h("label", { class: "ez-label", for: name.id }, t("Name")), h("div", { class: "ez-field" }, name)),
    h(
      "div",
      { class: "row" },
      h("button", { class: "ez-btn s", type: "submit" }, t("Save")),
      h("button", { class: "ez-btn s ghost", type: "button", onclick: () => fill(parts.form) }, t("Cancel")),
    ),
  );
  fill(parts.form, form);
  name.focus();

  async function send(event) {
    event.preventDefault();
    const steps = was ? known.find((preset) => preset.name === was)?.steps : chain.steps;
    if (steps && (await save({ name: name.value, steps }, was || null)) && parts) fill(parts.form);
  }
}

/** Returns whether it was saved; what went wrong is told. */
async function save(preset, was = null) {
  const before = known.find(({ name }) => name === (was ?? preset.name.trim()));
  const saved = await change("/finishing/presets", { ...preset, was }, { method: "PUT" });
  if (!saved) return false;
  toast({
    icon: "ok",
    title: before ? t("{name} is changed", { name: saved.name }) : t("{name} is saved", { name: saved.name }),
    undo: () => (before ? change("/finishing/presets", { ...before, was: saved.name }, { method: "PUT" }) : drop(saved.name)),
  });
  return true;
}

async function remove(name) {
  const gone = await drop(name);
  if (gone) toast({ icon: "trash", title: t("{name} is deleted", { name }), undo: () => change("/finishing/presets", gone, { method: "PUT" }) });
}

function drop(name) {
  return change(`/finishing/presets?${new URLSearchParams({ name })}`, {}, { method: "DELETE" });
}

// ---- files

function give(preset) {
  const address = URL.createObjectURL(new Blob([`${JSON.stringify(preset, null, 1)}\n`], { type: "application/json" }));
  h("a", { href: address, download: `${preset.name.replace(/[\\/:*?"<>|]/g, "_")}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

async function take(files) {
  for (const file of files) {
    const preset = await file.text().then(JSON.parse).catch(() => null);
    if (preset?.name && Array.isArray(preset.steps)) await save({ name: preset.name, steps: preset.steps });
    else toast({ icon: "bad", kind: "bad", title: t("{name} holds no preset", { name: file.name }), text: t("Choose a file that Export has made.") });
  }
}
