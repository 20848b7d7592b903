// The Upscale page: at the left what is to be made larger and how, at the right before and after, and the files of a batch.

import { uploadAll } from "./batch-files.js";
import { Chain } from "./chain.js";
import { presetButton } from "./field-presets.js";
import { icon } from "./icons.js";
import { newestPicture, on } from "./jobs.js";
import { inOurLanguage, t } from "./language.js";
import { madeBefore } from "./made-before.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { currentPage, onPage } from "./pages.js";
import { expectJob, forgetJob } from "./queue.js";
import { range } from "./range.js";
import { upscalePanels } from "./upscale-panels.js";
import { kindOf, onSteps } from "./steps.js";
import { errorToast } from "./toasts.js";
import { choice, labelled, numberField, oneOf, section } from "./upscale-controls.js";
import { draft } from "./upscale-draft.js";
import { knownSizes, ofHistory, put, sourcePart } from "./upscale-sources.js";
import { editedUpscale, leaveUpscale, onEdited, saveUpscale } from "./upscale-take.js";
import { expect, expectBatch, pick, stage, takeDropped, watchSource } from "./upscale-stage.js";

const PAGE = "upscale";
const FACTORS = [2, 4, 8];
const PLAN_AFTER_MS = 300;
const FIRST = 9; // the highest priority: before all that waits

let about = {}; // what is declared of each field of the step: label, help, minimum, maximum, step
let parts = {};
let upscalers = []; // [name, words]

/** props.fields: rows of what is declared of the step `upscale`. props.upscalers: names of those that are built in. props.none: name of no second one. */
export function mount(element, { fields, upscalers: builtIn, none }) {
  about = Object.fromEntries(fields.map((row) => [row.name, row]));
  draft.begin(Object.fromEntries(fields.filter(({ name }) => name !== "step").map((row) => [row.name, row.default])));
  upscalers = builtIn.map((name) => [name, name]);
  parts = { from: sourcePart(pick), size: sizePart(), upscaler: upscalerPart(none), tiles: tilePart(), save: savePart(), panels: upscalePanels() };
  const chain = h("div", { class: "ez-up-chain" });
  const scroll = h(
    "div",
    { class: "ez-scroll" },
    parts.from.element,
    h("div", { class: "ez-up-step" }, parts.size.element, parts.upscaler.element),
    chain,
    h("div", { class: "ez-accs" }, parts.tiles.element, parts.save.element, parts.panels.element),
  );
  const asking = h("section", { class: "ez-ask ez-up-ask", "aria-label": t("Parameters") }, scroll, foot());
  const main = h("div", { class: "ez-main g-create" }, asking, stage());
  fill(element, main);
  takeDropped(main);
  const editor = new Chain(chain, { key: PAGE, title: t("Finishing chain"), changed: (finishing) => draft.set({ finishing }) });
  parts.chain = { draw: () => editor.adopt(draft.finishing) };
  onSteps(lookForUpscalers);
  draft.addEventListener("change", draw);
  draft.addEventListener("sizes", planSoon);
  on("snapshot", planSoon);
  on("job", ({ job }) => job.kind === PAGE && planSoon());
  onPage((page) => page === PAGE && planSoon());
  draw();
}

// Models come and go.
function lookForUpscalers() {
  const field = kindOf({ step: "upscale" })?.fields.find(({ name }) => name === "upscaler");
  if (!field?.choices) return;
  upscalers = field.choices.map((name) => [name, name]);
  draw();
}

function draw() {
  for (const part of Object.values(parts)) part.draw();
  planSoon();
}

// ---- how large

function sizePart() {
  const take = (name) => (value) => {
    draft.setStep({ [name]: value });
    if (["width", "height"].includes(name)) draft.set({ target: { ...draft.target, [name]: value } });
  };
  const mode = oneOf(t("Size"), [["by", t("Scale by")], ["to", t("Scale to")]], (chosen) => draft.setStep(chosen === "to" ? sizeWanted() : { width: 0, height: 0 }));
  const factors = oneOf(t("Factor"), FACTORS.map((factor) => [factor, `${factor} ×`]), (scale) => draft.setStep({ scale }));
  const scale = numberField(about.scale.label, about.scale, take("scale"), "×");
  const width = numberField(t("Width"), about.width, take("width"), "W");
  const height = numberField(t("Height"), about.height, take("height"), "H");
  const crop = h("button", { class: "ez-switch", type: "button", role: "switch", title: about.crop.help, onclick: () => draft.setStep({ crop: !draft.step.crop }) }, h("i"), about.crop.label);
  const by = h("div", { class: "row ez-up-by" }, factors.element, scale.element);
  const to = h("div", { class: "ez-up-to" }, h("div", { class: "row" }, width.element, h("span", { class: "dim" }, "×"), height.element), crop);
  const part = labelled(t("Size"), [mode.element, by, to]);
  return {
    ...part,
    draw() {
      const { step, isToSize } = draft;
      part.element.hidden = !step;
      if (!step) return;
      mode.show(isToSize ? "to" : "by");
      by.hidden = isToSize;
      to.hidden = !isToSize;
      factors.show(step.scale);
      scale.show(step.scale);
      width.show(step.width || null);
      height.show(step.height || null);
      crop.hidden = !(step.width && step.height);
      crop.classList.toggle("on", step.crop);
      crop.setAttribute("aria-checked", String(step.crop));
    },
  };
}

// What was enlarged to before; a size without any side would be none.
function sizeWanted() {
  const { width, height } = draft.target;
  return width || height ? { width, height } : { width: 2048, height: 2048 };
}

// ---- by what

function upscalerPart(none) {
  const first = choice(about.upscaler.label, about.upscaler.help, (upscaler) => draft.setStep({ upscaler }));
  const second = choice(about.upscaler_2.label, about.upscaler_2.help, (upscaler_2) => draft.setStep({ upscaler_2, ...(upscaler_2 !== none && !draft.step.upscaler_2_visibility && { upscaler_2_visibility: 0.5 }) }));
  const { minimum, maximum, step: by, help } = about.upscaler_2_visibility;
  let slider = null;
  const visibility = h("div", { class: "ez-up-blend" });
  const one = labelled(t(about.upscaler.label), first.element);
  const other = labelled(t(about.upscaler_2.label), second.element);
  const element = h("div", { class: "col ez-up-upscalers" }, one.element, h("div", { class: "two" }, other.element, visibility));
  return {
    element,
    complain(error, field) {
      (field === "upscaler_2" ? other : one).complain(error);
    },
    draw() {
      const { step } = draft;
      element.hidden = !step;
      if (!step) return;
      first.show(step.upscaler, upscalers);
      second.show(step.upscaler_2, [[none, none], ...upscalers]);
      visibility.inert = step.upscaler_2 === none;
      if (slider === step.upscaler_2_visibility) return;
      slider = step.upscaler_2_visibility;
      if (!visibility.contains(document.activeElement)) fill(visibility, range(t("Blend"), { "aria-label": about.upscaler_2_visibility.label, title: help }, slider, { min: minimum, max: maximum, step: by }, take));
    },
  };
  function take(value) {
    slider = value;
    draft.setStep({ upscaler_2_visibility: value });
  }
}

// ---- tiles, and where it goes

function folded(name) {
  return [
    draft.open.includes(name),
    (isOpen) => draft.set({ open: isOpen ? [...draft.open, name] : draft.open.filter((other) => other !== name) }),
  ];
}

function tilePart() {
  const tile = numberField(about.tile.label, about.tile, (value) => draft.setStep({ tile: value }), "px");
  const overlap = numberField(about.overlap.label, about.overlap, (value) => draft.setStep({ overlap: value }), "px");
  const fields = { tile: labelled(about.tile.label, tile.element), overlap: labelled(about.overlap.label, overlap.element) };
  const told = h("p", { class: "ez-hint" });
  const acc = section("ez-upscale-tiles", t("Tiles"), [h("div", { class: "two" }, fields.tile.element, fields.overlap.element), told], ...folded("tiles"));
  tile.input.placeholder = overlap.input.placeholder = t("Automatic");
  return {
    element: acc.element,
    complain(error, field) {
      if (error) acc.open();
      fields[field].complain(error);
    },
    draw() {
      const { step } = draft;
      acc.element.hidden = !step;
      if (!step) return;
      tile.show(step.tile || null);
      overlap.show(step.overlap || null);
      const usual = !step.tile && !step.overlap;
      told.textContent = about.tile.help;
      acc.say(usual ? planned ? t("Automatic: {planned}", { planned }) : t("Automatic") : [step.tile || t("automatic"), step.overlap && t("overlap {overlap}", { overlap: step.overlap })].filter(Boolean).join(", "), usual);
    },
  };
}

let planned = ""; // tiles as they were planned, in words

function savePart() {
  const input = h("input", {
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: "100",
    placeholder: t("holiday"),
    "aria-label": t("Folder of its own"),
    value: draft.output_folder,
    oninput: () => draft.set({ output_folder: input.value }),
  });
  const field = labelled(t("Folder of its own, for many pictures"), h("div", { class: "ez-field" }, icon("folder", "dim"), input));
  const hint = h("p", { class: "ez-hint" });
  const acc = section("ez-upscale-save", t("Save"), [field.element, hint], ...folded("save"));
  return {
    element: acc.element,
    complain(error) {
      if (error) acc.open();
      field.complain(error);
    },
    draw() {
      if (document.activeElement !== input) input.value = draft.output_folder;
      const own = draft.output_folder.trim();
      hint.textContent = own ? t("Saved as upscale-images/{own}, each under the name of its file.", { own }) : t("Empty: where all pictures go, named as Settings say. Sources stay as they are.");
      acc.say(own ? `upscale-images/${own}` : t("With all others"), !own);
    },
  };
}

// ---- the foot

function foot() {
  const plan = h("span", { class: "mid xs grow cut", role: "status" });
  const go = h("button", { class: "ez-btn primary l grow", type: "button", id: "ez-upscale-go", onclick: () => begin() }, t("Upscale"), h("kbd", {}, t("Ctrl ↵")));
  const more = h(
    "button",
    { class: "ez-btn primary l", type: "button", title: t("Other ways to upscale"), "aria-label": t("Other ways to upscale"), "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => toggleMenu(more, t("Other ways to upscale"), ways(), () => more) },
    icon("down"),
  );
  parts.plan = { draw() {}, element: plan, before: madeBefore() };
  return h("div", { class: "ez-foot" }, standing(), parts.plan.before.element, h("div", { class: "row ez-up-foot" }, h("div", { class: "ez-join ez-up-go" }, go, more), presetButton()), h("div", { class: "row s" }, h("span", { class: "ez-plan-mark ok" }, icon("plan")), plan));
}

// While a waiting job is being changed.
function standing() {
  const name = h("b", {});
  const element = h(
    "div",
    { class: "ez-standing", role: "status", hidden: true },
    icon("edit"),
    h("span", { class: "grow cut" }, t("Editing"), " ", name),
    h("button", { class: "ez-btn ghost s", type: "button", title: t("The job stays as it was"), onclick: leaveUpscale }, t("Leave")),
    h("button", { class: "ez-btn s", type: "button", title: t("The job gets what stands here and keeps its place"), onclick: saveUpscale }, t("Save to queue")),
  );
  onEdited(() => {
    element.hidden = !editedUpscale();
    name.textContent = editedUpscale()?.name ?? "";
  });
  return element;
}

function ways() {
  const newest = newestPicture();
  return [
    draft.way === "one" && { icon: "top", words: t("Upscale next, before all that waits"), run: () => begin({ priority: FIRST }) },
    newest && { icon: "pictures", words: t("Upscale the last picture"), run: () => upscale(newest) },
    { icon: "grid", words: t("Choose from history"), run: () => pick() },
  ];
}

function upscale(image) {
  put(ofHistory(image));
  return begin();
}

/** Orders what the column says. */
async function begin({ priority = 0 } = {}) {
  if (draft.sending) return;
  complainNoMore();
  if (!draft.total) return complain(nothingChosen());
  draft.sending = t("Sending");
  try {
    if (draft.way === "one") await orderOne(priority);
    else await orderMany();
  } catch (error) {
    complain({ message: error.message, hint: error.hint ?? t("Try again."), ...error });
  } finally {
    draft.sending = null;
    say();
  }
}

function nothingChosen() {
  const hints = { one: t("Drop one here, or choose a file."), several: t("Choose files, or drop them here."), folder: t("Name a folder that holds some."), history: t("Choose some.") };
  return { field: "from", message: t("There is no picture to upscale."), hint: hints[draft.way] };
}

async function orderOne(priority) {
  expectJob();
  watchSource();
  const { image, name } = draft.one;
  const job = await post(`/jobs?priority=${priority}`, { ...draft.request(), init_image: image, init_name: name }).finally(forgetJob);
  expect(job.id);
}

async function orderMany() {
  const order = { request: draft.request(), output_folder: draft.output_folder.trim() };
  if (draft.way === "folder") order.folder = draft.folder;
  else if (draft.way === "history") order.files = draft.picked.map(({ name, image }) => ({ name, image }));
  else order.files = await sent();
  const batch = await post("/batches", order);
  expectBatch(batch.id);
}

async function sent() {
  const { files } = draft;
  const taken = await uploadAll(files, (through) => {
    draft.sending = t("Sending {through} of {files}", { through, files: files.length });
    say();
  });
  if (taken.every((file) => file.problem)) throw { message: t("None of these files can be used."), hint: taken[0].problem, field: "from" };
  return taken;
}

async function post(path, body) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`/api/v1${path}`, options).catch(() => null);
  const answer = inOurLanguage(await response?.json().catch(() => null));
  if (!response?.ok) throw answer?.error ?? { message: t("Easel doesn't answer, so nothing was ordered."), hint: t("Try again when the connection is back.") };
  return answer;
}

// ---- what is wrong stands where it is wrong

const PLACES = { scale: "size", width: "size", height: "size", crop: "size", upscaler: "upscaler", upscaler_2: "upscaler", upscaler_2_visibility: "upscaler", tile: "tiles", overlap: "tiles" };
const OF_STEP = /^(?:request\.)?finishing\[(\d+)\](?:\.(\w+))?$/;

function complain(error) {
  const [, number, field] = OF_STEP.exec(error.field ?? "") ?? [];
  if (number !== undefined && draft.finishing[Number(number)] === draft.step) {
    const place = PLACES[field ?? "scale"] ?? "size";
    return parts[place].complain(error, field);
  }
  if (["from", "folder", "files", "init_image"].includes(error.field)) return parts.from.complain(error);
  if (error.field === "output_folder") return parts.save.complain(error);
  return parts.panels.complain(error) || errorToast(error);
}

function complainNoMore() {
  parts.from.complain(null);
  parts.size.complain(null);
  for (const field of ["upscaler", "upscaler_2"]) parts.upscaler.complain(null, field);
  for (const field of ["tile", "overlap"]) parts.tiles.complain(null, field);
  parts.save.complain(null);
}

// ---- the plan

let timer = null;
let round = 0;
let plan = { text: "", bad: false };

function planSoon() {
  clearTimeout(timer);
  timer = setTimeout(makePlan, PLAN_AFTER_MS);
}

async function makePlan() {
  if (currentPage() !== PAGE) return;
  const mine = ++round;
  if (!draft.total) {
    parts.plan.before.tell(null);
    return tell({ text: nothingChosen().hint, bad: false });
  }
  const where = draft.way === "folder" ? { folder: draft.folder } : { sizes: knownSizes(), total: draft.total };
  const answer = await post("/batches/plan", { request: draft.request(), ...where }).catch((error) => ({ error }));
  if (mine !== round) return;
  complainNoMore();
  planned = answer.tiles ?? "";
  if (answer.error?.field) complain(answer.error);
  tellMade(answer.error);
  tell(answer.error ? { text: answer.error.message, bad: true } : { text: answer.text, bad: false });
  parts.tiles.draw();
}

// Of one picture, which the server has by now, it is looked whether the same was made before.
async function tellMade(wrong) {
  const mine = round;
  const one = { one: draft.one, history: draft.picked.length === 1 && draft.picked[0] }[draft.way];
  const answer = !wrong && one?.image ? await post("/duplicates", { ...draft.request(), init_image: one.image }).catch(() => null) : null;
  if (mine === round) parts.plan.before.tell(answer);
}

function tell(next) {
  plan = next;
  say();
}

function say() {
  const { element } = parts.plan;
  element.textContent = element.title = draft.sending ?? plan.text;
  element.classList.toggle("bad", plan.bad && !draft.sending);
}
