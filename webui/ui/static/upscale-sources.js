// Where pictures come from that are to be upscaled: one, several, a folder on Easel's machine, or some of history.

import { chooseFiles } from "./batch-files.js";
import { icon } from "./icons.js";
import { inOurLanguage, language, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { errorToast, toast } from "./toasts.js";
import { labelled, oneOf } from "./upscale-controls.js";
import { WAYS, draft } from "./upscale-draft.js";
import { addressOf, isThere, upload } from "./uploads.js";
import { size } from "./words.js";

const SHOWN = 12; // of many pictures, so many are shown
const UNFIT = { message: t("There is no picture among these files."), hint: t("PNG, JPEG, WebP, AVIF, GIF and BMP are taken.") };

/** Lets one be upscaled: a file, by whatever name. Returns whether the server took it. */
export async function takeOne(file, name = file.name ?? t("picture")) {
  try {
    const image = await upload(file);
    const picture = await createImageBitmap(file);
    put({ name, image, url: addressOf(image), thumbnail: addressOf(image), width: picture.width, height: picture.height });
    picture.close();
    return true;
  } catch (error) {
    errorToast({ message: error.message, hint: error.hint ?? t("Try again.") });
    return false;
  }
}

/** A picture of history, as the draft has it. */
export function ofHistory(image) {
  return { name: image.file, image: image.sha256, url: image.url, thumbnail: image.thumbnail, width: image.width, height: image.height };
}

/** Lets that one be upscaled. What was there before comes back by Undo. */
export function put(one, words = t("Picture put in")) {
  const before = draft.snapshot();
  draft.set({ way: "one", one });
  if (before.one && before.one.image !== one.image) toast({ icon: "ok", title: words, text: one.name, undo: () => draft.set(before) });
}

/** Lets many files be upscaled. */
export function takeMany(files) {
  if (!files.length) return errorToast(UNFIT);
  if (files.length === 1) return takeOne(files[0]);
  return draft.set({ way: "several", files });
}

/** The part of the column that asks for pictures. pick: opens the choice among pictures of history. */
export function sourcePart(pick) {
  const way = oneOf(t("Pictures"), WAYS, (chosen) => {
    draft.set({ way: chosen });
    if (chosen === "history" && !draft.picked.length) pick();
  });
  const place = h("div", { class: "ez-up-from" });
  const parts = { one: onePart(pick), several: severalPart(), folder: folderPart(), history: historyPart(pick) };
  const part = labelled(t("Pictures"), [way.element, place]);
  const draw = () => {
    way.show(draft.way);
    if (place.dataset.way !== draft.way) {
      place.dataset.way = draft.way;
      fill(place, parts[draft.way].element);
      part.complain(null);
    }
    parts[draft.way].draw();
  };
  if (draft.way === "folder" && draft.folder) lookInto({ silent: true });
  if (draft.one) isThere(draft.one.image).then((there) => there || draft.set({ one: null }), () => {}); // no answer: the banner says so
  return { element: part.element, draw, complain: part.complain };
}

// ---- one

function onePart(pick) {
  const element = h("div");
  let drawn;
  const draw = () => {
    if (drawn === draft.one) return;
    drawn = draft.one;
    fill(element, drawn ? chosen(drawn) : empty());
  };
  const choose = () => chooseFiles(takeMany);
  const empty = () =>
    h("div", { class: "ez-drop ez-up-drop" }, h("span", {}, t("Drop a picture, or paste one")), h("span", { class: "row" }, small("pictures", t("Choose a file"), choose), small("grid", t("From history"), () => pick({ one: true }))));
  const chosen = (one) =>
    h(
      "div",
      { class: "ez-up-one" },
      h("img", { src: one.thumbnail, alt: "" }),
      h("span", { class: "grow" }, h("span", { class: "cut s b", title: one.name }, one.name), h("span", { class: "dim xs num" }, size(one))),
      bare("pictures", t("Choose another file"), choose),
      bare("close", t("Take it out"), () => {
        draft.set({ one: null });
        toast({ icon: "ok", title: t("Picture taken out"), text: one.name, undo: () => draft.set({ one, way: "one" }) });
      }),
    );
  return { element, draw };
}

// ---- several

function severalPart() {
  const tiles = h("div", { class: "ez-up-tiles", role: "list", "aria-label": t("Chosen files") });
  const words = h("p", { class: "ez-hint num" });
  let drawn = null;
  const draw = () => {
    if (drawn === draft.files) return;
    drawn = draft.files;
    fill(tiles, drawn.slice(0, SHOWN).map(fileTile));
    tiles.hidden = !drawn.length;
    words.textContent = drawn.length ? `${tn("{n} picture", "{n} pictures", drawn.length)}${drawn.length > SHOWN ? t(", the first {SHOWN} shown", { SHOWN }) : ""}` : t("Or drop them anywhere on this page. They are sent to Easel when it begins.");
  };
  const take = (files) => (files.length ? draft.set({ files, way: "several" }) : errorToast(UNFIT));
  const buttons = h("div", { class: "row wrap" }, small("pictures", t("Choose files"), () => chooseFiles(take)), small("folder", t("A whole folder"), () => chooseFiles(take, { folder: true })));
  return { element: h("div", { class: "col" }, buttons, tiles, words), draw };
}

function fileTile(file) {
  const address = URL.createObjectURL(file);
  const done = () => URL.revokeObjectURL(address);
  const picture = h("img", {
    src: address,
    alt: file.name,
    title: file.name,
    role: "listitem",
    onload: () => {
      sizes.set(file, [picture.naturalWidth, picture.naturalHeight]);
      done();
      draft.dispatchEvent(new Event("sizes"));
    },
    onerror: () => {
      done();
      picture.replaceWith(h("span", { class: "ez-up-none", title: t("{name} can't be shown", { name: file.name }), role: "listitem" }, icon("bad")));
    },
  });
  return picture;
}

const sizes = new WeakMap(); // File -> [width, height], of those that were shown

/** Width and height in px of those pictures whose size is known. */
export function knownSizes() {
  if (draft.way === "one") return draft.one ? [[draft.one.width, draft.one.height]] : [];
  if (draft.way === "history") return draft.picked.map(({ width, height }) => [width, height]);
  return draft.files.map((file) => sizes.get(file)).filter(Boolean);
}

// ---- a folder

function folderPart() {
  const amount = h("span", { class: "ez-count num" });
  const input = h("input", {
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: t("/home/me/Pictures/holiday"),
    "aria-label": t("Folder on Easel's machine"),
    value: draft.folder,
    oninput: () => draft.set({ folder: input.value, found: null }),
    onchange: () => lookInto(),
    onkeydown: (event) => event.key === "Enter" && !event.ctrlKey && lookInto(),
  });
  const words = h("p", { class: "ez-hint", role: "status" });
  const field = labelled("", h("div", { class: "ez-field" }, icon("folder", "dim"), input, amount));
  complainOfFolder = field.complain;
  const draw = () => {
    if (document.activeElement !== input) input.value = draft.folder;
    amount.textContent = draft.found ? draft.found.total.toLocaleString(language) : "";
    words.textContent = foundWords(draft.found);
  };
  return { element: h("div", {}, field.element, words), draw };
}

let complainOfFolder = () => {};
let looked = 0;

async function lookInto({ silent = false } = {}) {
  const mine = ++looked;
  const { folder } = draft;
  complainOfFolder(null);
  if (!folder.trim()) return;
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ folder }) };
  const response = await fetch("/api/v1/batches/look", options).catch(() => null);
  const answer = inOurLanguage(await response?.json().catch(() => null));
  if (mine !== looked || draft.folder !== folder) return;
  draft.set({ found: response?.ok ? answer : null });
  if (!response?.ok && !silent) complainOfFolder(answer?.error ?? { message: t("Easel doesn't answer."), hint: t("Try again when the connection is back.") });
}

function foundWords(found) {
  if (!found) return t("Whole path of a folder on Easel's machine. Its pictures are read when their turn comes; nothing there is changed.");
  const names = found.first.slice(0, 3).join(", ");
  const rest = [found.others && t("{count} left alone", { count: tn("{n} other file", "{n} other files", found.others) }), found.links && t("{count} not followed", { count: tn("{n} link", "{n} links", found.links) })];
  return `${[`${names}${found.total > 3 ? ", …" : ""}`, ...rest].filter(Boolean).join("; ")}.`;
}

// ---- history

function historyPart(pick) {
  const tiles = h("div", { class: "ez-up-tiles", role: "list", "aria-label": t("Chosen pictures") });
  const words = h("p", { class: "ez-hint num" });
  let drawn = null;
  const draw = () => {
    if (drawn === draft.picked) return;
    drawn = draft.picked;
    fill(tiles, drawn.slice(0, SHOWN).map(({ thumbnail, name }) => h("img", { src: thumbnail, alt: name, title: name, role: "listitem", loading: "lazy" })));
    tiles.hidden = !drawn.length;
    words.textContent = drawn.length ? `${tn("{n} picture", "{n} pictures", drawn.length)}${drawn.length > SHOWN ? t(", the first {SHOWN} shown", { SHOWN }) : ""}` : t("Nothing is chosen yet.");
  };
  return { element: h("div", { class: "col" }, h("div", { class: "row" }, small("grid", t("Choose pictures"), () => pick())), tiles, words), draw };
}

// ---- small things

function small(drawing, words, run) {
  return h("button", { class: "ez-btn s", type: "button", onclick: run }, icon(drawing), words);
}

function bare(drawing, words, run) {
  return h("button", { class: "ez-btn ghost s icon", type: "button", title: words, "aria-label": words, onclick: run }, icon(drawing));
}
