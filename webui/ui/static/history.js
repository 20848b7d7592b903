// Every picture, newest first: found, looked at, kept in order, and made again. Puts the parts of the page together.

import { mountBar } from "./history-bar.js";
import { isOurs, onBulk } from "./history-bulk.js";
import { drawDetail } from "./history-detail.js";
import { closeFilters, filtersButton, lookSoon, mountFilters, saveButton } from "./history-filters.js";
import { cellOf, mountGrid, neighbour, pickAll, resize, reveal, step, stopAt, tellNew } from "./history-grid.js";
import { fetched, hits, indexOf, insert, onHits, refresh, setCounted, startOver } from "./history-hits.js";
import { emptyTrash, hear, inTrash, meant, onMarked, rate, toggleFavourite, trash } from "./history-marks.js";
import { focusSearch, mountSearch } from "./history-search.js";
import { mountShell } from "./history-shell.js";
import { MOST_COMPARED, PAGE, anyPicked, choose, chosenId, chosenImage, compareThese, currentView, leaveSecond, onChosen, onSearch, onSecond, pick, pickedIds, search, searched, showView } from "./history-state.js";
import { onTerms } from "./history-terms.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { language, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { currentPage, onPage, open } from "./pages.js";
import { takeFile } from "./paste.js";
import { look } from "./rest.js";
import { recall, remember } from "./storage.js";
import { view } from "./viewer.js";

export { chosenImage, focusSearch, meant, step };

const COUNT_AFTER_MS = 150; // that nothing more changed
const THUMBNAIL = { usual: 148, least: 96, most: 280 };
const narrow = matchMedia("(max-width: 760px)");

let parts = null;
let asked = false; // whether the first page was asked for

export function mount(element) {
  const shell = mountShell(element);
  parts = { ...shell, amount: h("span", { class: "s dim num", role: "status" }) };
  parts.emptying = h("span", { class: "row ez-emptying" });
  fill(parts.tools, parts.emptying, parts.amount, sizeSlider());
  parts.ready = mountSearch(parts.search, saveButton(), filtersButton());
  mountFilters(parts.filters);
  mountBar(parts.stage);
  mountGrid(parts.pictures, { open: openDetail, show: (image) => view(image, neighbour), emptyState });
  onHits((what) => {
    if (what === "images") return;
    sayAmount();
    drawEmptying();
  });
  onChosen(({ before }) => drawDetail(parts.detail, closeDetail, before));
  onSecond((image) => image && parts.detail.classList.remove("is-open"));
  onSearch(searchAnew);
  onTerms(drawEmptying);
  onMarked(recount);
  onBulk(async () => {
    recount();
    // Its marks may be others now.
    const shown = chosenImage();
    const image = shown && (await fetched(shown.id));
    if (shown && chosenImage()?.id === shown.id) choose(image);
  });
  parts.stage.addEventListener("dragover", (event) => isFile(event) && event.preventDefault());
  parts.stage.addEventListener("drop", onDrop);
  on("picture", ({ image, live }) => !live && asked && arrived(image));
  on("marks", ({ ids, act }) => asked && !isOurs(act) && hear(ids));
  on("imported", () => asked && (lookForNew(), recount()));
  on("saved_searches", () => asked && lookSoon());
  on("snapshot", () => (asked ? refresh() : currentPage() === PAGE && wake()));
  onPage((page) => page === PAGE && wake());
  drawDetail(parts.detail, closeDetail);
  // Gradio draws a page when it is opened first.
  if (currentPage() === PAGE) wake();
}

function sizeSlider() {
  const size = recall("thumbnail", THUMBNAIL.usual);
  const show = (pixels) => {
    resize(pixels);
    slider.style.setProperty("--v", `${((pixels - THUMBNAIL.least) / (THUMBNAIL.most - THUMBNAIL.least)) * 100}%`);
  };
  const slider = h("input", {
    type: "range",
    class: "ez-slider",
    min: String(THUMBNAIL.least),
    max: String(THUMBNAIL.most),
    value: String(size),
    "aria-label": t("Thumbnail size"),
    oninput: () => {
      show(Number(slider.value));
      remember("thumbnail", Number(slider.value));
    },
  });
  show(size);
  return h("label", { class: "row", title: t("Thumbnail size") }, icon("grid", "s dim"), slider);
}

async function wake() {
  // Nothing was counted while another page was open.
  if (asked) lookSoon();
  else {
    await parts.ready;
    if (!asked) {
      asked = true;
      startOver();
      recount();
    }
  }
  restoreChosen();
}

async function restoreChosen() {
  const id = chosenId();
  if (!id || chosenImage()) return;
  const image = await fetched(id);
  if (image && !chosenImage()) choose(image);
  if (image) stopAt(id);
}

function searchAnew() {
  pick([]);
  parts.pictures.scrollTop = 0;
  found = null;
  startOver();
  recount();
}

let looking = false;
let cameMeanwhile = false;

// One look after the other: pictures that come in a row are found together, and none is counted twice.
async function lookForNew() {
  cameMeanwhile = true;
  if (looking) return;
  looking = true;
  try {
    while (cameMeanwhile) {
      cameMeanwhile = false;
      tellNew(await refresh());
    }
  } finally {
    looking = false;
  }
}

// A new one belongs at the top; whether a search finds it, the server knows.
function arrived(image) {
  if (searched()) lookForNew();
  else if (hits.total !== null && insert([image])) {
    hits.total += 1;
    tellNew(1);
  }
  recount();
}

// ---- how many

let found = null; // {n, more} of the search
let all = null; // of everything
let counting = null;

function recount() {
  lookSoon();
  clearTimeout(counting);
  counting = setTimeout(countAgain, COUNT_AFTER_MS);
}

async function countAgain() {
  const text = searched();
  const of = (query) => look(`/history/count?${new URLSearchParams({ q: query })}`);
  const [these, everything] = await Promise.all([text ? of(text) : null, of("")]);
  if (text !== searched()) return;
  [found, all] = [these, everything];
  setCounted(these ?? everything);
  sayAmount();
}

// "1,284 of 48,210 in 6 ms"
function sayAmount() {
  parts.amount.textContent = searched() ? amountFound() : all && !all.more ? tn("{n} picture", "{n} pictures", all.n) : hits.total === null ? "" : tn("{n} picture", "{n} pictures", hits.total);
}

function amountFound() {
  if (hits.problem) return "";
  const these = hits.complete ? hits.ids.length.toLocaleString(language) : found ? `${found.n.toLocaleString(language)}${found.more ? "+" : ""}` : "";
  if (!these) return "";
  const time = hits.seconds === null ? "" : t(" in {seconds} ms", { seconds: Math.max(1, Math.round(hits.seconds * 1000)).toLocaleString(language) });
  return t("{these} of {total}{more}{time}", { these, total: (all?.n ?? hits.total ?? 0).toLocaleString(language), more: all?.more ? "+" : "", time });
}

// ---- the trash

let emptying = false; // whether it is offered

// It can't be taken back, so it asks, once and in its place.
function drawEmptying() {
  const offered = inTrash() && !(hits.complete && !hits.ids.length);
  if (offered === emptying) return;
  emptying = offered;
  const asking = h(
    "button",
    { class: "ez-btn s danger", type: "button", onclick: () => fill(parts.emptying, h("span", { class: "s" }, t("Remove all of it for good?")), sure, keep) && sure.focus() },
    t("Empty trash"),
  );
  const back = () => fill(parts.emptying, asking) && asking.focus();
  const sure = h("button", { class: "ez-btn s danger", type: "button", onclick: () => (back(), emptyTrash()) }, t("Remove"));
  const keep = h("button", { class: "ez-btn s", type: "button", onclick: back }, t("Keep"));
  fill(parts.emptying, offered && asking);
}

function emptyState() {
  if (inTrash()) return h("div", { class: "ez-empty" }, icon("trash"), h("p", {}, t("The trash is empty.")));
  if (searched()) {
    return h(
      "div",
      { class: "ez-empty" },
      icon("search"),
      h("p", {}, t("Nothing was found.")),
      h("button", { class: "ez-btn", type: "button", onclick: () => search("") }, t("Show all pictures")),
    );
  }
  return h(
    "div",
    { class: "ez-empty" },
    icon("pictures"),
    h("p", {}, t("Every picture you make is kept here, with everything that made it.")),
    h("button", { class: "ez-btn", type: "button", onclick: () => open("txt2img") }, t("Make a picture")),
  );
}

// ---- the detail

function openDetail(image) {
  choose(image);
  if (!narrow.matches) return;
  parts.detail.classList.add("is-open");
  parts.detail.focus({ preventScroll: true });
}

/** Closes the detail; false if none was open. */
export function closeDetail() {
  const image = chosenImage();
  if (currentPage() !== PAGE || !image) return false;
  choose(null);
  parts.detail.classList.remove("is-open");
  // Focus chooses, so the cell is only made the next stop.
  stopAt(image.id);
  document.activeElement?.blur?.();
  return true;
}

export function showChosenFull() {
  if (chosenImage()) view(chosenImage(), neighbour);
}

/** Shows a picture's detail, wherever it is among the hits. */
export async function showPicture(id) {
  const image = await fetched(id);
  if (!image) return;
  openDetail(image);
  reveal(indexOf(id));
  stopAt(id);
  cellOf(id)?.focus({ preventScroll: true });
}

// ---- acts by keys

/** Goes back one step: the filters that cover the page, what is picked, the view, the detail. False if there is nothing to go back from. */
export function leaveHistory() {
  if (currentPage() !== PAGE) return false;
  if (closeFilters() || leaveSecond()) return true;
  if (currentView() !== "pictures") {
    showView("pictures");
    return true;
  }
  if (anyPicked()) {
    pick([]);
    return true;
  }
  return closeDetail();
}

/** Picks all that was found; false where the grid is not in sight. */
export function pickAllShown() {
  if (currentPage() !== PAGE || currentView() !== "pictures") return false;
  pickAll();
  return true;
}

/** Compares the picked pictures; false where that are not two to four. */
export function comparePicked() {
  const ids = pickedIds();
  if (currentPage() !== PAGE || ids.length < 2 || ids.length > MOST_COMPARED) return false;
  compareThese(ids);
  return true;
}

export const marking = { favourite: toggleFavourite, rate, trash };

// ---- pictures from elsewhere

function isFile(event) {
  return [...event.dataTransfer.types].includes("Files");
}

// A picture that is dropped here opens with its parameters.
function onDrop(event) {
  if (!isFile(event)) return;
  event.preventDefault();
  const page = currentPage();
  takeFile([...event.dataTransfer.files], () => open("txt2img"), () => open(page));
}
