// The pictures to learn from: named by their folder, or dropped here, each with its caption.

import { chooseFiles, manyDropped, picturesOf } from "./batch-files.js";
import { icon } from "./icons.js";
import { inOurLanguage, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { recall, remember } from "./storage.js";
import { errorToast } from "./toasts.js";

const SENT_AT_ONCE = 3;
const NO_ANSWER = { message: t("Easel doesn't answer."), hint: t("Try again when the connection is back.") };

/** The part of the page with the pictures: {element, draft, start()}. */
export function picturePart() {
  const draft = new Draft();
  const path = h("input", { type: "text", id: "ez-train-folder", placeholder: t("/home/me/my pictures"), autocomplete: "off", spellcheck: "false", "aria-describedby": "ez-train-folder-hint" });
  const hint = h("p", { class: "ez-hint", id: "ez-train-folder-hint", role: "status" });
  const grid = h("div", { class: "ez-train-grid", role: "list", "aria-label": t("Pictures") });
  const see = button("search", t("Look"), () => draft.look(path.value));
  path.addEventListener("keydown", (event) => event.key === "Enter" && draft.look(path.value));
  const add = button("add", t("Add pictures"), () => chooseFiles((files) => draft.send(files)));
  const whole = button("folder", t("A whole folder"), () => chooseFiles((files) => draft.send(files), { folder: true }));
  const element = h(
    "div",
    { class: "ez-train-pictures" },
    h("div", { class: "ez-train-source" }, h("div", {}, h("label", { class: "ez-label", for: path.id }, t("Folder on Easel's machine")), h("div", { class: "row" }, h("div", { class: "ez-field grow" }, icon("folder"), path), see), hint), h("div", { class: "row wrap ez-train-add" }, add, whole)),
    grid,
  );
  dropping(element, draft);
  draft.addEventListener("change", () => {
    if (document.activeElement !== path) path.value = draft.folder;
    hint.textContent = draft.words;
    hint.classList.toggle("bad", Boolean(draft.error));
    path.setAttribute("aria-invalid", String(Boolean(draft.error)));
    for (const each of [see, add, whole]) each.disabled = Boolean(draft.busy);
  });
  draft.addEventListener("pictures", () => drawGrid(grid, draft));
  return { element, draft, start: () => draft.start() };
}

/** What was chosen. Events: "change", "pictures" (other ones). */
class Draft extends EventTarget {
  constructor() {
    super();
    Object.assign(this, { folder: "", captions: {}, set: "" }, recall("train pictures", {}), { found: null, error: null, busy: "" });
  }

  start() {
    this.dispatchEvent(new Event("change"));
    this.dispatchEvent(new Event("pictures"));
    if (this.folder) this.look(this.folder);
  }

  get words() {
    if (this.busy) return this.busy;
    if (this.error) return [this.error.message, this.error.hint].filter(Boolean).join(" ");
    if (!this.found) return t("Captions are read from text files of the same names. Nothing there is changed.");
    const { items, rounds } = this.found;
    const captioned = items.filter((item) => this.captionOf(item)).length;
    const bad = items.filter((item) => item.problem).length;
    const repeated = rounds > items.length && t("{rounds} in a round", { rounds });
    return `${[tn("{n} picture", "{n} pictures", items.length), repeated, t("{captioned} with a caption", { captioned }), bad && t("{bad} can't be read", { bad })].filter(Boolean).join(", ")}.`;
  }

  captionOf(item) {
    return this.captions[item.name] ?? item.caption;
  }

  caption(item, words) {
    if (words === item.caption) delete this.captions[item.name];
    else this.captions[item.name] = words;
    this.keep();
    this.dispatchEvent(new Event("change"));
  }

  keep() {
    remember("train pictures", { folder: this.folder, captions: this.captions, set: this.set });
  }

  async look(folder) {
    const to = folder.trim();
    this.busy = t("Looking…");
    this.dispatchEvent(new Event("change"));
    const response = await fetch(`/api/v1/training/look?folder=${encodeURIComponent(to)}`, { cache: "no-store" }).catch(() => null);
    const answer = inOurLanguage(await response?.json().catch(() => null));
    this.busy = "";
    this.error = response?.ok ? null : (answer?.error ?? NO_ANSWER);
    this.found = response?.ok ? answer : null;
    const before = this.folder;
    this.folder = this.found?.folder ?? to;
    // Captions belong to the pictures of one folder.
    if (this.folder !== before) this.captions = {};
    const names = new Set(this.found?.items.map(({ name }) => name));
    if (this.found) this.captions = Object.fromEntries(Object.entries(this.captions).filter(([name]) => names.has(name)));
    this.keep();
    this.dispatchEvent(new Event("change"));
    this.dispatchEvent(new Event("pictures"));
  }

  // Files of this computer go into a folder of Easel's own.
  async send(files) {
    if (!files.length) return errorToast({ message: t("There is no picture among these files."), hint: t("PNG, JPEG, WebP, AVIF, GIF and BMP are taken.") });
    if (!this.set) this.set = `pictures ${new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", "")}`;
    let folder = null;
    let through = 0;
    let next = 0;
    const work = async () => {
      while (next < files.length) {
        const file = files[next++];
        folder = (await this.sendOne(file)) ?? folder;
        this.busy = t("Taking {count} of {files}…", { count: tn("{n} picture", "{n} pictures", ++through), files: files.length });
        this.dispatchEvent(new Event("change"));
      }
    };
    await Promise.all(Array.from({ length: SENT_AT_ONCE }, work));
    this.busy = "";
    if (folder) await this.look(folder);
    else this.dispatchEvent(new Event("change"));
  }

  async sendOne(file) {
    const query = new URLSearchParams({ set: this.set, name: file.name });
    const response = await fetch(`/api/v1/training/pictures?${query}`, { method: "POST", body: file, headers: { "Content-Type": file.type || "image/png" } }).catch(() => null);
    const answer = inOurLanguage(await response?.json().catch(() => null));
    if (response?.ok) return answer.folder;
    const error = answer?.error ?? NO_ANSWER;
    errorToast({ ...error, message: `${file.name}: ${error.message}` });
    return null;
  }
}

function button(picture, words, run) {
  return h("button", { class: "ez-btn", type: "button", onclick: run }, icon(picture), words);
}

function dropping(element, draft) {
  const mark = (over) => element.classList.toggle("is-over", over);
  element.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    mark(true);
  });
  element.addEventListener("dragleave", (event) => element.contains(event.relatedTarget) || mark(false));
  element.addEventListener("drop", async (event) => {
    mark(false);
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    draft.send((await manyDropped(event.dataTransfer)) ?? picturesOf([...event.dataTransfer.files]));
  });
}

function drawGrid(grid, draft) {
  const items = draft.found?.items ?? [];
  if (items.length) return fill(grid, items.map((item) => tile(item, draft)));
  const choose = button("pictures", t("Choose files"), () => chooseFiles((files) => draft.send(files)));
  fill(grid, h("div", { class: "ez-empty" }, icon("pictures"), h("p", {}, t("Pictures to learn from: ten to fifty of one style, thing or character. Drop them here, or name the folder that they lie in.")), choose));
}

function tile(item, draft) {
  const address = `/api/v1/training/picture?${new URLSearchParams({ folder: draft.folder, name: item.name })}`;
  const picture = item.problem ? h("span", { class: "ez-train-none" }, icon("bad")) : h("img", { src: address, alt: "", loading: "lazy", width: item.width, height: item.height });
  const words = h("textarea", { rows: 2, "aria-label": t("Caption of {name}", { name: item.name }), placeholder: t("No caption"), maxlength: 20000, spellcheck: "false" });
  words.value = draft.captionOf(item);
  words.addEventListener("input", () => draft.caption(item, words.value.trim()));
  return h(
    "div",
    { class: "ez-train-tile", role: "listitem" },
    h("div", { class: "ez-train-picture" }, picture, item.repeats > 1 && h("span", { class: "ez-badge" }, `× ${item.repeats}`)),
    h("div", { class: "row xs" }, h("span", { class: "cut grow", title: item.name }, item.name), h("span", { class: "dim num" }, item.problem ? "" : `${item.width} × ${item.height}`)),
    item.problem ? h("p", { class: "xs bad" }, item.problem) : h("div", { class: "ez-field" }, words),
  );
}
