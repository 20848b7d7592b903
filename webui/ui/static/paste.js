// Parameters from the clipboard or from a picture that is dropped on the prompt: they fill the fields, and the rest is listed.

import { clearErrors, put, snapshot, values } from "./fields.js";
import { t, tn } from "./language.js";
import { h, whenThere } from "./markup.js";
import { showSheet } from "./sheet.js";
import { errorToast, toast } from "./toasts.js";

const PICTURES = ["image/png", "image/jpeg", "image/webp", "image/avif", "image/gif"];
const SEEDS = ["seed", "variation_seed"];
const INFOTEXT = /(^|\n)Steps: \d+, /;
const listeners = new Set();

/** Calls back with what found no place at the last paste: [{key, value, reason}], empty where all did. */
export function onLeftOut(listener) {
  listeners.add(listener);
}

/** The button: whatever the clipboard holds. */
export async function pasteParameters() {
  let item = null;
  try {
    item = await fromClipboard();
  } catch {
    return toast({ icon: "info", title: t("The browser didn't let the clipboard be read"), text: t("Click into the prompt and press Ctrl V.") });
  }
  if (item) await read(item);
  else toast({ icon: "info", title: t("There is no text or picture in the clipboard") });
}

async function fromClipboard() {
  const items = await navigator.clipboard.read();
  for (const item of items) {
    const type = PICTURES.find((kind) => item.types.includes(kind));
    if (type) return await item.getType(type);
    if (item.types.includes("text/plain")) return await (await item.getType("text/plain")).text();
  }
  return null;
}

/** content: a picture's Blob, or text. */
async function read(content) {
  const answer = await answerTo(content);
  if (answer.error) return errorToast(answer.error);
  take(answer);
}

async function answerTo(content) {
  const isText = typeof content === "string";
  const response = await fetch("/api/v1/metadata", {
    method: "POST",
    headers: { "content-type": isText ? "application/json" : content.type },
    body: isText ? JSON.stringify({ text: content }) : content,
  });
  return response.json();
}

/** The fields that an infotext tells, as the page has them; null where it tells nothing. */
export async function told(infotext) {
  const answer = infotext ? await answerTo(infotext).catch(() => null) : null;
  return answer?.fields ? fieldsOf(answer.fields).given : null;
}

/** Takes parameters from the first picture among files. then(): after they were taken over; back(): after they were put back. */
export async function takeFile(files, then = () => {}, back = () => {}) {
  const file = files.find(({ type }) => PICTURES.includes(type));
  if (!file) return toast({ icon: "info", title: t("This is not a picture"), text: t("PNG, JPEG, WebP, AVIF and GIF are read.") });
  const answer = await answerTo(file);
  if (answer.error) return errorToast(answer.error);
  if (take(answer, back)) then();
}

// Returns whether there were any.
function take({ tool, fields, unusual, unmapped }, back = () => {}) {
  if (!Object.keys(fields).length) {
    toast({ icon: "info", title: t("No parameters found"), text: t("This picture doesn't say how it was made.") });
    return false;
  }
  const before = snapshot();
  const { given, without } = fieldsOf(fields);
  const left = [...unmapped, ...without.filter((name) => name in unusual).map((name) => ({ key: unusual[name], value: String(fields[name]), reason: t("It has no place on this page.") }))];
  clearErrors();
  put(given);
  listeners.forEach((listener) => listener(left));
  const rest = left.length ? t("; {count} found no place", { count: tn("{n} parameter", "{n} parameters", left.length) }) : "";
  toast({
    icon: "ok",
    title: t("Parameters taken over"),
    text: `${tool === "text" ? t("From plain text") : t("Written by {tool}", { tool })}${rest}.`,
    undo: () => {
      put(before);
      listeners.forEach((listener) => listener([]));
      back();
    },
  });
  return true;
}

// Fields of a request as the page has them, and the names of those that it doesn't have.
function fieldsOf(fields) {
  const given = {};
  const without = [];
  for (const [name, value] of Object.entries(fields)) {
    if (name === "controls") given.controls = JSON.stringify(value);
    else if (name === "extensions") given.extensions = JSON.stringify(value);
    else if (name === "styles") given.styles = value.join("\n");
    else if (name in values) given[name] = SEEDS.includes(name) ? (value === -1 ? "" : String(value)) : value;
    else without.push(name);
  }
  return { given, without };
}

/** All that found no place, with the reasons. */
export function showLeftOut(left) {
  const rows = left.map(({ key, value, reason }) => [h("dt", {}, key), h("dd", {}, value, h("p", { class: "dim xs" }, reason))]);
  showSheet("left-out", t("Found no place"), h("dl", { class: "ez-dl ez-sheet-body ez-padded" }, rows));
}

export function startPaste() {
  document.addEventListener("paste", onPaste);
  whenThere("#ez-field-prompt", (place) => {
    place.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      place.classList.add("ez-drop");
    });
    place.addEventListener("dragleave", () => place.classList.remove("ez-drop"));
    place.addEventListener("drop", (event) => {
      place.classList.remove("ez-drop");
      if (!hasFiles(event)) return;
      event.preventDefault();
      takeFile([...event.dataTransfer.files]);
    });
  });
}

function hasFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

function onPaste(event) {
  if (!event.target.closest?.("#ez-field-prompt")) return;
  const file = [...event.clipboardData.files].find(({ type }) => PICTURES.includes(type));
  const text = event.clipboardData.getData("text/plain");
  if (file) {
    event.preventDefault();
    read(file);
  } else if (INFOTEXT.test(text)) {
    event.preventDefault();
    read(text);
  }
}
