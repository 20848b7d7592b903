// The sheet of batches: one that goes on or has ended, with its files and what became of each; or a new one.

import { batchForm, draftOf } from "./batch-form.js";
import { actsOf, batchById, batchesOf, doneWords, onBatches, share, stateWords } from "./batches.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t } from "./language.js";
import { fill, h, roving } from "./markup.js";
import { kindOf } from "./source.js";
import { look } from "./rest.js";
import { closeSheet, onSheet, openSheet, showSheet } from "./sheet.js";
import { view } from "./viewer.js";

const NAME = "batch";
const AT_ONCE = 60;
const LOOK_MS = 400; // least time between two looks at the files
const SETTLED = new Set(["done", "failed"]);
const WORDS = { waiting: t("Waiting"), running: t("Being drawn"), done: t("Done"), failed: t("Failed"), cancelled: t("Cancelled") };
const ICONS = { done: "ok", failed: "bad", cancelled: "close" };
const FILTERS = [["", t("All")], ["done", t("Done")], ["failed", t("Failed")]];

let shown = null; // what the open sheet shows of a batch: {id, filter, tiles, …}; null for a new one, or while it is closed
let expected = null; // the id of a batch that was taken and is to be shown once it is told of

/** Opens the sheet of a page's batches. files: for a new one. batch: the id of one to be shown. */
export function openBatchSheet(kind = kindOf(), { files = null, batch = null } = {}) {
  const going = batch ?? (files ? null : batchesOf(kind).find(({ status }) => status === "active")?.id);
  if (files) draftOf(kind).take(files);
  if (going && batchById(going)) showBatch(going);
  else showForm(kind);
}

onSheet((name) => {
  if (name === NAME) return;
  shown = null;
  expected = null;
});

function showForm(kind) {
  shown = null;
  const body = batchForm(kind, (id) => {
    if (openSheet() !== NAME || shown) return;
    if (batchById(id)) showBatch(id);
    else expected = id;
  });
  showSheet(NAME, kind === "inpaint" ? t("Inpaint many files") : t("Draw on many files"), body);
}

function showBatch(id) {
  expected = null;
  const batch = batchById(id);
  const head = h("div", { class: "ez-batch-head" });
  const filters = h("div", { class: "ez-seg", role: "radiogroup", "aria-label": t("Files") });
  const grid = h("div", { class: "ez-batch-grid", role: "list", "aria-label": t("Files") });
  const more = h("button", { class: "ez-link s ez-earlier", type: "button", hidden: true, onclick: () => load({ more: true }) }, t("More"));
  const body = h("div", { class: "ez-sheet-body ez-batch-body" }, head, filters, grid, more);
  shown = { id, filter: "", head, filters, grid, more, pages: [], lookedAt: 0, timer: null, stop: roving(grid, "button", { rows: true }) };
  const anew = h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("New batch"), title: t("New batch"), onclick: () => showForm(batch.kind) }, icon("add"));
  showSheet(NAME, t("Batch"), body, { note: h("span", { class: "ez-count" }, batch.kind === "inpaint" ? t("Inpaint") : t("img2img")), actions: anew });
  drawHead(batch);
  load();
}

onBatches((id) => {
  if (expected && batchById(expected)) return showBatch(expected);
  if (!shown || (id !== null && id !== shown.id)) return;
  const batch = batchById(shown.id);
  if (!batch) return closeSheet();
  drawHead(batch);
  loadSoon();
});
on("queue", () => shown && batchById(shown.id) && drawHead(batchById(shown.id)));

function drawHead(batch) {
  const { head, filters } = shown;
  const at = [...head.querySelectorAll("button")].indexOf(document.activeElement);
  fill(
    head,
    h("p", { class: "b num" }, doneWords(batch)),
    h("div", { class: "ez-bar" }, h("i", { style: { "--v": `${share(batch) * 100}%` } })),
    h("p", { class: "mid s num" }, [stateWords(batch), batch.prompt].filter(Boolean).join(" · ") || t("Without words")),
    batch.error && h("p", { class: "ez-note bad", role: "alert" }, icon("bad"), h("span", {}, batch.error.message, " ", batch.error.hint)),
    batch.output_folder && h("p", { class: "dim xs" }, t("Saved as {kind}-images/{output_folder}, with the names of the files.", { kind: batch.kind, output_folder: batch.output_folder })),
    h(
      "div",
      { class: "row wrap" },
      actsOf(batch).map(({ name, icon: drawing, words, run }) => h("button", { class: "ez-btn s", type: "button", "data-act": name, onclick: run }, icon(drawing), words)),
    ),
  );
  if (at >= 0) head.querySelectorAll("button")[at]?.focus({ preventScroll: true });
  const numbers = { "": batch.total, done: batch.done, failed: batch.failed };
  const key = JSON.stringify([numbers, shown.filter]);
  if (filters.dataset.key === key) return;
  filters.dataset.key = key;
  const held = filters.contains(document.activeElement);
  fill(
    filters,
    FILTERS.map(([state, words]) => {
      const chosen = shown.filter === state;
      return h("button", { type: "button", role: "radio", "aria-checked": String(chosen), class: chosen ? "on" : "", onclick: () => choose(state) }, words, h("span", { class: "ez-count" }, String(numbers[state])));
    }),
  );
  if (held) filters.querySelector(".on").focus({ preventScroll: true });
}

function choose(state) {
  Object.assign(shown, { filter: state, pages: [] });
  shown.grid.classList.toggle("is-list", state === "failed");
  fill(shown.grid);
  drawHead(batchById(shown.id));
  load();
}

function loadSoon() {
  if (shown.timer) return;
  const mine = shown;
  mine.timer = setTimeout(() => {
    mine.timer = null;
    if (shown === mine) load();
  }, Math.max(0, mine.lookedAt + LOOK_MS - performance.now()));
}

// Files are looked at in parts; a part whose files have all come to their end is not asked for again.
async function load({ more = false } = {}) {
  const mine = shown;
  const { filter, pages } = mine;
  mine.lookedAt = performance.now();
  if (!pages.length || more) pages.push({ offset: pages.length * AT_ONCE, items: [], settled: false });
  const state = filter ? `&state=${filter}` : "";
  await Promise.all(
    pages
      .filter((page) => filter || !page.settled)
      .map(async (page) => {
        const answer = await look(`/batches/${mine.id}/files?offset=${page.offset}&limit=${AT_ONCE}${state}`);
        if (!answer) return;
        page.items = answer.items;
        page.settled = answer.items.every((file) => SETTLED.has(file.state));
        mine.total = answer.total;
      }),
  );
  if (shown !== mine || mine.pages !== pages) return;
  mine.more.hidden = pages.length * AT_ONCE >= (mine.total ?? 0);
  drawTiles(pages.flatMap((page) => page.items));
}

// Tiles that look the same stay: their pictures aren't loaded again, and the keyboard stays where it is.
function drawTiles(files) {
  const { grid } = shown;
  const old = new Map([...grid.children].map((element) => [element.dataset.number, element]));
  const focused = document.activeElement?.closest?.(".ez-batch-tile")?.dataset.number;
  const wanted = files.map((file) => {
    const key = JSON.stringify([file.state, file.image, file.error?.message]);
    const element = old.get(String(file.number));
    return element?.dataset.key === key ? element : tile(file, key);
  });
  fill(grid, wanted.length ? wanted : h("p", { class: "dim s" }, t("None.")));
  const stop = [...grid.children].find((element) => element.dataset.number === focused)?.querySelector("button");
  shown.stop(stop ?? grid.querySelector("button"));
  stop?.focus({ preventScroll: true });
}

function tile(file, key) {
  const words = [file.name, WORDS[file.state], file.error && `${file.error.message} ${file.error.hint}`].filter(Boolean).join(". ");
  return h(
    "div",
    { class: `ez-batch-tile is-${file.state}`, role: "listitem", "data-number": String(file.number), "data-key": key },
    h(
      "button",
      { type: "button", tabindex: "-1", title: words, "aria-label": words, onclick: () => file.image && showFile(file.number) },
      file.state === "failed" && !file.image ? none("bad") : pictureOf(file),
      ICONS[file.state] && file.state !== "failed" && h("i", { class: "ez-batch-mark" }, icon(ICONS[file.state], "s")),
    ),
    h("span", { class: "cut xs" }, file.name),
    file.error && h("span", { class: "xs bad ez-batch-why" }, file.error.message),
  );
}

// A file that can't be read is found out when its turn comes, or here.
function pictureOf(file) {
  const picture = h("img", { src: file.thumbnail, alt: "", loading: "lazy", onerror: () => picture.replaceWith(none("pictures")) });
  return picture;
}

function none(drawing) {
  return h("span", { class: "ez-batch-none" }, icon(drawing));
}

async function showFile(number) {
  const images = shown.pages.flatMap((page) => page.items).filter((file) => file.image);
  const at = images.findIndex((file) => file.number === number);
  const found = new Map();
  const fetchOne = async (file) => {
    if (file && !found.has(file.image)) found.set(file.image, await look(`/history/${file.image}`));
  };
  await Promise.all([at - 1, at, at + 1].map((index) => fetchOne(images[index])));
  const picture = found.get(images[at].image);
  if (!picture) return;
  view(picture, (image, direction) => {
    const index = images.findIndex((file) => file.image === image.id) + direction;
    fetchOne(images[index + direction]);
    return found.get(images[index]?.image) ?? null;
  });
}
