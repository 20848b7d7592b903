// The column that asks is one for all pages that draw: it goes along from page to page, with all that stands in it.

import { whenThere } from "./markup.js";
import { currentPage, onPage } from "./pages.js";

/** The pages that draw. */
export const DRAWING = ["txt2img", "img2img", "inpaint"];

export function isDrawing(page = currentPage()) {
  return DRAWING.includes(page);
}

function settle(page) {
  if (!isDrawing(page)) return;
  const ask = document.querySelector(".ez-ask");
  const main = document.querySelector(`#ez-page-${page} .ez-main`);
  if (!ask || !main) return;
  ask.dataset.page = page;
  if (ask.parentElement === main) return;
  const scroll = ask.querySelector(".ez-scroll");
  const top = scroll.scrollTop;
  main.prepend(ask);
  scroll.scrollTop = top;
}

export function startAsk() {
  onPage(settle);
  whenThere("#ez-page-inpaint .ez-main", () => settle(currentPage()));
}
