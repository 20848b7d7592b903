// Below Generate: what a click will make and how long it takes, and the Live switch that redraws while one types.

import { clearErrors, onChange, put, showError, values } from "./fields.js";
import { filmSwitch } from "./film.js";
import { icon } from "./icons.js";
import { ACTIVE, on } from "./jobs.js";
import { ask, linked, onReceipt } from "./link.js";
import { fill, h } from "./markup.js";
import { choosePicture, onPage, open } from "./pages.js";
import { kindOf, outlineOf, whenCanvas } from "./source.js";
import { recall, remember } from "./storage.js";
import { errorToast } from "./toasts.js";
import { dayAndMonth } from "./words.js";

const PLAN_AFTER_MS = 300;
const DRAW_AFTER_MS = 250;
const NOT_DRAWN = new Set(["batch_count", "batch_size"]);
const HIGHEST_SEED = 2 ** 32;

/** Names this page to the studio: a newer live job supersedes only this page's earlier one. */
export const client = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

let live = false;
let ownSeed = null; // the seed that Live chose, so that it can be taken out again
const listeners = new Set();
const switches = new Set();

export function isLive() {
  return live;
}

/** Calls back when Live is switched. */
export function onLive(listener) {
  listeners.add(listener);
}

/** A Live switch; there may be several, all show the same. */
export function liveSwitch() {
  const button = h(
    "button",
    { class: "ez-switch ez-live", type: "button", role: "switch", title: "Redraw while you type", onclick: () => setLive(!live) },
    h("i"),
    "Live",
  );
  switches.add(button);
  showSwitches();
  return button;
}

function showSwitches() {
  for (const button of switches) {
    button.classList.toggle("on", live);
    button.setAttribute("aria-checked", String(live));
  }
}

export function setLive(wanted) {
  if (live === wanted) return;
  live = wanted;
  remember("live", live);
  showSwitches();
  if (live && !String(values.seed ?? "").trim()) {
    // One fixed seed, in sight: only then does the picture change with the words alone, and Generate keeps the same one.
    ownSeed = String(Math.floor(Math.random() * HIGHEST_SEED));
    put({ seed: ownSeed });
  } else if (live) drawSoon();
  else if (values.seed === ownSeed) put({ seed: "" });
  listeners.forEach((listener) => listener(live));
}

function debounced(run, wait) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, wait);
  };
}

const drawSoon = debounced(() => live && kindOf() === "txt2img" && ask("live", { client }), DRAW_AFTER_MS);
const planSoon = debounced(() => ask("plan", { source: outlineOf() }), PLAN_AFTER_MS);

// Pictures that Generate would make again; it makes them all the same.
function tellRepeat(place, told) {
  place.hidden = !told?.made;
  if (place.hidden) return fill(place);
  const [image] = told.images;
  const when = dayAndMonth(image.created_at);
  const words = told.made === told.pictures ? `You made exactly this ${said(when)}` : `You made ${told.made} of these ${told.pictures} ${said(when)}`;
  const show = () => {
    choosePicture("history", image.id);
    open("history");
  };
  fill(place, h("img", { src: image.thumbnail, alt: "" }), h("span", { class: "grow" }, words), h("button", { class: "ez-link xs", type: "button", onclick: show }, "Show"));
}

function said(when) {
  return /^[a-z]/.test(when) ? when : `on ${when}`;
}

export function mount(element) {
  const text = h("span", {});
  const before = h("div", { class: "ez-made-before", hidden: true, role: "status" });
  fill(
    element,
    before,
    h("div", { class: "row s" }, h("span", { class: "ez-plan-mark ok" }, icon("plan")), h("span", { class: "mid xs grow cut2 ez-plan-words" }, text), filmSwitch(), liveSwitch()),
  );
  onReceipt("plan", ({ error, text: words, made }) => {
    tellRepeat(before, made);
    text.textContent = error ? error.message : words;
    text.title = error ? `${error.message} ${error.hint}` : words;
    text.classList.toggle("bad", Boolean(error));
    if (!error) clearErrors();
    else showError(error, { focus: false });
  });
  onReceipt("live", ({ error }) => error && showError(error, { focus: false }));
  onReceipt("generate", ({ error }) => {
    if (!error) clearErrors();
    else if (!showError(error)) errorToast(error);
  });
  onChange((changed) => {
    planSoon();
    if (live && changed.some((name) => !NOT_DRAWN.has(name))) drawSoon();
  });
  // Each finished job teaches the studio how long the next one takes.
  on("job", ({ job }) => !ACTIVE.has(job.status) && !job.live && planSoon());
  on("worker", planSoon);
  onPage(planSoon);
  whenCanvas("inpaint").then((canvas) => {
    canvas.watch("frame", planSoon);
    canvas.addEventListener("closed", planSoon);
  });
  linked.then(() => {
    planSoon();
    if (recall("live", false)) setLive(true);
  });
}
