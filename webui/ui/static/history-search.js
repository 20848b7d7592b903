// The search box: what is searched for as chips, what is being typed behind them, ways on in a list below, and what can't be understood
// said where it stands.

import { asFarAs, behindColon, read, startTerms, unfinished, without, withMore } from "./history-terms.js";
import { hits, onHits } from "./history-hits.js";
import { onSearch, search, searched } from "./history-state.js";
import { icon } from "./icons.js";
import { language, t } from "./language.js";
import { fill, h } from "./markup.js";
import { look } from "./rest.js";

const ASK_AFTER_MS = 90;
const SEARCH_AFTER_MS = 220;

let parts = null;
let draft = ""; // what is typed and not yet a chip
let settled = ""; // what the chips say
let terms = []; // of the chips
let problem = ""; // of all of it
let sent = null; // what was searched for last by the box itself
let items = []; // ways on
let span = [0, 0]; // what of the draft they replace
let marked = -1;
let timers = {};
let asking = 0;

/** Fills the row above the views. beside: elements at its right. Returns a promise of what is searched for at the beginning being known to be right. */
export function mountSearch(row, ...beside) {
  parts = {
    chips: h("span", { class: "ez-search-chips" }),
    input: h("input", {
      type: "text",
      role: "combobox",
      "aria-label": t("Search history"),
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      "aria-controls": "ez-search-ways",
      "aria-describedby": "ez-search-problem",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      enterkeyhint: "search",
      oninput: onInput,
      onkeydown: onKey,
      onfocus: () => parts.field.classList.add("is-focus"),
      onblur: onLeave,
    }),
    list: h("div", { class: "ez-ways-on ez-search-ways", id: "ez-search-ways", role: "listbox", "aria-label": t("Ways on"), hidden: true }),
    problem: h("p", { class: "ez-hint bad", id: "ez-search-problem", role: "alert", hidden: true }),
  };
  const clear = h("button", { class: "ez-btn ghost s icon ez-search-clear", type: "button", "aria-label": t("Clear the search"), title: t("Clear the search"), onclick: clearAll }, icon("close", "s"));
  parts.clear = clear;
  parts.field = h("div", { class: "ez-field ez-search grow", role: "search", onclick: (event) => event.target === parts.field && parts.input.focus() }, icon("search", "dim"), parts.chips, parts.input, clear);
  parts.list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
  parts.list.addEventListener("mousedown", (event) => event.preventDefault());
  parts.list.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (option) take(items[Number(option.dataset.place)]);
  });
  fill(row, h("div", { class: "grow ez-search-place" }, parts.field, parts.list, parts.problem), beside);
  settled = searched();
  onSearch((text) => {
    if (text === sent) return;
    settled = text;
    draft = parts.input.value = "";
    close();
    go();
  });
  onHits((what) => what !== "images" && sayProblem());
  drawChips([]);
  const ready = settled ? go() : Promise.resolve();
  return ready.then(startTerms);
}

/** Puts the caret into the search box. */
export function focusSearch() {
  parts?.input.focus();
}

function whole() {
  return withMore(settled, draft);
}

// ---- chips

// Chips are the terms of what is settled: of the whole search those that end before the draft begins.
function drawChips(found) {
  const end = settled.length;
  terms = found.filter((term) => term.end <= end);
  const held = parts.chips.contains(document.activeElement);
  fill(parts.chips, terms.map(chip));
  parts.input.placeholder = terms.length ? t("Add words, lora:, seed:, after:") : t("Search words, model:, rating:>=4, after:");
  parts.clear.hidden = !whole();
  if (held) parts.input.focus();
  sayProblem();
}

function chip(term) {
  const shown = term.negated ? term.text : (term.field ? [h("b", {}, `${term.field}:`), `${signOf(term.operator)}${behindColon(term)}`] : h("b", {}, term.text));
  return h(
    "span",
    { class: `ez-token ${term.negated ? "not" : ""} ${term.problem ? "bad" : ""}`, title: term.problem || "" },
    h("button", { type: "button", class: "ez-token-words cut", "aria-label": t("Change {text}", { text: term.text }), onclick: () => edit(term) }, term.negated ? h("b", {}, shown) : shown),
    h("button", { type: "button", "aria-label": t("Remove {text}", { text: term.text }), onclick: () => drop(term) }, icon("close", "s")),
  );
}

const SIGNS = { ">=": "≥", "<=": "≤" };

function signOf(operator) {
  return SIGNS[operator] ?? operator ?? "";
}

function drop(term) {
  settled = without(settled, term);
  go();
  parts.input.focus();
}

// A chip becomes text again.
function edit(term) {
  settled = without(settled, term);
  draft = parts.input.value = withMore(term.text, draft);
  go();
  parts.input.focus();
}

function settle() {
  if (!draft.trim()) return;
  settled = whole();
  draft = parts.input.value = "";
  go();
}

function clearAll() {
  settled = draft = parts.input.value = "";
  close();
  go();
  parts.input.focus();
}

// ---- searching

// What can't be understood is marked and said; the rest is searched for.
async function go() {
  clearTimeout(timers.search);
  const text = whole();
  const found = await read(text);
  if (text !== whole()) return;
  problem = found.problem ?? "";
  drawChips(found.terms);
  if (problem) return;
  const writing = draft && draft === draft.trimEnd() ? unfinished(text, found.terms) : undefined;
  const bad = found.terms.filter((term) => term.problem && term !== writing);
  const wanted = bad.reduceRight(without, writing ? asFarAs(text, writing) : text);
  // What is still being written empties no grid: as long as nothing is found so, what was found before stays.
  if (writing && (await look(`/history/count?${new URLSearchParams({ q: wanted })}`))?.n === 0) return;
  if (text !== whole()) return;
  sent = wanted;
  search(sent);
}

/** What can't be understood of the search, at its place. */
function sayProblem() {
  const first = problem || terms.find((term) => term.problem)?.problem;
  const text = first || [hits.problem?.message, hits.problem?.hint].filter(Boolean).join(" ");
  parts.problem.hidden = !text;
  if (parts.problem.textContent !== text) parts.problem.textContent = text;
  parts.field.classList.toggle("bad", Boolean(text));
}

function onInput() {
  draft = parts.input.value;
  clearTimeout(timers.ask);
  clearTimeout(timers.search);
  timers.ask = setTimeout(ask, ASK_AFTER_MS);
  // What it still lacks is said once it is settled.
  timers.search = setTimeout(go, SEARCH_AFTER_MS);
}

function onLeave() {
  parts.field.classList.remove("is-focus");
  close();
  settle();
}

// ---- ways on

async function ask() {
  const mine = ++asking;
  const caret = parts.input.selectionStart;
  const query = new URLSearchParams({ q: draft, caret });
  const answer = await look(`/history/completions?${query}`);
  if (mine !== asking || document.activeElement !== parts.input || !answer) return;
  const held = items[marked]?.text; // an arrow key may have been pressed while the answer was on its way
  items = answer.items;
  span = [answer.start, answer.end];
  marked = -1;
  if (!items.length) return close();
  fill(parts.list, items.map(option));
  parts.list.hidden = false;
  parts.input.setAttribute("aria-expanded", "true");
  mark(items.findIndex(({ text }) => text === held));
}

function option(item, index) {
  const note = item.label.startsWith(item.text) ? item.label.slice(item.text.length).trim() : item.label;
  return h(
    "div",
    { role: "option", id: `ez-search-way-${index}`, "data-place": index, "aria-selected": "false" },
    h("span", { class: "grow cut" }, item.text),
    note && h("span", { class: "dim xs cut" }, note),
    item.n !== null && item.n !== undefined && h("span", { class: "dim xs num" }, item.n.toLocaleString(language)),
  );
}

function mark(index) {
  parts.list.children[marked]?.setAttribute("aria-selected", "false");
  marked = index;
  const option = parts.list.children[index];
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) parts.input.setAttribute("aria-activedescendant", option.id);
  else parts.input.removeAttribute("aria-activedescendant");
}

function close() {
  clearTimeout(timers.ask);
  asking += 1;
  if (!parts || parts.list.hidden) return false;
  parts.list.hidden = true;
  items = [];
  marked = -1;
  fill(parts.list);
  parts.input.setAttribute("aria-expanded", "false");
  parts.input.removeAttribute("aria-activedescendant");
  return true;
}

// A name of a field is gone on with; everything else is settled.
function take(item) {
  draft = parts.input.value = draft.slice(0, span[0]) + item.text + draft.slice(span[1]);
  close();
  if (/[:<>=]$/.test(draft)) ask();
  else settle();
}

function onKey(event) {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const open = !parts.list.hidden;
  const { key } = event;
  if (key === "ArrowDown" && !open) ask();
  else if (open && (key === "ArrowDown" || key === "ArrowUp")) mark((marked + (key === "ArrowDown" ? 1 : marked < 0 ? 0 : -1) + items.length) % items.length);
  else if (open && marked >= 0 && (key === "Enter" || key === "Tab")) take(items[marked]);
  else if (key === "Enter") {
    close();
    settle();
  } else if (key === "Escape" && !close()) {
    if (draft) {
      draft = parts.input.value = "";
      go();
    } else parts.input.blur();
  } else if (key === "Backspace" && !draft && terms.length) edit(terms.at(-1));
  else if (key !== "Escape") return;
  event.preventDefault();
  event.stopPropagation();
}
