// A choice of one of several, with its label, in the looks of our fields.

import { icon } from "./icons.js";
import { h } from "./markup.js";

/** attributes: of its select; rows: [value, words]; take(value) is called when another one is chosen. */
export function select(label, attributes, value, rows, take, { help = "", wide = false } = {}) {
  return h(
    "label",
    { class: wide ? "is-wide" : "", title: help },
    h("span", { class: "ez-label" }, label),
    h(
      "span",
      { class: "ez-field ez-control-select" },
      h(
        "select",
        { "aria-label": label, ...attributes, onchange: (event) => take(event.target.value) },
        rows.map(([name, words]) => h("option", { value: name, selected: name === value }, words)),
      ),
      icon("down"),
    ),
  );
}
