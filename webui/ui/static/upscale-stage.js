// The stage of the Upscale page: before and after with a line between both, what is known of it, and below the files of a batch.

import { batchesOf, interruptBatch } from "./batches.js";
import { chooseFiles } from "./batch-files.js";
import { icon } from "./icons.js";
import { ACTIVE, known, newestPicture, on, runningJob } from "./jobs.js";
import { t } from "./language.js";
import { loupe } from "./loupe.js";
import { fill, h } from "./markup.js";
import { choosePicture, chosenPicture } from "./pages.js";
import { download } from "./picture.js";
import { progressCard } from "./progress-card.js";
import { takePictures } from "./put-in.js";
import { change, look } from "./rest.js";
import { sendButton } from "./send-to.js";
import { interruptRunning, showParameters } from "./stage.js";
import { recall, remember } from "./storage.js";
import { batchPanel } from "./upscale-batch.js";
import { draft } from "./upscale-draft.js";
import { picker } from "./upscale-picker.js";
import { ofHistory, put, takeMany, takeOne } from "./upscale-sources.js";
import { view } from "./viewer.js";
import { nameOf, seconds, size, upscalersOf } from "./words.js";

const PAGE = "upscale";
const KEPT = 24;
const SHOWN_MS = 700; // so long each finished picture is seen

let place = null; // of picture and facts
let panel = null;
let picking = null;
/** What is looked at: {kind: "source"}, {kind: "picture", image}, {kind: "file", file, batch}, or {kind: "empty"}. */
let shown = { kind: "empty" };
let looking = null; // the loupe
let pinned = false; // somebody chose what is looked at: what is finished meanwhile doesn't take its place
let mine = new Set(recall("upscale jobs", [])); // jobs that were asked for here, one picture each
let card = null; // of the one that runs

export function stage() {
  place = h("div", { class: "ez-up-view" });
  const under = h("div", { class: "ez-up-under" });
  panel = batchPanel(showFile, showFileAgain);
  const picture = h("div", { class: "ez-up-top" }, place, under);
  const element = h("section", { class: "ez-stage ez-up-stage", "aria-label": t("Picture") }, picture, panel.element);
  parts = { element, picture, under };
  on("picture", takePicture);
  for (const type of ["job", "progress", "snapshot"]) on(type, drawProgress);
  on("snapshot", begin);
  let one = draft.one;
  draft.addEventListener("change", () => {
    if (draft.one === one) return;
    one = draft.one;
    if (one) {
      pinned = false;
      choosePicture(PAGE, null);
      show({ kind: "source" });
    } else if (shown.kind === "source") begin();
  });
  begin();
  return element;
}

let parts = null;

/** What was put in is about to be made larger: it is looked at until that is done. */
export function watchSource() {
  pinned = false;
  choosePicture(PAGE, null);
  show({ kind: "source" });
}

/** A job was asked for here. */
export function expect(id) {
  mine = new Set([...mine, id].slice(-KEPT));
  remember("upscale jobs", [...mine]);
  drawProgress();
}

/** A batch was asked for here. */
export function expectBatch(id) {
  pinned = false;
  panel.forget();
  panel.show(id);
}

// What is looked at when the page is opened: what was chosen, else what was put in, else what was made last.
async function begin() {
  const id = chosenPicture(PAGE);
  if (shown.kind === "picture" && (pinned || !id)) return;
  if (id) {
    const image = known.pictures.find((other) => other.id === id) ?? (await look(`/history/${id}`));
    if (image) return show({ kind: "picture", image });
    choosePicture(PAGE, null);
  }
  const newest = known.pictures.find((image) => image.kind === PAGE);
  const going = batchesOf(PAGE).some(({ status }) => status === "active");
  if (draft.way === "one" && draft.one && !(newest && newest.source?.image === draft.one.image) && !going) return show({ kind: "source" });
  if (newest) return show({ kind: "picture", image: newest });
  return show(draft.one ? { kind: "source" } : { kind: "empty" });
}

let newest = null; // finished meanwhile, to be shown next
let lastShown = -Infinity;

// Of small pictures many come in a second: not each of them is shown.
function takePicture({ image, live }) {
  if (live || image.kind !== PAGE || pinned) return;
  const waiting = newest !== null;
  newest = image;
  if (waiting) return;
  setTimeout(
    () => {
      const next = newest;
      newest = null;
      if (pinned) return;
      lastShown = performance.now();
      choosePicture(PAGE, null);
      show({ kind: "picture", image: next });
    },
    Math.max(0, lastShown + SHOWN_MS - performance.now()),
  );
}

async function showFile(file, batch) {
  pinned = true;
  if (!file.image) return show({ kind: "file", file, batch });
  const image = await look(`/history/${file.image}`);
  if (!image || !pinned) return undefined;
  choosePicture(PAGE, image.id);
  return show({ kind: "picture", image, pinned: true });
}

// A file that was chosen while it waited is done now.
function showFileAgain(file, batch) {
  if (shown.kind === "file" && shown.file.number === file.number) showFile(file, batch);
}

/** The picture that is looked at, or null. */
export function shownUpscaled() {
  return shown.image ?? null;
}

/** Looks at the file before (-1) or behind (1), or at the picture made before or after. */
export function stepUpscaled(direction) {
  if (panel.batch) return panel.step(direction);
  const next = neighbour(shown.image, direction);
  if (!next) return undefined;
  pinned = true;
  choosePicture(PAGE, next.id);
  return show({ kind: "picture", image: next });
}

/** Shows what it was before, as long as a key is held. */
export function holdUpscaled(isOn) {
  looking?.hold(isOn);
}

/** What Esc ends here: the batch is paused at once, or the job that runs ends. False where there is none. */
export function endUpscaling() {
  const going = batchesOf(PAGE).find(({ status }) => status === "active");
  const running = runningJob();
  if (!going || (running && (running.kind !== PAGE || mine.has(running.id)))) return interruptRunning();
  interruptBatch(going);
  return true;
}

function neighbour(image, direction) {
  const own = known.pictures.filter(({ kind }) => kind === PAGE);
  const at = own.findIndex((other) => other.id === image?.id);
  return at < 0 ? (own[0] ?? null) : (own[at + direction] ?? null);
}

// ---- picture

let round = 0;

function show(next) {
  const key = JSON.stringify([next.kind, next.kind === "source" ? draft.one : null, next.image?.id, next.file?.number, next.file?.state, pinned]);
  if (key === shown.key) return;
  shown = { ...next, key };
  const mine = ++round;
  const made = SCENES[next.kind](next);
  const put = () => {
    if (mine !== round) return;
    looking = made.looking ?? null;
    fill(place, made.element);
    fill(parts.under, made.facts ? h("div", { class: "ez-facts" }, made.facts) : null, card?.element);
    drawProgress();
  };
  // What was seen before stays until the next one can be painted.
  if (made.looking && place.querySelector(".ez-loupe")) made.looking.ready.then(put);
  else put();
}

const SCENES = { empty: emptyScene, source: sourceScene, picture: pictureScene, file: fileScene };

function emptyScene() {
  const newest = newestPicture();
  return {
    element: h(
      "div",
      { class: "ez-empty" },
      icon("enlarge"),
      h("p", {}, t("Put a picture in, and make it larger. A folder goes as well: file by file, also while this page is closed.")),
      h(
        "div",
        { class: "row wrap" },
        h("button", { class: "ez-btn", type: "button", onclick: () => chooseFiles(takeMany) }, t("Choose files")),
        newest && h("button", { class: "ez-btn", type: "button", onclick: () => put(ofHistory(newest)) }, t("The last picture")),
        newest && h("button", { class: "ez-btn", type: "button", onclick: () => pick({ one: true }) }, t("From history")),
      ),
      h("p", { class: "dim s" }, t("Or drop pictures here, or paste one.")),
    ),
  };
}

function sourceScene() {
  const { one } = draft;
  const seen = loupe({ before: null, after: one.url, width: one.width, height: one.height, alt: one.name });
  return { element: seen.element, looking: seen, facts: [h("span", { class: "cut", title: one.name }, one.name), h("span", {}, size(one))] };
}

function pictureScene({ image }) {
  const { source } = image;
  const seen = loupe({
    before: source?.url ?? null,
    after: image.url,
    width: image.width,
    height: image.height,
    alt: nameOf(image),
    labels: [source?.width ? t("Before, {source}", { source: size(source) }) : t("Before"), t("After, {image}", { image: size(image) })],
    colour: image.mean_colour,
  });
  return { element: seen.element, looking: seen, facts: [...factsOf(image).map((fact) => h("span", { class: "cut", title: fact }, fact)), ...actionsOf(image)] };
}

function fileScene({ file, batch }) {
  const words = { waiting: t("Waiting"), running: t("At work"), cancelled: t("Not made"), failed: "" }[file.state];
  if (file.error) return { element: h("div", { class: "ez-empty" }, icon("bad"), h("p", { class: "b" }, file.name), h("p", {}, file.error.message, " ", file.error.hint)) };
  const picture = h("img", { src: file.source ?? file.thumbnail, alt: file.name, class: "ez-up-thumbnail" });
  return { element: h("div", { class: "ez-up-still" }, picture), facts: [h("span", { class: "cut", title: file.name }, file.name), h("span", {}, words), followLink(batch)] };
}

function followLink() {
  return h("button", { class: "ez-link", type: "button", onclick: follow }, t("Show the newest"));
}

function follow() {
  pinned = false;
  panel.forget();
  choosePicture(PAGE, null);
  shown = { kind: "empty" };
  begin();
}

/** Name, ways of enlarging, time. */
function factsOf(image) {
  return [image.source?.name || image.file, upscalersOf(image), seconds(image.seconds)].filter(Boolean);
}

function actionsOf(image) {
  const link = (words, run, said = words) => h("button", { class: "ez-link", type: "button", title: said, onclick: run }, words);
  return [
    sendButton(image, { link: true }),
    link(t("Download"), () => download(image), "Download (D)"),
    link(t("Full screen"), () => showUpscaledFull(), t("Full screen (Space)")),
    link(t("Open folder"), () => change(`/images/${image.id}/open-folder`), t("Show it in its folder on Easel's machine")),
    link(t("All parameters"), () => showParameters(image)),
    pinned && followLink(),
  ].filter(Boolean);
}

export function showUpscaledFull() {
  if (shown.image) view(shown.image, neighbour);
}

// ---- while one is made

function drawProgress() {
  if (!parts) return;
  const job = [...known.jobs.values()].find(({ id, status }) => mine.has(id) && ACTIVE.has(status));
  if (!job) {
    card?.element.remove();
    card = null;
    return;
  }
  if (card?.job !== job.id) {
    card?.element.remove();
    card = { job: job.id, ...progressCard(job) };
  }
  if (!card.element.isConnected) parts.under.append(card.element);
  card.update(job);
}

// ---- pictures that are brought here

/** Lets pictures be dropped on `element`, and pasted while the page is shown. */
export function takeDropped(element) {
  takePictures(element, PAGE, { one: takeOne, many: takeMany });
}

/** Lets pictures of history be chosen; one: a single one. */
export function pick({ one = false } = {}) {
  const back = document.activeElement;
  picking?.element.remove();
  picking = picker({
    picked: draft.picked,
    of: ofHistory,
    one,
    done(picked) {
      picking.element.remove();
      picking = null;
      parts.element.classList.remove("is-picking");
      if (picked && one) put(picked[0]);
      else if (picked) draft.set({ way: "history", picked });
      back?.focus?.({ preventScroll: true });
    },
  });
  parts.element.classList.add("is-picking");
  parts.element.append(picking.element);
  picking.focus();
}

/** False if no choice was open. */
export function closePicker() {
  if (!picking) return false;
  picking.element.remove();
  picking = null;
  parts.element.classList.remove("is-picking");
  return true;
}
