// What a search found: the ids of all that was seen so far, newest first, and the pictures themselves as far as they are kept. Ids,
// days and colours are kept of every hit, so that the grid knows its height and any stretch of it can be fetched again.

import { inOurLanguage } from "./language.js";
import { look } from "./rest.js";
import { searched } from "./history-state.js";

const FIRST = 60; // pictures of the first page, so that it comes quickly
const AT_ONCE = 120;
const MOST_PAGES_OF_NEW = 10;
const KEPT = 1500; // pictures with all that made them; the ones longest unseen go first
const GROUND = "#8a8a8a";

/** total: of all that can be found, null until it is known. counted: how many the search finds, {n, more}, null until it is known. searchedTo: where a search that took too long stopped (ISO), else null. */
export const hits = { ids: [], total: null, counted: null, complete: false, searchedTo: null, seconds: null, problem: null, loading: false };
let days = []; // of each hit, as 20260503
let colours = [];
let next = null; // the id to go on before
let round = 0; // of searches: answers to an older one are left
let byDay = null;
const kept = new Map(); // id -> Image, or as much of one as the grid shows (a card); longest unseen first
const asked = new Set(); // first indexes of stretches on their way
const absent = new Set(); // ids of hits that the server doesn't find any more
const listeners = new Set();

/** Calls back with "list" (other hits than before), "images" (more is known of them) or "state" (loading, complete, problem, counted). */
export function onHits(listener) {
  listeners.add(listener);
}

function tell(what) {
  listeners.forEach((listener) => listener(what));
}

// ---- asking

function address(before, limit) {
  const query = new URLSearchParams({ limit });
  if (searched()) query.set("q", searched());
  if (before) query.set("before", before);
  return `/api/v1/history/cards?${query}`;
}

// Throws where Easel doesn't answer; {error} where the search can't be understood.
async function page(before, limit) {
  const response = await fetch(address(before, limit), { cache: "no-store" });
  const answer = inOurLanguage(await response.json());
  if (!response.ok && response.status >= 500) throw new Error(`history: ${response.status}`);
  return answer;
}

/** Forgets all, and asks for the first page of what is searched for now. */
export function startOver() {
  round += 1;
  Object.assign(hits, { ids: [], counted: null, complete: false, searchedTo: null, seconds: null, problem: null, loading: false });
  days = [];
  colours = [];
  next = null;
  byDay = null;
  asked.clear();
  absent.clear();
  tell("list");
  return more();
}

/** Asks for the next page. older: goes on where a search took too long and stopped. */
export async function more({ older = false } = {}) {
  if (!round || hits.loading || hits.complete || hits.problem || (hits.searchedTo && !older)) return;
  const mine = round;
  const began = performance.now();
  hits.loading = true;
  hits.searchedTo = null;
  tell("state");
  try {
    const answer = await page(next, hits.ids.length ? AT_ONCE : FIRST);
    if (mine !== round) return;
    if (answer.error) hits.problem = answer.error;
    else take(answer, (performance.now() - began) / 1000);
    hits.loading = false;
    tell("state");
  } catch {
    // The banner says that the connection is gone; the next scroll or snapshot tries again.
    if (mine === round) hits.loading = false;
  }
}

function take(answer, seconds) {
  hits.seconds ??= seconds;
  if (answer.total !== null && answer.total !== undefined) hits.total = answer.total;
  next = answer.next;
  hits.complete = !answer.next;
  hits.searchedTo = answer.partial && answer.next ? (answer.searched_to ?? answer.items.at(-1)?.created_at ?? "") : null;
  const fresh = answer.items.filter((image) => !hits.ids.length || isOlder(image.id, hits.ids.at(-1)));
  for (const image of fresh) {
    hits.ids.push(image.id);
    days.push(dayOf(image));
    colours.push(image.mean_colour);
    keep(image);
  }
  byDay = null;
  tell("list");
}

/**
 * After an outage, or when something changed elsewhere: what is new belongs at the top, what can't be reached from there is asked for
 * anew. Returns how many came at the top.
 */
export async function refresh() {
  if (!hits.ids.length) return startOver();
  const mine = round;
  const fresh = [];
  for (let before = null, pages = 0; ; pages += 1) {
    const answer = await page(before, before ? AT_ONCE : FIRST).catch(() => null);
    if (!answer || answer.error || mine !== round) return 0;
    if (answer.total !== null && answer.total !== undefined) hits.total = answer.total;
    answer.items.forEach(keep);
    fresh.push(...answer.items.filter((image) => indexOf(image.id) < 0));
    // Down to what is known: where nothing of it is left, or too much is new, all is asked for anew.
    if (answer.items.some((image) => indexOf(image.id) >= 0)) break;
    if (!answer.next || pages === MOST_PAGES_OF_NEW) return startOver();
    before = answer.next;
  }
  const [newest] = hits.ids;
  return insert(fresh) && fresh.filter((image) => isOlder(newest, image.id)).length;
}

/** Fetches the stretch around a hit whose picture isn't kept. */
export async function fetchAround(index) {
  const first = index - (index % AT_ONCE);
  if (asked.has(first) || absent.has(hits.ids[index])) return;
  const mine = round;
  asked.add(first);
  try {
    const answer = await page(hits.ids[first - 1] ?? null, AT_ONCE);
    if (mine !== round || answer.error) return;
    answer.items.forEach(keep);
    for (const id of hits.ids.slice(first, first + AT_ONCE)) if (!kept.has(id)) absent.add(id);
    tell("images");
  } catch {
    // As above.
  } finally {
    asked.delete(first);
  }
}

/** The picture of a hit with all that made it, from the server where that isn't kept; null where it can't be had. */
export async function fetched(id) {
  const image = imageOf(id);
  return isWhole(image) ? image : keep(await look(`/history/${id}`));
}

/** Whether all that made a picture is known, and not only what the grid shows. */
export function isWhole(image) {
  return image?.infotext !== undefined;
}

/** What the grid shows of a picture as it is now; null where the search doesn't find it (any more). Throws where Easel doesn't answer. */
export async function lookAgain(id) {
  const answer = await page(String(BigInt(id) + 1n), 1);
  const [image] = answer.items ?? [];
  return image?.id === id ? image : null;
}

// ---- what is known

function keep(image) {
  if (!image) return null;
  const known = kept.get(image.id);
  // What made it never changes: a card brings its marks up to date.
  const now = isWhole(known) && !isWhole(image) ? { ...known, ...image } : image;
  kept.delete(image.id);
  kept.set(image.id, now);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return now;
}

/** What is known of the picture with that id: all, or a card; null where it isn't kept. */
export function imageOf(id) {
  const image = kept.get(id);
  if (!image) return null;
  kept.delete(id); // seen last
  kept.set(id, image);
  return image;
}

/** The ground to show while a hit's picture loads. */
export function colourAt(index) {
  return colours[index] ?? GROUND;
}

/** How many the search finds is known: {n, more}. */
export function setCounted(counted) {
  hits.counted = counted;
  tell("state");
}

/** Looks at all pictures again as they come into sight: their marks may be others. */
export function forgetAll() {
  kept.clear();
  asked.clear();
  tell("images");
}

/** Other marks of pictures that are kept: {id: {favourite, rating, …}}. Returns the changed pictures. */
export function change(marks) {
  const changed = [];
  for (const [id, values] of Object.entries(marks)) {
    const image = kept.get(id);
    if (image) changed.push(keep({ ...image, ...values }));
  }
  if (changed.length) tell("images");
  return changed;
}

// ---- the list

/** Whether a picture with one id is older than that with another. */
function isOlder(id, other) {
  return id.length === other.length ? id < other : id.length < other.length;
}

// Where an id stands, or would stand.
function placeOf(id) {
  let low = 0;
  let high = hits.ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isOlder(id, hits.ids[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index of a hit; -1 where it is none, or none that was seen yet. */
export function indexOf(id) {
  const place = placeOf(id);
  return hits.ids[place] === id ? place : -1;
}

/** Puts pictures where they belong by their time. */
export function insert(images) {
  let added = 0;
  for (const image of images) {
    keep(image);
    const place = placeOf(image.id);
    if (hits.ids[place] === image.id) continue;
    if (place === hits.ids.length && !hits.complete) continue; // the page that has it is yet to come
    hits.ids.splice(place, 0, image.id);
    days.splice(place, 0, dayOf(image));
    colours.splice(place, 0, image.mean_colour);
    added += 1;
  }
  byDay = null;
  tell(added ? "list" : "images");
  return added;
}

/** Takes hits out of the list. Returns what puts them back. */
export function remove(ids) {
  const gone = new Set(ids);
  const lost = hits.ids.map((id, index) => [id, days[index], colours[index]]).filter(([id]) => gone.has(id));
  if (!lost.length) return () => {};
  const mine = round;
  keepOnly((id) => !gone.has(id));
  return () => {
    if (mine !== round) return;
    for (const [id, day, colour] of lost) {
      const place = placeOf(id);
      if (hits.ids[place] === id) continue;
      hits.ids.splice(place, 0, id);
      days.splice(place, 0, day);
      colours.splice(place, 0, colour);
    }
    byDay = null;
    tell("list");
  };
}

function keepOnly(isKept) {
  const indexes = hits.ids.flatMap((id, index) => (isKept(id) ? [index] : []));
  hits.ids = indexes.map((index) => hits.ids[index]);
  days = indexes.map((index) => days[index]);
  colours = indexes.map((index) => colours[index]);
  byDay = null;
  tell("list");
}

function dayOf(image) {
  const date = new Date(image.created_at);
  return date.getFullYear() * 10000 + date.getMonth() * 100 + date.getDate();
}

/** Hits by day, newest first: [{day: Date, start: index of its first, count}]. */
export function daysOfHits() {
  if (byDay) return byDay;
  byDay = [];
  days.forEach((key, index) => {
    const last = byDay.at(-1);
    if (last?.key === key) last.count += 1;
    else byDay.push({ key, day: new Date(Math.floor(key / 10000), Math.floor(key / 100) % 100, key % 100), start: index, count: 1 });
  });
  return byDay;
}
