// What stands at the left of History: searches that are kept, and what the pictures found have, with how many have it.

import { focusSearch } from "./history-search.js";
import { isAsked, onTerms, toggle } from "./history-terms.js";
import { PAGE, onSearch, search, searched } from "./history-state.js";
import { icon } from "./icons.js";
import { language, t } from "./language.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { currentPage } from "./pages.js";
import { change, look } from "./rest.js";
import { toast } from "./toasts.js";

const AFTER_MS = 400; // that nothing more changed
const SHOWN = 6; // values of one kind, until all are asked for

// Kinds of what is counted, in order: [kind, its heading, the field that searches for it].
const FACETS = [
  ["checkpoint", t("Checkpoint"), "model"],
  ["lora", "LoRA", "lora"],
  ["kind", t("Made by"), "kind"],
  ["rating", t("Rating"), "rating"],
  ["tag", t("Tags"), "tag"],
  ["sampler", t("Sampler"), "sampler"],
  ["tool", t("Program"), "tool"],
];
const KINDS = { inpaint: t("Inpaint"), upscale: t("Upscale") };

const FIXED = [
  { name: "All pictures", icon: "grid", query: () => "" },
  { name: "Favourites", icon: "heart", query: () => "is:favourite" },
  { name: "This week", icon: "wait", query: () => "after:7d" },
];
const TRASH = { name: "Trash", icon: "trash", query: () => "is:trash" };

let place = null;
let saved = []; // {name, query, n}
let counts = new Map(); // query -> {n, more}
let facets = null;
let timer = null;
let round = 0;
const all = new Set(); // kinds of which all values are shown

export function mountFilters(element) {
  place = element;
  onSearch(lookSoon);
  onTerms(draw);
  draw();
}

/** Counts anew, a moment later: something changed. */
export function lookSoon() {
  clearTimeout(timer);
  timer = setTimeout(lookAgain, facets ? AFTER_MS : 0);
  draw();
}

async function lookAgain() {
  if (currentPage() !== PAGE) return;
  const mine = ++round;
  const query = new URLSearchParams({ q: searched() });
  const fixed = [...FIXED, TRASH].map(({ query: text }) => text());
  const [found, searches, ...amounts] = await Promise.all([
    look(`/history/facets?${query}`),
    look("/history/searches"),
    ...fixed.map((text) => look(`/history/count?${new URLSearchParams({ q: text })}`)),
  ]);
  if (mine !== round) return;
  if (found) facets = found;
  if (searches) saved = searches.items;
  fixed.forEach((text, index) => amounts[index] && counts.set(text, amounts[index]));
  draw();
}

function draw() {
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const { scrollTop } = place.querySelector(".ez-scroll") ?? { scrollTop: 0 };
  const scroll = h(
    "div",
    { class: "ez-scroll" },
    h(
      "div",
      { class: "ez-facet" },
      h("h3", {}, t("Saved searches")),
      FIXED.map((entry) => row({ ...entry, query: entry.query() })),
      saved.map((entry) => row({ ...entry, icon: "search", kept: true })),
      row({ ...TRASH, query: TRASH.query() }),
    ),
    facets && FACETS.some(([kind]) => facets.facets[kind]?.length) && h("hr"),
    facets && FACETS.map((facet) => facetPart(...facet)),
    facets && !facets.exact && h("p", { class: "ez-hint ez-facet-note" }, t("Counted among the newest {value}.", { value: facets.of.toLocaleString(language) })),
  );
  const close = h("button", { class: "ez-btn ghost s icon only-sheet", type: "button", "aria-label": t("Close"), title: t("Close"), onclick: closeFilters }, icon("close"));
  fill(place, h("div", { class: "ez-head only-sheet" }, h("span", {}, t("Filters")), h("span", { class: "end" }, close)), scroll);
  scroll.scrollTop = scrollTop;
  if (focused) [...place.querySelectorAll("button")].find((button) => button.dataset.key === focused)?.focus({ preventScroll: true });
}

function amountOf({ query, n, more }) {
  const known = n === undefined ? counts.get(query) : { n, more };
  return known ? `${known.n.toLocaleString(language)}${known.more ? "+" : ""}` : "";
}

function row(entry) {
  const on = searched() === entry.query;
  return h(
    "button",
    {
      type: "button",
      class: on ? "on" : "",
      "aria-pressed": String(on),
      "data-key": `search ${entry.name}`,
      title: entry.query || entry.name,
      onclick: () => {
        search(entry.query);
        closeFilters();
      },
      oncontextmenu: entry.kept ? (event) => (event.preventDefault(), searchMenu(event.currentTarget, entry)) : null,
      onkeydown: entry.kept ? (event) => onRowKey(event, entry) : null,
    },
    icon(entry.icon, "s"),
    h("span", { class: "cut" }, entry.name),
    h("span", { class: "ez-count" }, amountOf(entry)),
    entry.kept && h("span", { class: "ez-facet-more", title: t("Rename, change or remove"), onclick: (event) => (event.stopPropagation(), searchMenu(event.currentTarget.parentElement, entry)) }, icon("more", "s")),
  );
}

function onRowKey(event, entry) {
  if (event.key === "Delete") removeSearch(entry);
  else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) searchMenu(event.currentTarget, entry);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function facetPart(kind, heading, field) {
  const values = facets.facets[kind] ?? [];
  // That all of them were made here says nothing.
  if (!values.length || (kind === "tool" && values.length === 1 && !isAsked(field, values[0].value))) return null;
  const shown = all.has(kind) ? values : values.slice(0, SHOWN);
  const rows = shown.map(({ value, n }) => {
    const on = isAsked(field, value);
    return h(
      "button",
      { type: "button", class: on ? "on" : "", "aria-pressed": String(on), "data-key": `${kind} ${value}`, title: nameOf(kind, value), onclick: () => toggle(field, value) },
      h("span", { class: "cut", "aria-label": kind === "rating" ? t("{value} of 5", { value }) : null }, nameOf(kind, value)),
      h("span", { class: "ez-count" }, n.toLocaleString(language)),
    );
  });
  const rest = values.length - shown.length;
  const more =
    rest > 0 &&
    h(
      "button",
      {
        type: "button",
        class: "dim",
        "data-key": `${kind} all`,
        onclick: () => {
          all.add(kind);
          draw();
        },
      },
      t("{rest} more", { rest }),
    );
  return h("div", { class: `ez-facet ${kind === "rating" ? "is-rating" : ""}` }, h("h3", {}, heading), rows, more);
}

function nameOf(kind, value) {
  if (kind === "rating") return "★".repeat(Number(value));
  return kind === "kind" ? (KINDS[value] ?? value) : value;
}

// ---- saved searches

/** The button beside the search box. */
export function saveButton() {
  const button = h("button", { class: "ez-btn ez-save-search", type: "button", onclick: () => askName(button) }, t("Save search"));
  const show = () => (button.disabled = !searched() || saved.some(({ query }) => query === searched()));
  onSearch(show);
  onTerms(show);
  show();
  return button;
}

function askName(button) {
  const field = h("input", { type: "text", "aria-label": t("Name of the search"), placeholder: t("Name"), maxlength: "100", value: "" });
  const close = () => form.replaceWith(button);
  const form = h(
    "form",
    {
      class: "row ez-save-form",
      onsubmit: async (event) => {
        event.preventDefault();
        const name = field.value.trim();
        if (!name) return field.focus();
        if (await save(name, searched())) {
          close();
          focusSearch();
        }
      },
      onkeydown: (event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        close();
        button.focus();
      },
    },
    h("div", { class: "ez-field" }, field),
    h("button", { class: "ez-btn primary", type: "submit" }, t("Save")),
    h("button", { class: "ez-btn ghost icon", type: "button", "aria-label": t("Cancel"), title: t("Cancel"), onclick: close }, icon("close")),
  );
  button.replaceWith(form);
  field.focus();
}

async function save(name, query) {
  const before = saved.find((entry) => entry.name === name);
  const answer = await change(`/history/searches/${encodeURIComponent(name)}`, { query }, { method: "PUT" });
  if (!answer) return false;
  await lookAgain();
  toast({ icon: "ok", title: t("Search \"{name}\" saved", { name }), undo: () => (before ? save(name, before.query) : drop(name)) });
  return true;
}

async function drop(name) {
  const answer = await change(`/history/searches/${encodeURIComponent(name)}`, {}, { method: "DELETE" });
  if (answer) await lookAgain();
  return Boolean(answer);
}

async function removeSearch({ name, query }) {
  if (await drop(name)) toast({ icon: "trash", title: t("Search \"{name}\" removed", { name }), undo: () => save(name, query) });
}

function searchMenu(button, entry) {
  toggleMenu(button, entry.name, [
    { words: t("Change to the search above"), icon: "replace", run: () => save(entry.name, searched()) },
    { words: t("Remove"), icon: "trash", key: "Del", kind: "bad", run: () => removeSearch(entry) },
  ]);
}

// ---- as a sheet, where there is no room beside the grid

/** The button that opens the filters in a narrow window. */
export function filtersButton() {
  return h("button", { class: "ez-btn icon ez-filters-open", type: "button", "aria-label": t("Filters"), title: t("Filters"), onclick: openFilters }, icon("sliders"));
}

function openFilters() {
  place.classList.add("is-open");
  place.focus({ preventScroll: true });
}

/** Closes them where they cover the page; false if they don't. */
export function closeFilters() {
  if (!place?.classList.contains("is-open")) return false;
  place.classList.remove("is-open");
  document.querySelector(".ez-filters-open")?.focus({ preventScroll: true });
  return true;
}
