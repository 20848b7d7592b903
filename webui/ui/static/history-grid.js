// The pictures of a search as an endless grid with a heading for each day. Only what is in sight, and a little around it, is in the
// document; everything else is arithmetic over how many pictures each day has.

import { icon } from "./icons.js";
import { colourAt, daysOfHits, fetchAround, fetched, hits, imageOf, indexOf, more, onHits } from "./history-hits.js";
import { anyPicked, choose, chosenId, chosenImage, isPicked, onChosen, onPicked, pick, pickAllFound, pickedIds, takeSecond, togglePick, whileComing } from "./history-state.js";
import { language, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { spoken } from "./picture.js";
import { day as dayWords, nameOf } from "./words.js";

const GAP = 10; // px between pictures
const HEADING = 36; // px of a day's heading
const BETWEEN_DAYS = 12; // px
const AROUND = 0.75; // of the window, drawn above and below what is in sight
const AROUND_FLUNG = 0.2; // while it is flung: the next frame shows others
const AHEAD = 2.5; // windows before the end the next page is asked for
const FLUNG = 0.3; // windows between two frames: nobody sees pictures then, and they are left out until it is slower
const MOST_BY_ID = 10_000; // more are told to the server as the search that finds them
const narrow = matchMedia("(max-width: 760px)");

const KINDS = { img2img: "img2img", inpaint: t("Inpaint"), upscale: t("Upscale") };
const FORMATS = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", webp: "image/webp" };

let parts = null; // {shelf, grid, foot}
let size = 148; // px that a picture should have
let opened = () => {}; // what a picture is opened by
let full = () => {};
let layout = { columns: 1, cell: 1, days: [], height: 0 };
let sections = new Map(); // key of a day -> {element, cells, from, to}
let cursor = null; // id of the picture that the keys move from
let anchor = null; // id of the picture that Shift picks from
let drawn = 0; // scroll position of the last frame
let frame = null;
let stale = false; // the list is another one than was measured
let rest = null; // timer until pictures that were left out are drawn
let version = 0; // of the list and of what is known of it

/**
 * Draws into `shelf`. open(image): a picture was clicked. show(image): it was clicked twice. emptyState(): the element where there is
 * nothing.
 */
export function mountGrid(shelf, { open, show, emptyState }) {
  opened = open;
  full = show;
  parts = {
    shelf,
    grid: h("div", { class: "ez-days", role: "group", "aria-label": t("Pictures"), tabindex: "-1" }),
    foot: h("div", { class: "ez-grid-foot" }),
    emptyState,
  };
  parts.pill = h("button", { class: "ez-btn s ez-new-above", type: "button", hidden: true, onclick: toTheNew }, icon("up", "s"), h("span", { role: "status" }));
  fill(shelf, parts.pill, parts.grid, parts.foot);
  parts.grid.addEventListener("click", onClick);
  parts.grid.addEventListener("dblclick", onDoubleClick);
  parts.grid.addEventListener("keydown", onKey);
  parts.grid.addEventListener("focusin", onFocus);
  parts.grid.addEventListener("dragstart", onDrag);
  parts.grid.addEventListener("contextmenu", onHeld);
  document.addEventListener("scroll", (event) => (event.target === shelf || event.target === document) && drawSoon(), { capture: true, passive: true });
  new ResizeObserver(() => staying(measure)).observe(parts.grid);
  addEventListener("resize", drawSoon);
  onHits(drawSoon);
  onChosen(({ image, before }) => {
    for (const id of [before?.id, image?.id]) if (id) dressAgain(id);
  });
  onPicked(() => sections.forEach(({ cells }) => cells.forEach((cell, id) => markPicked(cell, id))));
}

// ---- what came above while one looks further down

let above = 0;

/** So many pictures came at the top. What is in sight stays; a button says that there is more above. */
export function tellNew(n) {
  if (!n || sight().top <= 0) return;
  above += n;
  showNew();
}

function showNew() {
  parts.pill.hidden = !above;
  if (above) parts.pill.lastElementChild.textContent = tn("{n} new picture", "{n} new pictures", above);
}

function toTheNew() {
  const held = parts.pill === document.activeElement;
  scroller().scrollTop = 0;
  draw();
  if (held) firstInSight()?.focus({ preventScroll: true });
}

/** Another size of the pictures, px. */
export function resize(pixels) {
  size = pixels;
  if (parts) staying(measure);
}

// ---- arithmetic

function scroller() {
  return narrow.matches ? document.scrollingElement : parts.shelf;
}

// Where the window onto the grid begins, in px of the grid, and how high it is.
function sight() {
  const grid = parts.grid.getBoundingClientRect();
  const window = narrow.matches ? { top: 0, bottom: innerHeight } : parts.shelf.getBoundingClientRect();
  return { top: window.top - grid.top, height: window.bottom - window.top };
}

function measure() {
  stale = false;
  version += 1;
  const width = parts.grid.clientWidth;
  if (!width) return;
  const wanted = Math.min(size, narrow.matches ? width * 0.42 : width);
  const columns = Math.max(1, Math.floor((width + GAP) / (wanted + GAP)));
  const cell = (width - GAP * (columns - 1)) / columns;
  let top = 0;
  const days = daysOfHits().map((day) => {
    const rows = Math.ceil(day.count / columns);
    const placed = { ...day, top, rows, height: HEADING + rows * (cell + GAP) - GAP };
    top += placed.height + BETWEEN_DAYS;
    return placed;
  });
  layout = { columns, cell, days, height: top };
  parts.grid.style.height = `${top}px`;
  parts.grid.style.setProperty("--columns", columns);
  parts.grid.style.setProperty("--cell", `${cell}px`);
  draw();
}

function dayAt(y) {
  let low = 0;
  let high = layout.days.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (layout.days[middle].top <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

function dayWith(index) {
  let low = 0;
  let high = layout.days.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (layout.days[middle].start <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

// Where a hit lies, px from the top of the grid.
function topOf(index) {
  const day = layout.days[dayWith(index)];
  return day.top + HEADING + Math.floor((index - day.start) / layout.columns) * (layout.cell + GAP);
}

// What is in sight stays where it is while the list or the sizes change; at the very top the newest is seen.
function staying(change) {
  const { top } = sight();
  const index = top > 0 && layout.days.length ? firstAt(top) : -1;
  const id = index >= 0 ? drawnIds[index - drawnFrom] : null;
  const offset = id ? topOf(index) - top : 0;
  change();
  const now = id ? indexOf(id) : -1;
  if (now < 0) return;
  const moved = topOf(now) - offset - top;
  if (Math.abs(moved) < 1) return;
  scroller().scrollTop += moved;
  draw();
}

// The ids that the current layout was made of, as far as they were drawn: the list itself may have changed by now.
let drawnIds = [];
let drawnFrom = 0;

function firstAt(y) {
  const day = layout.days[dayAt(y)];
  const row = Math.max(0, Math.floor((y - day.top - HEADING) / (layout.cell + GAP)));
  return Math.min(day.start + day.count - 1, day.start + row * layout.columns);
}

// ---- drawing

// A list that changed is measured with the next frame: at once it would all be laid out once more in the frame that is being made.
function drawSoon(what) {
  if (what === "images") version += 1;
  if (what === "list") stale = true;
  frame ??= requestAnimationFrame(draw);
}

/** What is known of the grid's rows is of the list as it is now. */
function settle() {
  if (stale) draw();
}

function draw() {
  cancelAnimationFrame(frame);
  frame = null;
  drawFoot();
  if (stale) return staying(measure);
  if (!parts.grid.clientWidth) return;
  const { top, height } = sight();
  if (above && top <= 0) {
    above = 0;
    showNew();
  }
  const flung = Math.abs(top - drawn) > height * FLUNG;
  drawn = top;
  const around = height * (flung ? AROUND_FLUNG : AROUND);
  const [from, to] = [top - around, top + height + around];
  const first = layout.days.length ? dayAt(from) : 0;
  const wanted = new Map();
  for (let at = first; at < layout.days.length && layout.days[at].top < to; at += 1) {
    if (layout.days[at].top + layout.days[at].height > from) wanted.set(layout.days[at].key, layout.days[at]);
  }
  const focused = parts.grid.contains(document.activeElement) ? document.activeElement : null;
  for (const [key, section] of sections) {
    if (wanted.has(key)) continue;
    section.element.remove();
    sections.delete(key);
  }
  let before = null;
  let firstIndex = null;
  let lastIndex = null;
  for (const [key, day] of wanted) {
    const section = sections.get(key) ?? newSection(day);
    sections.set(key, section);
    if ((before ? before.nextElementSibling : parts.grid.firstElementChild) !== section.element) {
      if (before) before.after(section.element);
      else parts.grid.prepend(section.element);
    }
    before = section.element;
    const [start, end] = drawSection(section, day, from, to, flung);
    firstIndex ??= start;
    lastIndex = end;
  }
  drawnFrom = firstIndex ?? 0;
  drawnIds = firstIndex === null ? [] : hits.ids.slice(firstIndex, lastIndex);
  // The focus stays with the grid when the focused picture was scrolled out of sight.
  if (focused && !focused.isConnected) parts.grid.focus({ preventScroll: true });
  setStop(top);
  if (flung) {
    clearTimeout(rest);
    rest = setTimeout(() => {
      version += 1;
      draw();
    }, 60);
  }
  if (top + height * (1 + AHEAD) > layout.height) more();
}

function newSection(day) {
  const amount = h("span", { class: "ez-count" });
  const heading = h("h2", { class: "ez-day" }, dayWords(day.day), amount);
  const place = h("div", { class: "ez-cells" });
  const element = h("section", { "data-day": String(day.key) }, heading, place);
  return { element, amount, place, cells: new Map(), from: 0, to: 0, version: -1 };
}

function drawSection(section, day, from, to, flung) {
  const { columns, cell } = layout;
  const row = (y) => Math.min(day.rows, Math.max(0, Math.floor((y - day.top - HEADING) / (cell + GAP))));
  const firstRow = Math.max(0, Math.min(day.rows - 1, row(from)));
  const start = day.start + firstRow * columns;
  const end = Math.min(day.start + day.count, day.start + (row(to) + 1) * columns, hits.ids.length); // the list may be a shorter one by now
  if (section.version === version && section.from === start && section.to === end) return [start, end];
  Object.assign(section, { version, from: start, to: end });
  section.element.style.top = `${day.top}px`;
  section.element.style.height = `${day.height}px`;
  section.amount.textContent = day.count.toLocaleString(language);
  section.place.style.transform = `translateY(${firstRow * (cell + GAP)}px)`;
  const wanted = new Set(hits.ids.slice(start, end));
  for (const [id, element] of section.cells) {
    if (wanted.has(id)) continue;
    element.querySelector("img").removeAttribute("src"); // what is not in sight need not be fetched any more
    element.remove();
    section.cells.delete(id);
  }
  let next = section.place.firstElementChild;
  for (let index = start; index < end; index += 1) {
    const id = hits.ids[index];
    let element = section.cells.get(id);
    if (!element) section.cells.set(id, (element = newCell(id, index)));
    dress(element, id, index, flung);
    if (element === next) next = next.nextElementSibling;
    else section.place.insertBefore(element, next);
  }
  return [start, end];
}

// What all cells have alike: a copy of it is there much sooner than one that is put together.
const BARE = h(
  "a",
  { class: "ez-cell", role: "button", tabindex: "-1", draggable: "true" },
  h("span", { class: "pic" }, h("img", { alt: "", decoding: "async", draggable: "false" })),
  h("span", { class: "tick", title: t("Pick (Ctrl click)") }, icon("ok", "s")),
);

function newCell(id, index) {
  const cell = BARE.cloneNode(true);
  cell.href = `/api/v1/images/${id}`;
  cell.dataset.id = id;
  cell.firstChild.style.backgroundColor = colourAt(index);
  mark(cell, id === chosenId());
  markPicked(cell, id);
  return cell;
}

// What can change of a picture: whether it is known at all, and its marks.
function dress(cell, id, index, flung) {
  const picture = cell.querySelector("img");
  if (!flung && !picture.hasAttribute("src")) picture.src = `/api/v1/thumbnails/${id}`;
  const image = imageOf(id);
  if (!image) return flung || fetchAround(index);
  if (cell.image === image) return;
  cell.image = image;
  cell.title = nameOf(image);
  cell.setAttribute("aria-label", spoken(image));
  for (const old of cell.querySelectorAll(".fav, .op")) old.remove();
  if (image.favourite) cell.append(h("span", { class: "fav", title: t("Favourite") }, icon("heart", "s")));
  const made = KINDS[image.kind] ?? (image.hires ? t("Hires") : null);
  if (made) cell.append(h("span", { class: "op" }, made));
}

function dressAgain(id) {
  const cell = cellOf(id);
  if (cell) mark(cell, id === chosenId());
}

function mark(cell, on) {
  cell.classList.toggle("sel", on);
  if (on) cell.setAttribute("aria-current", "true");
  else cell.removeAttribute("aria-current");
}

function markPicked(cell, id) {
  const on = isPicked(id);
  cell.classList.toggle("is-picked", on);
  cell.setAttribute("aria-pressed", String(on));
}

/** The element of a picture, or null where it isn't drawn. */
export function cellOf(id) {
  for (const { cells } of sections.values()) if (cells.has(id)) return cells.get(id);
  return null;
}

// One stop for Tab: where the keys were last, else the chosen picture, else the first in sight.
// top: where the window begins, for whom that is known: asked for once more it would have all that was just drawn laid out at once.
function setStop(top) {
  const stop = (cursor && cellOf(cursor)) ?? cellOf(chosenId() ?? "") ?? firstInSight(top);
  for (const { cells } of sections.values()) {
    for (const cell of cells.values()) {
      const index = cell === stop ? 0 : -1;
      if (cell.tabIndex !== index) cell.tabIndex = index; // setting it has the browser look at its style again
    }
  }
}

function firstInSight(top = sight().top) {
  return layout.days.length ? cellOf(hits.ids[firstAt(Math.max(0, top))]) : null;
}

let footSays = "";

function drawFoot() {
  const { ids, complete, searchedTo, problem, loading } = hits;
  const says = problem ? "problem" : complete && !ids.length ? "empty" : searchedTo !== null ? `older ${searchedTo}` : loading && !ids.length ? "loading" : "";
  if (says === footSays) return;
  footSays = says;
  fill(parts.foot, FEET[says.split(" ")[0]]?.());
}

const FEET = {
  empty: () => parts.emptyState(),
  older: () =>
    h(
      "div",
      { class: "ez-empty ez-older" },
      h("p", {}, hits.searchedTo ? t("Searched back to {dayWords}.", { dayWords: dayWords(hits.searchedTo) }) : t("Not all was searched.")),
      h("button", { class: "ez-btn", type: "button", onclick: () => more({ older: true }) }, t("Search older")),
    ),
};

// ---- pointer

function cellAt(event) {
  return event.target.closest?.(".ez-cell") ?? null;
}

function onClick(event) {
  const cell = cellAt(event);
  if (!cell) return;
  event.preventDefault();
  const { id } = cell.dataset;
  if (event.shiftKey) return pickTo(id);
  if (event.ctrlKey || event.metaKey || event.target.closest(".tick") || (narrow.matches && anyPicked())) {
    anchor = cursor = id;
    return togglePick(id, imageOf(id));
  }
  if (anyPicked()) pick([]);
  anchor = cursor = id;
  openCell(id);
}

async function openCell(id) {
  if (takeSecond(id)) return;
  const image = await fetched(id);
  if (image) opened(image);
}

async function onDoubleClick(event) {
  const cell = cellAt(event);
  if (!cell || event.target.closest(".tick") || event.ctrlKey || event.shiftKey || event.metaKey) return;
  const image = await fetched(cell.dataset.id);
  if (image) full(image);
}

// A long press on glass begins to pick.
function onHeld(event) {
  const cell = cellAt(event);
  if (!cell || event.pointerType !== "touch") return;
  event.preventDefault();
  togglePick(cell.dataset.id, imageOf(cell.dataset.id));
}

function pickTo(id) {
  const from = indexOf(anchor ?? id);
  const to = indexOf(id);
  if (from < 0 || to < 0) return;
  cursor = id;
  const ids = hits.ids.slice(Math.min(from, to), Math.max(from, to) + 1);
  pick(ids.map((one) => [one, imageOf(one)]));
}

/** Picks all that the search finds, whether it was loaded yet or not. */
export function pickAll() {
  if (!hits.ids.length) return;
  if (hits.complete && hits.ids.length <= MOST_BY_ID) pick(hits.ids.map((id) => [id, imageOf(id)]));
  else pickAllFound(hits.ids[0]);
}

// A picture is dragged out as its file; several as their addresses.
function onDrag(event) {
  const cell = cellAt(event);
  if (!cell) return;
  const { id } = cell.dataset;
  const image = imageOf(id);
  const picked = isPicked(id) ? pickedIds() : [];
  const ids = picked.length ? picked : [id]; // of all that was found, the one in hand
  const address = (one) => `${location.origin}/api/v1/images/${one}`;
  event.dataTransfer.effectAllowed = "copyLink";
  event.dataTransfer.setData("text/uri-list", ids.map(address).join("\r\n"));
  event.dataTransfer.setData("text/plain", ids.map(address).join("\n"));
  const kind = FORMATS[image?.file.split(".").at(-1).toLowerCase()];
  if (kind) event.dataTransfer.setData("DownloadURL", `${kind}:${image.file}:${address(id)}`);
  const picture = cell.querySelector("img");
  if (picture.complete && picture.naturalWidth) event.dataTransfer.setDragImage(picture, picture.width / 2, picture.height / 2);
}

// ---- keys

const STEPS = {
  ArrowRight: () => 1,
  ArrowLeft: () => -1,
  Home: (index) => -index,
  End: (index) => hits.ids.length - 1 - index,
};

function onKey(event) {
  if (event.altKey || ((event.ctrlKey || event.metaKey) && event.key !== " ")) return;
  const index = indexOf(cursor ?? chosenId() ?? hits.ids[0] ?? "");
  if (index < 0) return;
  settle();
  if (event.key === " " && (event.ctrlKey || event.metaKey)) togglePick(hits.ids[index], imageOf(hits.ids[index]));
  else {
    const to = event.key in STEPS ? index + STEPS[event.key](index) : vertical(index, event.key);
    if (to === null) return;
    moveTo(Math.max(0, Math.min(hits.ids.length - 1, to)), event.shiftKey);
  }
  event.preventDefault();
  event.stopPropagation();
}

// One row up or down, or a window full; the column is kept where the other row has one.
function vertical(index, key) {
  const page = Math.max(1, Math.floor(sight().height / (layout.cell + GAP)));
  const rows = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[key];
  if (!rows) return null;
  let at = dayWith(index);
  let row = Math.floor((index - layout.days[at].start) / layout.columns) + rows;
  const column = (index - layout.days[at].start) % layout.columns;
  while (row >= layout.days[at].rows && at < layout.days.length - 1) row -= layout.days[at++].rows;
  while (row < 0 && at > 0) row += layout.days[--at].rows;
  if (row < 0 || row >= layout.days[at].rows) return Math.abs(rows) > 1 ? (rows > 0 ? hits.ids.length - 1 : 0) : index;
  return Math.min(layout.days[at].start + layout.days[at].count - 1, layout.days[at].start + row * layout.columns + column);
}

function moveTo(index, picking = false) {
  const id = hits.ids[index];
  anchor ??= cursor ?? id;
  if (picking) pickTo(id);
  else anchor = id;
  cursor = id;
  reveal(index);
  cellOf(id)?.focus({ preventScroll: true });
}

/** Moves the choice; direction 1 is to older pictures. */
export function step(direction) {
  if (!hits.ids.length) return;
  const from = cursor ?? chosenId();
  const index = from === null ? -1 : indexOf(from);
  moveTo(index < 0 ? 0 : Math.max(0, Math.min(hits.ids.length - 1, index + direction)));
}

/** Scrolls a hit into sight and draws it. */
export function reveal(index) {
  settle();
  if (index < 0 || !layout.days.length) return;
  const { top, height } = sight();
  const y = topOf(index);
  const bars = narrow.matches ? 130 : 0; // the page's own bars cover some of a narrow window
  if (y - HEADING < top + bars) scroller().scrollTop -= top + bars - (y - HEADING);
  else if (y + layout.cell + GAP > top + height) scroller().scrollTop += y + layout.cell + GAP - top - height;
  draw();
}

async function onFocus(event) {
  const cell = cellAt(event);
  if (!cell) return;
  cursor = cell.dataset.id;
  setStop();
  if (narrow.matches) return;
  const image = await whileComing(fetched(cursor));
  if (image && cell.dataset.id === cursor && chosenImage()?.id !== image.id) choose(image);
}

/** The next older (1) or newer (-1) hit than a picture, as the viewer asks for it; null at the end. */
export async function neighbour(image, direction) {
  const index = indexOf(image.id);
  if (index < 0) return null;
  if (index + direction >= hits.ids.length) await more();
  const id = hits.ids[index + direction];
  const next = id ? await fetched(id) : null;
  if (!next) return null;
  cursor = id;
  reveal(index + direction);
  if (!narrow.matches) choose(next);
  return next;
}

/** Where the keys go on from: the picture that the detail shows. */
export function stopAt(id) {
  cursor = anchor = id;
  setStop();
}

/** "9 pictures", for where no search is. */
export function amount() {
  return hits.total === null ? "" : tn("{n} picture", "{n} pictures", hits.total);
}
