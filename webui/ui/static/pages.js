// Which page is open and which picture (or model) is shown, in the address and over a reload.

import { whenThere } from "./markup.js";
import { recall, remember } from "./storage.js";

const NAMES = { txt2img: "txt2img", img2img: "img2img", inpaint: "Inpaint", upscale: "Upscale", history: "History", models: "Models", train: "Train", settings: "Settings", system: "System" };
export const PAGES = Object.keys(NAMES);
const listeners = new Set();
let current = null;
let pictures = {};

function fromAddress() {
  const [page, picture] = location.hash.slice(1).split("/");
  return PAGES.includes(page) ? { page, picture: /^[0-9a-f]{1,19}$/.test(picture ?? "") ? picture : null } : null;
}

export function currentPage() {
  return current ?? "txt2img";
}

export function onPage(listener) {
  listeners.add(listener);
}

// Where the window is narrow, Gradio moves the tabs that have no room into a menu, whose entries have nothing but their names.
function tab(page) {
  const entries = document.querySelectorAll("#ez-pages > :first-child > :not([aria-hidden=true]) button");
  return document.getElementById(`ez-page-${page}-button`) ?? [...entries].find((entry) => entry.textContent.trim() === NAMES[page]);
}

/** Opens a page. */
export function open(page) {
  tab(page)?.click();
}

/** Called by Gradio when a page was opened. */
export function shown(page) {
  // Gradio may open its first page before this page has read its address.
  if (current === null || current === page) return;
  current = page;
  remember("page", page);
  write();
  listeners.forEach((listener) => listener(page));
}

/** The id of the picture, or the model, that was chosen on a page, or null. */
export function chosenPicture(page) {
  return pictures[page] ?? null;
}

export function choosePicture(page, id) {
  pictures[page] = id;
  remember("pictures", pictures);
  if (page === currentPage()) write();
}

function write() {
  const picture = pictures[currentPage()];
  history.replaceState(null, "", `#${currentPage()}${picture ? `/${picture}` : ""}`);
}

export function startPages() {
  pictures = recall("pictures", {}) ?? {};
  const address = fromAddress();
  if (address?.picture) pictures[address.page] = address.picture;
  const page = address?.page ?? recall("page", "txt2img");
  current = "txt2img";
  if (page !== current) whenThere(() => tab(page), (button) => button.click());
  else write();
  addEventListener("hashchange", () => {
    const asked = fromAddress();
    if (asked && asked.page !== current) open(asked.page);
  });
}
