// Whether pictures are shown beside what they started from: one switch for the canvas, the stage and the history, kept by the browser.

import { recall, remember } from "./storage.js";

const NAME = "comparing";
const listeners = new Set();

export function isComparing() {
  return recall(NAME, false);
}

export function compare(isOn) {
  if (isOn === isComparing()) return;
  remember(NAME, isOn);
  listeners.forEach((listener) => listener(isOn));
}

/** Calls back with whether it is on, whenever that changes. */
export function onCompare(listener) {
  listeners.add(listener);
}
