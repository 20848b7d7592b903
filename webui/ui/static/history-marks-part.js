// Rating, tags and note of the picture whose detail is shown.

import { tagField } from "./history-bar.js";
import { addTag, mark, rate, removeTag } from "./history-marks.js";
import { toggle } from "./history-terms.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { h } from "./markup.js";

const MOST_NOTE = 4000; // characters

/** The element for a picture. */
export function marksPart(image) {
  return h("div", { class: "ez-marks" }, h("div", { class: "row wrap" }, stars(image), tags(image)), note(image));
}

function stars(image) {
  const rating = image.rating ?? 0;
  const star = (number) =>
    h(
      "button",
      {
        type: "button",
        role: "radio",
        "aria-checked": String(rating === number),
        class: number <= rating ? "on" : "",
        "aria-label": t("{number} of 5", { number }),
        title: rating === number ? t("Not rated any more (Shift 0)") : t("{number} of 5 (Shift {number})", { number }),
        onclick: () => rate([image.id], number),
      },
      icon("star"),
    );
  return h("span", { class: "ez-stars", role: "radiogroup", "aria-label": rating ? t("Rated {rating} of 5", { rating }) : t("Not rated") }, [1, 2, 3, 4, 5].map(star));
}

function tags(image) {
  const chips = (image.tags ?? []).map((tag) =>
    h(
      "span",
      { class: "ez-badge ez-tag" },
      h("button", { type: "button", class: "cut", title: t("Search for tag:{tag}", { tag }), onclick: () => toggle("tag", tag) }, tag),
      h("button", { type: "button", "aria-label": t("Take tag {tag} off", { tag }), title: t("Take off"), onclick: () => removeTag([image.id], tag) }, icon("close", "s")),
    ),
  );
  const add = h("button", { class: "ez-link xs", type: "button", onclick: () => add.replaceWith(tagField((tag) => addTag([image.id], tag), () => add)) }, t("Add tag"));
  return [chips, add];
}

// A note is kept when one leaves it. It grows with what is written.
function note(image) {
  const field = h("textarea", {
    rows: "1",
    "aria-label": t("Note"),
    placeholder: t("Note"),
    maxlength: MOST_NOTE,
    oninput: () => grow(),
    onchange: () => field.value !== (image.note ?? "") && mark([image.id], { note: field.value }),
  });
  const grow = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };
  field.value = image.note ?? "";
  requestAnimationFrame(grow);
  return h("div", { class: "ez-field area ez-note-field" }, field);
}
