// "Add models": folders that are used where they are, and downloads. The network is asked only when somebody presses a button.

import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { fill, h } from "./markup.js";
import { familyWords, kindWords } from "./model-words.js";
import { orderList } from "./models-orders.js";
import { labelled, segments, select, submit, told } from "./models-work.js";
import { closeModelSheet, openModelSheet, openedSheet } from "./models.js";
import { change, look } from "./rest.js";
import { toast } from "./toasts.js";
import { count, fileSize, gigabytes } from "./words.js";

const SHEET = "add";
const FOLDER = "model_index.json"; // named as the file it means the whole folder
const KINDS = ["checkpoint", "denoiser", "lora", "embedding", "vae", "text_encoder", "controlnet", "t2i_adapter", "ip_adapter", "image_encoder", "upscaler", "cut_out", "hypernetwork"];
let folders = null; // the list of folders in use, while the sheet is open

/** Opens or closes the sheet. */
export function openAdd() {
  if (openedSheet() === SHEET) return closeModelSheet();
  const ways = { folders: folderPart(), download: downloadPart() };
  const place = h("div", { class: "ez-work-form" }, ways.folders);
  const choice = segments("Source", [["folders", "Folders you have"], ["download", "Download"]], (way) => fill(place, ways[way]));
  openModelSheet(SHEET, "Add models", [choice, place, orderList(), foldersInUse()]);
}

on("catalog", () => folders?.isConnected && drawFolders());

/** Asks and says what is wrong at its field; null then. */
async function ask(path, body, fields) {
  for (const field of Object.values(fields)) field.complain(null);
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`/api/v1${path}`, options).catch(() => null);
  const answer = await response?.json().catch(() => null);
  if (answer && response.ok) return answer;
  told(answer?.error ?? { message: "Easel doesn't answer.", hint: "Try again when the connection is back." }, fields);
  return null;
}

function textField(id, label, help, more = {}) {
  return labelled(id, label, help, h("div", { class: "ez-field" }, h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...more })));
}

function button(words, picture, does, run, more = "") {
  return h("button", { class: `ez-btn ${more}`, type: "button", "data-does": does, onclick: run }, icon(picture), words);
}

/** Shows that something is being asked, and hinders a second click. */
async function busy(element, run) {
  element.disabled = true;
  try {
    return await run();
  } finally {
    element.disabled = false;
  }
}

// ---- folders

function folderPart() {
  const path = textField("ez-add-path", "Folder", "Of AUTOMATIC1111, Forge, ComfyUI or InvokeAI, any folder with models, or an extra_model_paths.yaml.", { placeholder: "/home/me/ComfyUI" });
  const found = h("div", { class: "ez-work-form", "aria-live": "polite" });
  const see = button("Look", "search", "look", () => busy(see, () => lookInto(path, found)));
  path.control.addEventListener("keydown", (event) => event.key === "Enter" && see.click());
  return h("div", { class: "ez-work-form" }, path.element, h("div", { class: "row" }, see), found);
}

async function lookInto(path, found) {
  fill(found);
  const seen = await ask("/models/folders/look", { path: path.value() }, { path });
  if (!seen) return;
  const use = button("Use these models", "add", "adopt", () => busy(use, take), "primary");
  const take = async () => {
    const answer = await ask("/models/folders", { path: seen.path }, { path });
    if (!answer) return;
    fill(found);
    path.control.value = "";
    toast({ icon: "ok", title: `${count(answer.total, "model")} from ${answer.program}`, text: "They are listed, and stay where they are.", undo: () => release(answer.path) });
    drawFolders();
  };
  fill(
    found,
    h(
      "div",
      { class: "ez-card ez-found" },
      h("div", { class: "row" }, h("b", { class: "cut grow", title: seen.path }, seen.path), h("span", { class: "ez-badge" }, seen.program)),
      h("dl", { class: "ez-dl" }, Object.entries(seen.counts).map(([kind, number]) => [h("dt", {}, kind), h("dd", {}, number.toLocaleString("en"))])),
      h("p", { class: "ez-hint" }, seen.total ? `${count(seen.total, "file")}, ${fileSize(seen.bytes)}` : "No model files were found."),
      seen.broken > 0 && h("p", { class: "ez-hint" }, `${count(seen.broken, "file")} can't be read; their cards say why.`),
      seen.guessed > 0 && h("p", { class: "ez-hint" }, `${count(seen.guessed, "file")} are counted by their folder's name alone.`),
      seen.problems.map((text) => h("p", { class: "ez-hint bad" }, text)),
    ),
    h("div", { class: "row" }, seen.known ? h("span", { class: "mid s" }, "This folder is in use already.") : seen.total > 0 && use),
  );
}

function foldersInUse() {
  folders = h("ul", { class: "col s ez-folders", "aria-label": "Folders in use" });
  drawFolders();
  return h("div", {}, h("hr"), h("div", { class: "ez-label" }, "Folders in use"), folders, h("p", { class: "ez-hint" }, "Read in place. Nothing is moved, copied or changed."));
}

async function drawFolders() {
  const answer = await look("/models/folders");
  if (!answer) return;
  fill(
    folders,
    answer.items.map(({ path, own, there, models, pinned_by: pinned }) =>
      h(
        "li",
        { class: "row" },
        icon("folder"),
        h("span", { class: "cut grow", title: path }, own ? `${path} (Easel's own)` : path),
        !there && h("span", { class: "bad xs" }, "not there"),
        h("span", { class: "dim num" }, models.toLocaleString("en")),
        !own && !pinned && h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": `Let go of ${path}`, title: "Let go: it stays as it is", "data-does": `release-${path}`, onclick: () => letGo(path) }, icon("close")),
      ),
    ),
  );
}

async function release(path) {
  const answer = await change("/models/folders/release", { path });
  if (answer) drawFolders();
  return answer;
}

async function letGo(path) {
  if (await release(path)) toast({ icon: "ok", title: "The folder is used no more", text: path, undo: () => change("/models/folders", { path }) });
}

// ---- downloads

function downloadPart() {
  const fields = {
    source: textField("ez-add-source", "Address or repository", "Easel goes online only when you press Look up or Download.", { placeholder: "owner/name, or https://…" }),
    sha256: textField("ez-add-sha256", "SHA-256", "What the checksum must be. Empty: what the source tells, if it does."),
    revision: textField("ez-add-revision", "Revision", "Branch, tag or commit of a repository. Empty: its main branch."),
    name: textField("ez-add-name", "Name", "Without its ending. Empty: as the source calls it."),
  };
  const offer = h("div", { class: "ez-work-form", "aria-live": "polite" });
  const see = button("Look up", "search", "look-up", () => busy(see, () => lookUp(fields, offer, {})));
  fields.source.control.addEventListener("keydown", (event) => event.key === "Enter" && see.click());
  const { source, sha256, revision, name } = fields;
  const more = h("details", {}, h("summary", {}, "More"), sha256.element, revision.element, name.element, tokenPart(source));
  return h("div", { class: "ez-work-form" }, source.element, more, h("div", { class: "row" }, see), offer);
}

function askedFor(fields, chosen) {
  return { ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value()])), ...chosen };
}

async function lookUp(fields, place, chosen) {
  fill(place, h("p", { class: "mid s" }, "Asking the source…"));
  const asked = askedFor(fields, chosen);
  const offer = await ask("/workshop/look-up", asked, fields);
  fill(place);
  if (!offer) return;
  if (!offer.name) return fill(place, choices(offer, (file) => lookUp(fields, place, { ...chosen, file })));
  fill(place, offerCard(offer, (more) => download(fields, place, { ...chosen, ...more })));
}

async function download(fields, place, chosen) {
  const order = await submit({ kind: "download", ...askedFor(fields, chosen) }, fields);
  if (!order) return;
  fill(place);
  fields.source.control.value = "";
}

function choices(offer, picked) {
  return h(
    "div",
    {},
    h("div", { class: "ez-label" }, `${count(offer.choices.length, "file")} to choose from`),
    h(
      "ul",
      { class: "col s ez-folders" },
      offer.choices.map(({ name, size }) =>
        h("li", { class: "row" }, h("span", { class: "cut grow", title: name }, name === FOLDER ? "All of it, as a diffusers folder" : name), h("span", { class: "dim num" }, size === null ? "" : fileSize(size)), h("button", { class: "ez-btn s", type: "button", "data-does": `choose-${name}`, onclick: () => picked(name) }, "Choose")),
      ),
    ),
  );
}

function offerCard(offer, go) {
  const kind = labelled("ez-add-kind", "Kind", offer.kind ? "Told by its source or its header." : "Nobody tells what it is: say it.", select(["", ...KINDS], offer.kind, (value) => (value ? kindWords(value) : "…")));
  const read = h("input", { type: "checkbox", id: "ez-add-read" });
  const fetchIt = button("Download", "download", "download", () => busy(fetchIt, () => go(kind.value() === offer.kind ? {} : { folder: kind.value() })), "primary grow");
  const ready = () => (fetchIt.disabled = !read.checked || !kind.value());
  read.addEventListener("change", ready);
  kind.control.addEventListener("change", ready);
  ready();
  const page = offer.licence_url.startsWith("https://") && h("a", { class: "ez-link", href: offer.licence_url, target: "_blank", rel: "noreferrer noopener" }, "Read");
  const rows = [
    ["Size", `${offer.size === null ? "not told" : fileSize(offer.size)}${offer.files > 1 ? ` in ${offer.files} files` : ""}, ${gigabytes(offer.free)} free`],
    ["Checksum", offer.sha256 ? ["sha256 ", h("span", { class: "mono", title: offer.sha256 }, `${offer.sha256.slice(0, 8)}…${offer.sha256.slice(-2)}`)] : offer.files > 1 ? "of each file" : "none is given"],
    ["Licence", [offer.licence || "not told", " ", page]],
    ["Goes to", offer.folder ? `models/${offer.folder}/` : "its kind decides"],
  ];
  if (offer.trigger_words.length) rows.push(["Trigger words", offer.trigger_words.join(", ")]);
  return [
    h(
      "div",
      { class: "ez-card ez-found" },
      h("div", { class: "row" }, h("b", { class: "cut grow", title: offer.name }, offer.name), offer.family && h("span", { class: "ez-badge" }, familyWords(offer.family))),
      h("dl", { class: "ez-dl" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      offer.gated && h("p", { class: "ez-hint" }, "Its makers want to be asked on its page first, and your token then."),
    ),
    !offer.kind && kind.element,
    h("label", { class: "row s", for: read.id }, read, offer.licence ? "I have read the licence" : "I may use this file"),
    h("div", { class: "row" }, fetchIt),
  ];
}

function tokenPart(source) {
  const host = textField("ez-add-host", "Token for", "A host that asks who you are, such as huggingface.co.");
  const token = textField("ez-add-token", "Token", "Kept on this machine, sent to that host alone, never shown again.", { type: "password" });
  const known = h("p", { class: "ez-hint" });
  const say = async () => {
    const answer = await look("/workshop/tokens");
    if (answer) fill(known, answer.hosts.length ? `There are tokens for ${answer.hosts.join(", ")}.` : "There are no tokens yet.");
  };
  const keep = async (value) => {
    const answer = await change("/workshop/tokens", { host: host.value(), token: value }, { method: "PUT" });
    token.control.value = "";
    if (answer) toast({ icon: "ok", title: value === null ? `The token for ${host.value()} is forgotten` : `The token for ${host.value()} is kept` });
    say();
  };
  source.control.addEventListener("change", () => {
    const address = source.value();
    if (!host.control.value && address) host.control.value = address.includes("://") ? address.split("/")[2] : "huggingface.co";
  });
  say();
  return [
    host.element,
    token.element,
    h("div", { class: "row" }, button("Keep token", "ok", "keep-token", () => token.value() && keep(token.value()), "s"), button("Forget", "trash", "forget-token", () => host.value() && keep(null), "s ghost")),
    known,
  ];
}
