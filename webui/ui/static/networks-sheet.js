// The sheet beside the prompt: every LoRA and embedding, into the prompt and out of it with a click, with its weight.

import { onChange, values } from "./fields.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { told } from "./link.js";
import { fill, h } from "./markup.js";
import { familyOf, familyWords } from "./model-words.js";
import { insertModel, isInPrompt, reweigh, weightOf } from "./networks.js";
import { look } from "./rest.js";
import { openSheet, toggleSheet } from "./sheet.js";
import { recall, remember } from "./storage.js";
import { open } from "./pages.js";

const NAME = "networks";
const AT_ONCE = 60;
const ASK_AFTER_MS = 150;

let models = []; // those that were asked for last
let next = null;
let fitting = recall("networks-fitting", false);
let turn = 0;
let timer = null;
let parts = null;

/** Opens or closes the sheet. */
export function toggleNetworks() {
  parts ??= build();
  const all = h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Models page"), title: t("Models page"), onclick: () => open("models") }, icon("grid"));
  toggleSheet(NAME, t("LoRA and embeddings"), parts.body, { actions: all });
  if (openSheet() !== NAME) return;
  load();
  parts.search.focus({ preventScroll: true });
}

function build() {
  const search = h("input", { type: "search", placeholder: t("Name, trigger word"), "aria-label": t("Search LoRA and embeddings"), oninput: () => (clearTimeout(timer), (timer = setTimeout(load, ASK_AFTER_MS))) });
  const chip = h("button", { class: "ez-chip", type: "button", "aria-pressed": "false", onclick: () => ((fitting = !fitting), remember("networks-fitting", fitting), load()) });
  const list = h("ul", { class: "ez-networks" });
  const more = h("button", { class: "ez-btn ghost s ez-earlier", type: "button", hidden: true, onclick: () => load({ more: true }) }, t("More"));
  onChange((changed) => {
    if (openSheet() !== NAME) return;
    if (changed.includes("checkpoint")) load();
    else if (changed.includes("prompt")) draw();
  });
  const body = h("div", { class: "ez-sheet-body" }, h("div", { class: "ez-networks-head" }, h("label", { class: "ez-field" }, icon("search"), search), chip), list, more);
  return { search, chip, list, more, body };
}

async function load({ more = false } = {}) {
  const mine = ++turn;
  const family = told.checkpoints.find((entry) => entry.name === values.checkpoint)?.family ?? "";
  parts.chip.hidden = !family;
  parts.chip.textContent = t("Only for {familyWords}", { familyWords: familyWords(family) });
  parts.chip.classList.toggle("on", fitting);
  parts.chip.setAttribute("aria-pressed", String(fitting));
  const query = new URLSearchParams({ usable: "true", sort: "name", limit: AT_ONCE, offset: more ? next : 0, search: parts.search.value.slice(0, 200) });
  query.append("kind", "lora");
  query.append("kind", "embedding");
  if (fitting && family) query.set("family", family);
  const answer = await look(`/models?${query}`);
  if (mine !== turn || !answer) return;
  // Those in the prompt come first; where they stand doesn't change while one works with them.
  const inside = answer.items.filter(isInPrompt);
  const sorted = [...inside, ...answer.items.filter((model) => !inside.includes(model))];
  models = more ? [...models, ...sorted] : sorted;
  next = answer.next;
  draw();
}

function draw() {
  const focused = parts.list.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  fill(parts.list, models.map(entry));
  parts.more.hidden = next === null;
  if (!models.length) fill(parts.list, h("li", { class: "ez-empty" }, h("p", {}, parts.search.value || fitting ? t("Nothing fits.") : t("There is no LoRA yet. Put files into models/loras."))));
  if (focused) parts.list.querySelector(`[data-does="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function entry(model) {
  const inside = isInPrompt(model);
  const weight = model.kind === "lora" && inside ? weightField(model) : null;
  return h(
    "li",
    { class: `ez-network ${inside ? "on" : ""}` },
    h(
      "button",
      { class: "ez-network-main", type: "button", "aria-pressed": String(inside), "data-does": model.id, title: inside ? t("Take it out of the prompt") : t("Put it into the prompt"), onclick: () => insertModel(model) },
      model.thumbnail ? h("img", { class: "pic", src: model.thumbnail, alt: "", loading: "lazy" }) : h("span", { class: "pic nopic" }),
      h("span", { class: "grow" }, h("span", { class: "cut ez-network-name" }, model.name), h("span", { class: "cut dim xs" }, [model.kind === "embedding" ? t("Embedding") : familyOf(model) || "LoRA", model.trigger_words.join(", ")].filter(Boolean).join(" · "))),
      !weight && icon(inside ? "ok" : "add"),
    ),
    weight,
  );
}

function weightField(model) {
  const input = h("input", { type: "number", class: "num", step: "0.05", min: "-10", max: "10", value: String(weightOf(model)), "aria-label": t("Weight of {name}", { name: model.name }), "data-does": `weight-${model.id}`, onchange: () => input.value !== "" && reweigh(model, Number(input.value)) });
  return h("span", { class: "ez-field" }, input);
}
