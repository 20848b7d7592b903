// Favourites, ratings, tags, notes and the trash: of one picture or of many, at once, with Undo.

import { change as changeHits, fetched, hits, imageOf, insert, isWhole, lookAgain, refresh, remove, startOver } from "./history-hits.js";
import { PAGE, allPicked, choose, chosenImage, isPicked, pick, pickedIds, searched } from "./history-state.js";
import { actOnAll } from "./history-bulk.js";
import { termsNow } from "./history-terms.js";
import { language, t, tn } from "./language.js";
import { currentPage } from "./pages.js";
import { change } from "./rest.js";
import { toast } from "./toasts.js";
import { showMarks, viewed } from "./viewer.js";
import { fileSize } from "./words.js";

const MOST_AT_ONCE = 10_000;
const MOST_LOOKED_AT = 24; // pictures that were changed elsewhere, one by one
const TOGETHER_MS = 400;
const listeners = new Set();

/** Calls back after marks were changed here or elsewhere: what was counted may be different. */
export function onMarked(listener) {
  listeners.add(listener);
}

function tell() {
  listeners.forEach((listener) => listener());
}

/** Whether the trash is being looked through. */
export function inTrash() {
  return termsNow().some(({ field, value, negated }) => field === "is" && value === "trash" && !negated);
}

// ---- favourites, ratings, tags, notes

/**
 * Changes marks of pictures: {favourite, rating, note, add_tags, remove_tags}. words: what the toast says; none where what was changed is
 * seen to be. Returns whether it was done.
 */
export async function mark(ids, changes, words = "") {
  if (!ids.length || ids.length > MOST_AT_ONCE) return ids.length ? tooMany(ids.length) : false;
  expectToHear(ids);
  const answer = await change("/history/images", { ids, ...changes }, { method: "PATCH" });
  if (!answer) return expectNothing(ids) ?? false;
  show(ids, (image) => withChanges(image, changes));
  if (words) toast({ icon: "ok", title: words, undo: () => putBack(answer.before) });
  tell();
  return true;
}

function tooMany(amount) {
  toast({ icon: "info", title: t("{value} pictures are too many at once", { value: amount.toLocaleString(language) }), text: t("At most {value} are changed together. Pick fewer.", { value: MOST_AT_ONCE.toLocaleString(language) }) });
  return false;
}

async function putBack(before) {
  expectToHear(before.map(({ id }) => id));
  if (!(await change("/history/images/marks", { before }, { method: "PUT" }))) return;
  const was = new Map(before.map((marks) => [marks.id, marks]));
  show([...was.keys()], (image) => was.get(image.id));
  tell();
}

function withChanges(image, { add_tags: added = [], remove_tags: removed = [], ...values }) {
  const tags = [...new Set([...(image.tags ?? []), ...added])].filter((tag) => !removed.includes(tag)).sort();
  return { ...values, tags };
}

// Pictures that are known here look as they are now; others are fetched anew when they come into sight.
function show(ids, values) {
  const changed = {};
  for (const id of ids) {
    const image = imageOf(id) ?? (chosenImage()?.id === id ? chosenImage() : null);
    if (image) changed[id] = values(image);
  }
  changeHits(changed);
  if (viewed() && changed[viewed().id]) showMarks({ ...viewed(), ...changed[viewed().id] });
  const shown = chosenImage();
  if (shown && changed[shown.id]) choose({ ...shown, ...changed[shown.id] });
}

/** The pictures that an act is for: those that are picked, by their ids or as all that was found; else the one that is shown. */
export function meant() {
  if (allPicked()) return allPicked();
  return pickedIds().length ? pickedIds() : chosenImage() ? [chosenImage().id] : [];
}

// Of one that is seen with its marks nothing needs to be said.
function said(ids, words) {
  return ids.length > 1 || currentPage() !== PAGE ? words(tn("{n} picture", "{n} pictures", ids.length)) : "";
}

/** A favourite, or none any more where all of them are, as far as they are known. */
export async function toggleFavourite(ids) {
  if (!Array.isArray(ids)) {
    const on = !hits.ids.filter(isPicked).every((id) => imageOf(id)?.favourite ?? true);
    const done = (n) => (on ? tn("{n} picture is a favourite", "{n} pictures are favourites", n) : tn("{n} picture is no favourite any more", "{n} pictures are no favourites any more", n));
    return markAll(ids, { favourite: on }, done);
  }
  const known = ids.length === 1 ? [imageOf(ids[0]) ?? (await fetched(ids[0]))] : ids.map(imageOf);
  const on = !known.every((image) => image?.favourite);
  return mark(ids, { favourite: on }, said(ids, (them) => (on ? t("Favourite: {them}", { them }) : t("No favourite any more: {them}", { them }))));
}

/** 1 to 5; the same again takes it away, as 0 does. */
export async function rate(ids, stars) {
  if (!Array.isArray(ids)) {
    const done = (n) => (stars ? tn("{n} picture rated {stars} of 5", "{n} pictures rated {stars} of 5", n, { stars }) : tn("{n} picture is not rated any more", "{n} pictures are not rated any more", n));
    return markAll(ids, { rating: stars || null }, done);
  }
  const before = ids.length === 1 ? (imageOf(ids[0]) ?? (await fetched(ids[0])))?.rating : null;
  const rated = before === stars ? null : stars || null;
  return mark(ids, { rating: rated }, said(ids, (them) => (rated ? t("Rated {rated} of 5: {them}", { rated, them }) : t("Not rated any more: {them}", { them }))));
}

export function addTag(ids, tag) {
  if (!Array.isArray(ids)) return markAll(ids, { add_tags: [tag] }, (n) => tn('{n} picture tagged "{tag}"', '{n} pictures tagged "{tag}"', n, { tag }));
  return mark(ids, { add_tags: [tag] }, ids.length > 1 ? t("{count} tagged \"{tag}\"", { count: tn("{n} picture", "{n} pictures", ids.length), tag }) : "");
}

function markAll(all, said, done) {
  return actOnAll(all, { act: "mark", change: said }, t("Marking what was found"), done);
}

export function removeTag(ids, tag) {
  return mark(ids, { remove_tags: [tag] }, t("Tag \"{tag}\" taken off", { tag }));
}

// ---- what was changed elsewhere

const ours = new Map(); // ids of changes made here -> how many of them are still to be heard of

function expectToHear(ids) {
  const key = [...ids].sort().join();
  ours.set(key, (ours.get(key) ?? 0) + 1);
}

// Something wasn't changed after all.
function expectNothing(ids) {
  ours.delete([...ids].sort().join());
}

/** Other marks were told of: of these pictures, or of so many (null) that all is looked at again. Those that were made here are known. */
export async function hear(ids) {
  const key = ids && [...ids].sort().join();
  const left = ours.get(key) ?? 0;
  if (left > 1) ours.set(key, left - 1);
  else ours.delete(key);
  if (left) return;
  if (!ids || ids.length > MOST_LOOKED_AT) return startOverSoon();
  else await Promise.all(ids.map(seeAgain));
  tell();
}

// Many changes one after the other, as of all that a search found, are looked at once.
let soon = null;

function startOverSoon() {
  clearTimeout(soon);
  soon = setTimeout(async () => {
    await startOver();
    tell();
  }, TOGETHER_MS);
}

async function seeAgain(id) {
  const image = await lookAgain(id).catch(() => imageOf(id));
  if (image) insert([image]);
  else remove([id]);
  if (chosenImage()?.id === id) choose(image && { ...chosenImage(), ...image });
}

// ---- the trash

/** Puts pictures into the trash. */
export async function trash(ids) {
  if (!Array.isArray(ids)) return actOnAll(ids, { act: "trash" }, t("Moving into the trash"), (n) => tn("{n} picture in the trash", "{n} pictures in the trash", n));
  if (!ids.length || (ids.length > MOST_AT_ONCE && !tooMany(ids.length))) return;
  expectToHear(ids);
  const answer = await change("/history/trash", { ids });
  if (!answer) return expectNothing(ids);
  const back = leaves(ids);
  toast({ icon: "trash", title: t("{count} in the trash", { count: tn("{n} picture", "{n} pictures", ids.length) }), undo: () => restore(ids, back) });
  tell();
}

/** Takes pictures out of the trash. back: puts them into the list again where they were. */
export async function restore(ids, back = null) {
  if (!Array.isArray(ids)) return actOnAll(ids, { act: "restore" }, t("Restoring"), (n) => tn("{n} picture restored", "{n} pictures restored", n));
  expectToHear(ids);
  const answer = await change("/history/restore", { ids });
  if (!answer) return expectNothing(ids);
  if (back) back();
  else {
    const again = leaves(ids);
    toast({ icon: "restore", title: t("{count} restored", { count: tn("{n} picture", "{n} pictures", ids.length) }), undo: () => trashAgain(ids, again) });
  }
  if (hits.total !== null && back) hits.total += ids.length;
  tell();
}

async function trashAgain(ids, back) {
  expectToHear(ids);
  if (!(await change("/history/trash", { ids }))) return;
  back();
  tell();
}

// They are no hits any more: the detail goes on to the neighbour, so that one can go on with the keys.
function leaves(ids) {
  const shown = chosenImage();
  const gone = new Set(ids);
  const index = shown && gone.has(shown.id) ? hits.ids.indexOf(shown.id) : -1;
  if (pickedIds().length) pick([]);
  const back = remove(ids);
  if (hits.total !== null && !searched()) hits.total -= ids.length;
  if (index >= 0) {
    const next = hits.ids[Math.min(index, hits.ids.length - 1)];
    const image = next ? imageOf(next) : null;
    if (!image || isWhole(image)) choose(image);
    else fetched(next).then((whole) => chosenImage() === shown && choose(whole));
  }
  return back;
}

/** Removes for good what is in the trash. It was asked before. */
export async function emptyTrash() {
  const answer = await change("/history/trash/empty");
  if (!answer) return;
  const [reason] = answer.kept.map((kept) => kept.reason);
  if (reason) toast({ icon: "bad", kind: "bad", title: t("{count} can't be removed", { count: tn("{n} picture", "{n} pictures", answer.kept.length) }), text: t("{reason}. Try again when that is mended.", { reason }) });
  else toast({ icon: "trash", title: t("The trash is empty"), text: t("{count} removed, {fileSize} free again.", { count: tn("{n} picture", "{n} pictures", answer.removed), fileSize: fileSize(answer.bytes) }) });
  choose(null);
  await refresh();
  tell();
}
