// Everything about one model: what can be done, why it can't be used, what its owner says of it, and what its file says.

import { chainOf } from "./checkpoint.js";
import { put, row, snapshot, values } from "./fields.js";
import { icon } from "./icons.js";
import { inside, language, t } from "./language.js";
import { told } from "./link.js";
import { fill, h } from "./markup.js";
import { familyOf, kindWords, partWords, stateWords } from "./model-words.js";
import { MODEL_ACTS, isInUse } from "./models-acts.js";
import { copyText } from "./picture.js";
import { previewPart } from "./models-preview.js";
import { change } from "./rest.js";
import { isSameChain, listed, tellSteps } from "./steps.js";
import { toast } from "./toasts.js";
import { fileSize, gigabytes, moment, number } from "./words.js";

const NAMED = ["lora", "embedding"];
const TAGS_SHOWN = 12;
const ALWAYS = ["width", "height", "steps", "cfg_scale", "sampler", "schedule_type", "vae", "clip_skip", "negative_prompt"];
const NEVER = new Set(["prompt", "checkpoint", "seed", "variation_seed", "batch_count", "batch_size", "extensions", "styles", "controls", "regions", "finishing"]);

/** The body of its sheet. changed(model): called with the model as it is after a change. */
export function drawDetail(model, { resident, changed }) {
  const say = (changes, words) => annotate(model, changes, words, changed);
  return [
    previewPart(model, changed),
    acts(model, resident),
    model.problem && h("div", { class: "ez-note bad", role: "note" }, icon("bad"), h("div", {}, h("p", {}, model.problem), model.hint && h("p", { class: "mid" }, model.hint))),
    model.notes.map((text) => h("div", { class: "ez-note warn", role: "note" }, icon("info"), h("p", {}, text))),
    resident.length > 0 && memoryLines(resident),
    model.usable !== null && defaultsPart(model, say),
    words(model, say),
    facts(model),
    model.metadata && Object.keys(model.metadata).length > 0 && metadata(model.metadata),
  ];
}

async function annotate(model, changes, said, changed) {
  const before = Object.fromEntries(Object.keys(changes).map((name) => [name, saidBefore(model, name)]));
  const answer = await change(`/models/${model.id}`, changes, { method: "PATCH" });
  if (!answer) return;
  changed(answer);
  toast({
    icon: "ok",
    title: said,
    text: t("Written beside {name}.", { name: model.name }),
    undo: async () => {
      const back = await change(`/models/${model.id}`, before, { method: "PATCH" });
      if (back) changed(back);
    },
  });
}

// Nothing said is said with null, so that other files or the model itself speak again.
function saidBefore(model, name) {
  if (name === "defaults") return Object.keys(model.own_defaults).length ? model.own_defaults : null;
  const value = model[name];
  return value === "" || (Array.isArray(value) && !value.length) ? null : value;
}

function acts(model, resident) {
  const fitting = MODEL_ACTS.filter((act) => act.fits(model, resident));
  const copy = { icon: "copy", words: t("Copy path"), run: () => copyText(model.path, t("Path copied")) };
  return h(
    "div",
    { class: "row wrap ez-model-acts" },
    isInUse(model) && h("span", { class: "ez-badge acc ez-in-use" }, icon("ok", "s"), t("In use")),
    [...fitting, copy].map((act) => {
      const said = typeof act.words === "function" ? act.words(model) : act.words;
      return h(
        "button",
        { class: `ez-btn s ${act.primary && !act.on ? "primary" : ""} ${act.on ? "on" : ""}`, type: "button", title: act.title, "data-does": `act-${act.words}`, onclick: () => act.run(model) },
        icon(act.icon, "s"),
        said,
      );
    }),
  );
}

function memoryLines(resident) {
  return h(
    "div",
    {},
    h("div", { class: "ez-label" }, t("In memory")),
    h(
      "dl",
      { class: "ez-dl" },
      resident.map((part) => [
        h("dt", {}, partWords(part.kind)),
        h("dd", {}, `${gigabytes(part.bytes)}, ${inside(stateWords(part.state)[0])}`, part.checkpoints.length > 1 && h("span", { class: "dim" }, t(", shared by {length}", { length: part.checkpoints.length }))),
      ]),
    ),
  );
}

// ---- a checkpoint's defaults

function defaultsPart(model, say) {
  const own = Object.keys(model.own_defaults).length > 0;
  const shown = Object.entries({ ...model.usual, ...model.defaults });
  return h(
    "div",
    { class: "ez-model-defaults" },
    h("div", { class: "ez-label" }, t("Defaults"), h("span", { class: "end dim" }, own ? t("set by you") : shown.length ? t("its own") : "")),
    shown.length
      ? h("dl", { class: "ez-dl" }, shown.map(([name, value]) => [h("dt", {}, row(name)?.label ?? name), h("dd", { class: name in model.own_defaults ? "" : "mid" }, shownValue(value))]))
      : h("p", { class: "mid s" }, t("None. It is drawn with what the fields say.")),
    h(
      "div",
      { class: "row wrap" },
      h("button", { class: "ez-btn s", type: "button", "data-does": "defaults-take", title: t("What the fields of txt2img say now: size, steps, CFG scale, sampler, VAE, clip skip, negative prompt, and what else is not as usual"), onclick: () => say({ defaults: asShown(model.name) }, t("Defaults of {name} set", { name: model.name })) }, t("Use these as defaults")),
      shown.length > 0 && h("button", { class: "ez-btn ghost s", type: "button", "data-does": "defaults-apply", title: t("Put them into the fields of txt2img"), onclick: () => apply(model) }, t("Apply")),
      own && h("button", { class: "ez-btn ghost s", type: "button", "data-does": "defaults-reset", title: t("Back to what the checkpoint itself says"), onclick: () => say({ defaults: null }, t("Defaults of {name} taken away", { name: model.name })) }, t("Reset")),
    ),
    h("p", { class: "ez-hint" }, t("They go into the fields when the checkpoint is picked.")),
  );
}

/** The fields of the page that may be defaults: the usual ones, and all others that are not as they were declared. */
function asShown(model) {
  const wanted = {};
  for (const { name, default: usual, label } of told.table) {
    if (!label || NEVER.has(name) || !["string", "number", "boolean"].includes(typeof values[name])) continue;
    if (ALWAYS.includes(name) || !same(values[name], usual)) wanted[name] = values[name];
  }
  if (!isSameChain(values.finishing, chainOf(model))) wanted.finishing = listed(values.finishing);
  return wanted;
}

function same(value, usual) {
  return typeof usual === "number" ? Number(value) === usual : value === usual;
}

function apply(model) {
  const before = snapshot();
  const { finishing, ...defaults } = { ...model.usual, ...model.defaults };
  put({ ...defaults, finishing: JSON.stringify(finishing ?? []) });
  toast({ icon: "ok", title: t("Defaults of {name} are in the fields", { name: model.name }), undo: () => put(before) });
}

function shownValue(value) {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (Array.isArray(value)) return tellSteps(value) || t("nothing");
  return typeof value === "number" ? number(value) : value === "" ? "nothing" : String(value);
}

// ---- what its owner says

function words(model, say) {
  return h(
    "div",
    { class: "ez-model-words" },
    NAMED.includes(model.kind) && trigger(model, say),
    text("note", t("Notes"), model.note, t("What you want to remember about it"), (value) => say({ note: value || null }, t("Notes saved"))),
    model.description && h("div", {}, h("div", { class: "ez-label" }, t("Description")), h("p", { class: "ez-said ez-model-description", tabindex: "0" }, model.description)),
  );
}

function trigger(model, say) {
  const lora = model.kind === "lora";
  const switched = model.insert_words;
  return [
    text("trigger_words", t("Trigger words"), model.trigger_words.join(", "), t("Words that the prompt must say, with commas"), (value) =>
      say({ trigger_words: value ? value.split(",").map((word) => word.trim()).filter(Boolean) : null }, t("Trigger words saved")),
    ),
    h(
      "button",
      { class: `ez-switch ${switched ? "on" : ""}`, type: "button", role: "switch", "aria-checked": String(switched), "data-does": "insert-words", onclick: () => say({ insert_words: !switched }, switched ? t("Trigger words stay out of the prompt") : t("Trigger words go into the prompt with it")) },
      h("i"),
      t("Insert them with it"),
    ),
    lora && weight(model, say),
    lora && model.training_tags.length > 0 && h("div", {}, h("div", { class: "ez-label" }, t("Trained on pictures of")), h("p", { class: "s mid" }, model.training_tags.slice(0, TAGS_SHOWN).join(", "))),
  ];
}

function weight(model, say) {
  const id = "ez-model-weight";
  const input = h("input", {
    id,
    class: "num",
    type: "number",
    step: "0.05",
    min: "-10",
    max: "10",
    placeholder: "1",
    value: model.weight ?? "",
    "data-does": "weight",
    oninput: () => input.classList.add("is-dirty"),
    onchange: () => say({ weight: input.value === "" ? null : Number(input.value) }, t("Weight saved")),
  });
  return h("div", { class: "ez-model-weight" }, h("label", { class: "ez-label", for: id }, t("Preferred weight")), h("span", { class: "ez-field" }, input));
}

function text(name, label, value, placeholder, save) {
  const id = `ez-model-${name}`;
  const area = h("textarea", {
    id,
    rows: name === "note" ? "3" : "2",
    placeholder,
    maxlength: "4000",
    "data-does": name,
    oninput: () => area.classList.add("is-dirty"),
    onchange: () => area.value.trim() !== value && save(area.value.trim()),
  });
  area.value = value;
  return h("div", {}, h("label", { class: "ez-label", for: id }, label), h("span", { class: "ez-field area" }, area));
}

// ---- what its file says

function facts(model) {
  const copy = (value, said) => h("button", { class: "ez-link xs", type: "button", onclick: () => copyText(value, said) }, t("Copy"));
  const hashed = (value, shown = value) => value && [h("span", { class: "mono" }, shown), " ", copy(value, t("Hash copied"))];
  const rows = [
    [t("Kind"), [kindWords(model.kind), model.network && model.network !== "lora" ? `, ${model.network}` : ""]],
    [t("Family"), familyOf(model)],
    [t("Prediction"), model.prediction && model.prediction !== "epsilon" ? model.prediction : ""],
    [t("Made for"), model.base_model],
    [t("Size"), [fileSize(model.bytes), model.parameters > 0 && t(", {parameters} numbers", { parameters: millions(model.parameters) }), model.dtype && ` (${model.dtype})`]],
    [t("Form"), { diffusers: t("diffusers folder"), safetensors: "safetensors", gguf: "GGUF", pickle: "pickle" }[model.form] ?? model.form],
    [t("Holds"), model.parts.map((part) => partWords(part.name)).join(", ")],
    [t("Lacks"), model.missing.map(partWords).join(", ")],
    [t("Changed"), moment(model.changed_at)],
    [t("Hash"), hashed(model.hash)],
    ["SHA-256", hashed(model.sha256, model.sha256 && `${model.sha256.slice(0, 16)}…`)],
    [t("Old hash"), hashed(model.legacy_hash)],
    [t("Of its data"), hashed(model.data_hash)],
    [t("Alias"), model.alias],
    [t("In a prompt"), NAMED.includes(model.kind) && model.prompt_name && h("span", { class: "mono" }, model.kind === "lora" ? t("<lora:{prompt_name}:{value}>", { prompt_name: model.prompt_name, value: model.weight ?? 1 }) : model.prompt_name)],
    [t("Path"), h("span", { class: "ez-path" }, model.path)],
  ];
  return h(
    "div",
    {},
    h("div", { class: "ez-label" }, t("File")),
    h("dl", { class: "ez-dl" }, rows.filter(([, value]) => value && (!Array.isArray(value) || value.some(Boolean))).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
  );
}

function millions(value) {
  if (value < 1e6) return value.toLocaleString(language);
  return value < 1e9 ? t("{e6} million", { e6: number(value / 1e6) }) : t("{e9} billion", { e9: number(value / 1e9) });
}

function metadata(said) {
  const list = h("dl", { class: "ez-dl ez-model-metadata" });
  const more = h("details", { ontoggle: () => list.childElementCount || fill(list, Object.entries(said).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])) }, h("summary", { class: "ez-link xs" }, t("All {length} entries of its header", { length: Object.keys(said).length })), list);
  return h("div", {}, h("div", { class: "ez-label" }, t("Header")), more);
}
