// A new batch: which files, with which masks, what each file decides itself, where the pictures go. All else the fields say.

import { chooseFiles, uploadAll } from "./batch-files.js";
import { clearErrors, showError } from "./fields.js";
import { icon } from "./icons.js";
import { inOurLanguage, language, t, tn } from "./language.js";
import { ask, onReceipt } from "./link.js";
import { fill, h } from "./markup.js";
import { labelled, segments } from "./models-work.js";
import { settled } from "./regions.js";
import { canvasOf } from "./source.js";
import { recall, remember } from "./storage.js";
import { errorToast } from "./toasts.js";
import { upload } from "./uploads.js";

const SHOWN = 60; // files of a new batch that are shown as pictures
const OWN = { prompt: t("Prompt"), negative_prompt: t("Negative prompt"), seed: t("Seed"), steps: t("Steps"), cfg_scale: t("CFG scale"), sampler: t("Sampler"), checkpoint: t("Checkpoint") };
const USUAL = { way: "files", folder: "", mask_way: "canvas", mask_folder: "", own: [], own_size: false, one_seed: true, output_folder: "" };
const UNFIT = { message: t("There is no picture among these files."), hint: t("PNG, JPEG, WebP, AVIF, GIF and BMP are taken.") };

const drafts = new Map(); // kind -> Draft

/** What was begun on a page: its files until the page is reloaded, its choices for longer. */
export function draftOf(kind) {
  if (!drafts.has(kind)) drafts.set(kind, new Draft(kind));
  return drafts.get(kind);
}

class Draft extends EventTarget {
  constructor(kind) {
    super();
    Object.assign(this, USUAL, recall(`batch ${kind}`, {}), { kind, files: [], masks: [], found: null, sending: null });
  }

  /** Events: "change". */
  set(given) {
    Object.assign(this, given);
    remember(`batch ${this.kind}`, Object.fromEntries(Object.keys(USUAL).map((name) => [name, this[name]])));
    this.dispatchEvent(new Event("change"));
  }

  take(files) {
    if (!files.length) return errorToast(UNFIT);
    this.set({ files, way: "files" });
  }

  takeMasks(masks) {
    if (!masks.length) return errorToast(UNFIT);
    this.set({ masks, mask_way: "files" });
  }

  get total() {
    return this.way === "files" ? this.files.length : (this.found?.total ?? 0);
  }
}

let waiting = null; // {draft, started} of the batch that was sent and isn't answered yet

onReceipt("batch", ({ error, batch }) => {
  if (!waiting) return;
  const { draft, started } = waiting;
  waiting = null;
  draft.set({ sending: null, ...(!error && { files: [], masks: [], found: null }) });
  if (error) return draft.complain?.(error) || showError(error) || errorToast(error);
  clearErrors();
  started(batch);
});

/** The form of a page's new batch. started(id) is called once it was taken. */
export function batchForm(kind, started) {
  const draft = draftOf(kind);
  const files = filePart(draft);
  const masks = kind === "inpaint" ? maskPart(draft) : null;
  const options = optionPart(draft);
  const go = h("button", { class: "ez-btn primary l", type: "submit" });
  const hint = h("p", { class: "ez-hint", role: "status" });
  const form = h("form", { class: "ez-sheet-body ez-padded ez-batch-form", novalidate: true }, files.element, masks?.element, options.element, h("div", { class: "ez-batch-go" }, go, hint));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(draft, started);
  });
  draft.complain = (error) => [files, masks, options].some((part) => part?.complain(error));
  const draw = () => {
    if (!form.isConnected && form.parentElement) return;
    files.draw();
    masks?.draw();
    options.draw();
    const { total, sending } = draft;
    go.disabled = !total || Boolean(sending);
    go.textContent = sending ?? (total > 1 ? t("Draw on all {value}", { value: total.toLocaleString(language) }) : total ? t("Draw on it") : t("Draw"));
    hint.textContent = total ? t("Prompt and all other fields are as they stand now. It goes on when this page is closed.") : draft.way === "files" ? t("Choose files first.") : t("Look into the folder first.");
  };
  draft.addEventListener("change", draw);
  draw();
  return form;
}

// ---- files

function filePart(draft) {
  const path = pathField("ez-batch-folder", t("Folder on Easel's machine"), t("Its pictures are read when their turn comes; nothing there is changed."), draft, "folder");
  const found = h("p", { class: "ez-hint", role: "status" });
  const tiles = h("div", { class: "ez-batch-grid", role: "list", "aria-label": t("Chosen files") });
  const chosen = h("div", { class: "col" }, h("div", { class: "row wrap" }, smallButton("pictures", t("Choose files"), () => chooseFiles((files) => draft.take(files))), smallButton("folder", t("A whole folder"), () => chooseFiles((files) => draft.take(files), { folder: true }))), h("p", { class: "ez-hint" }, t("Or drop them on the canvas.")), tiles);
  const named = h("div", { class: "col" }, path.element, h("div", { class: "row" }, smallButton("search", t("Look"), () => lookInto(draft))), found);
  path.control.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    lookInto(draft);
  });
  let drawn = null;
  const choice = h("div", {});
  const draw = () => {
    if (choice.dataset.way !== draft.way) {
      choice.dataset.way = draft.way;
      fill(choice, segments(t("Where the files are"), [["files", t("This computer")], ["folder", t("Easel's machine")]], (way) => draft.set({ way }), draft.way));
    }
    chosen.hidden = draft.way !== "files";
    named.hidden = draft.way !== "folder";
    found.textContent = foundWords(draft.found);
    found.classList.toggle("bad", Boolean(draft.found?.unmasked));
    if (drawn === draft.files) return;
    drawn = draft.files;
    fill(tiles, draft.files.slice(0, SHOWN).map(chosenTile), draft.files.length > SHOWN && h("p", { class: "dim xs" }, t("and {value} more", { value: draft.files.length - SHOWN })));
  };
  const complain = (error) => error.field === "folder" && (path.complain(error), true);
  draft.complainOfFolder = path.complain;
  return { element: h("div", { class: "col" }, choice, chosen, named), draw, complain };
}

function chosenTile(file) {
  const address = URL.createObjectURL(file);
  const done = () => URL.revokeObjectURL(address);
  const picture = h("img", {
    src: address,
    alt: "",
    loading: "lazy",
    onload: done,
    onerror: () => {
      done();
      picture.replaceWith(h("span", { class: "ez-batch-none" }, icon("bad")));
    },
  });
  return h("div", { class: "ez-batch-tile", role: "listitem", title: file.name }, picture, h("span", { class: "cut xs" }, file.name));
}

async function lookInto(draft) {
  draft.complainOfFolder(null);
  const masks = draft.kind === "inpaint" && draft.mask_way === "folder" ? draft.mask_folder : "";
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ folder: draft.folder, mask_folder: masks }) };
  const response = await fetch("/api/v1/batches/look", options).catch(() => null);
  const answer = inOurLanguage(await response?.json().catch(() => null));
  draft.set({ found: response?.ok ? answer : null });
  if (response?.ok) return;
  const error = answer?.error ?? { message: t("Easel doesn't answer."), hint: t("Try again when the connection is back.") };
  draft.complain(error) || errorToast(error);
}

function foundWords(found) {
  if (!found) return "";
  const names = found.first.slice(0, 3).join(", ");
  const rest = [found.others && t("{count} left alone", { count: tn("{n} other file", "{n} other files", found.others) }), found.links && t("{count} not followed", { count: tn("{n} link", "{n} links", found.links) })];
  const masks = found.unmasked ? t("{count} without a mask, {first_unmasked} for one", { count: tn("{n} picture", "{n} pictures", found.unmasked), first_unmasked: found.first_unmasked }) : found.masks && tn("{n} mask", "{n} masks", found.masks);
  return `${[`${tn("{n} picture", "{n} pictures", found.total)}: ${names}${found.total > 3 ? ", …" : ""}`, ...rest, masks].filter(Boolean).join("; ")}.`;
}

// ---- masks

function maskPart(draft) {
  const path = pathField("ez-batch-masks", t("Mask folder"), t("Each file takes the mask of its name; one that is alone serves all."), draft, "mask_folder");
  const words = h("p", { class: "ez-hint" });
  const choose = smallButton("pictures", t("Choose masks"), () => chooseFiles((masks) => draft.takeMasks(masks)));
  const choice = h("div", {});
  const draw = () => {
    if (choice.dataset.way !== draft.mask_way) {
      choice.dataset.way = draft.mask_way;
      fill(choice, segments(t("Masks"), [["canvas", t("The painted one")], ["files", t("Files")], ["folder", t("Folder")]], (mask_way) => draft.set({ mask_way, found: null }), draft.mask_way));
    }
    path.element.hidden = draft.mask_way !== "folder";
    choose.hidden = draft.mask_way !== "files";
    words.hidden = draft.mask_way === "folder";
    words.textContent = draft.mask_way === "canvas" ? t("What is masked on the canvas serves all files of that size.") : t("{count}. Each file takes the one of its name; one that is alone serves all.", { count: tn("{n} mask", "{n} masks", draft.masks.length) });
  };
  const complain = (error) => {
    if (error.field !== "mask_folder") return false;
    path.complain(error);
    return true;
  };
  return { element: h("div", { class: "col" }, h("div", { class: "ez-label" }, t("Masks")), choice, choose, path.element, words), draw, complain };
}

// ---- options

function optionPart(draft) {
  const chips = h("div", { class: "row wrap", role: "group", "aria-label": t("From each file") });
  const size = h("div", {});
  const seed = h("button", { class: "ez-switch", type: "button", role: "switch", onclick: () => draft.set({ one_seed: !draft.one_seed }) }, h("i"), t("One seed for all, where it is random"));
  const output = labelled(
    "ez-batch-output",
    t("Save to a folder of its own"),
    t("Below the pictures folder, with the names of the files. Empty: where all pictures go."),
    h("div", { class: "ez-field" }, h("input", { type: "text", autocomplete: "off", spellcheck: "false", maxlength: "100", value: draft.output_folder, placeholder: t("holiday"), oninput: (event) => draft.set({ output_folder: event.target.value }) })),
  );
  const toggle = (name) => draft.set({ own: draft.own.includes(name) ? draft.own.filter((other) => other !== name) : [...draft.own, name] });
  fill(chips, Object.entries(OWN).map(([name, words]) => h("button", { class: "ez-chip", type: "button", "data-own": name, onclick: () => toggle(name) }, words)));
  const draw = () => {
    for (const chip of chips.children) {
      const on = draft.own.includes(chip.dataset.own);
      chip.classList.toggle("on", on);
      chip.setAttribute("aria-pressed", String(on));
    }
    if (size.dataset.own !== String(draft.own_size)) {
      size.dataset.own = String(draft.own_size);
      fill(size, segments(t("Size"), [["fields", t("As in the fields")], ["own", t("Each its own")]], (way) => draft.set({ own_size: way === "own" }), draft.own_size ? "own" : "fields"));
    }
    seed.classList.toggle("on", draft.one_seed);
    seed.setAttribute("aria-checked", String(draft.one_seed));
  };
  const complain = (error) => {
    if (error.field !== "output_folder") return false;
    output.complain(error);
    return true;
  };
  const element = h(
    "div",
    { class: "col ez-batch-options" },
    h("div", {}, h("div", { class: "ez-label" }, t("Taken from each file's own parameters")), chips, h("p", { class: "ez-hint" }, t("Its prompt is put behind yours."))),
    h("div", {}, h("div", { class: "ez-label" }, t("Size")), size),
    seed,
    output.element,
  );
  return { element, draw, complain };
}

function pathField(id, label, help, draft, name) {
  const input = h("input", { type: "text", autocomplete: "off", spellcheck: "false", placeholder: t("/home/me/frames"), value: draft[name], oninput: (event) => draft.set({ [name]: event.target.value, found: null }) });
  return labelled(id, label, help, h("div", { class: "ez-field" }, input));
}

function smallButton(drawing, words, run) {
  return h("button", { class: "ez-btn s", type: "button", onclick: run }, icon(drawing), words);
}

// ---- sending

async function send(draft, started) {
  if (draft.sending || !draft.total) return;
  draft.set({ sending: "Sending" });
  try {
    await settled(); // regions that are being painted belong to the fields
    const order = await orderOf(draft);
    waiting = { draft, started };
    ask("batch", { page: draft.kind, order });
  } catch (error) {
    draft.set({ sending: null });
    errorToast({ message: error.message, hint: error.hint ?? t("Try again.") });
  }
}

async function orderOf(draft) {
  const { kind, own, one_seed, output_folder } = draft;
  const order = { own, one_seed, output_folder, scale_by: draft.own_size ? 1 : null };
  const masks = kind === "inpaint" ? await masksOf(draft) : {};
  if (draft.way === "folder") return { ...order, ...masks, folder: draft.folder };
  const files = await uploadAll(draft.files, (through) => draft.set({ sending: `Sending ${through} of ${draft.files.length}` }));
  if (files.every((file) => file.problem)) throw { message: t("None of these files can be used."), hint: files[0].problem };
  return { ...order, ...masks, files };
}

async function masksOf(draft) {
  if (draft.mask_way === "folder") return { mask_folder: draft.mask_folder };
  if (draft.mask_way === "canvas") {
    const canvas = canvasOf(draft.kind);
    if (!canvas?.painting || canvas.painting.isBlank("mask")) throw { message: t("Nothing is masked on the canvas."), hint: t("Paint over what is to be redrawn, or choose masks.") };
    return { masks: [{ name: "canvas.png", image: await upload(await canvas.maskFile()) }] };
  }
  if (!draft.masks.length) throw { message: t("No masks are chosen."), hint: t("Choose them, or use the painted one.") };
  const masks = await uploadAll(draft.masks, (through) => draft.set({ sending: `Sending mask ${through} of ${draft.masks.length}` }));
  const wrong = masks.find((mask) => mask.problem);
  if (wrong) throw { message: t("The mask {name} can't be used.", { name: wrong.name }), hint: wrong.problem };
  return { masks };
}
