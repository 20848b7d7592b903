// Control: pictures that steer the picture, through ControlNets and IP-Adapters. The field holds what a request has of them, as JSON; half-made ones wait here.

import { isDrawing } from "./ask.js";
import { onChange, values } from "./fields.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t } from "./language.js";
import { linked } from "./link.js";
import { listField } from "./list-field.js";
import { fill, h, roving, whenThere } from "./markup.js";
import { open } from "./pages.js";
import { range } from "./range.js";
import { look } from "./rest.js";
import { select as choice } from "./select.js";
import { recall, remember } from "./storage.js";
import { errorToast, toast } from "./toasts.js";
import { addressOf, isThere, upload } from "./uploads.js";

const CONTROLNET = "controlnet";
const IP_ADAPTER = "ip_adapter";
const KINDS = { [CONTROLNET]: "ControlNet", [IP_ADAPTER]: "IP-Adapter" };
const KIND_HELP = {
  [CONTROLNET]: t("What goes where: edges, strokes, poses, colours."),
  [IP_ADAPTER]: t("What it shows, as a part of the prompt: subject, style, colours."),
};
const FRESH = {
  kind: CONTROLNET,
  model: "",
  image: "",
  preprocessor: "none",
  weight: 1,
  start: 0,
  end: 1,
  control_mode: "Balanced",
  resize_mode: "Crop and Resize",
  processor_res: 0,
  threshold_a: -1,
  threshold_b: -1,
};
const PICTURES = ["image/png", "image/jpeg", "image/webp", "image/avif", "image/gif", "image/bmp"];
const OF_HISTORY = /\/api\/v1\/(?:images|thumbnails)\/(\d+)/;

let place = null;
let units = recall("control", []).map(unitOf); // what a request has of a control, and {on, seen, more, gone} for this page
let choices = null; // what there is to choose from, for the checkpoint
let asked = 0;

export function mount(element) {
  place = element;
  place.classList.add("ez-control");
  draw();
}

// The section may be closed, and then it isn't drawn yet.
linked.then(() => {
  lookForChoices();
  for (const unit of units) check(unit);
});
onChange((names) => {
  if (names.includes("checkpoint")) lookForChoices();
  if (names.includes("width") || names.includes("height")) drawSeen();
});
on("catalog", lookForChoices);

function unitOf(fields) {
  return { ...FRESH, on: true, seen: false, more: false, gone: false, ...fields };
}

const controlsField = listField("controls", { ready, adopt });

function adopt(wanted) {
  units = wanted.map((fields) => unitOf({ ...fields, hash: undefined }));
  for (const unit of units) check(unit);
  keep();
  draw();
}

/** What a request gets: those that are on and have all they need. */
function ready() {
  return units
    .filter((unit) => unit.on && unit.image && unit.model && !unit.gone)
    .map((unit) => Object.fromEntries(Object.keys(FRESH).map((name) => [name, unit[name]])));
}

function keep() {
  remember("control", units);
}

function changed() {
  keep();
  controlsField.send();
}

async function check(unit) {
  if (!unit.image) return;
  const hash = unit.image;
  const there = await isThere(hash).catch(() => true); // no answer: the banner says so
  if (unit.image !== hash || unit.gone === !there) return;
  unit.gone = !there;
  draw();
  changed();
}

async function lookForChoices() {
  const mine = ++asked;
  const found = await look(`/control?checkpoint=${encodeURIComponent(values.checkpoint ?? "")}`);
  if (!found || mine !== asked) return;
  choices = found;
  for (const unit of units) if (unit.image && !unit.model) guessModel(unit);
  draw();
  changed();
}

// ---- pictures

async function takeFile(unit, file) {
  if (!PICTURES.includes(file.type)) return toast({ icon: "info", title: t("This is not a picture"), text: t("PNG, JPEG, WebP, AVIF, GIF and BMP are taken.") });
  try {
    takeHash(unit, await upload(file));
  } catch (error) {
    errorToast(error);
  }
}

function takeHash(unit, hash) {
  unit.image = hash;
  unit.gone = false;
  if (!unit.model) guessModel(unit);
  draw();
  changed();
}

async function takeDropped(unit, data) {
  const file = [...data.files].find(({ type }) => PICTURES.includes(type)) ?? data.files[0];
  const ours = OF_HISTORY.exec(data.getData("text/uri-list"));
  // A picture of this page is here already: its hash is all that is needed.
  const image = ours && (await look(`/history/${ours[1]}`));
  if (image) takeHash(unit, image.sha256);
  else if (file) takeFile(unit, file);
}

/** Lets a picture of the session or of history steer. Returns nothing; a toast says so, with Undo. */
export function steerWith(image) {
  if (!image.sha256) return toast({ icon: "info", title: t("A live picture isn't kept"), text: t("Generate it first.") });
  const before = JSON.stringify(units);
  let unit = units.find((other) => !other.image || other.gone);
  if (!unit) units.push((unit = unitOf({})));
  unit.on = true;
  takeHash(unit, image.sha256);
  if (!isDrawing()) open("txt2img");
  openSection();
  toast({
    icon: "ok",
    title: t("Sent to Control"),
    text: unit.model ? "" : t("Choose a model for it."),
    undo: () => {
      units = JSON.parse(before).map(unitOf);
      draw();
      changed();
    },
  });
}

function openSection() {
  whenThere("#ez-acc-control > button.label-wrap", (head) => {
    if (!head.classList.contains("open")) head.click();
    head.scrollIntoView({ block: "nearest" });
  });
}

function modelsOf(unit) {
  return (choices?.models ?? []).filter(({ kind }) => kind === unit.kind);
}

function modelOf(unit) {
  return modelsOf(unit).find(({ name }) => name === unit.model);
}

function takeKind(unit, kind) {
  Object.assign(unit, { kind, model: "", preprocessor: "none", threshold_a: -1, threshold_b: -1 });
  guessModel(unit);
  draw();
  changed();
}

/** A model whose name says what the preprocessor makes; else the first one, or one that has all it needs. */
function guessModel(unit) {
  const known = modelsOf(unit);
  const names = [...known.filter(({ lacks }) => !lacks), ...known.filter(({ lacks }) => lacks)].map(({ name }) => name);
  const word = unit.preprocessor.split("_")[0];
  unit.model = names.find((name) => name.toLowerCase().includes(word)) ?? (unit.preprocessor === "none" ? names[0] : unit.model) ?? "";
}

// ---- drawing

function draw() {
  if (!place) return;
  const focused = document.activeElement?.closest?.("[data-control]")?.dataset.control;
  fill(
    place,
    units.map(unitElement),
    choices && !choices.models.length && !units.length
      ? h("p", { class: "ez-control-none dim s" }, t("No ControlNet or IP-Adapter fits this checkpoint yet. Put one into models/controlnet or models/ip_adapter; it appears here by itself."))
      : null,
    units.length < (choices?.most ?? 8) ? h("button", { class: "ez-btn s", type: "button", "data-control": "add", onclick: add }, icon("add"), t("Add a picture")) : null,
  );
  drawSeen();
  if (focused) place.querySelector(`[data-control="${focused}"]`)?.focus({ preventScroll: true });
}

function add() {
  const kinds = new Set((choices?.models ?? []).map(({ kind }) => kind));
  units.push(unitOf({ kind: kinds.size && !kinds.has(CONTROLNET) ? IP_ADAPTER : CONTROLNET }));
  keep();
  draw();
}

function remove(unit) {
  const before = [...units];
  units = units.filter((other) => other !== unit);
  draw();
  changed();
  toast({
    icon: "ok",
    title: t("Control removed"),
    undo: () => {
      units = before;
      draw();
      changed();
    },
  });
}

function unitElement(unit, index) {
  const name = `${index + 1}`;
  const set = (field) => (value) => {
    unit[field] = value;
    draw();
    changed();
  };
  const processor = choices?.preprocessors.find((one) => one.name === unit.preprocessor);
  const at = (part) => `${index}-${part}`;
  return h(
    "section",
    { class: `ez-unit ${unit.on ? "" : "is-off"}`, "aria-label": t("Control {name}", { name }), onpaste: (event) => pasted(unit, event) },
    h(
      "div",
      { class: "ez-unit-head" },
      h(
        "button",
        { class: `ez-switch ${unit.on ? "on" : ""}`, type: "button", role: "switch", "aria-checked": String(unit.on), "data-control": at("on"), onclick: () => set("on")(!unit.on) },
        h("i", {}),
        t("Control {name}", { name }),
      ),
      h("span", { class: "dim s cut" }, missing(unit)),
      h("button", { class: "ez-btn ghost s icon end", type: "button", "aria-label": t("Remove control {name}", { name }), title: t("Remove"), "data-control": at("remove"), onclick: () => remove(unit) }, icon("trash")),
    ),
    kindChoice(unit, name, at("kind")),
    h(
      "div",
      { class: "ez-unit-pictures" },
      picture(unit, name, at("picture")),
      h("div", { class: `ez-seen ${unit.seen ? "" : "is-off"}`, "data-unit": index }, unit.seen ? null : h("button", { class: "ez-link s", type: "button", disabled: !unit.image, "data-control": at("seen"), onclick: () => set("seen")(true) }, t("Preview"))),
    ),
    h(
      "div",
      { class: "ez-unit-fields" },
      unit.kind === CONTROLNET && select(t("Preprocessor"), at("preprocessor"), unit.preprocessor, (choices?.preprocessors ?? []).map((one) => [one.name, one.label]), (value) => {
        Object.assign(unit, { preprocessor: value, threshold_a: -1, threshold_b: -1 });
        guessModel(unit);
        draw();
        changed();
      }, processor?.help),
      select(t("Model"), at("model"), unit.model, modelRows(unit), set("model"), "", unit.kind === IP_ADAPTER),
      slider(t("Weight"), at("weight"), unit.weight, { min: 0, max: 2, step: 0.05, wide: true }, set("weight")),
      slider(t("Start"), at("start"), unit.start, { min: 0, max: 1, step: 0.01 }, (value) => {
        unit.end = Math.max(unit.end, value);
        set("start")(value);
      }),
      slider(t("End"), at("end"), unit.end, { min: 0, max: 1, step: 0.01 }, (value) => {
        unit.start = Math.min(unit.start, value);
        set("end")(value);
      }),
    ),
    modelOf(unit)?.lacks && h("div", { class: "ez-note warn", role: "note" }, icon("info"), h("p", {}, modelOf(unit).lacks)),
    h("button", { class: "ez-link s", type: "button", "aria-expanded": String(unit.more), "data-control": at("more"), onclick: () => set("more")(!unit.more) }, unit.more ? t("Fewer options") : t("More options")),
    unit.more && moreFields(unit, at, set, processor),
  );
}

function moreFields(unit, at, set, processor) {
  const thresholds = (processor?.thresholds ?? []).map((threshold, place) => {
    const field = ["threshold_a", "threshold_b"][place];
    const value = unit[field] === -1 ? threshold.default : unit[field];
    return slider(threshold.label, at(field), value, { min: threshold.minimum, max: threshold.maximum, step: threshold.step }, set(field));
  });
  const steers = unit.kind === CONTROLNET;
  const row = (label, field, names) => select(label, at(field), unit[field], names.map((name) => [name, name]), set(field));
  return h(
    "div",
    { class: "ez-unit-fields" },
    thresholds,
    row(t("Resize mode"), "resize_mode", choices?.resize_modes ?? [unit.resize_mode]),
    steers && row(t("Control mode"), "control_mode", choices?.control_modes ?? [unit.control_mode]),
    steers && slider(t("Resolution"), at("processor_res"), unit.processor_res, { min: 0, max: 2048, step: 64 }, set("processor_res"), (value) => (value ? `${value} px` : t("As drawn"))),
  );
}

function missing(unit) {
  if (unit.gone) return t("Its picture is gone; choose it again");
  if (!unit.image) return t("Choose a picture");
  return unit.model ? "" : t("Choose a model");
}

function kindChoice(unit, name, key) {
  const buttons = Object.entries(KINDS).map(([kind, words]) =>
    h(
      "button",
      { class: kind === unit.kind ? "on" : "", type: "button", role: "radio", "aria-checked": String(kind === unit.kind), title: KIND_HELP[kind], "data-control": `${key}-${kind}`, onclick: () => kind !== unit.kind && takeKind(unit, kind) },
      words,
    ),
  );
  const group = h("div", { class: "ez-seg", role: "radiogroup", "aria-label": t("Kind of control {name}", { name }) }, buttons);
  roving(group, "button")(buttons.find((button) => button.classList.contains("on")));
  return group;
}

function modelRows(unit) {
  const names = modelsOf(unit).map(({ name }) => name);
  const rows = names.map((name) => [name, name]);
  if (!unit.model) rows.unshift(["", names.length ? t("Choose one") : t("None is here yet")]);
  else if (choices && !names.includes(unit.model)) rows.unshift([unit.model, t("{model} (not for this checkpoint)", { model: unit.model })]);
  return rows;
}

function select(label, key, value, rows, take, help = "", wide = false) {
  return choice(label, { "data-control": key }, value, rows, take, { help, wide });
}

function slider(label, key, ...rest) {
  return range(label, { "data-control": key }, ...rest);
}

function picture(unit, name, key) {
  const file = h("input", { type: "file", accept: PICTURES.join(","), hidden: true, "aria-hidden": "true", tabindex: "-1", onchange: () => file.files[0] && takeFile(unit, file.files[0]) });
  const button = h(
    "button",
    {
      class: `ez-unit-picture ${unit.image ? "" : "ez-drop"}`,
      type: "button",
      title: t("Choose, drop or paste a picture"),
      "aria-label": unit.image ? t("Picture of control {name}: choose another one", { name }) : t("Picture of control {name}: choose, drop or paste one", { name }),
      "data-control": key,
      onclick: () => file.click(),
      ondragover: (event) => {
        event.preventDefault();
        button.classList.add("is-over");
      },
      ondragleave: () => button.classList.remove("is-over"),
      ondrop: (event) => {
        event.preventDefault();
        button.classList.remove("is-over");
        takeDropped(unit, event.dataTransfer);
      },
    },
    unit.image && !unit.gone ? h("img", { src: addressOf(unit.image), alt: "" }) : [icon("pictures"), t("Drop, paste or choose")],
  );
  return h("div", {}, file, button);
}

function pasted(unit, event) {
  const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => PICTURES.includes(type));
  if (!file) return;
  event.preventDefault();
  takeFile(unit, file);
}

/** What the models see, of the size that is drawn now. */
function drawSeen() {
  if (!place) return;
  for (const box of place.querySelectorAll(".ez-seen[data-unit]")) {
    const unit = units[box.dataset.unit];
    if (!unit?.seen || !unit.image || unit.gone) continue;
    const address = `/api/v1/control/preview?${seenQuery(unit)}`;
    if (box.dataset.address === address) continue;
    box.dataset.address = address;
    fill(
      box,
      h("img", { src: address, alt: t("What the model sees"), onerror: () => fill(box, h("p", { class: "dim s" }, t("It can't be shown at this size."))) }),
      h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Close the preview"), title: t("Close the preview"), onclick: () => closeSeen(unit) }, icon("close")),
    );
  }
}

function closeSeen(unit) {
  unit.seen = false;
  keep();
  draw();
}

function seenQuery(unit) {
  const { kind, image, preprocessor, resize_mode, processor_res, threshold_a, threshold_b } = unit;
  const size = { width: values.width ?? 512, height: values.height ?? 512 };
  return new URLSearchParams({ kind, image, preprocessor, resize_mode, processor_res, threshold_a, threshold_b, ...size });
}
