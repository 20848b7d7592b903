// Every picture, newest first: a grid that loads as one scrolls, and what made the chosen one.

import { icon } from "./icons.js";
import { compare } from "./comparing.js";
import { filmStrip } from "./film-strip.js";
import { on } from "./jobs.js";
import { DETAIL_PARTS, mountShell } from "./history-shell.js";
import { fill, h, roving } from "./markup.js";
import { choosePicture, chosenPicture, currentPage, onPage, open } from "./pages.js";
import { button, copyPicture, download, enlargeButton, parameters, spoken, useParameters } from "./picture.js";
import { recall, remember } from "./storage.js";
import { count, day, nameOf } from "./words.js";
import { sendButton } from "./send-to.js";
import { view } from "./viewer.js";

const PAGE = "history";
const PAGE_SIZE = 60;
const THUMBNAIL = { usual: 148, least: 96, most: 280 };
const narrow = matchMedia("(max-width: 760px)");

const pictures = new Map(); // id -> Image, newest first
let next = null; // the id to go on before
let total = null;
let loading = false;
let complete = false;
let chosen = null;
let parts = {};
let stop = () => {};

export function mount(element) {
  const size = recall("thumbnail", THUMBNAIL.usual);
  const slider = h("input", {
    type: "range",
    class: "ez-slider",
    min: String(THUMBNAIL.least),
    max: String(THUMBNAIL.most),
    value: String(size),
    "aria-label": "Thumbnail size",
    oninput: () => {
      resize(Number(slider.value));
      remember("thumbnail", Number(slider.value));
    },
  });
  const resize = (pixels) => {
    parts.grid.style.setProperty("--thumbnail", `${pixels}px`);
    slider.style.setProperty("--v", `${((pixels - THUMBNAIL.least) / (THUMBNAIL.most - THUMBNAIL.least)) * 100}%`);
  };
  const shell = mountShell(element);
  parts = {
    amount: h("span", { class: "s dim num" }),
    grid: h("div", { class: "ez-days" }),
    more: h("div", { class: "ez-more", "aria-hidden": "true" }),
    detail: shell.detail,
  };
  fill(shell.tools, parts.amount, h("label", { class: "row", title: "Thumbnail size" }, icon("grid", "s dim"), slider));
  fill(shell.pictures, parts.grid, parts.more);
  resize(size);
  stop = roving(parts.grid, ".ez-cell", { rows: true });
  parts.grid.addEventListener("focusin", (event) => {
    const cell = event.target.closest(".ez-cell");
    if (cell && !narrow.matches) choose(pictures.get(cell.dataset.id));
  });
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && load()).observe(parts.more);
  on("picture", ({ image, live }) => live || (complete || pictures.size ? add([image], { first: true }) : null));
  on("snapshot", refresh);
  onPage((page) => page === PAGE && wake());
  drawDetail();
}

function wake() {
  if (!pictures.size) load();
  if (!chosen && chosenPicture(PAGE)) fetchChosen(chosenPicture(PAGE));
}

async function fetchPage(before) {
  const response = await fetch(`/api/v1/history?limit=${PAGE_SIZE}${before ? `&before=${before}` : ""}`);
  if (!response.ok) throw new Error(`history: ${response.status}`);
  return response.json();
}

async function load() {
  if (loading || complete) return;
  loading = true;
  try {
    const page = await fetchPage(next);
    next = page.next;
    total = page.total;
    complete = !page.next;
    add(page.items);
    restoreChosen();
  } catch {
    // The banner says that the connection is gone; the next scroll or snapshot tries again.
  } finally {
    loading = false;
  }
  // The first page may not fill a tall window; an observer only speaks when something changes.
  const box = parts.more.getBoundingClientRect();
  if (!complete && box.height && box.top < innerHeight) load();
}

// After an outage: what was made in the meantime belongs at the top.
async function refresh() {
  if (!pictures.size && !complete) return currentPage() === PAGE ? load() : undefined;
  const page = await fetchPage(null).catch(() => null);
  if (!page) return;
  total = page.total;
  const fresh = page.items.filter((image) => !pictures.has(image.id));
  if (fresh.length === page.items.length && pictures.size) startOver();
  add(fresh.length === page.items.length ? page.items : fresh.reverse(), { first: fresh.length !== page.items.length, counted: true });
}

function startOver() {
  pictures.clear();
  fill(parts.grid);
  complete = false;
  next = null;
}

function add(images, { first = false, counted = false } = {}) {
  for (const image of images) {
    if (pictures.has(image.id)) continue;
    pictures.set(image.id, image);
    const cell = cellOf(image);
    const shelf = shelfOf(day(image.created_at), first);
    if (first) shelf.prepend(cell);
    else shelf.append(cell);
    if (first && total !== null && !counted) total += 1;
  }
  for (const heading of parts.grid.querySelectorAll(".ez-day .ez-count")) {
    heading.textContent = String(heading.closest("section").querySelectorAll(".ez-cell").length);
  }
  parts.amount.textContent = total === null ? "" : count(total, "picture");
  const empty = parts.grid.querySelector(".ez-empty");
  if (pictures.size) empty?.remove();
  else if (complete && !empty) parts.grid.append(emptyState());
  if (!parts.grid.querySelector('.ez-cell[tabindex="0"]')) stop(parts.grid.querySelector(".ez-cell"));
}

function emptyState() {
  return h(
    "div",
    { class: "ez-empty" },
    icon("pictures"),
    h("p", {}, "Every picture you make is kept here, with everything that made it."),
    h("button", { class: "ez-btn", type: "button", onclick: () => open("txt2img") }, "Make a picture"),
  );
}

function shelfOf(name, first) {
  const sections = [...parts.grid.querySelectorAll("section")];
  const there = sections.find((section) => section.dataset.day === name);
  if (there) return there.querySelector(".ez-grid");
  const section = h("section", { "data-day": name }, h("h2", { class: "ez-day" }, name, h("span", { class: "ez-count" })), h("div", { class: "ez-grid" }));
  if (first) parts.grid.prepend(section);
  else parts.grid.append(section);
  return section.querySelector(".ez-grid");
}

function cellOf(image) {
  const cell = h(
    "button",
    {
      class: "ez-cell",
      type: "button",
      tabindex: "-1",
      "data-id": image.id,
      "aria-label": spoken(image),
      title: nameOf(image),
      onclick: () => choose(image, { opened: true }),
      ondblclick: () => view(image, neighbour),
    },
    h(
      "span",
      { class: "pic", style: { "background-color": image.mean_colour } },
      h("img", { src: image.thumbnail, alt: "", loading: "lazy", decoding: "async" }),
    ),
  );
  if (image.id === chosen?.id) mark(cell, true);
  return cell;
}

function mark(cell, on) {
  cell?.classList.toggle("sel", on);
  if (on) cell?.setAttribute("aria-current", "true");
  else cell?.removeAttribute("aria-current");
}

function cellAt(id) {
  return parts.grid.querySelector(`.ez-cell[data-id="${CSS.escape(id)}"]`);
}

function choose(image, { opened = false } = {}) {
  if (chosen?.id !== image.id) {
    if (chosen) mark(cellAt(chosen.id), false);
    chosen = image;
    mark(cellAt(image.id), true);
    choosePicture(PAGE, image.id);
    drawDetail();
  }
  if (opened && narrow.matches) {
    parts.detail.classList.add("is-open");
    parts.detail.focus({ preventScroll: true });
  }
}

function restoreChosen() {
  const image = pictures.get(chosenPicture(PAGE));
  if (image && !chosen) {
    choose(image);
    stop(cellAt(image.id));
  }
}

async function fetchChosen(id) {
  const response = await fetch(`/api/v1/history/${id}`).catch(() => null);
  if (response?.ok && !chosen) choose(await response.json());
}

/** Closes the detail; false if none was open. */
export function closeDetail() {
  if (currentPage() !== PAGE || !chosen) return false;
  const cell = cellAt(chosen.id);
  mark(cell, false);
  chosen = null;
  choosePicture(PAGE, null);
  parts.detail.classList.remove("is-open");
  drawDetail();
  if (cell) {
    // Focus chooses, so the cell is only made the next stop.
    stop(cell);
    document.activeElement?.blur?.();
  }
  return true;
}

/** The picture whose detail is shown, or null. */
export function chosenImage() {
  return chosen;
}

// On the whole screen, with what it started from.
function showBeside(image) {
  compare(true);
  view(image, neighbour);
}

export function showChosenFull() {
  if (chosen) view(chosen, neighbour);
}

/** Moves the choice; direction 1 is to older pictures. */
export function step(direction) {
  const image = chosen ? neighbour(chosen, direction) : pictures.get(parts.grid.querySelector(".ez-cell")?.dataset.id);
  if (image) cellAt(image.id)?.focus();
}

function neighbour(image, direction) {
  const cells = [...parts.grid.querySelectorAll(".ez-cell")];
  const at = cells.findIndex((cell) => cell.dataset.id === image.id);
  return at < 0 ? null : pictures.get(cells[at + direction]?.dataset.id) ?? null;
}

function drawDetail() {
  parts.detail.classList.toggle("is-empty", !chosen);
  if (!chosen) {
    fill(parts.detail, h("div", { class: "ez-empty" }, icon("info"), h("p", {}, "Pick a picture to see everything that made it.")));
    return;
  }
  const image = chosen;
  const full = button("full", "Full screen", () => view(image, neighbour), { bare: true, key: "Space", kind: "ghost s" });
  const box = h("div", { class: "ez-detail-picture" }, h("img", { src: image.url, alt: nameOf(image) }));
  const close = button("close", "Close", closeDetail, { bare: true, key: "Esc", kind: "ghost s" });
  fill(
    parts.detail,
    h("div", { class: "ez-head" }, h("span", { class: "cut", title: image.prompt }, nameOf(image)), h("span", { class: "end row" }, full, close)),
    h(
      "div",
      { class: "ez-scroll" },
      box,
      filmStrip(image, box),
      h(
        "div",
        { class: "row wrap ez-detail-acts" },
        button("apply", "Use parameters", () => useParameters(image), { key: "U", kind: "primary grow" }),
        sendButton(image),
        enlargeButton(image, { bare: true }),
        image.source && button("before", "Before and after", () => showBeside(image), { bare: true, key: "C" }),
        button("copy", "Copy", () => copyPicture(image), { bare: true, key: "Ctrl C" }),
        button("download", "Download", () => download(image), { bare: true, key: "D" }),
      ),
      DETAIL_PARTS.map((part) => part(image)),
      parameters(image),
    ),
  );
}
