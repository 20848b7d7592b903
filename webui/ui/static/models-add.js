// "Add models": folders that are used where they are, and downloads. The network is asked only when somebody presses a button.

import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { inOurLanguage, language, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { familyWords, kindWords } from "./model-words.js";
import { orderList } from "./models-orders.js";
import { labelled, segments, select, submit, told } from "./models-work.js";
import { closeModelSheet, openModelSheet, openedSheet } from "./models.js";
import { change, look } from "./rest.js";
import { toast } from "./toasts.js";
import { fileSize, gigabytes } from "./words.js";

const SHEET = "add";
const FOLDER = "model_index.json"; // named as the file it means the whole folder
const KINDS = ["checkpoint", "denoiser", "lora", "embedding", "vae", "text_encoder", "controlnet", "t2i_adapter", "ip_adapter", "image_encoder", "upscaler", "face_restorer", "cut_out", "hypernetwork"];
let folders = null; // the list of folders in use, while the sheet is open

/** Opens or closes the sheet. */
export function openAdd() {
  if (openedSheet() === SHEET) return closeModelSheet();
  const ways = { folders: folderPart(), download: downloadPart() };
  const place = h("div", { class: "ez-work-form" }, ways.folders);
  const choice = segments(t("Source"), [["folders", t("Folders you have")], ["download", t("Download")]], (way) => fill(place, ways[way]));
  openModelSheet(SHEET, t("Add models"), [choice, place, orderList(), foldersInUse()]);
}

on("catalog", () => folders?.isConnected && drawFolders());

/** Asks and says what is wrong at its field; null then. */
async function ask(path, body, fields) {
  for (const field of Object.values(fields)) field.complain(null);
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`/api/v1${path}`, options).catch(() => null);
  const answer = inOurLanguage(await response?.json().catch(() => null));
  if (answer && response.ok) return answer;
  told(answer?.error ?? { message: t("Easel doesn't answer."), hint: t("Try again when the connection is back.") }, fields);
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
  const path = textField("ez-add-path", t("Folder"), t("Of AUTOMATIC1111, Forge, ComfyUI or InvokeAI, any folder with models, or an extra_model_paths.yaml."), { placeholder: t("/home/me/ComfyUI") });
  const found = h("div", { class: "ez-work-form", "aria-live": "polite" });
  const see = button(t("Look"), "search", "look", () => busy(see, () => lookInto(path, found)));
  path.control.addEventListener("keydown", (event) => event.key === "Enter" && see.click());
  return h("div", { class: "ez-work-form" }, path.element, h("div", { class: "row" }, see), found);
}

async function lookInto(path, found) {
  fill(found);
  const seen = await ask("/models/folders/look", { path: path.value() }, { path });
  if (!seen) return;
  const use = button(t("Use these models"), "add", "adopt", () => busy(use, take), "primary");
  const take = async () => {
    const answer = await ask("/models/folders", { path: seen.path }, { path });
    if (!answer) return;
    fill(found);
    path.control.value = "";
    toast({ icon: "ok", title: t("{count} from {program}", { count: tn("{n} model", "{n} models", answer.total), program: answer.program }), text: t("They are listed, and stay where they are."), undo: () => release(answer.path) });
    drawFolders();
  };
  fill(
    found,
    h(
      "div",
      { class: "ez-card ez-found" },
      h("div", { class: "row" }, h("b", { class: "cut grow", title: seen.path }, seen.path), h("span", { class: "ez-badge" }, seen.program)),
      h("dl", { class: "ez-dl" }, Object.entries(seen.counts).map(([kind, number]) => [h("dt", {}, kind), h("dd", {}, number.toLocaleString(language))])),
      h("p", { class: "ez-hint" }, seen.total ? `${tn("{n} file", "{n} files", seen.total)}, ${fileSize(seen.bytes)}` : t("No model files were found.")),
      seen.broken > 0 && h("p", { class: "ez-hint" }, t("{count} can't be read; their cards say why.", { count: tn("{n} file", "{n} files", seen.broken) })),
      seen.guessed > 0 && h("p", { class: "ez-hint" }, t("{count} are counted by their folder's name alone.", { count: tn("{n} file", "{n} files", seen.guessed) })),
      seen.problems.map((text) => h("p", { class: "ez-hint bad" }, text)),
    ),
    h("div", { class: "row" }, seen.known ? h("span", { class: "mid s" }, t("This folder is in use already.")) : seen.total > 0 && use),
  );
}

function foldersInUse() {
  folders = h("ul", { class: "col s ez-folders", "aria-label": t("Folders in use") });
  drawFolders();
  return h("div", {}, h("hr"), h("div", { class: "ez-label" }, t("Folders in use")), folders, h("p", { class: "ez-hint" }, t("Read in place. Nothing is moved, copied or changed.")));
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
        h("span", { class: "cut grow", title: path }, own ? t("{path} (Easel's own)", { path }) : path),
        !there && h("span", { class: "bad xs" }, t("not there")),
        h("span", { class: "dim num" }, models.toLocaleString(language)),
        !own && !pinned && h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Let go of {path}", { path }), title: t("Let go: it stays as it is"), "data-does": `release-${path}`, onclick: () => letGo(path) }, icon("close")),
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
  if (await release(path)) toast({ icon: "ok", title: t("The folder is used no more"), text: path, undo: () => change("/models/folders", { path }) });
}

// ---- downloads

function downloadPart() {
  const fields = {
    source: textField("ez-add-source", t("Address or repository"), t("Easel goes online only when you press Look up or Download."), { placeholder: t("owner/name, or https://…") }),
    sha256: textField("ez-add-sha256", "SHA-256", t("What the checksum must be. Empty: what the source tells, if it does.")),
    revision: textField("ez-add-revision", t("Revision"), t("Branch, tag or commit of a repository. Empty: its main branch.")),
    name: textField("ez-add-name", t("Name"), t("Without its ending. Empty: as the source calls it.")),
  };
  const offer = h("div", { class: "ez-work-form", "aria-live": "polite" });
  const see = button(t("Look up"), "search", "look-up", () => busy(see, () => lookUp(fields, offer, {})));
  fields.source.control.addEventListener("keydown", (event) => event.key === "Enter" && see.click());
  const { source, sha256, revision, name } = fields;
  const more = h("details", {}, h("summary", {}, t("More")), sha256.element, revision.element, name.element, tokenPart(source));
  const found = h("div", { class: "ez-work-form" });
  const take = (address) => {
    source.control.value = address;
    lookUp(fields, offer, {});
  };
  offerSearch(found, take);
  return h("div", { class: "ez-work-form" }, found, source.element, more, h("div", { class: "row" }, see), offer);
}

// Places of add-ons; there is no search where none of them has one.
async function offerSearch(place, take) {
  const answer = await look("/workshop/sources");
  const names = answer?.items.filter(({ searches }) => searches).map(({ name }) => name) ?? [];
  if (!names.length) return;
  const words = textField("ez-add-search", t("Search"), "", { placeholder: names.join(", ") });
  const list = h("div", { "aria-live": "polite" });
  const go = button(t("Search"), "search", "search-models", () => busy(go, () => search(words, list, take)));
  words.control.addEventListener("keydown", (event) => event.key === "Enter" && go.click());
  fill(place, words.element, h("div", { class: "row" }, go), list, h("hr"));
}

async function search(words, place, take) {
  fill(place, h("p", { class: "mid s" }, t("Asking the source…")));
  const answer = await look(`/workshop/sources/search?words=${encodeURIComponent(words.value())}`);
  if (!answer) return fill(place);
  const rows = answer.items.map(({ title, address, source, kind, detail, size }) => {
    const facts = [source, kind && kindWords(kind), size !== null && fileSize(size), detail].filter(Boolean).join(" · ");
    const about = h("div", { class: "col grow" }, h("span", { class: "cut", title: address }, title), h("span", { class: "dim xs cut", title: facts }, facts));
    return h("li", { class: "row" }, about, h("button", { class: "ez-btn s", type: "button", "data-does": `found-${address}`, onclick: () => take(address) }, t("Choose")));
  });
  fill(place, answer.problems.map((text) => h("p", { class: "ez-hint bad" }, text)), rows.length ? h("ul", { class: "col s ez-folders" }, rows) : h("p", { class: "mid s" }, t("Nothing was found.")));
}

function askedFor(fields, chosen) {
  return { ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value()])), ...chosen };
}

async function lookUp(fields, place, chosen) {
  fill(place, h("p", { class: "mid s" }, t("Asking the source…")));
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
    h("div", { class: "ez-label" }, t("{count} to choose from", { count: tn("{n} file", "{n} files", offer.choices.length) })),
    h(
      "ul",
      { class: "col s ez-folders" },
      offer.choices.map(({ name, size }) =>
        h("li", { class: "row" }, h("span", { class: "cut grow", title: name }, name === FOLDER ? t("All of it, as a diffusers folder") : name), h("span", { class: "dim num" }, size === null ? "" : fileSize(size)), h("button", { class: "ez-btn s", type: "button", "data-does": `choose-${name}`, onclick: () => picked(name) }, t("Choose"))),
      ),
    ),
  );
}

function offerCard(offer, go) {
  const kind = labelled("ez-add-kind", t("Kind"), offer.kind ? t("Told by its source or its header.") : t("Nobody tells what it is: say it."), select(["", ...KINDS], offer.kind, (value) => (value ? kindWords(value) : "…")));
  const read = h("input", { type: "checkbox", id: "ez-add-read" });
  const fetchIt = button(t("Download"), "download", "download", () => busy(fetchIt, () => go(kind.value() === offer.kind ? {} : { folder: kind.value() })), "primary grow");
  const ready = () => (fetchIt.disabled = !read.checked || !kind.value());
  read.addEventListener("change", ready);
  kind.control.addEventListener("change", ready);
  ready();
  const page = offer.licence_url.startsWith("https://") && h("a", { class: "ez-link", href: offer.licence_url, target: "_blank", rel: "noreferrer noopener" }, t("Read"));
  const rows = [
    [t("Size"), t("{offer}{files}, {amount} free", { offer: offer.size === null ? t("not told") : fileSize(offer.size), files: offer.files > 1 ? t(" in {files} files", { files: offer.files }) : "", amount: gigabytes(offer.free) })],
    [t("Checksum"), offer.sha256 ? ["sha256 ", h("span", { class: "mono", title: offer.sha256 }, `${offer.sha256.slice(0, 8)}…${offer.sha256.slice(-2)}`)] : offer.files > 1 ? t("of each file") : t("none is given")],
    [t("Licence"), [offer.licence || t("not told"), " ", page]],
    [t("Goes to"), offer.folder ? `models/${offer.folder}/` : t("its kind decides")],
  ];
  if (offer.trigger_words.length) rows.push([t("Trigger words"), offer.trigger_words.join(", ")]);
  return [
    h(
      "div",
      { class: "ez-card ez-found" },
      h("div", { class: "row" }, h("b", { class: "cut grow", title: offer.name }, offer.name), offer.family && h("span", { class: "ez-badge" }, familyWords(offer.family))),
      h("dl", { class: "ez-dl" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      offer.gated && h("p", { class: "ez-hint" }, t("Its makers want to be asked on its page first, and your token then.")),
    ),
    !offer.kind && kind.element,
    h("label", { class: "row s", for: read.id }, read, offer.licence ? t("I have read the licence") : t("I may use this file")),
    h("div", { class: "row" }, fetchIt),
  ];
}

function tokenPart(source) {
  const host = textField("ez-add-host", t("Token for"), t("A host that asks who you are, such as huggingface.co."));
  const token = textField("ez-add-token", t("Token"), t("Kept on this machine, sent to that host alone, never shown again."), { type: "password" });
  const known = h("p", { class: "ez-hint" });
  const say = async () => {
    const answer = await look("/workshop/tokens");
    if (answer) fill(known, answer.hosts.length ? t("There are tokens for {value}.", { value: answer.hosts.join(", ") }) : t("There are no tokens yet."));
  };
  const keep = async (value) => {
    const answer = await change("/workshop/tokens", { host: host.value(), token: value }, { method: "PUT" });
    token.control.value = "";
    if (answer) toast({ icon: "ok", title: value === null ? t("The token for {value} is forgotten", { value: host.value() }) : t("The token for {value} is kept", { value: host.value() }) });
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
    h("div", { class: "row" }, button(t("Keep token"), "ok", "keep-token", () => token.value() && keep(token.value()), "s"), button(t("Forget"), "trash", "forget-token", () => host.value() && keep(null), "s ghost")),
    known,
  ];
}
