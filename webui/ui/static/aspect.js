// The usual shapes of a picture, at the size the checkpoint draws best.

import { defaultsOf } from "./checkpoint.js";
import { onChange, put, row, values } from "./fields.js";
import { t } from "./language.js";
import { fill, h, roving } from "./markup.js";

const SHAPES = [
  { name: "1:1", width: 1, height: 1, box: [11, 11] },
  { name: "4:3", width: 4, height: 3, box: [13, 10] },
  { name: "3:4", width: 3, height: 4, box: [10, 13] },
  { name: "3:2", width: 3, height: 2, box: [14, 9] },
  { name: "16:9", width: 16, height: 9, box: [15, 8] },
];
const FALLBACK_SIDE = 512;

/** Width and height of about the native area, in the steps that are allowed. */
export function sizeOf(shape) {
  const native = defaultsOf(values.checkpoint);
  const area = (native.width ?? FALLBACK_SIDE) * (native.height ?? FALLBACK_SIDE);
  const side = Math.sqrt(area / (shape.width * shape.height));
  return { width: fit("width", side * shape.width), height: fit("height", side * shape.height) };
}

function fit(name, value) {
  const { minimum, maximum, step } = row(name);
  return Math.min(maximum, Math.max(minimum, Math.round(value / step) * step));
}

export function mount(element) {
  const buttons = SHAPES.map((shape) =>
    h(
      "button",
      { type: "button", role: "radio", "aria-checked": "false", onclick: () => put(sizeOf(shape)) },
      h("span", { class: "shape", style: { width: `${shape.box[0]}px`, height: `${shape.box[1]}px` } }),
      shape.name,
    ),
  );
  const group = h("div", { class: "ez-seg", role: "radiogroup", "aria-label": t("Aspect") }, buttons);
  fill(element, h("div", { class: "ez-label" }, t("Size")), group);
  const stop = roving(group, "button");
  const show = () => {
    let chosen = -1;
    SHAPES.forEach((shape, index) => {
      const size = row("width") ? sizeOf(shape) : {};
      const on = size.width === values.width && size.height === values.height;
      if (on) chosen = index;
      buttons[index].classList.toggle("on", on);
      buttons[index].setAttribute("aria-checked", String(on));
    });
    stop(buttons[Math.max(0, chosen)]);
  };
  onChange(show);
  show();
}
