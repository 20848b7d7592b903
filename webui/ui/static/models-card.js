// One model as a card.

import { icon } from "./icons.js";
import { t } from "./language.js";
import { h } from "./markup.js";
import { familyOf, kindWords, stateWords } from "./model-words.js";
import { cardAct, isInUse } from "./models-acts.js";
import { fileSize } from "./words.js";

const NAMED = ["lora", "embedding"];
const OBVIOUS = new Set(["checkpoint", "denoiser", "vae", "upscaler", "text_encoder", ...NAMED]); // the tab says it

/** resident: the parts of it that are in memory. roomy: whether there is room for its notes. open(model): shows everything about it. */
export function modelCard(model, { resident, chosen, roomy, open }) {
  const act = cardAct(model, resident);
  const named = NAMED.includes(model.kind);
  const run = named && act ? () => act.run(model) : () => open(model);
  const family = familyOf(model);
  const [state, tone] = stateOf(model, resident);
  const more = h(
    "button",
    { class: "ez-btn ghost s icon", type: "button", tabindex: "-1", "data-does": "open", "aria-label": t("All about {name}", { name: model.name }), title: t("Notes, trigger words, hashes, defaults (I)"), onclick: () => open(model) },
    icon("more"),
  );
  return h(
    "article",
    {
      class: `ez-card ez-model ${isInUse(model) || (act?.on ?? false) ? "on" : ""} ${chosen ? "is-chosen" : ""}`,
      role: "listitem",
      "data-id": model.id,
      "aria-label": [model.name, kindWords(model.kind), family, state, fileSize(model.bytes), act?.words].filter(Boolean).join(", "),
      "aria-current": chosen ? "true" : null,
      onclick: (event) => event.target.closest("button") || run(),
    },
    picture(model),
    h(
      "div",
      { class: "body" },
      h("div", { class: "row ez-model-name" }, h("b", { class: "cut grow", title: [model.name, model.note].filter(Boolean).join("\n") }, model.name), more),
      h(
        "div",
        { class: "row ez-model-facts" },
        family && h("span", { class: "ez-badge" }, family),
        !OBVIOUS.has(model.kind) && h("span", { class: "ez-badge" }, kindWords(model.kind)),
        state && h("span", { class: `ez-badge ${tone}`, title: model.problem || null }, state),
        h("span", { class: "end dim xs num" }, fileSize(model.bytes)),
      ),
      roomy && h("p", { class: "ez-model-said mid xs cut", title: model.note || null }, model.note),
      h("div", { class: "row ez-model-foot" }, foot(model, named), act && button(model, act), !act && isInUse(model) && inUse()),
    ),
  );
}

function picture(model) {
  if (!model.thumbnail) return h("div", { class: "nopic" }, h("span", {}, t("No preview yet")));
  const image = h("img", {
    class: "pic",
    src: model.thumbnail,
    alt: "",
    loading: "lazy",
    decoding: "async",
    draggable: "false",
    onerror: () => image.replaceWith(h("div", { class: "nopic" }, h("span", {}, t("No preview yet")))),
  });
  return image;
}

function stateOf(model, resident) {
  if (model.problem) return [t("Can't be used"), "bad"];
  if (model.pending) return [t("Looking"), ""];
  if (model.usable === null) return ["", ""];
  const best = ["device", "pinned", "RAM", "mapped"].find((state) => resident.some((part) => part.state === state));
  return best ? stateWords(best) : [t("On disk"), ""];
}

function foot(model, named) {
  const words = named ? model.trigger_words.join(", ") : "";
  if (words) return h("span", { class: "dim xs cut grow", title: t("Trigger words: {words}", { words }) }, words);
  return h("span", { class: "dim xs mono cut grow", title: model.hash ? t("Short hash") : null }, model.hash ?? (model.problem || model.form === "diffusers" ? "" : t("no hash yet")));
}

function button(model, act) {
  return h(
    "button",
    { class: `ez-btn s ${act.on ? "on" : ""}`, type: "button", tabindex: "-1", "data-does": "act", title: act.title, onclick: () => act.run(model) },
    act.on && icon(act.icon, "s"),
    act.words,
  );
}

function inUse() {
  return h("span", { class: "ez-badge acc ez-in-use" }, icon("ok", "s"), t("In use"));
}
