// A list at the caret with ways on for what is being typed in a prompt. Typing is never disturbed: keys mean what they always mean
// until one of the list is marked. In a tag or a wildcard the first one is; among words only once an arrow key was pressed.

import { t, tn } from "./language.js";
import { h, fill, whenThere } from "./markup.js";
import { promptAt } from "./prompt-keys.js";
import { caretBox, written } from "./prompt-text.js";

const ASK_AFTER_MS = 80;
const MOST_CHARACTERS = 300;
const GAP = 4; // px between the line of the caret and the list, and to the window's edge
const NAMED = ["lora", "wildcard"]; // kinds that are begun with a mark of their own
const KINDS = { lora: "LoRA", embedding: t("Embedding"), style: t("Style"), wildcard: t("Wildcard"), history: "" };

const TYPING = ["insertText", "insertCompositionText", "deleteContentBackward"];
const touch = matchMedia("(pointer: coarse)"); // keyboards on glass compose every word

let place = null; // the list
let voice = null;
let area = null; // the field that the list belongs to, null while there is none
let items = [];
let begins = 0; // where in the field that is which they replace; it ends at the caret
let marked = -1;
let timer = null;
let asking = null;
let awaited = null; // what stands before the caret of the question that is on its way
let dismissed = null; // what stood before the word that the list was closed at
let taking = false;
const takers = new Map(); // kind -> what is done instead of writing

export function mountCompletion(element) {
  voice = h("div", { class: "ez-voice", role: "status", "aria-live": "polite" });
  place = h("div", { class: "ez-ways-on", id: "ez-ways-on", role: "listbox", "aria-label": t("Ways on"), hidden: true });
  fill(element, place, voice);
  // The focus stays in the field.
  place.addEventListener("pointerdown", (event) => event.preventDefault());
  place.addEventListener("mousedown", (event) => event.preventDefault());
  place.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (option) take(items[Number(option.dataset.place)]);
  });
  document.addEventListener("input", onInput, true);
  document.addEventListener("compositionend", (event) => promptAt(event.target) && askSoon(promptAt(event.target)), true);
  document.addEventListener("keydown", onKey, true);
  document.addEventListener("selectionchange", onSelection);
  document.addEventListener("focusout", (event) => event.target === area && close(), true);
  document.addEventListener("scroll", (event) => area && !place.contains(event.target) && follow(), true);
  addEventListener("resize", close);
  for (const name of ["prompt", "negative_prompt"]) {
    whenThere(`#ez-field-${name} textarea`, (field) => {
      field.setAttribute("aria-autocomplete", "list");
      field.setAttribute("aria-haspopup", "listbox");
      // The first question counts the words of all of history.
      field.addEventListener("focus", () => ask(field, ""), { once: true });
    });
  }
}

/** For completions of that kind `taker(completion)` is called once what was typed is gone; nothing is written. */
export function onTaken(kind, taker) {
  takers.set(kind, taker);
}

// --- Asking ---

function onInput(event) {
  const field = promptAt(event.target);
  if (!field || taking || (event.isComposing && !touch.matches)) return;
  if (TYPING.includes(event.inputType)) askSoon(field);
  else close();
}

function askSoon(field) {
  clearTimeout(timer);
  awaited = beforeCaret(field);
  timer = setTimeout(() => lookUp(field), ASK_AFTER_MS);
}

const beforeCaret = (field) => field.value.slice(0, field.selectionStart);

async function lookUp(field) {
  const caret = field.selectionStart;
  if (document.activeElement !== field || caret !== field.selectionEnd) return close();
  const before = beforeCaret(field);
  const found = await ask(field, before.slice(-MOST_CHARACTERS));
  if (!found || beforeCaret(field) !== before || document.activeElement !== field) return;
  awaited = null;
  if (!found.length) return close();
  const start = caret - found[0].replaces.length;
  if (before.slice(0, start) === dismissed) return close();
  dismissed = null;
  show(field, found, start);
}

/** What there is to go on with; null when that was asked again in between or can't be had. */
async function ask(field, text) {
  asking?.abort();
  asking = new AbortController();
  const negative = field.closest("#ez-field-negative_prompt") !== null;
  const query = new URLSearchParams({ text, negative });
  try {
    const response = await fetch(`/api/v1/completions?${query}`, { signal: asking.signal });
    return response.ok ? (await response.json()).items : null;
  } catch {
    return null; // asked anew, or Easel is gone, which the stream says
  }
}

// --- The list ---

function show(field, found, start) {
  const opened = place.hidden;
  area = field;
  items = found;
  begins = start;
  fill(place, items.map(option));
  place.hidden = false;
  mark(NAMED.includes(items[0].kind) ? 0 : -1);
  put();
  field.setAttribute("aria-controls", place.id);
  if (opened) voice.textContent = tn("{n} way on", "{n} ways on", items.length);
}

function option(item, index) {
  const picture = item.preview ? h("img", { src: item.preview, alt: "", width: 28, height: 28, loading: "lazy" }) : null;
  const note = item.detail || KINDS[item.kind];
  return h(
    "div",
    { role: "option", id: `ez-way-on-${index}`, "data-place": index, "data-kind": item.kind, "aria-selected": "false" },
    picture,
    h("span", { class: "grow cut", title: item.label }, emphasised(item)),
    note && h("span", { class: "dim xs cut" }, note),
    item.uses > 0 && h("span", { class: "dim xs num", title: t("In {count}", { count: tn("{n} job", "{n} jobs", item.uses) }) }, `${item.uses}×`),
  );
}

// What was typed stands out in the name.
function emphasised({ label, replaces, kind }) {
  const typed = kind === "lora" ? replaces.replace(/^<\w*:?/, "") : replaces.replace(/^__/, "");
  const at = typed ? label.toLowerCase().indexOf(typed.toLowerCase()) : -1;
  return at < 0 ? label : [label.slice(0, at), h("b", {}, label.slice(at, at + typed.length)), label.slice(at + typed.length)];
}

// Below the line of the caret; above it where there is no room.
function put() {
  const caret = caretBox(area);
  const { offsetWidth: width, offsetHeight: height } = place;
  const below = caret.bottom + GAP + height <= innerHeight - GAP;
  place.style.top = `${below ? caret.bottom + GAP : Math.max(GAP, caret.top - GAP - height)}px`;
  place.style.left = `${Math.max(GAP, Math.min(caret.left, innerWidth - width - GAP))}px`;
}

// A field that grows scrolls what is around it. The list goes along with its line until that is out of sight.
function follow() {
  const caret = caretBox(area);
  const field = area.getBoundingClientRect();
  if (caret.bottom < Math.max(0, field.top) || caret.top > Math.min(innerHeight, field.bottom)) close();
  else put();
}

function mark(index) {
  place.children[marked]?.setAttribute("aria-selected", "false");
  marked = index;
  const option = place.children[index];
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) area.setAttribute("aria-activedescendant", option.id);
  else area.removeAttribute("aria-activedescendant");
}

function close() {
  clearTimeout(timer);
  asking?.abort();
  awaited = null;
  if (!area) return;
  area.removeAttribute("aria-activedescendant");
  area.removeAttribute("aria-controls");
  area = null;
  items = [];
  marked = -1;
  place.hidden = true;
  fill(place);
  voice.textContent = "";
}

// --- Keys ---

const MOVES = { ArrowDown: 1, ArrowUp: -1 };

function onKey(event) {
  if (!area || event.target !== area || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return event.key === "Enter" && close();
  const step = MOVES[event.key];
  if (step) mark(marked < 0 && step < 0 ? items.length - 1 : (marked + step + items.length) % items.length);
  else if ((event.key === "Enter" || event.key === "Tab") && marked >= 0 && !event.shiftKey) take(items[marked]);
  else if (event.key === "Escape") {
    dismissed = area.value.slice(0, begins);
    close();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

// The caret went somewhere else. That it followed a letter can be told after the letter: then the list waits for its answer.
function onSelection() {
  if (!area || taking || document.activeElement !== area) return;
  const before = beforeCaret(area);
  if (before === awaited) return;
  if (area.selectionStart !== area.selectionEnd || !before.endsWith(items[0].replaces)) close();
}

function take(item) {
  const field = area;
  const taker = takers.get(item.kind);
  const { start, end, text } = written(field.value, Math.min(begins, field.selectionStart), field.selectionStart, item);
  close();
  taking = true;
  field.focus({ preventScroll: true });
  field.setSelectionRange(start, end);
  // The one way that leaves the browser's own undo whole.
  document.execCommand(taker || !text ? "delete" : "insertText", false, text);
  taking = false;
  taker?.(item);
}
