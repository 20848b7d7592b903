// Which page is open and which picture (or model) is shown, in the address and over a reload.

import { t } from "./language.js";
import { whenThere } from "./markup.js";
import { recall, remember } from "./storage.js";

const NAMES = { txt2img: t("txt2img"), img2img: t("img2img"), inpaint: t("Inpaint"), upscale: t("Upscale"), history: t("History"), models: t("Models"), extensions: t("Extensions"), train: t("Train"), settings: t("Settings"), system: t("System") };
// Pages of add-ons, as the server wrote them into this document.
Object.assign(NAMES, JSON.parse(document.getElementById("ez-more-pages")?.textContent || "{}"));
export const PAGES = Object.keys(NAMES);
const listeners = new Set();
let current = null;
let pictures = {};
const searches = {}; // page -> what is searched for there

// "#history/123" or "#history?castle%20rating%3A5"
function fromAddress() {
  const [, page, picture] = /^#(\w+)(?:\/([0-9a-f]{1,19})$|\?|\/|$)/.exec(location.hash) ?? [];
  return PAGES.includes(page) ? { page, picture: picture ?? null } : null;
}

/** What the address searches for on a page; null where it says nothing of that. */
export function addressedSearch(page) {
  const [, asked, text] = /^#(\w+)\?(.*)$/s.exec(location.hash) ?? [];
  if (asked !== page) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // no text at all: %E0
  }
}

/** What is searched for on a page, for the address. */
export function tellSearch(page, text) {
  searches[page] = text;
  if (page === currentPage()) write();
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
  const [picture, search] = [pictures[currentPage()], searches[currentPage()]];
  const tail = picture ? `/${picture}` : search ? `?${encodeURIComponent(search)}` : "";
  history.replaceState(null, "", `#${currentPage()}${tail}`);
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
