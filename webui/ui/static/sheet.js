// One sheet at the right edge: the queue, the keys, or all parameters of a picture. It takes the focus and gives it back.

import { icon } from "./icons.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";

let place = null;
let name = null;
let from = null;
const listeners = new Set();

export function mountSheet(element) {
  place = element;
}

export function openSheet() {
  return name;
}

/** Calls back with the name of the open sheet, or null. */
export function onSheet(listener) {
  listeners.add(listener);
}

/** Shows `body` under `title`; the same name again closes it. */
export function toggleSheet(asked, title, body, more) {
  if (name === asked) return closeSheet();
  showSheet(asked, title, body, more);
}

/** note: stands beside the title; actions: before the button that closes. */
export function showSheet(asked, title, body, { note = null, actions = null } = {}) {
  const opened = name !== asked;
  if (!name) from = document.activeElement;
  name = asked;
  const close = h(
    "button",
    { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Close (Esc)"), title: t("Close (Esc)"), onclick: closeSheet },
    icon("close"),
  );
  fill(place, h("div", { class: "ez-head" }, h("span", {}, title), note, h("span", { class: "end row" }, actions, close)), body);
  place.setAttribute("aria-label", typeof title === "string" ? title : asked);
  place.hidden = false;
  if (!opened) return; // drawn again because something in it changed
  place.focus({ preventScroll: true });
  listeners.forEach((listener) => listener(name));
}

/** False if none was open. */
export function closeSheet() {
  if (!name) return false;
  name = null;
  place.hidden = true;
  fill(place);
  from?.focus?.({ preventScroll: true });
  listeners.forEach((listener) => listener(null));
  return true;
}
