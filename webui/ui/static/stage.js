// The stage: examples on the first visit, the picture being drawn, the picture that is done, and the strip of this session.

import { t } from "./language.js";
import { isLive, client, liveSwitch, onLive } from "./live.js";
import { clearErrors, put, snapshot, values } from "./fields.js";
import { filmed } from "./film.js";
import { filmStrip } from "./film-strip.js";
import { ACTIVE, activeJobs, known, newestPicture, on, runningJob } from "./jobs.js";
import { ask, linked, onReceipt, told } from "./link.js";
import { fill, h, roving } from "./markup.js";
import { choosePicture, chosenPicture, open } from "./pages.js";
import { button, copyPicture, download, enlargeButton, facts, isDrawn, parameters, reuseSeed, spoken, useParameters } from "./picture.js";
import { end, progressCard } from "./progress-card.js";
import { expectJob } from "./queue.js";
import { sendButton } from "./send-to.js";
import { showSheet } from "./sheet.js";
import { showsPicture } from "./shown-picture.js";
import { errorToast, toast } from "./toasts.js";
import { nameOf, seconds } from "./words.js";
import { view } from "./viewer.js";

const PAGE = "txt2img";

let center = null;
let chips = null;
let strip = null;
let shown = { key: null };
let preview = null; // the newest preview that has arrived, as an element
let asked = null; // the address of the newest preview that was fetched
let loading = false;
let wanted = null;
let live = { job: null, image: null, inFront: false };
let fetched = null; // a chosen picture from before this session

export function mount(element) {
  center = h("div", { class: "ez-center" });
  chips = h("div", { class: "ez-chips only-wide", hidden: true });
  strip = h("div", { class: "ez-strip", role: "toolbar", "aria-label": t("This session"), hidden: true });
  fill(element, center, chips, strip);
  roving(strip, "button");
  for (const type of ["snapshot", "job", "queue"]) on(type, draw);
  on("picture", takePicture);
  on("progress", takeProgress);
  onLive((isOn) => {
    live = { job: null, image: null, inFront: isOn };
    draw();
  });
  onReceipt("generate", ({ error }) => error || follow());
  onReceipt("enlarge", ({ error }) => {
    // What is wrong may be a field of the hires pass, which stands on this page.
    if (error) return errorToast(error);
    open(PAGE);
    follow();
  });
  onReceipt("example", ({ error }) => {
    if (error) return errorToast(error);
    clearErrors();
    follow();
  });
  linked.then(draw);
  fetchChosen();
}

async function fetchChosen() {
  const id = chosenPicture(PAGE);
  if (!id) return;
  const response = await fetch(`/api/v1/history/${id}`);
  fetched = response.ok ? await response.json() : null;
  if (!response.ok) choosePicture(PAGE, null);
  draw();
}

/** Show what is being drawn, or what was drawn last. */
export function follow() {
  choosePicture(PAGE, null);
  live.inFront = false;
  draw();
}

function choose(image) {
  choosePicture(PAGE, image === newestPicture() && !activeJobs().length ? null : image.id);
  live.inFront = false;
  draw();
}

showsPicture(() => shown.image ?? null);

function find(id) {
  return known.pictures.find((image) => image.id === id) ?? (fetched?.id === id ? fetched : null);
}

// ---- which scene

function scene() {
  // While the queue is paused nothing comes of what waits, so it doesn't take the place of the last picture.
  const job = runningJob() ?? (known.queue.paused ? null : (activeJobs()[0] ?? null));
  const chosen = find(chosenPicture(PAGE));
  if (chosen) return { kind: "picture", key: `picture ${chosen.id}`, image: chosen };
  if (isLive() && live.inFront && !job && (live.image || live.job)) return { kind: "live", key: "live" };
  if (job) return { kind: "running", key: `running ${job.id} ${job.pictures}`, job };
  const newest = newestPicture();
  if (newest) return { kind: "picture", key: `picture ${newest.id}`, image: newest };
  return { kind: "first", key: `first ${known.loaded} ${told.examples.length}` };
}

const SCENES = { picture: pictureScene, running: runningScene, live: liveScene, first: firstScene };

function draw() {
  if (!center) return;
  const next = scene();
  if (next.key !== shown.key) {
    const focused = center.contains(document.activeElement);
    const parts = SCENES[next.kind](next);
    shown = { ...next, ...parts };
    if (focused) center.querySelector("button")?.focus({ preventScroll: true });
  }
  shown.update?.(next);
  drawChips();
  drawStrip();
}

// ---- the frame around a picture keeps its place while the picture loads

function frame(width, height, content, colour = null) {
  const element = h("div", { class: "ez-frame", style: { "--ratio": String(width / height || 1) } }, content);
  if (colour) element.style.setProperty("background-color", colour);
  return element;
}

function pictureElement(image) {
  return h("img", { src: image.url, alt: nameOf(image), draggable: "true" });
}

// The old content stays until the new one can be painted.
function swap(box, element) {
  const put = () => box.replaceChildren(element);
  if (element.complete) put();
  else element.decode().then(put, put);
}

function pictureScene({ image }) {
  const box = frame(image.width, image.height, preview, image.mean_colour);
  swap(box, pictureElement(image));
  preview = null;
  box.addEventListener("dblclick", () => showFull(image));
  const actions = h(
    "div",
    { class: "ez-actions", role: "toolbar", "aria-label": t("Picture") },
    button("apply", t("Use parameters"), () => useParameters(image), { key: "U" }),
    isDrawn(image) && button("seed", t("Reuse seed"), () => reuseSeed(image)),
    sendButton(image),
    enlargeButton(image),
    h("span", { class: "sep" }),
    button("copy", t("Copy"), () => copyPicture(image), { bare: true, key: "Ctrl C" }),
    button("download", t("Download"), () => download(image), { bare: true, key: "D" }),
    button("full", t("Full screen"), () => showFull(image), { bare: true, key: "Space" }),
  );
  roving(actions, "button")(actions.querySelector("button"));
  const line = h(
    "div",
    { class: "ez-facts" },
    facts(image).map((fact) => h("span", {}, fact)),
    h("button", { class: "ez-link", type: "button", onclick: () => showParameters(image) }, t("All parameters")),
  );
  fill(center, box, h("div", { class: "ez-under" }, filmStrip(image, box), actions, line));
  return {};
}

export function showParameters(image) {
  showSheet("parameters", t("Parameters"), h("div", { class: "ez-sheet-body ez-padded" }, parameters(image)));
}

export function showFull(image) {
  view(image, neighbour);
}

// ---- while a job runs

function runningScene({ job }) {
  const box = frame(job.width ?? values.width, job.height ?? values.height, h("span", { class: "ez-blank" }));
  const card = progressCard(job);
  fill(center, box, h("div", { class: "ez-under" }, card.element));
  return { box, update: ({ job: now }) => card.update(now) };
}

/** Ends the running job, or the one that waits to run. False if there is none. */
export function interruptRunning() {
  const job = runningJob() ?? activeJobs()[0];
  if (job) end(job.id);
  return Boolean(job);
}

// ---- live

function liveScene() {
  const image = live.image;
  const box = frame(image?.width ?? values.width, image?.height ?? values.height, image ? pictureElement(image) : preview ?? h("span", { class: "ez-blank" }));
  const step = h("span", { class: "num" });
  const note = h("div", { class: "ez-facts" }, h("span", { class: "b" }, t("Live")), h("span", {}, t("These pictures are not kept; Generate keeps one.")), step);
  fill(center, box, h("div", { class: "ez-under" }, note));
  return {
    box,
    update() {
      const job = known.jobs.get(live.job?.id); // gone soon after it has ended
      const progress = job?.progress;
      const drawing = progress && ACTIVE.has(job.status);
      step.textContent = drawing ? t("step {step} of {steps}", { step: progress.step, steps: progress.steps }) : live.image ? seconds(live.image.seconds) : "";
    },
  };
}

function takeProgress({ job, progress }) {
  const own = job.live && job.client === client;
  if (own) {
    live.job = job;
    live.inFront = live.inFront && !chosenPicture(PAGE);
    if (shown.kind !== "live") draw();
  } else if (job.live) return;
  const onStage = own ? shown.kind === "live" : shown.kind === "running" && shown.job.id === job.id;
  if (onStage) shown.update?.({ job });
  if (!own) drawStrip();
  if (progress.preview && progress.preview !== asked) loadPreview(progress.preview, job);
}

// One at a time, and always the newest: a slow browser shows fewer previews, never old ones.
function loadPreview(url, job) {
  if (loading) {
    wanted = [url, job];
    return;
  }
  loading = true;
  asked = url;
  const image = new Image();
  image.alt = "";
  image.src = url;
  image
    .decode()
    .then(() => showPreview(image, job))
    .catch(() => {}) // the job ended and its preview with it
    .finally(() => {
      loading = false;
      const next = wanted;
      wanted = null;
      if (next) loadPreview(...next);
    });
}

function showPreview(image, job) {
  // A preview may come in after the picture that it foretold.
  if (!ACTIVE.has(known.jobs.get(job.id)?.status) || live.drawn === job.id) return;
  const onStage = job.live ? shown.kind === "live" : shown.kind === "running" && shown.job.id === job.id;
  if (onStage) {
    preview = image;
    shown.box.style.setProperty("--ratio", String(image.naturalWidth / image.naturalHeight));
    shown.box.replaceChildren(image);
  }
  const slot = strip.querySelector("canvas");
  if (slot && !job.live) slot.getContext("2d").drawImage(image, 0, 0, slot.width, slot.height);
}

function takePicture({ job, image, live: isLivePicture }) {
  if (isLivePicture) {
    if (job?.client !== client) return;
    live.image = image;
    live.job = job;
    live.drawn = job.id;
    if (shown.kind === "live") {
      shown.box.style.setProperty("--ratio", String(image.width / image.height));
      swap(shown.box, pictureElement(image));
    }
  }
  draw();
}

// ---- first visit

function firstScene() {
  preview = null;
  if (!known.loaded) {
    fill(center);
    return {};
  }
  const cards = told.examples.map((example) =>
    h(
      "button",
      { class: "ez-example", type: "button", onclick: () => takeExample(example) },
      h("img", { class: "pic", src: example.picture, alt: "" }),
      h("span", {}, capital(example.prompt)),
    ),
  );
  const usable = told.checkpoints.some((checkpoint) => checkpoint.usable);
  fill(
    center,
    h(
      "div",
      { class: "ez-welcome" },
      h(
        "div",
        {},
        h("h1", {}, t("Say what you want to see.")),
        h("p", { class: "mid ez-lead" }, usable ? invitation(cards.length) : t("There is no checkpoint yet. Put a model file into models/checkpoints; it appears here by itself.")),
      ),
      cards.length ? h("div", { class: "ez-examples" }, cards) : null,
      h("div", { class: "row s mid" }, liveSwitch(), t("redraws while you type")),
    ),
  );
  return {};
}

function invitation(examples) {
  const words = t("Write a few words and press Generate");
  return examples ? t("{words}, or click a picture below: you will get exactly this one, made here, in a few seconds.", { words }) : `${words}.`;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function takeExample(example) {
  const before = snapshot();
  expectJob();
  ask("example", { id: example.id, film: filmed() });
  if (String(before.prompt ?? "").trim()) {
    toast({ icon: "ok", title: t("Example taken over"), text: t("What stood in the fields is kept."), undo: () => put(before) });
  }
}

function drawChips() {
  chips.hidden = shown.kind === "first" || !told.examples.length;
  // While a job runs they give way, but not their room: the picture stays where it is.
  chips.style.visibility = shown.kind === "picture" ? "visible" : "hidden";
  if (chips.hidden || chips.childElementCount) return;
  fill(
    chips,
    h("span", { class: "dim s" }, t("Examples")),
    told.examples.slice(0, 5).map((example) =>
      h(
        "button",
        { class: "ez-chip", type: "button", title: t("Get exactly this picture: {prompt}", { prompt: example.prompt }), onclick: () => takeExample(example) },
        h("img", { class: "pic", src: example.picture, alt: "", loading: "lazy" }),
        shortName(example.prompt),
      ),
    ),
  );
}

function shortName(prompt) {
  return prompt.replace(/ on (a|an|the) .*$/i, "");
}

// ---- the strip

function drawStrip() {
  const job = runningJob();
  const own = new Set(job?.images.map((image) => image.id));
  const rest = known.pictures.filter((image) => !own.has(image.id));
  strip.hidden = !job && !known.pictures.length;
  const marked = shown.kind === "picture" ? shown.image.id : null;
  const slots = job ? slotsOf(job) : [];
  const key = JSON.stringify([slots.map((slot) => slot.key), rest.map((image) => image.id), marked, shown.kind]);
  if (strip.dataset.key === key) return;
  strip.dataset.key = key;
  const focused = strip.contains(document.activeElement);
  fill(
    strip,
    h("h3", {}, t("Session")),
    slots.map((slot) => slot.draw(marked)),
    job && rest.length > 0 && h("span", { class: "sep" }),
    rest.map((image) => thumbnail(image, marked)),
  );
  const current = strip.querySelector(".on") ?? strip.querySelector("button");
  strip.querySelectorAll("button").forEach((item) => (item.tabIndex = item === current ? 0 : -1));
  if (focused) current?.focus({ preventScroll: true });
  current?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function slotsOf(job) {
  const drawing = job.progress?.image ?? job.done;
  return Array.from({ length: job.pictures }, (_, index) => {
    const image = job.images.find((done) => done.index === index);
    if (image) return { key: image.id, draw: (marked) => thumbnail(image, marked) };
    if (index === drawing) return { key: "drawing", draw: drawingSlot };
    return { key: `wait ${index}`, draw: () => h("span", { class: "pic ez-wait" }, String(index + 1)) };
  });
}

function thumbnail(image, marked) {
  const on = image.id === marked;
  return h(
    "button",
    {
      class: `pic ${on ? "on" : ""}`,
      type: "button",
      "aria-label": spoken(image),
      "aria-current": on ? "true" : null,
      title: nameOf(image),
      style: { "background-color": image.mean_colour },
      onclick: () => choose(image),
    },
    h("img", { src: image.thumbnail, alt: "", loading: "lazy" }),
  );
}

function drawingSlot() {
  const on = shown.kind === "running";
  return h(
    "button",
    { class: `pic ez-drawing ${on ? "on" : ""}`, type: "button", "aria-label": t("The picture being drawn"), title: t("The picture being drawn"), onclick: follow },
    h("canvas", { width: "64", height: "64" }),
  );
}

/** The picture beside `image` in the strip; direction 1 is to the right. */
export function neighbour(image, direction) {
  const at = known.pictures.findIndex((other) => other.id === image?.id);
  return at < 0 ? null : known.pictures[at + direction] ?? null;
}

/** Moves along the strip; the picture being drawn stands before the first. */
export function step(direction) {
  if (!shown.image) {
    if (direction > 0 && known.pictures.length) choose(known.pictures[0]);
    return;
  }
  const next = neighbour(shown.image, direction);
  if (next) choose(next);
  else if (direction < 0 && activeJobs().length) follow();
}
