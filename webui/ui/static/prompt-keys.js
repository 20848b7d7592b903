// The prompt's own keys: Ctrl Up and Down change a weight, and a bracket at the caret shows its partner.

import { partner, weighed } from "./prompt-text.js";

const FIELDS = ["prompt", "negative_prompt"];
const listeners = new Set();

/** Calls back with what is between the bracket at the caret and its partner: {text} or {missing: true}, or null. */
export function onBracket(listener) {
  listeners.add(listener);
}

export function startPromptKeys() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("selectionchange", onSelection);
}

/** The element, if it is the field of a prompt (of those that we draw, one with data-prompt); else null. */
export function promptAt(element) {
  if (element?.tagName !== "TEXTAREA") return null;
  return "prompt" in element.dataset || FIELDS.some((name) => element.closest(`#ez-field-${name}`)) ? element : null;
}

function onKey(event) {
  const area = promptAt(event.target);
  const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!area || !direction || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  const change = weighed(area.value, area.selectionStart, area.selectionEnd, direction);
  event.preventDefault();
  if (!change) return;
  area.setSelectionRange(change.start, change.end);
  // The one way that leaves the browser's own undo whole.
  document.execCommand(change.text ? "insertText" : "delete", false, change.text);
  area.setSelectionRange(change.selectStart, change.selectEnd);
}

function onSelection() {
  const area = promptAt(document.activeElement);
  const told = area && area.selectionStart === area.selectionEnd ? atCaret(area.value, area.selectionStart) : null;
  listeners.forEach((listener) => listener(told));
}

function atCaret(value, caret) {
  for (const at of [caret - 1, caret]) {
    if (!"()[]".includes(value[at] || " ") || value[at - 1] === "\\") continue;
    const other = partner(value, at);
    if (other === null) return { missing: true };
    return { text: value.slice(Math.min(at, other), Math.max(at, other) + 1) };
  }
  return null;
}
