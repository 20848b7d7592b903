// "Something broke": halves the add-ons that are on, until the one that breaks it is named.

import { icon } from "./icons.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { change, look } from "./rest.js";
import { title } from "./words.js";

const PICTURES = 6;

/** How to look: by making a picture again each time, or by a person who says. */
export async function askHow(place) {
  const snapshot = await look(`/history?limit=${PICTURES}`);
  const pictures = (snapshot?.items ?? []).slice(0, PICTURES);
  const begin = async (image) => {
    card.inert = true; // it may take a moment, as add-ons are unloaded
    if (await change("/extensions/search", image ? { image } : {})) card.remove();
    card.inert = false;
  };
  const card = h(
    "div",
    { class: "ez-card ez-ext-how", role: "group", "aria-label": t("Something broke") },
    h("h2", { class: "ez-card-title" }, t("Which add-on broke it?")),
    h("p", { class: "s" }, t("Easel switches half of the add-ons off, looks whether it is broken still, and goes on with the half that matters. Afterwards all are as they were.")),
    pictures.length > 0 && h("p", { class: "ez-label" }, t("A picture comes out wrong: make it again each time")),
    pictures.length > 0 && h("div", { class: "row wrap" }, pictures.map((picture) => h("button", { class: "ez-ext-pick", type: "button", title: title(picture.prompt ?? ""), onclick: () => begin(picture.id) }, h("img", { src: picture.thumbnail, alt: title(picture.prompt ?? ""), loading: "lazy" })))),
    h("div", { class: "row wrap" }, h("button", { class: "ez-btn primary", type: "button", "data-does": "ask-me", onclick: () => begin("") }, t("Ask me each time")), h("button", { class: "ez-btn", type: "button", onclick: () => card.remove() }, t("Cancel"))),
  );
  fill(place, card);
  card.querySelector("button").focus();
}

export function searchNote(search) {
  if (!search) return null;
  const stop = (words) => h("button", { class: "ez-btn s", type: "button", "data-does": "end-search", onclick: () => change("/extensions/search", "", { method: "DELETE" }) }, words);
  if (search.verdict) {
    return h("div", { class: `ez-note ${search.verdict.culprits.length ? "bad" : "ok"}`, role: "alert", "data-search": "found" }, icon(search.verdict.culprits.length ? "bad" : "info"), h("div", { class: "grow" }, h("b", {}, search.verdict.words), h("p", { class: "s" }, t("All add-ons are on as they were before.")), search.verdict.culprits.length > 0 && h("div", { class: "row wrap" }, search.verdict.culprits.map((id) => h("button", { class: "ez-btn s", type: "button", "data-does": "off", onclick: async () => (await change("/extensions/search", "", { method: "DELETE" })) && change(`/extensions/${id}/disable`) }, t("Switch {id} off", { id }))))), stop(t("Close")));
  }
  const on = search.on.length ? search.on.join(", ") : "none";
  const answer = (broken) => change("/extensions/search/answer", { broken });
  return h(
    "div",
    { class: "ez-note warn", role: "status", "data-search": "asking", "data-step": search.step },
    icon("search"),
    h(
      "div",
      { class: "grow" },
      h("b", {}, t("Try {step} of about {value}. ", { step: search.step, value: Math.max(search.steps, search.step) })),
      t("On just now: {on}.", { on }),
      search.image
        ? h("p", { class: "s" }, t("The picture is being made again."))
        : h("div", { class: "row wrap" }, h("span", { class: "s" }, t("Try what broke. Is it broken still?")), h("button", { class: "ez-btn s", type: "button", "data-does": "broken", onclick: () => answer(true) }, t("Broken still")), h("button", { class: "ez-btn s", type: "button", "data-does": "whole", onclick: () => answer(false) }, t("It works"))),
    ),
    stop(t("Stop")),
  );
}
