// The link to Python: ask by event name, hear the receipt. Fields travel with the question; Gradio carries them.

import { known, on } from "./jobs.js";
import { inOurLanguage, t } from "./language.js";
import { UNANSWERED } from "./rest.js";
import { errorToast } from "./toasts.js";

const CATCHES_UP = new Set(["plan", "live", "put"]); // the last of each is enough, and may come late

const receipts = new EventTarget();
const late = new Map(); // event -> data, to ask when the connection is back
const early = [];
let send = (...question) => early.push(question);

/** What Python told the page when it was built: {table, checkpoints, examples}. */
export const told = { table: [], checkpoints: [], examples: [] };
const ready = Promise.withResolvers?.() ?? promiseWithResolvers();
export const linked = ready.promise;

export function mount(trigger, watch, props) {
  Object.assign(told, { table: props.table.map(translatedRow), checkpoints: props.checkpoints, examples: props.examples });
  watch("value", () => {
    const receipt = inOurLanguage(JSON.parse(props.value));
    receipts.dispatchEvent(new CustomEvent(receipt.about, { detail: receipt }));
  });
  send = trigger;
  early.splice(0).forEach((question) => send(...question));
  ready.resolve();
}

// The server declares words in English; the page tells them in its own language.
function translatedRow(row) {
  return { ...row, label: row.label && t(row.label), help: row.help && t(row.help) };
}

/** Ask for one of the events that Python listens to (webui/ui/link.py). */
export function ask(event, data = {}) {
  if (known.connected) send(event, data);
  else if (CATCHES_UP.has(event)) late.set(event, data);
  else errorToast(UNANSWERED);
}

on("connection", (up) => {
  if (!up) return;
  const questions = [...late];
  late.clear();
  questions.forEach((question) => ask(...question));
});

/** Hear the answers about "generate" or anything that was asked: {about, error, …}. */
export function onReceipt(about, listener) {
  receipts.addEventListener(about, (event) => listener(event.detail));
}

function promiseWithResolvers() {
  const parts = {};
  parts.promise = new Promise((resolve) => (parts.resolve = resolve));
  return parts;
}
