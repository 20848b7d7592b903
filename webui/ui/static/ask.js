// The column that asks is one for all pages that draw: it goes along from page to page, with all that stands in it.

import { whenThere } from "./markup.js";
import { currentPage, onPage } from "./pages.js";

/** The pages that draw. */
export const DRAWING = ["txt2img", "img2img", "inpaint"];

export function isDrawing(page = currentPage()) {
  return DRAWING.includes(page);
}

// Gradio draws a page when it is first opened, which may be after it has said so.
function settle(page) {
  if (isDrawing(page)) whenThere(`#ez-page-${page} .ez-main`, (main) => page === currentPage() && moveTo(main, page));
}

function moveTo(main, page) {
  const ask = document.querySelector(".ez-ask");
  ask.dataset.page = page;
  if (ask.parentElement === main) return;
  const scroll = ask.querySelector(".ez-scroll");
  const top = scroll.scrollTop;
  main.prepend(ask);
  scroll.scrollTop = top;
}

export function startAsk() {
  onPage(settle);
}
