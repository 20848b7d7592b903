// The Settings page: every setting by section, changed at once, with the way back.

import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { fill, h } from "./markup.js";
import { currentPage, onPage, open } from "./pages.js";
import { errorToast, toast } from "./toasts.js";

const PAGE = "settings";
const PATTERNS = new Set(["folder_pattern", "name_pattern", "picture_format"]);
const SAVED_MS = 2500;

let settings = []; // as the server tells them
let revision = null;
let parts = {};
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
    h("nav", { class: "ez-seg", "aria-label": "Settings and System" }, tab("settings", "Settings"), tab("system", "System")),
    ...more,
  );
}

export function mount(element) {
  const search = h("input", { type: "search", placeholder: "Find a setting", "aria-label": "Find a setting", oninput: draw });
  parts = { search, list: h("div", { class: "ez-plain-list" }), example: h("p", { class: "ez-hint mono", "aria-live": "polite" }) };
  const head = pageHead(PAGE, "Settings", h("label", { class: "ez-field end" }, search));
  fill(element, h("main", { class: "ez-plain", "aria-label": "Settings" }, head, parts.list));
  onPage((page) => page === PAGE && load());
  on("settings", (told) => told.revision !== revision && currentPage() === PAGE && load());
  if (currentPage() === PAGE) load();
}

async function load() {
  try {
    const response = await fetch("/api/v1/settings");
    if (!response.ok) throw new Error(`settings: ${response.status}`);
    take(await response.json());
  } catch {
    if (settings.length) return; // the banner says that the connection is gone
    const again = h("button", { class: "ez-btn", type: "button", onclick: load }, "Try again");
    fill(parts.list, h("div", { class: "ez-empty" }, icon("bad"), h("p", {}, "The settings can't be read just now."), again));
  }
}

function take(answer) {
  ({ revision, settings } = answer);
  draw();
}

function draw() {
  const words = parts.search.value.trim().toLowerCase();
  const found = settings.filter((entry) => !words || `${entry.label} ${entry.help} ${entry.name}`.toLowerCase().includes(words));
  const focused = document.activeElement?.closest?.(".ez-setting")?.dataset.name;
  // What one changes here first, then what is read at start.
  const live = (name) => found.some((entry) => entry.section === name && entry.live);
  const sections = [...new Set(found.map((entry) => entry.section))].sort((a, b) => live(b) - live(a));
  fill(
    parts.list,
    found.length ? null : h("div", { class: "ez-empty" }, h("p", {}, "No setting is called that. Add-ons and models have their own places.")),
    sections.map((name) => section(name, found.filter((entry) => entry.section === name))),
  );
  if (focused) parts.list.querySelector(`.ez-setting[data-name="${focused}"] :is(input, .ez-switch, [role="radio"][tabindex="0"])`)?.focus({ preventScroll: true });
  if (parts.list.contains(parts.example)) showExample();
}

function section(name, entries) {
  return h("section", { class: "ez-card" }, h("h2", { class: "ez-card-title" }, name), entries.map(row));
}

function row(entry) {
  const error = errors.get(entry.name);
  const fixed = !entry.live || Boolean(entry.pinned_by) || entry.type === "array";
  return h(
    "div",
    { class: "ez-setting", "data-name": entry.name },
    h(
      "div",
      { class: "grow" },
      h("label", { class: "ez-setting-name", for: fixed ? null : `ez-setting-${entry.name}` }, entry.label),
      h("p", { class: "ez-hint" }, entry.help),
      entry.name === "name_pattern" && !fixed && parts.example,
      error && h("p", { class: "ez-hint bad", role: "alert" }, [error.message, error.allowed && `Allowed: ${error.allowed}.`].filter(Boolean).join(" ")),
    ),
    h("div", { class: "ez-setting-value" }, fixed ? reading(entry) : [control(entry, error), foot(entry)]),
  );
}

function reading(entry) {
  const shown = Array.isArray(entry.value) ? entry.value.join(", ") || "none" : (entry.value ?? "usual");
  const elsewhere = entry.live ? "Added and taken out under Models." : `Read at start: change ${entry.name} in settings.yaml and restart.`;
  const why = entry.pinned_by ? `Set by ${entry.pinned_by}.` : elsewhere;
  return [h("span", { class: "mono cut", title: String(shown) }, String(shown)), h("p", { class: "ez-hint" }, why)];
}

function foot(entry) {
  const standard = entry.default === entry.value;
  return h(
    "div",
    { class: "row ez-setting-foot" },
    saved.has(entry.name) && h("span", { class: "ez-badge ok", role: "status" }, icon("ok", "s"), "Saved"),
    !standard &&
      h("button", { class: "ez-link xs", type: "button", onclick: () => change(entry, null) }, `Back to ${words(entry, entry.default)}`),
  );
}

function words(entry, value) {
  if (typeof value === "boolean") return value ? "on" : "off";
  return `${value === "" ? "nothing" : value}${entry.unit ? ` ${entry.unit}` : ""}`;
}

function control(entry, error) {
  const id = `ez-setting-${entry.name}`;
  if (entry.type === "boolean") {
    return h(
      "button",
      { id, class: `ez-switch ${entry.value ? "on" : ""}`, type: "button", role: "switch", "aria-checked": String(entry.value), "aria-label": entry.label, onclick: () => change(entry, !entry.value) },
      h("i"),
      entry.value ? "On" : "Off",
    );
  }
  if (entry.type === "choice") return choice(entry, id);
  const numeric = entry.type !== "string";
  const input = h("input", {
    id,
    type: numeric ? "number" : "text",
    class: numeric ? "num" : "mono",
    value: error ? error.typed : String(entry.value),
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

function choice(entry, id) {
  const buttons = entry.choices.map((name) =>
    h(
      "button",
      { type: "button", role: "radio", class: name === entry.value ? "on" : "", "aria-checked": String(name === entry.value), tabindex: name === entry.value ? "0" : "-1", onclick: () => name !== entry.value && change(entry, name) },
      name,
    ),
  );
  const group = h("div", { id, class: "ez-seg", role: "radiogroup", "aria-label": entry.label }, buttons);
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    change(entry, entry.choices[(entry.choices.indexOf(entry.value) + step + entry.choices.length) % entry.choices.length]);
  });
  return group;
}

async function change(entry, value, { undone = false } = {}) {
  const before = entry.value;
  const response = await send({ [entry.name]: value });
  if (!response) return;
  const answer = await response.json();
  if (response.status === 409) {
    await load();
    toast({ title: "The settings were changed in another window.", text: "They are shown as they are now; change it again.", icon: "info" });
    return;
  }
  if (!response.ok) {
    if (answer.error.field !== entry.name) errorToast(answer.error);
    errors.set(entry.name, { ...answer.error, typed: String(value ?? "") });
    draw();
    return;
  }
  errors.delete(entry.name);
  saved.add(entry.name);
  setTimeout(() => {
    saved.delete(entry.name);
    parts.list.querySelector(`.ez-setting[data-name="${entry.name}"] .ez-badge`)?.remove();
  }, SAVED_MS);
  take(answer);
  const now = settings.find((other) => other.name === entry.name);
  if (undone || now.value === before) return;
  toast({ title: `${entry.label}: ${words(entry, now.value)}`, icon: "ok", undo: () => change(now, before, { undone: true }) });
}

async function send(values) {
  try {
    return await fetch("/api/v1/settings", {
      method: "PATCH",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ values, revision }),
    });
  } catch {
    errorToast({ message: "Easel doesn't answer, so nothing was changed.", hint: "Try again when the connection is back." });
    return null;
  }
}

let asked = 0;

// Where the next picture would go, while one still types.
async function showExample() {
  const turn = ++asked;
  const typed = Object.fromEntries(
    ["folder_pattern", "name_pattern"].map((name) => [name, document.getElementById(`ez-setting-${name}`)?.value]).filter(([, value]) => value !== undefined),
  );
  const response = await fetch(`/api/v1/settings/example-path?${new URLSearchParams(typed)}`).catch(() => null);
  if (!response || turn !== asked) return;
  const answer = await response.json();
  parts.example.textContent = response.ok ? answer.path : answer.error.message;
  parts.example.classList.toggle("bad", !response.ok);
}
