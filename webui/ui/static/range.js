// A slider of our own with its label and what it says, in Gradio's looks.

import { h } from "./markup.js";

/** attributes: of its input; take(number) is called when it was moved; words(number): what it says. */
export function range(label, attributes, value, { min, max, step, wide = false }, take, words = (number) => String(number)) {
  const said = h("span", { class: "val" }, words(value));
  const share = (number) => `${((number - min) / (max - min)) * 100}%`;
  const input = h("input", {
    type: "range",
    min,
    max,
    step,
    value,
    style: { "--range_progress": share(value) },
    ...attributes,
    oninput: () => {
      said.textContent = words(Number(input.value));
      input.style.setProperty("--range_progress", share(input.value));
    },
    onchange: () => take(Number(input.value)),
  });
  return h("label", { class: wide ? "is-wide" : "" }, h("span", { class: "ez-label" }, label, said), input);
}
