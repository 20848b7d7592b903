// The Models page: what is in memory, and every model as a card, with all about the chosen one beside them.

import { onChange } from "./fields.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { language, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { TABS, familyWords } from "./model-words.js";
import { HEAD_ACTS, cardAct } from "./models-acts.js";
import { modelCard } from "./models-card.js";
import { drawDetail } from "./models-detail.js";
import { createGrid } from "./models-grid.js";
import { memoryCard, onMemory, residentOf } from "./models-memory.js";
import { choosePicture, chosenPicture, currentPage, onPage } from "./pages.js";
import { look } from "./rest.js";
import { recall, remember } from "./storage.js";

const PAGE = "models";
const ASK_AFTER_MS = 150;
const SIZES = {
  S: { least: 156, picture: 0.625, body: 98 },
  M: { least: 216, picture: 0.625, body: 106 },
  L: { least: 300, picture: 0.8, body: 130 },
};
const SORTS = { folder: t("By folder"), name: "By name", newest: t("Newest"), largest: t("Largest"), used: t("Last used") };
const SHOWN_FIELDS = ["checkpoint", "vae", "prompt"];
const narrow = matchMedia("(max-width: 760px)");

const asked = { tab: "checkpoints", family: "", folder: "", sort: "folder", search: "", usable: "", size: "M", ...recall("models", {}) };
let parts = {};
let grid = null;
let overview = null;
let chosen = null; // the model whose sheet is open
let sheet = null; // what another script shows there instead: its name
let stale = true; // the models were not asked for since something changed
let undrawn = false;

export function mount(element) {
  grid = createGrid({ label: t("Models"), fetchPage, cardOf, onKey: cardKey, onTotal: drawEnds });
  const search = h("input", {
    type: "search",
    placeholder: t("Name, family, trigger word, hash"),
    "aria-label": t("Search models"),
    value: asked.search,
    oninput: () => askSoon({ search: search.value }),
  });
  parts = {
    search,
    tabs: h("div", { class: "ez-subtabs", role: "tablist", "aria-label": t("Kinds of models") }),
    filters: h("div", { class: "row wrap ez-model-filters end" }),
    note: h("div", { class: "ez-model-note", hidden: true }),
    empty: h("div", { class: "ez-empty", hidden: true }),
    side: h("aside", { class: "ez-side", "aria-label": t("Model"), tabindex: "-1", hidden: true }),
  };
  parts.main = h(
    "div",
    { class: "ez-main g-models" },
    h(
      "section",
      { class: "ez-page", "aria-label": t("Models") },
      h(
        "div",
        { class: "row wrap ez-models-head" },
        h("h1", { class: "ez-title" }, t("Models")),
        h("label", { class: "ez-field grow" }, icon("search"), search),
        h("span", { class: "end row" }, HEAD_ACTS.map(headButton)),
      ),
      memoryCard(),
      h("div", { class: "row wrap ez-models-bar" }, parts.tabs, parts.filters),
      parts.note,
      grid.element,
      parts.empty,
    ),
    parts.side,
  );
  fill(element, parts.main);
  grid.resize(cardSize());
  narrow.addEventListener("change", () => grid.resize(cardSize()));
  on("catalog", () => update());
  on("snapshot", () => update());
  onMemory(redraw);
  onChange((changed) => changed.some((name) => SHOWN_FIELDS.includes(name)) && redraw());
  onPage((page) => {
    parts.main.classList.toggle("is-shown", page === PAGE);
    if (page === PAGE) wake();
  });
  parts.main.classList.toggle("is-shown", currentPage() === PAGE);
  if (currentPage() === PAGE) wake();
}

function headButton({ icon: name, words, title, run, primary }) {
  const button = h("button", { class: `ez-btn ${primary ? "primary" : ""}`, type: "button", title, onclick: () => run(button) }, icon(name), words);
  return button;
}

// What the cards say changed, not the models. On a page that isn't shown it is done when it is.
function redraw() {
  if (currentPage() !== PAGE) return (undrawn = true);
  grid.redraw();
  if (chosen) drawSheet();
}

// Asked for when the page is first looked at, and again after something changed meanwhile.
function wake() {
  if (undrawn) {
    undrawn = false;
    redraw();
  }
  if (stale) {
    stale = false;
    drawBar();
    loadOverview();
    grid.load();
  }
  if (!chosen && chosenPicture(PAGE)) openModel({ id: chosenPicture(PAGE) });
}

async function update() {
  if (currentPage() !== PAGE) return (stale = true);
  await Promise.all([loadOverview(), grid.refresh(), refetchSheet()]);
}

// ---- what is asked for

function change(wanted) {
  Object.assign(asked, wanted);
  const { search: _, ...kept } = asked;
  remember("models", kept);
  drawBar();
  grid.load();
}

let timer = null;

function askSoon(wanted) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    change(wanted);
    loadOverview();
  }, ASK_AFTER_MS);
}

function tab() {
  return TABS.find(({ id }) => id === asked.tab) ?? TABS[0];
}

function fetchPage(offset, limit) {
  const query = new URLSearchParams({ offset, limit, sort: asked.sort, search: asked.search.slice(0, 200) });
  for (const kind of tab().kinds) query.append("kind", kind);
  for (const name of ["family", "folder", "usable"]) if (asked[name]) query.set(name, asked[name]);
  return look(`/models?${query}`);
}

async function loadOverview() {
  const answer = await look(`/models/overview?search=${encodeURIComponent(asked.search.slice(0, 200))}`);
  if (!answer) return;
  overview = answer;
  drawBar();
  drawEnds(grid.total);
}

/** The kinds of a tab in numbers: {count, unusable, families, folders}. */
function summed({ kinds }) {
  const found = (overview?.kinds ?? []).filter(({ kind }) => kinds.includes(kind));
  const merged = (name) => {
    const sums = {};
    for (const entry of found) for (const [key, number] of Object.entries(entry[name])) sums[key] = (sums[key] ?? 0) + number;
    return sums;
  };
  const total = (name) => found.reduce((sum, entry) => sum + entry[name], 0);
  return { count: total("count"), unusable: total("unusable"), families: merged("families"), folders: merged("folders") };
}

// ---- the bar over the cards

function drawBar() {
  drawTabs();
  const { families, folders } = summed(tab());
  const focused = parts.filters.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  const sorts = Object.entries(SORTS).filter(([name]) => name !== "used" || tab().id === "checkpoints");
  fill(
    parts.filters,
    choice("family", t("Family"), [["", t("All families")], ...Object.entries(families).map(([name, number]) => [name, `${familyWords(name)} (${number})`])]),
    choice("folder", t("Folder"), [["", t("All folders")], ...Object.entries(folders).map(([name, number]) => [name, `${shortFolder(name)} (${number})`])]),
    choice("sort", t("Sort"), sorts, true),
    h(
      "div",
      { class: "ez-seg ez-sizes", role: "radiogroup", "aria-label": t("Size of the cards") },
      Object.keys(SIZES).map((name) =>
        h("button", { type: "button", role: "radio", "data-does": `size-${name}`, class: name === asked.size ? "on" : "", "aria-checked": String(name === asked.size), onclick: () => resize(name) }, name),
      ),
    ),
  );
  if (focused) parts.filters.querySelector(`[data-does="${focused}"]`)?.focus({ preventScroll: true });
}

function cardSize() {
  return narrow.matches ? SIZES.S : (SIZES[asked.size] ?? SIZES.M);
}

function resize(name) {
  asked.size = name;
  grid.resize(cardSize());
  const { search: _, ...kept } = asked;
  remember("models", kept);
  drawBar();
}

// A choice that leaves nothing to choose is left out.
function choice(name, label, options, always = false) {
  const known = options.some(([value]) => value === asked[name]);
  if (!known && asked[name]) options.push([asked[name], asked[name]]);
  if (!always && options.length < 3 && !asked[name]) return null;
  const select = h(
    "select",
    { "aria-label": label, "data-does": name, onchange: () => change({ [name]: select.value }) },
    options.map(([value, words]) => h("option", { value, selected: value === asked[name] }, words)),
  );
  return h("span", { class: `ez-field ez-select ${asked[name] && !always ? "is-set" : ""}` }, select, icon("down", "s"));
}

function shortFolder(path) {
  const root = overview?.roots.find((entry) => path.startsWith(entry));
  const below = root ? path.slice(root.length).replace(/^[/\\]/, "") : path;
  return below.length > 36 ? `…${below.slice(-35)}` : below || path;
}

function drawTabs() {
  const focused = parts.tabs.contains(document.activeElement);
  const shown = TABS.filter((entry) => entry.always || entry.id === asked.tab || summed(entry).count);
  fill(
    parts.tabs,
    shown.map((entry) => {
      const on = entry.id === tab().id;
      return h(
        "button",
        { type: "button", role: "tab", class: on ? "on" : "", "aria-selected": String(on), tabindex: on ? "0" : "-1", onclick: () => pick(entry), onkeydown: (event) => stepTab(event, shown) },
        entry.words,
        overview && h("span", { class: "ez-count" }, ` ${summed(entry).count.toLocaleString(language)}`),
      );
    }),
  );
  if (focused) parts.tabs.querySelector(".on").focus({ preventScroll: true });
}

function pick(entry) {
  change({ tab: entry.id, family: "", folder: "", usable: "", sort: entry.id !== "checkpoints" && asked.sort === "used" ? "folder" : asked.sort });
}

function stepTab(event, shown) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  pick(shown[(shown.findIndex((entry) => entry.id === tab().id) + by + shown.length) % shown.length]);
}

/** What stands above and below the cards: what can't be used, and the words for none at all. */
function drawEnds(total) {
  const { unusable } = summed(tab());
  parts.note.hidden = !unusable && !asked.usable;
  fill(
    parts.note,
    asked.usable
      ? [h("span", { class: "grow s" }, t("Only those that can't be used are shown.")), h("button", { class: "ez-btn s", type: "button", onclick: () => change({ usable: "" }) }, t("Show all"))]
      : [
          h("span", { class: "bad row" }, icon("bad")),
          h("span", { class: "grow s" }, tn("{n} can't be used. It says why, and what to do.", "{n} can't be used. Each says why, and what to do.", unusable)),
          h("button", { class: "ez-btn s", type: "button", onclick: () => change({ usable: "false" }) }, t("Show")),
        ],
  );
  parts.empty.hidden = total !== 0;
  if (total === 0) fill(parts.empty, emptyState());
}

function emptyState() {
  if (asked.search || asked.family || asked.folder || asked.usable) {
    const clear = () => {
      parts.search.value = "";
      change({ search: "", family: "", folder: "", usable: "" });
      loadOverview();
    };
    return [icon("search"), h("p", {}, t("Nothing here fits what is asked for.")), h("button", { class: "ez-btn", type: "button", onclick: clear }, t("Clear filters"))];
  }
  const add = HEAD_ACTS.find((act) => act.primary) ?? HEAD_ACTS[0];
  return [icon("folder"), h("p", {}, t("There is no {one} yet. Put files into models/{folder}, or let Easel use the folders you have.", { one: tab().one, folder: tab().folder })), headButton({ ...add, primary: false })];
}

// ---- cards

function cardOf(model) {
  return modelCard(model, { resident: residentOf(model.name), chosen: model.id === chosen?.id, roomy: cardSize() === SIZES.L, open: openModel });
}

function cardKey(event, model) {
  if (!model) return false;
  if (event.key === "Enter" || event.key === " ") {
    const act = cardAct(model, residentOf(model.name));
    if (act) act.run(model);
    else openModel(model);
    return true;
  }
  if (event.key.toLowerCase() !== "i") return false;
  openModel(model);
  return true;
}

// ---- the sheet beside the list

/** Shows all about a model. */
export async function openModel({ id }) {
  const model = await look(`/models/${id}`);
  if (!model) {
    if (chosen?.id === id || !chosen) closeModelSheet();
    return;
  }
  const again = chosen?.id === id;
  sheet = null;
  chosen = model;
  choosePicture(PAGE, id);
  drawSheet({ said: true });
  if (!again) grid.redraw();
  if (!again) parts.side.focus({ preventScroll: true });
}

/** Shows `body` beside the list in place of a model: a form to add models, say. */
export function openModelSheet(name, title, body) {
  chosen = null;
  choosePicture(PAGE, null);
  sheet = name;
  showSide(title, body);
  grid.redraw();
  parts.side.focus({ preventScroll: true });
}

/** The name that another script opened the sheet with, or null. */
export function openedSheet() {
  return sheet;
}

/** Closes the sheet; false if none was open. */
export function closeModelSheet() {
  if (currentPage() !== PAGE || parts.side.hidden) return false;
  const index = chosen ? grid.indexOf(chosen.id) : -1;
  chosen = sheet = null;
  choosePicture(PAGE, null);
  parts.side.hidden = true;
  parts.main.classList.remove("with-sheet");
  fill(parts.side);
  grid.redraw();
  if (index >= 0) grid.focus(index);
  return true;
}

async function refetchSheet() {
  if (!chosen) return;
  const model = await look(`/models/${chosen.id}`);
  if (!model || model.id !== chosen?.id) return;
  chosen = model;
  drawSheet();
}

// What is being typed is not drawn over; it is drawn once it is said.
function drawSheet({ said = false } = {}) {
  if (!said && parts.side.querySelector(".is-dirty")) return;
  const kept = parts.side.querySelector(".ez-scroll")?.scrollTop ?? 0;
  showSide(chosen.name, drawDetail(chosen, { resident: residentOf(chosen.name), changed: take }));
  parts.side.querySelector(".ez-scroll").scrollTop = kept;
}

function showSide(title, body) {
  const close = h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Close (Esc)"), title: t("Close (Esc)"), onclick: closeModelSheet }, icon("close"));
  const focused = parts.side.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  fill(parts.side, h("div", { class: "ez-head" }, h("span", { class: "cut", title }, title), h("span", { class: "end" }, close)), h("div", { class: "ez-scroll" }, body));
  parts.side.setAttribute("aria-label", title);
  parts.side.hidden = false;
  parts.main.classList.add("with-sheet");
  if (focused) parts.side.querySelector(`[data-does="${focused}"]`)?.focus({ preventScroll: true });
  if (narrow.matches) parts.side.scrollTop = 0;
}

/** Called with the model as it is after something was said about it. */
function take(model) {
  grid.put(model);
  if (chosen?.id !== model.id) return;
  chosen = model;
  drawSheet({ said: true });
}
