// The view Compare: two to four pictures beside each other, scaled and moved together.

import { pairView } from "./compare-view.js";
import { comparedIds, currentView, onCompared, onView, showView } from "./history-state.js";
import { fetched, hits } from "./history-hits.js";
import { icon } from "./icons.js";
import { t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { facts, useParameters } from "./picture.js";
import { sideBySide } from "./side-by-side.js";
import { moment, nameOf } from "./words.js";

const NUMBERS = { 2: "two", 3: "three", 4: "four" };

/** Fills the view. */
export function mountCompare(element) {
  const show = async () => {
    const ids = comparedIds();
    const images = (await Promise.all(ids.map(fetched))).filter(Boolean);
    if (ids !== comparedIds()) return;
    fill(element, images.length < 2 ? nothing() : images.length === 2 ? [backLink(), pairView(images)] : beside(images));
  };
  onCompared(show);
  onView((view) => view === "compare" && show());
  if (currentView() === "compare") show();
}

/** The way back to the grid. */
export function backLink() {
  const words = hits.ids.length && hits.complete ? t("Back to {count}", { count: tn("{n} picture", "{n} pictures", hits.ids.length) }) : t("Back to the pictures");
  return h("button", { class: "ez-link row ez-compare-back", type: "button", onclick: () => showView("pictures") }, icon("previous", "s"), words);
}

function nothing() {
  return h(
    "div",
    { class: "ez-empty" },
    icon("before"),
    h("p", {}, t("Pick two to four pictures (Ctrl and a click), then Compare (C), and they stand here side by side.")),
    h("button", { class: "ez-btn", type: "button", onclick: () => showView("pictures") }, t("To the pictures")),
  );
}

function beside(images) {
  const { element } = sideBySide(
    images.map((image, index) => ({
      src: image.url,
      alt: `${"ABCD"[index]}: ${nameOf(image)}`,
      colour: image.mean_colour,
      under: [
        h("span", { class: "ez-badge" }, "ABCD"[index]),
        h("span", { class: "grow cut mid", title: nameOf(image) }, [moment(image.created_at), ...facts(image)].join(" · ")),
        h("button", { class: "ez-btn s", type: "button", onclick: () => useParameters(image) }, t("Use parameters")),
      ],
    })),
  );
  return [
    backLink(),
    h("div", { class: "row wrap" }, h("h1", { class: "ez-title" }, t("Compare {value} pictures", { value: NUMBERS[images.length] })), h("span", { class: "s dim end only-wide" }, t("The wheel scales all of them, dragging moves them; 0 fits them in."))),
    element,
  ];
}
