// Regions: parts of the picture with prompts of their own. The field holds what a request has of them, as JSON; half-made ones wait here.

import { icon } from "./icons.js";
import { t } from "./language.js";
import { linked } from "./link.js";
import { listField } from "./list-field.js";
import { fill, h } from "./markup.js";
import { onPage } from "./pages.js";
import { range } from "./range.js";
import { MOST, RegionsBoard, pigment } from "./regions-board.js";
import { recall, remember } from "./storage.js";
import { toast } from "./toasts.js";
import { isThere } from "./uploads.js";

const FRESH = { prompt: "", mask: "", weight: 1, start: 0, end: 1 };
const TYPED_AFTER_MS = 300;

let place = null;
let regions = recall("regions", []).map(regionOf); // what a request has of a region, and {on, more, gone, draft, drawn} for this page
let typing = null;

const board = new RegionsBoard({
  all: () => regions,
  painted(region, hash) {
    const before = missing(region);
    Object.assign(region, { mask: hash, gone: false });
    if (missing(region) !== before) draw();
    changed();
  },
  chosen() {
    draw();
    // What is painted and what is said about it are seen together.
    place?.querySelector(".is-painted")?.scrollIntoView({ block: "nearest" });
  },
  add,
});

export function mount(element) {
  place = element;
  place.classList.add("ez-regions");
  draw();
}

linked.then(() => regions.forEach(check));
onPage(() => board.close());

/** The field holds what is painted and written here, and the stage can be seen. Throws {message, hint}. */
export async function settled() {
  await board.settle();
  board.close();
  changed();
  await regionsField.arrived();
}

/** Takes the board away, if it is there. */
export function closeBoard() {
  return board.close();
}

function regionOf(fields) {
  return { ...FRESH, on: true, more: false, gone: false, draft: null, drawn: null, ...fields };
}

const regionsField = listField("regions", { ready, adopt });

function adopt(wanted) {
  board.close();
  regions = wanted.map(regionOf);
  regions.forEach(check);
  keep();
  draw();
}

/** What a request gets: those that are on and painted. */
function ready() {
  return regions
    .filter((region) => region.on && region.mask && !region.gone)
    .map((region) => Object.fromEntries(Object.keys(FRESH).map((name) => [name, region[name]])));
}

function keep() {
  remember("regions", regions);
}

function changed() {
  clearTimeout(typing);
  keep();
  regionsField.send();
}

async function check(region) {
  if (!region.mask) return;
  const hash = region.mask;
  const there = await isThere(hash).catch(() => true); // no answer: the banner says so
  if (region.mask !== hash || region.gone === !there) return;
  region.gone = !there;
  draw();
  changed();
}

// ---- drawing

function draw() {
  board.draw();
  if (!place) return;
  const focused = document.activeElement?.closest?.("[data-region]")?.dataset.region;
  fill(
    place,
    regions.map(regionElement),
    !regions.length && h("p", { class: "dim s" }, t("Say for parts of the picture what is to be seen there. The prompt above rules everywhere else.")),
    regions.length < MOST && h("button", { class: "ez-btn s", type: "button", "data-region": "add", onclick: add }, icon("add"), t("Add a region")),
  );
  if (focused) place.querySelector(`[data-region="${focused}"]`)?.focus({ preventScroll: true });
}

function add() {
  if (regions.length >= MOST) return;
  const region = regionOf({});
  regions.push(region);
  keep();
  board.show(region);
}

function remove(region) {
  const before = [...regions];
  if (board.region === region) board.close();
  regions = regions.filter((other) => other !== region);
  draw();
  changed();
  toast({
    icon: "ok",
    title: t("Region removed"),
    undo: () => {
      regions = before;
      draw();
      changed();
    },
  });
}

/** Lays a region one place higher or lower. */
function move(region, by) {
  const from = regions.indexOf(region);
  regions.splice(from, 1);
  regions.splice(from + by, 0, region);
  draw();
  changed();
}

function regionElement(region, index) {
  const name = `${index + 1}`;
  const at = (part) => `${index}-${part}`;
  const set = (field) => (value) => {
    region[field] = value;
    draw();
    changed();
  };
  const painting = board.region === region;
  const act = (part, picture, words, run, title = words) =>
    h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("{words} region {name}", { words, name }), title, "data-region": at(part), onclick: run }, icon(picture));
  const words = h("textarea", {
    rows: 2,
    "data-prompt": true,
    "aria-autocomplete": "list",
    "aria-haspopup": "listbox",
    "aria-label": t("Prompt of region {name}", { name }),
    placeholder: t("A yellow sunflower"),
    "data-region": at("prompt"),
    oninput: () => {
      region.prompt = words.value;
      keep(); // the page may be left before the timer has run
      clearTimeout(typing);
      typing = setTimeout(() => {
        board.draw();
        changed();
      }, TYPED_AFTER_MS);
    },
  });
  words.value = region.prompt;
  return h(
    "section",
    { class: `ez-unit ez-region ${region.on ? "" : "is-off"} ${painting ? "is-painted" : ""}`, "aria-label": t("Region {name}", { name }), style: { "--sw": `var(${pigment(index)})` } },
    h(
      "div",
      { class: "ez-unit-head" },
      h(
        "button",
        { class: `ez-switch ${region.on ? "on" : ""}`, type: "button", role: "switch", "aria-checked": String(region.on), "data-region": at("on"), onclick: () => set("on")(!region.on) },
        h("i", {}),
        h("span", { class: "sw", "aria-hidden": "true" }),
        t("Region {name}", { name }),
      ),
      h("span", { class: "dim s cut" }, missing(region)),
      index > 0 && act("down", "up", t("Lower"), () => move(region, -1), t("Lay it beneath region {index}, which takes its place in the list", { index })),
      act("remove", "trash", t("Remove"), () => remove(region)),
    ),
    h("div", { class: "ez-field area" }, words),
    h(
      "div",
      { class: "ez-region-row row" },
      h(
        "button",
        { class: `ez-btn s ${painting ? "on" : ""}`, type: "button", "aria-pressed": String(painting), "data-region": at("paint"), onclick: () => (painting ? board.close() : board.show(region)) },
        icon("brush"),
        painting ? t("Done") : t("Paint"),
      ),
      range(t("Weight"), { "data-region": at("weight") }, region.weight, { min: 0.05, max: 1, step: 0.05 }, set("weight")),
    ),
    h("button", { class: "ez-link s", type: "button", "aria-expanded": String(region.more), "data-region": at("more"), onclick: () => set("more")(!region.more) }, region.more ? t("Fewer options") : t("More options")),
    region.more &&
      h(
        "div",
        { class: "ez-unit-fields" },
        range(t("Start"), { "data-region": at("start") }, region.start, { min: 0, max: 0.99, step: 0.01 }, (value) => {
          region.end = Math.max(region.end, value + 0.01);
          set("start")(value);
        }),
        range(t("End"), { "data-region": at("end") }, region.end, { min: 0.01, max: 1, step: 0.01 }, (value) => {
          region.start = Math.min(region.start, value - 0.01);
          set("end")(value);
        }),
      ),
  );
}

function missing(region) {
  if (region.gone) return t("Its mask is gone; paint it again");
  return region.mask ? "" : t("Paint where it is");
}
