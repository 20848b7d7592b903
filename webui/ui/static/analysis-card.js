// A part of the Analysis view: a title, a sentence, controls, and a chart.

import { h, roving } from "./markup.js";

/** {title, note, controls, body} as a section. wide: over the whole width. */
export function card({ title, note = null, controls = null, body, wide = false }) {
  const id = `ez-analysis-${title.toLowerCase().replace(/\W+/g, "-")}`;
  return h(
    "section",
    { class: `ez-card ez-analysis-card ${wide ? "is-wide" : ""}`, "aria-labelledby": id },
    h("div", { class: "row wrap" }, h("h2", { class: "ez-analysis-title", id }, title), controls && h("div", { class: "row wrap end" }, controls)),
    note && h("p", { class: "mid s" }, note),
    body,
  );
}

/** A row of choices, of which one is on: choices [[value, words]…]. */
export function choice(label, choices, chosen, choose) {
  const group = h("div", { class: "ez-seg", role: "radiogroup", "aria-label": label });
  const draw = (now) => {
    const held = group.contains(document.activeElement);
    group.replaceChildren(
      ...choices.map(([value, words]) =>
        h("button", { type: "button", role: "radio", "aria-checked": String(value === now), tabindex: value === now ? "0" : "-1", class: value === now ? "on" : "", onclick: () => (draw(value), choose(value)) }, words),
      ),
    );
    if (held) group.querySelector(".on").focus({ preventScroll: true });
  };
  roving(group, "button");
  draw(chosen);
  return group;
}
