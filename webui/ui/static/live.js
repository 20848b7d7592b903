// Below Generate: what a click will make and how long it takes, and the Live switch that redraws while one types.

import { clearErrors, onChange, put, showError, values } from "./fields.js";
import { filmSwitch } from "./film.js";
import { icon } from "./icons.js";
import { ACTIVE, on } from "./jobs.js";
import { t, told } from "./language.js";
import { ask, linked, onReceipt } from "./link.js";
import { fill, h } from "./markup.js";
import { madeBefore } from "./made-before.js";
import { onPage } from "./pages.js";
import { CANVAS_PAGES, kindOf, knownSourceOf, outlineOf, whenCanvas } from "./source.js";
import { recall, remember } from "./storage.js";
import { errorToast } from "./toasts.js";

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
    { class: "ez-switch ez-live", type: "button", role: "switch", title: t("Redraw while you type"), onclick: () => setLive(!live) },
    h("i"),
    t("Live"),
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
let planning = 0;

// With a seed of one's own it is looked whether the same was made before; for that it has to be known what it starts from.
async function plan() {
  const mine = ++planning;
  const source = Number(values.seed) >= 0 && String(values.seed ?? "").trim() ? await knownSourceOf() : outlineOf();
  if (mine === planning) ask("plan", { source });
}

const planSoon = debounced(plan, PLAN_AFTER_MS);

// "4 pictures in about 12 s; fits; VAE tiled": the server tells it in parts.
function planWords(text) {
  return text.split("; ").map((part) => (told(part) === part ? part.split(", ").map(told).join(", ") : told(part))).join("; ");
}

export function mount(element) {
  const text = h("span", {});
  const before = madeBefore();
  fill(
    element,
    before.element,
    h("div", { class: "row s" }, h("span", { class: "ez-plan-mark ok" }, icon("plan")), h("span", { class: "mid xs grow cut2 ez-plan-words" }, text), filmSwitch(), liveSwitch()),
  );
  onReceipt("plan", ({ error, text: words, made }) => {
    before.tell(made);
    const plan = error ? error.message : planWords(words);
    text.textContent = plan;
    text.title = error ? `${plan} ${error.hint}` : plan;
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
  for (const page of CANVAS_PAGES) {
    whenCanvas(page).then((canvas) => {
      for (const what of ["frame", "step"]) canvas.watch(what, planSoon);
      canvas.addEventListener("closed", planSoon);
    });
  }
  linked.then(() => {
    planSoon();
    if (recall("live", false)) setLive(true);
  });
}
