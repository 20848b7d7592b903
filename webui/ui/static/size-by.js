// Width and height by the picture on the canvas: as it is, or so many times as large.

import { onChange, put, row, values } from "./fields.js";
import { t } from "./language.js";
import { fill, h, roving } from "./markup.js";
import { onPage } from "./pages.js";
import { sizeLike } from "./put-in.js";
import { CANVAS_PAGES, canvasOf, whenCanvas } from "./source.js";

const FACTORS = [0.5, 1, 1.5, 2];

export function mount(element) {
  const buttons = FACTORS.map((factor) =>
    h("button", { type: "button", role: "radio", "aria-checked": "false", onclick: () => take(factor) }, factor === 1 ? t("Same") : `${factor} ×`),
  );
  const group = h("div", { class: "ez-seg", role: "radiogroup", "aria-label": t("Size by the picture") }, buttons);
  fill(element, h("div", { class: "ez-label" }, t("Size by the picture")), group);
  const stop = roving(group, "button");
  const show = () => {
    const picture = canvasOf()?.painting;
    let chosen = -1;
    FACTORS.forEach((factor, index) => {
      const size = picture && row("width") ? sizeLike(picture, factor) : {};
      const on = size.width === Number(values.width) && size.height === Number(values.height);
      if (on && (chosen < 0 || factor === 1)) chosen = index;
    });
    buttons.forEach((button, index) => {
      button.classList.toggle("on", chosen === index);
      button.setAttribute("aria-checked", String(chosen === index));
    });
    stop(buttons[Math.max(0, chosen)]);
  };
  onChange(show);
  onPage(show);
  for (const page of CANVAS_PAGES) {
    whenCanvas(page).then((canvas) => {
      for (const type of ["opened", "closed"]) canvas.addEventListener(type, show);
      show();
    });
  }
  show();
}

function take(factor) {
  const picture = canvasOf()?.painting;
  if (picture) put(sizeLike(picture, factor));
}
