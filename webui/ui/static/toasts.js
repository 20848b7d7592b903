// Short messages that leave by themselves: what was done, with the way back, or what went wrong.

import { icon } from "./icons.js";
import { h } from "./markup.js";

const STAY_MS = 8000;
const MOST = 3;

const shown = []; // oldest first: {element, undo, close}
let place = null;

export function mountToasts(element) {
  place = element;
}

/**
 * {title, text, icon, undo}: `undo` takes back what was done.
 * kind "bad" is announced at once; {action: {words, run}} offers one way on.
 * Returns {close, isOpen}.
 */
export function toast({ title, text = "", icon: name = "info", kind = "", undo = null, action = null }) {
  if (!place) return { close() {}, isOpen: () => false };
  const close = () => {
    clearTimeout(timer);
    entry.element.remove();
    const at = shown.indexOf(entry);
    if (at >= 0) shown.splice(at, 1);
  };
  const act = (run) => () => {
    close();
    run();
  };
  const offer = undo ? { words: "Undo", run: undo } : action;
  const element = h(
    "div",
    { class: "ez-toast", role: kind === "bad" ? "alert" : "status" },
    withClass(icon(name), kind || (name === "ok" ? "ok" : "mid")),
    h(
      "div",
      { class: "grow" },
      h("b", {}, title),
      text && h("p", {}, text),
      offer && h("button", { class: "ez-link", type: "button", onclick: act(offer.run) }, offer.words),
    ),
    h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": "Close", title: "Close", onclick: close }, icon("close")),
  );
  const entry = { element, undo: undo && act(undo), close };
  let timer = setTimeout(close, STAY_MS);
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    timer = setTimeout(close, STAY_MS);
  };
  element.addEventListener("pointerenter", hold);
  element.addEventListener("focusin", hold);
  element.addEventListener("pointerleave", release);
  element.addEventListener("focusout", release);
  shown.push(entry);
  while (shown.length > MOST) shown[0].close();
  place.append(element);
  return { close, isOpen: () => shown.includes(entry) };
}

/** An EaselError that has no field on this page. */
export function errorToast(error) {
  return toast({ title: error.message, text: error.hint, icon: "bad", kind: "bad" });
}

/** Takes back the last thing that can be taken back. False if there is none. */
export function undoLast() {
  const entry = shown.findLast((item) => item.undo);
  entry?.undo();
  return Boolean(entry);
}

function withClass(element, name) {
  element.classList.add(name);
  return element;
}
