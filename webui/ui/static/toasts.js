// Short messages that leave by themselves: what was done, with the way back, or what went wrong.

import { icon } from "./icons.js";
import { t } from "./language.js";
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
 * kind "bad" is announced at once; {action: {words, run}} offers one way on. lasting: it stays until it is closed.
 * Returns {close, isOpen, say}; say(text) changes the text.
 */
export function toast({ title, text = "", icon: name = "info", kind = "", undo = null, action = null, lasting = false }) {
  if (!place) return { close() {}, isOpen: () => false, say() {} };
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
  const offer = undo ? { words: t("Undo"), run: undo } : action;
  const below = text && h("p", {}, text);
  const element = h(
    "div",
    { class: "ez-toast", role: kind === "bad" ? "alert" : "status" },
    withClass(icon(name), kind || (name === "ok" ? "ok" : "mid")),
    h(
      "div",
      { class: "grow" },
      h("b", {}, title),
      below,
      offer && h("button", { class: "ez-link", type: "button", onclick: act(offer.run) }, offer.words),
    ),
    h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Close"), title: t("Close"), onclick: close }, icon("close")),
  );
  const entry = { element, undo: undo && act(undo), close };
  let timer = lasting ? null : setTimeout(close, STAY_MS);
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    if (!lasting) timer = setTimeout(close, STAY_MS);
  };
  element.addEventListener("pointerenter", hold);
  element.addEventListener("focusin", hold);
  element.addEventListener("pointerleave", release);
  element.addEventListener("focusout", release);
  shown.push(entry);
  while (shown.length > MOST) shown[0].close();
  place.append(element);
  return { close, isOpen: () => shown.includes(entry), say: (words) => below && (below.textContent = words) };
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
