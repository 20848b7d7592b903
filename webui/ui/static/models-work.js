// Sheets of the Models page that make new files of models: merge, convert, VAEs. Their fields are those that the server tells of.

import { icon } from "./icons.js";
import { inOurLanguage, t } from "./language.js";
import { fill, h } from "./markup.js";
import { orderList } from "./models-orders.js";
import { closeModelSheet, openModelSheet, openedSheet } from "./models.js";
import { look } from "./rest.js";
import { errorToast } from "./toasts.js";

const MOST_NAMES = 500;
const MODELS = { first: ["checkpoint", "denoiser"], second: ["checkpoint", "denoiser"], third: ["checkpoint", "denoiser"] };
const NAMED = {
  merge: MODELS,
  convert: { model: [] },
  bake_vae: { model: ["checkpoint", "denoiser"], vae: ["vae"] },
  extract_vae: { model: ["checkpoint", "denoiser"] },
};
const RARE = { merge: ["blocks", "vae", "text_encoder", "precision"] };
const SAID = { merge: t("Merge"), convert: t("Convert"), bake_vae: "Bake VAE in", extract_vae: "Take VAE out" };

let recipes = null;

/** Opens or closes the sheet. model: what is filled in already. */
export function openMerge(model = null) {
  return toggle("merge", "Merge", model, [["merge", "Merge"]], { first: model?.name });
}

export function openConvert(model = null) {
  return toggle("convert", "Convert", model, [["convert", "Convert"]], { model: model?.name });
}

export function openVae(model = null) {
  const ways = [["bake_vae", t("Bake in")], ["extract_vae", t("Take out")]];
  return toggle("vae", "VAE", model, ways, { model: model?.name });
}

async function toggle(name, title, model, ways, given) {
  if (openedSheet() === name && !model) return closeModelSheet();
  recipes ??= await look("/workshop/recipes");
  if (!recipes) return;
  const forms = Object.fromEntries(ways.map(([kind]) => [kind, orderForm(kind, given)]));
  const place = h("div", { class: "ez-work-form" }, forms[ways[0][0]]);
  const choice = ways.length > 1 && segments(t("What to do with a VAE"), ways, (kind) => fill(place, forms[kind]));
  openModelSheet(name, title, [choice, place, orderList()]);
}

/** Segments: [[value, words]]; picked(value) is called with the one that is chosen. */
export function segments(label, options, picked, chosen = options[0][0]) {
  const buttons = options.map(([value, words]) =>
    h("button", { type: "button", role: "radio", "aria-checked": String(value === chosen), class: value === chosen ? "on" : "", "data-does": `way-${value}`, onclick: () => pick(value) }, words),
  );
  const pick = (value) => {
    options.forEach(([other], at) => {
      buttons[at].classList.toggle("on", other === value);
      buttons[at].setAttribute("aria-checked", String(other === value));
    });
    picked(value);
  };
  return h("div", { class: "ez-seg", role: "radiogroup", "aria-label": label }, buttons);
}

function orderForm(kind, given) {
  const schema = recipes[kind];
  const fields = {};
  for (const [name, about] of Object.entries(schema.properties)) if (name !== "kind") fields[name] = fieldOf(kind, name, about, given[name]);
  const rare = RARE[kind] ?? [];
  const usual = Object.keys(fields).filter((name) => !rare.includes(name));
  const go = h("button", { class: "ez-btn primary", type: "submit", "data-does": `order-${kind}` }, icon("layers"), SAID[kind]);
  const form = h(
    "form",
    { class: "ez-work-form", "aria-label": SAID[kind], novalidate: true },
    h("p", { class: "mid s" }, schema.description),
    usual.map((name) => fields[name].element),
    rare.length > 0 && h("details", {}, h("summary", {}, t("More")), rare.map((name) => fields[name].element)),
    h("div", { class: "row" }, go),
    h("p", { class: "ez-hint" }, t("A new file is made; what goes in stays as it is.")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    const asked = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value()]));
    await submit({ kind, ...asked }, fields);
    go.disabled = false;
  });
  if (fields.method) follow(fields);
  return form;
}

// A third model goes with add difference only.
function follow({ method, third }) {
  const say = () => {
    const wanted = method.value() === "add difference";
    third.control.disabled = !wanted;
    if (!wanted) third.control.value = "";
  };
  method.control.addEventListener("change", say);
  say();
}

/** Orders something; what is wrong is said at its field. Returns the order or null. */
export async function submit(asked, fields) {
  for (const field of Object.values(fields)) field.complain(null);
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked) };
  const response = await fetch("/api/v1/workshop/orders", options).catch(() => null);
  const answer = inOurLanguage(await response?.json().catch(() => null));
  if (answer && response.ok) return answer;
  told(answer?.error ?? { message: t("Easel doesn't answer, so nothing was ordered."), hint: t("Try again when the connection is back.") }, fields);
  return null;
}

/** Says an error at its field, or in a toast. */
export function told(error, fields) {
  const field = fields[error.field?.split(".")[0]];
  if (!field) return errorToast(error);
  field.complain(error);
  field.control.focus();
}

function fieldOf(kind, name, about, given) {
  const id = `ez-work-${kind}-${name}`;
  const control = controlOf(kind, name, about, id, given ?? about.default ?? "");
  return labelled(id, about.title, about.description, control);
}

/** A control under its label: {element, control, value(), complain(error)}. */
export function labelled(id, label, help, control) {
  const input = control.matches("input, select, textarea") ? control : control.querySelector("input, select, textarea");
  input.id = id;
  const hint = h("p", { class: "ez-hint", id: `${id}-hint` }, help);
  input.setAttribute("aria-describedby", hint.id);
  return {
    element: h("div", {}, h("label", { class: "ez-label", for: id }, label), control, hint),
    control: input,
    value: () => (input.type === "range" ? Number(input.value) : input.value.trim()),
    /** What is said below it while nothing is wrong. */
    explain(words) {
      if (!hint.classList.contains("bad")) hint.textContent = words;
      help = words;
    },
    complain(error) {
      const words = error ? [error.message, error.allowed && t("Allowed: {allowed}.", { allowed: error.allowed }), error.hint].filter(Boolean).join(" ") : help;
      hint.classList.toggle("bad", Boolean(error));
      hint.textContent = words;
      input.setAttribute("aria-invalid", String(Boolean(error)));
    },
  };
}

function controlOf(kind, name, about, id, value) {
  if (about.enum) return select(about.enum, value);
  if (about.type === "number") return slider(about, value);
  const kinds = NAMED[kind]?.[name];
  const list = kinds ? h("datalist", { id: `${id}-names` }) : null;
  if (kinds) names(kinds, list);
  const text = typeof value === "string" ? value : "";
  return h("div", { class: "ez-field" }, h("input", { type: "text", value: text, maxlength: about.maxLength, autocomplete: "off", spellcheck: "false", list: list?.id }), list);
}

/** A choice among texts. */
export function select(options, value, words = (option) => option) {
  return h(
    "span",
    { class: "ez-field ez-select" },
    h("select", {}, options.map((option) => h("option", { value: option, selected: option === value }, words(option)))),
    icon("down", "s"),
  );
}

function slider({ minimum, maximum }, value) {
  const shown = h("output", { class: "num mid" }, String(value));
  const input = h("input", { type: "range", class: "ez-slider", min: minimum, max: maximum, step: 0.01, value });
  const say = () => {
    shown.textContent = input.value;
    input.style.setProperty("--v", `${((input.value - minimum) / (maximum - minimum)) * 100}%`);
  };
  input.addEventListener("input", say);
  say();
  return h("div", { class: "row" }, input, shown);
}

async function names(kinds, list) {
  const query = new URLSearchParams({ limit: MOST_NAMES, sort: "name" });
  for (const kind of kinds) query.append("kind", kind);
  const answer = await look(`/models?${query}`);
  if (answer) fill(list, answer.items.filter((model) => !model.problem).map((model) => h("option", { value: model.name })));
}
