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
let all = null; // where all that is found is picked, however little of it was loaded: {query, newest, without}
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

let coming = null;

/** The promise of a picture that was picked and is still on its way from the server; null where none is. */
export function comingImage() {
  return coming;
}

/** The picture, once it is here; until then whoever asks is told that it comes. */
export async function whileComing(image) {
  coming = image;
  try {
    return await image;
  } finally {
    if (coming === image) coming = null;
  }
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
  return all ? !all.without.has(id) && !isNewer(id, all.newest) : picks.has(id);
}

function isNewer(id, other) {
  return id.length === other.length ? id > other : id.length > other.length;
}

/** Picks all that is found now, what isn't loaded, too. newest: the id of the first of them. */
export function pickAllFound(newest) {
  picks.clear();
  all = { query, newest, without: new Set() };
  tell("picked", []);
}

/** All that was found, where that is picked: {query, newest, without: Set of ids that were let go}; else null. */
export function allPicked() {
  return all;
}

/** Whether anything is picked. */
export function anyPicked() {
  return Boolean(all) || picks.size > 0;
}

/** Picks these and no others: [id, Image or null]. */
export function pick(entries) {
  picks.clear();
  all = null;
  for (const [id, image] of entries) picks.set(id, image);
  tell("picked", pickedIds());
}

/** Picks one more, or lets it go. */
export function togglePick(id, image = null) {
  if (all && !isNewer(id, all.newest)) all.without.delete(id) || all.without.add(id);
  else if (!picks.delete(id)) picks.set(id, image);
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

// ---- the second picture, that the one which is shown is compared with

let first = null; // waits for it
const waiting = new Set();

/** Waits for a second picture to be clicked, then compares both. */
export function awaitSecond(image) {
  first = image;
  waiting.forEach((listener) => listener(first));
}

/** Compares with that picture; false where nothing waits for one. */
export function takeSecond(id) {
  if (!first || first.id === id) return false;
  const ids = [first.id, id];
  leaveSecond();
  compareThese(ids);
  return true;
}

/** Waits no more; false where nothing did. */
export function leaveSecond() {
  if (!first) return false;
  first = null;
  waiting.forEach((listener) => listener(null));
  return true;
}

/** Calls back with the picture that waits for a second one, or null. */
export function onSecond(listener) {
  waiting.add(listener);
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
