// What is true of the History page: the search, the picture whose detail is shown, those that are picked, and which view is open.
// Its views and its parts read and change that here; whoever shows some of it is told.

import { addressedSearch, choosePicture, chosenPicture, tellSearch } from "./pages.js";
import { recall, remember } from "./storage.js";

export const PAGE = "history";
export const MOST_COMPARED = 4;

const listeners = { query: new Set(), chosen: new Set(), picked: new Set(), compared: new Set(), view: new Set() };
let query = addressedSearch(PAGE) ?? recall("history query", "");
let chosen = null;
const picks = new Map(); // id -> Image or null where only the id is known, in the order in which they were picked
let view = recall("history view", "pictures");

function tell(what, value) {
  listeners[what].forEach((listener) => listener(value));
}

// ---- the search

/** What is searched for, as it is written. */
export function searched() {
  return query;
}

/** Searches for something else. */
export function search(text) {
  if (text === query) return;
  query = text;
  remember("history query", text);
  tellSearch(PAGE, text);
  tell("query", text);
}

tellSearch(PAGE, query);
addEventListener("hashchange", () => addressedSearch(PAGE) !== null && search(addressedSearch(PAGE)));

export function onSearch(listener) {
  listeners.query.add(listener);
}

// ---- the picture whose detail is shown

/** The Image whose detail is shown, or null. */
export function chosenImage() {
  return chosen;
}

/** Its id as the address has it; known before the picture itself. */
export function chosenId() {
  return chosen?.id ?? chosenPicture(PAGE);
}

/** Shows the detail of a picture; null closes it. */
export function choose(image) {
  const before = chosen;
  chosen = image;
  choosePicture(PAGE, image?.id ?? null);
  if (before !== image) tell("chosen", { image, before });
}

/** Calls back with {image, before} whenever another picture is shown, or the same with other marks. */
export function onChosen(listener) {
  listeners.chosen.add(listener);
}

// ---- several

/** Ids of the picked pictures, in the order in which they were picked. */
export function pickedIds() {
  return [...picks.keys()];
}

export function isPicked(id) {
  return picks.has(id);
}

/** Picks these and no others: [id, Image or null]. */
export function pick(entries) {
  picks.clear();
  for (const [id, image] of entries) picks.set(id, image);
  tell("picked", pickedIds());
}

/** Picks one more, or lets it go. */
export function togglePick(id, image = null) {
  if (!picks.delete(id)) picks.set(id, image);
  tell("picked", pickedIds());
}

/** Calls back with the picked ids. */
export function onPicked(listener) {
  listeners.picked.add(listener);
}

// ---- those that are compared

let compared = recall("history compared", []);

/** Ids of the pictures that the view Compare shows, in order. */
export function comparedIds() {
  return compared;
}

/** Shows two to four pictures beside each other. */
export function compareThese(ids) {
  compared = ids.slice(0, MOST_COMPARED);
  remember("history compared", compared);
  showView("compare");
  listeners.compared.forEach((listener) => listener(compared));
}

/** Calls back with the ids of pictures that are to be compared. */
export function onCompared(listener) {
  listeners.compared.add(listener);
}

// ---- the view

export function currentView() {
  return view;
}

export function showView(name) {
  if (name === view) return;
  view = name;
  remember("history view", name);
  tell("view", name);
}

/** Calls back with the view's name whenever another is opened. */
export function onView(listener) {
  listeners.view.add(listener);
}
