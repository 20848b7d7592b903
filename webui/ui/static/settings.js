// The Settings page: every setting by section, changed at once, with the way back. It knows no setting by name but those that have a view of their own.

import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { currentPage, onPage, open } from "./pages.js";
import { peoplePart } from "./people.js";
import { importSettings, sendSettings } from "./settings-files.js";
import { look } from "./rest.js";
import { browserPart } from "./this-browser.js";
import { errorToast, toast } from "./toasts.js";

const PAGE = "settings";
const PATTERNS = new Set(["folder_pattern", "name_pattern", "picture_format"]);
const ELSEWHERE = { models_dirs: () => t("Added and taken out under Models.") };
const SAVED_MS = 2500;

let settings = []; // as the server tells them
let revision = null;
let undo = null; // what an undo takes back, in words
let file = ""; // where they are kept
let parts = {};
let onlyChanged = false;
let mayChange = true; // whoever may not sees the values alone
const errors = new Map(); // setting -> its last error and the text that caused it
const saved = new Set(); // settings that were saved a moment ago

/** The head that Settings and System share. */
export function pageHead(here, title, ...more) {
  const tab = (page, words) =>
    h("button", { type: "button", class: page === here ? "on" : "", "aria-current": page === here ? "page" : null, onclick: () => open(page) }, words);
  return h(
    "header",
    { class: "ez-plain-head" },
    h("h1", { class: "ez-title" }, title),
    h("nav", { class: "ez-seg", "aria-label": t("Settings and System") }, tab("settings", t("Settings")), tab("system", t("System"))),
    ...more,
  );
}

export function mount(element) {
  const search = h("input", { type: "search", placeholder: t("Find a setting"), "aria-label": t("Find a setting"), oninput: draw });
  const changed = h("button", { class: "ez-btn s", type: "button", "aria-pressed": "false", onclick: () => showChanged(!onlyChanged) });
  const back = h("button", { class: "ez-btn s", type: "button", onclick: undoLast }, icon("undo", "s"), t("Undo"));
  const more = h(
    "button",
    { class: "ez-btn ghost s icon", type: "button", title: t("Import and export"), "aria-label": t("Import and export"), "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => toggleMenu(more, t("Import and export"), fileActs()) },
    icon("more"),
  );
  const picked = h("input", { type: "file", accept: ".yaml,.yml", hidden: true, "aria-hidden": "true", tabindex: "-1", onchange: () => takeFile(picked) });
  parts = { search, changed, back, picked, list: h("div", { class: "ez-plain-list" }), example: h("p", { class: "ez-hint mono", "aria-live": "polite" }) };
  const acts = h("div", { class: "row end ez-settings-acts" }, h("label", { class: "ez-field" }, search), changed, back, more, picked);
  parts.why = h("p", { class: "ez-note ez-settings-why", role: "note", hidden: true }, icon("lock"), t("Administrators look after these settings; you see them as they are. What is yours alone stands in this browser and under People."));
  parts.acts = [back, more];
  fill(element, h("main", { class: "ez-plain", "aria-label": t("Settings") }, pageHead(PAGE, t("Settings"), acts), browserPart(), parts.why, parts.list, peoplePart()));
  onPage((page) => page === PAGE && load());
  on("settings", (told) => told.revision !== revision && currentPage() === PAGE && load());
  if (currentPage() === PAGE) load();
}

async function load() {
  try {
    const [response, me] = await Promise.all([fetch("/api/v1/settings", { cache: "no-store" }), look("/me")]);
    if (!response.ok) throw new Error(`settings: ${response.status}`);
    mayChange = me?.role !== "user";
    take(await response.json());
  } catch {
    if (settings.length) return; // the banner says that the connection is gone
    const again = h("button", { class: "ez-btn", type: "button", onclick: load }, t("Try again"));
    fill(parts.list, h("div", { class: "ez-empty" }, icon("bad"), h("p", {}, t("The settings can't be read just now.")), again));
  }
}

function take(answer) {
  ({ revision, settings, undo, file } = answer);
  draw();
}

// ---- what is shown

function draw() {
  const words = parts.search.value.trim().toLowerCase().split(/\s+/);
  const found = settings.filter((entry) => (!onlyChanged || differs(entry)) && words.every((word) => haystack(entry).includes(word)));
  const focused = document.activeElement?.closest?.(".ez-setting")?.dataset.name;
  // What one changes here first, then what is read at start.
  const live = (name) => mostlyLive(settings.filter((entry) => entry.section === name));
  const sections = [...new Set(found.map((entry) => entry.section))].sort((a, b) => live(b) - live(a));
  drawHead();
  fill(parts.list, found.length ? null : nothing(), sections.map((name) => section(name, found.filter((entry) => entry.section === name))));
  if (focused) settingElement(focused)?.querySelector(':is(input, textarea, .ez-switch, [role="radio"][tabindex="0"])')?.focus({ preventScroll: true });
  if (parts.list.contains(parts.example)) showExample();
}

function mostlyLive(entries) {
  return entries.filter((entry) => entry.live).length * 2 > entries.length;
}

function haystack(entry) {
  return [entry.name, entry.label, entry.help, entry.section, t(entry.label), t(entry.help), t(entry.section)].join(" ").toLowerCase();
}

function drawHead() {
  parts.why.hidden = mayChange;
  for (const act of parts.acts) act.hidden = !mayChange;
  const number = settings.filter(differs).length;
  parts.changed.textContent = tn("{n} changed", "{n} changed", number);
  parts.changed.disabled = !number && !onlyChanged;
  parts.changed.classList.toggle("on", onlyChanged);
  parts.changed.setAttribute("aria-pressed", String(onlyChanged));
  parts.changed.title = onlyChanged ? t("Show all settings") : t("Show only what isn't at its default");
  parts.back.disabled = !undo;
  parts.back.title = undo ? t("Undo: {what}", { what: undo.split(", ").map((label) => t(label)).join(", ") }) : t("Nothing was changed since Easel was started");
}

function showChanged(wanted) {
  onlyChanged = wanted;
  draw();
}

function nothing() {
  const all = () => {
    parts.search.value = "";
    showChanged(false);
    parts.search.focus();
  };
  const words = onlyChanged && !parts.search.value ? t("Everything is at its default.") : t("No setting is called that. Add-ons and models have their own places.");
  return h("div", { class: "ez-empty" }, h("p", {}, words), h("button", { class: "ez-btn s", type: "button", onclick: all }, t("Show all settings")));
}

function section(name, entries) {
  return h("section", { class: "ez-card", "aria-label": t(name) }, h("h2", { class: "ez-card-title" }, t(name)), entries.map(row));
}

function row(entry) {
  const error = errors.get(entry.name);
  const fixed = isFixed(entry);
  return h(
    "div",
    { class: `ez-setting ${differs(entry) ? "changed" : ""}`, "data-name": entry.name },
    h(
      "div",
      { class: "grow" },
      h("label", { class: "ez-setting-name", for: fixed ? null : elementId(entry) }, t(entry.label)),
      !entry.live && h("span", { class: "ez-badge" }, t("At start")),
      h("p", { class: "ez-hint" }, t(entry.help)),
      entry.name === "name_pattern" && !fixed && parts.example,
      error && h("p", { class: "ez-hint bad", role: "alert" }, [error.message, error.allowed && t("Allowed: {allowed}.", { allowed: error.allowed })].filter(Boolean).join(" ")),
    ),
    h("div", { class: "ez-setting-value" }, fixed ? reading(entry) : control(entry, error), foot(entry, fixed)),
  );
}

function isFixed(entry) {
  return !mayChange || !entry.live || Boolean(entry.pinned_by) || entry.type === "other" || entry.name in ELSEWHERE;
}

/** What can't be changed here: its value, and where it can be. */
function reading(entry) {
  const shown = Array.isArray(entry.value) ? entry.value.join(", ") || t("none") : (entry.value ?? t("usual"));
  const text = typeof shown === "object" ? JSON.stringify(shown) : typeof shown === "boolean" ? words(entry, shown) : String(shown);
  return [h("span", { class: "mono cut", title: text }, text), h("p", { class: "ez-hint" }, howToChange(entry))];
}

function howToChange(entry) {
  if (!mayChange) return "";
  if (entry.pinned_by) return t("Set by {what}: leave it out there and restart.", { what: t(pinnedWords(entry)) + pinnedName(entry) });
  if (entry.name in ELSEWHERE) return ELSEWHERE[entry.name]();
  if (entry.live) return t("Change {name} in settings.yaml.", { name: entry.name });
  if (entry.name === "data_dir") return t("Start with --data-dir to change it.");
  const copy = h("button", { class: "ez-link xs", type: "button", title: file, onclick: () => copyLine(entry) }, t("Copy the line"));
  return [t("Read at start: change {name} in settings.yaml and restart.", { name: entry.name }), " ", copy];
}

function pinnedWords(entry) {
  return entry.source === "environment" ? t("the environment") : t("the command line");
}

function pinnedName(entry) {
  return entry.source === "environment" ? ` (EASEL_${entry.name.toUpperCase()})` : "";
}

function foot(entry, fixed) {
  const origin = entry.source === "file" && t("from settings.yaml"); // where something else decides, that is told above
  const reset = differs(entry) && !fixed;
  return h(
    "div",
    { class: "row ez-setting-foot" },
    saved.has(entry.name) ? h("span", { class: "ez-badge ok", role: "status" }, icon("ok", "s"), t("Saved")) : origin && h("span", { class: "ez-setting-origin xs", title: file }, origin),
    reset && h("button", { class: "ez-link xs", type: "button", onclick: () => change(entry, null) }, t("Back to {value}", { value: words(entry, entry.default) })),
  );
}

function differs(entry) {
  return entry.default !== undefined && JSON.stringify(entry.default) !== JSON.stringify(entry.value) && entry.name !== "data_dir";
}

function words(entry, value) {
  if (typeof value === "boolean") return value ? t("on") : t("off");
  if (Array.isArray(value)) return value.join(", ") || t("nothing");
  if (value === null || value === "") return t("nothing");
  if (entry.type === "choice") return t(String(value));
  return `${value}${entry.unit ? ` ${entry.unit}` : ""}`;
}

function settingElement(name) {
  return [...parts.list.querySelectorAll(".ez-setting")].find((element) => element.dataset.name === name);
}

function elementId(entry) {
  return `ez-setting-${entry.name}`;
}

// ---- one control for each type

function control(entry, error) {
  return (CONTROLS[entry.type] ?? typed)(entry, error);
}

const CONTROLS = { boolean: switched, choice: chosen, array: listed };

function switched(entry) {
  return h(
    "button",
    { id: elementId(entry), class: `ez-switch ${entry.value ? "on" : ""}`, type: "button", role: "switch", "aria-checked": String(entry.value), "aria-label": t(entry.label), onclick: () => change(entry, !entry.value) },
    h("i"),
    entry.value ? t("On") : t("Off"),
  );
}

function typed(entry, error) {
  const numeric = entry.type !== "string";
  const input = h("input", {
    id: elementId(entry),
    type: numeric ? "number" : "text",
    class: numeric ? "num" : "mono",
    value: error ? error.typed : String(entry.value ?? ""),
    min: entry.minimum,
    max: entry.maximum,
    step: entry.type === "number" ? "any" : null,
    spellcheck: "false",
    "aria-invalid": error ? "true" : null,
    onchange: () => change(entry, numeric && input.value !== "" ? Number(input.value) : input.value),
    oninput: () => PATTERNS.has(entry.name) && showExample(),
  });
  return h("div", { class: `ez-field ${error ? "bad" : ""}` }, input, entry.unit && h("span", { class: "dim s" }, entry.unit));
}

/** A list of texts: one a line. */
function listed(entry, error) {
  const text = h("textarea", {
    id: elementId(entry),
    class: "mono",
    rows: 3,
    spellcheck: "false",
    placeholder: t("One a line"),
    "aria-invalid": error ? "true" : null,
    onchange: () => change(entry, text.value.split("\n").map((line) => line.trim()).filter(Boolean)),
  });
  text.value = error ? error.typed : (entry.value ?? []).join("\n");
  return h("div", { class: `ez-field ez-field-area ${error ? "bad" : ""}` }, text);
}

/** A few short ones stand side by side; many, or long ones, in a list that opens. */
function chosen(entry) {
  return entry.choices.length > 5 || entry.choices.join("").length > 28 ? picked(entry) : segments(entry);
}

function picked(entry) {
  const list = h(
    "select",
    { id: elementId(entry), onchange: () => change(entry, list.value) },
    entry.choices.map((name) => h("option", { value: name, selected: name === entry.value }, t(name))),
  );
  return h("div", { class: "ez-field" }, list);
}

function segments(entry) {
  const buttons = entry.choices.map((name) =>
    h(
      "button",
      { type: "button", role: "radio", class: name === entry.value ? "on" : "", "aria-checked": String(name === entry.value), tabindex: name === entry.value ? "0" : "-1", onclick: () => name !== entry.value && change(entry, name) },
      t(name),
    ),
  );
  const group = h("div", { id: elementId(entry), class: "ez-seg", role: "radiogroup", "aria-label": t(entry.label) }, buttons);
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    change(entry, entry.choices[(entry.choices.indexOf(entry.value) + step + entry.choices.length) % entry.choices.length]);
  });
  return group;
}

// ---- changing

async function change(entry, value, { undone = false } = {}) {
  const before = entry.value;
  const answer = await sendSettings("", { values: { [entry.name]: value }, revision }, "PATCH");
  if (!answer) return;
  if (answer.status === 409) return tellConflict();
  if (answer.error) {
    if (answer.error.field !== entry.name) errorToast(answer.error);
    errors.set(entry.name, { ...answer.error, typed: Array.isArray(value) ? value.join("\n") : String(value ?? "") });
    draw();
    return;
  }
  errors.delete(entry.name);
  saved.add(entry.name);
  setTimeout(() => {
    saved.delete(entry.name);
    settingElement(entry.name)?.querySelector(".ez-setting-foot .ez-badge")?.remove();
  }, SAVED_MS);
  take(answer);
  const now = settings.find((other) => other.name === entry.name);
  if (undone || JSON.stringify(now.value) === JSON.stringify(before)) return;
  const anew = NEEDS_RELOAD.has(entry.name) ? t("Reload the page to see it.") : "";
  const reload = anew ? { words: t("Reload"), run: () => location.reload() } : null;
  toast({ title: `${t(entry.label)}: ${words(entry, now.value)}`, text: anew, icon: "ok", action: reload, undo: reload ? null : () => change(now, before, { undone: true }) });
}

const NEEDS_RELOAD = new Set(["language"]);

async function undoLast() {
  const what = undo;
  const answer = await sendSettings("/undo", { revision }, "POST");
  if (!answer) return;
  if (answer.status === 409) return tellConflict();
  if (answer.error) return errorToast(answer.error);
  errors.clear();
  take(answer);
  toast({ title: t("Taken back: {what}", { what: what.split(", ").map((label) => t(label)).join(", ") }), icon: "undo" });
  parts.back.focus({ preventScroll: true });
}

async function tellConflict() {
  await load();
  toast({ title: t("The settings were changed in another window."), text: t("They are shown as they are now; change it again."), icon: "info" });
}

async function copyLine(entry) {
  const value = Array.isArray(entry.value) ? JSON.stringify(entry.value) : (entry.value ?? "");
  await navigator.clipboard.writeText(`${entry.name}: ${value}`).catch(() => null);
  toast({ title: t("The line for settings.yaml is copied"), text: file, icon: "copy" });
}

// ---- files

function fileActs() {
  return [
    { words: t("Import…"), icon: "folder", run: () => parts.picked.click() },
    { words: t("Export what is changed"), icon: "download", run: () => download(false) },
    { words: t("Export everything"), icon: "download", run: () => download(true) },
  ];
}

function download(everything) {
  h("a", { href: `/api/v1/settings/export.yaml?everything=${everything}`, download: "easel-settings.yaml" }).click();
}

async function takeFile(input) {
  const [chosenFile] = input.files;
  input.value = "";
  if (chosenFile) await importSettings(chosenFile, { revision, words, find: (name) => settings.find((entry) => entry.name === name), take });
}

let asked = 0;

// Where the next picture would go, while one still types.
async function showExample() {
  const turn = ++asked;
  const given = Object.fromEntries(
    ["folder_pattern", "name_pattern"].map((name) => [name, document.getElementById(`ez-setting-${name}`)?.value]).filter(([, value]) => value !== undefined),
  );
  const response = await fetch(`/api/v1/settings/example-path?${new URLSearchParams(given)}`).catch(() => null);
  if (!response || turn !== asked) return;
  const answer = await response.json();
  parts.example.textContent = response.ok ? answer.path : answer.error.message;
  parts.example.classList.toggle("bad", !response.ok);
}
