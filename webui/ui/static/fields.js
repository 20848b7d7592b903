// The fields of the page by name: what they hold, how they are set, what they remember, and where they say what is wrong.

import { t } from "./language.js";
import { ask, linked, told } from "./link.js";
import { h, whenThere } from "./markup.js";
import { currentPage } from "./pages.js";
import { recall, remember } from "./storage.js";

const SEEDS = ["seed", "variation_seed"]; // empty is random
const SKIP = { __type__: "update" }; // Gradio leaves a component alone that gets an update without content

/** Values as Gradio reported them last. */
export const values = {};
const listeners = new Set();
let pending = {};
let restoring = true;
let faults = new Map(); // name -> the element that explains
let tellRestored = null;

/** Gradio has what was remembered: whatever it draws from now on shows that. */
export const whenRestored = new Promise((resolve) => (tellRestored = resolve));

/** Calls back with the names that changed and all values from before. */
export function onChange(listener) {
  listeners.add(listener);
}

// ---- called by Gradio's browser-side events, with the names first and the values in the same order

export function seen(names, list) {
  const before = snapshot();
  const changed = names.filter((name, index) => values[name] !== list[index]);
  names.forEach((name, index) => (values[name] = list[index]));
  if (!restoring) remember("fields", values);
  changed.forEach(mended);
  if (changed.length) listeners.forEach((listener) => listener(changed, before));
  return [];
}

export function restored(names, list) {
  names.forEach((name, index) => (values[name] = list[index]));
  const kept = recall("fields", {});
  // From here on changes are the user's; the first of them are these values arriving.
  restoring = false;
  for (const name of names) if (name in kept) values[name] = kept[name];
  linked.then(() => listeners.forEach((listener) => listener(names, {})));
  return names.map((name) => (name in kept ? kept[name] : SKIP));
}

export function arrived() {
  tellRestored();
  return [];
}

export function handed(names) {
  const given = pending;
  pending = {};
  return names.map((name) => (name in given ? given[name] : SKIP));
}

// ---- called by the page's own scripts

/** Sets fields by name. */
export function put(given) {
  pending = { ...pending, ...given };
  ask("put");
}

/** A copy of all values, to come back to. */
export function snapshot() {
  return { ...values };
}

export function row(name) {
  return told.table.find((entry) => entry.name === name);
}

function root(name) {
  return document.getElementById(row(name)?.element);
}

/** Help texts become tooltips, so that they take no room; the words of icon buttons as well. */
export function explain() {
  for (const { element, help } of told.table) {
    if (help) whenThere(`#${element} :is(label, .head, span)`, (label) => (label.title = help));
  }
  whenThere(".ez-icon-g", () => {
    for (const button of document.querySelectorAll(".ez-icon-g")) button.title = button.textContent.trim();
  });
}

// What a field of the request is called on the page that is open.
function nameHere(field) {
  const twin = currentPage() !== "txt2img" && told.table.find((entry) => entry.of === field);
  return twin ? twin.name : field;
}

const complainers = new Set();

/** complain(error): shows it where a part of the page has that field, and says whether it did. */
export function onError(complain) {
  complainers.add(complain);
}

/** Shows an error at its field, with the allowed range and a button that mends it. False if it has no place here. */
export function showError(error, { focus = true } = {}) {
  if ([...complainers].some((complain) => complain(error))) return true;
  const name = error.field && nameHere(error.field);
  const place = name && root(name);
  if (!place) return false;
  mended(name);
  const mend = mendedValue(name);
  const note = h(
    "p",
    { class: "ez-hint bad ez-html", role: "alert" },
    h("span", {}, `${error.message}${error.allowed ? t(" Allowed: {allowed}.", { allowed: error.allowed }) : ` ${error.hint}`}`),
    mend !== undefined &&
      h("button", { class: "ez-link", type: "button", onclick: () => put({ [name]: mend }) }, mendWords(name, mend)),
  );
  place.classList.add("ez-wrong");
  place.append(note);
  faults.set(name, note);
  const input = place.querySelector("input, textarea");
  input?.setAttribute("aria-invalid", "true");
  if (focus) {
    openAround(place);
    input?.focus({ preventScroll: true });
    place.scrollIntoView({ block: "nearest" });
  }
  return true;
}

function mended(name) {
  faults.get(name)?.remove();
  if (!faults.delete(name)) return;
  root(name)?.classList.remove("ez-wrong");
  root(name)?.querySelector("[aria-invalid]")?.removeAttribute("aria-invalid");
}

/** All is well: no field is marked any more. */
export function clearErrors() {
  [...faults.keys()].forEach(mended);
}

/** The allowed value nearest to the one that stands there; undefined where only the user can know. */
function mendedValue(name) {
  const { minimum, maximum, step, default: usual } = row(name);
  if (SEEDS.includes(name)) return "";
  if (minimum === null || minimum === undefined) return ["prompt", "negative_prompt"].includes(name) ? undefined : usual;
  const asked = Number(values[name]);
  if (values[name] === null || values[name] === "" || !Number.isFinite(asked)) return usual;
  const grid = step >= 1 ? step : 0.01;
  const rounded = Number((Math.round(asked / grid) * grid).toFixed(2));
  return Math.min(maximum, Math.max(minimum, rounded));
}

function mendWords(name, value) {
  return SEEDS.includes(name) ? t("Use a random seed") : t("Use {value}", { value });
}

function openAround(place) {
  const accordion = place.closest(".ez-acc-g");
  const button = accordion?.querySelector("button.label-wrap");
  if (button && !button.classList.contains("open")) button.click();
}
