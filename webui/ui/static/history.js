// Every picture, newest first: found, looked at, kept in order, and made again. Puts the parts of the page together.

import { drawDetail } from "./history-detail.js";
import { amount, cellOf, mountGrid, neighbour, resize, reveal, step, stopAt } from "./history-grid.js";
import { fetched, hits, indexOf, insert, onHits, refresh, startOver } from "./history-hits.js";
import { mountShell } from "./history-shell.js";
import { PAGE, choose, chosenId, chosenImage, onChosen, onSearch, searched } from "./history-state.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { fill, h } from "./markup.js";
import { currentPage, onPage, open } from "./pages.js";
import { recall, remember } from "./storage.js";
import { view } from "./viewer.js";

export { chosenImage, step };

const THUMBNAIL = { usual: 148, least: 96, most: 280 };
const narrow = matchMedia("(max-width: 760px)");

let parts = null;
let asked = false; // whether the first page was asked for

export function mount(element) {
  const shell = mountShell(element);
  parts = { ...shell, amount: h("span", { class: "s dim num", role: "status" }) };
  fill(parts.tools, parts.amount, sizeSlider());
  mountGrid(parts.pictures, { open: openDetail, show: (image) => view(image, neighbour), emptyState });
  onHits(onFound);
  onChosen(() => drawDetail(parts.detail, closeDetail));
  onSearch(startOver);
  on("picture", ({ image, live }) => !live && asked && arrived(image));
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
    "aria-label": "Thumbnail size",
    oninput: () => {
      show(Number(slider.value));
      remember("thumbnail", Number(slider.value));
    },
  });
  show(size);
  return h("label", { class: "row", title: "Thumbnail size" }, icon("grid", "s dim"), slider);
}

function wake() {
  if (!asked) {
    asked = true;
    startOver();
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

// A new one belongs at the top; whether a search finds it, the server knows.
function arrived(image) {
  if (searched()) return refresh();
  if (hits.total !== null && insert([image])) hits.total += 1;
  onFound();
}

function onFound() {
  parts.amount.textContent = amount();
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
