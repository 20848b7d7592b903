// By how much the picture on the Inpaint canvas is extended, in numbers; the canvas shows the same as a frame.

import { NO_FRAME, extentOf, isExtended, sideOf } from "./canvas/frame.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { whenCanvas } from "./source.js";

const INPUTS = { left: t("Left"), right: t("Right"), top: t("Top"), bottom: t("Bottom") };

/** props: step and most, of a side in px. */
export function mount(element, bounds) {
  const inputs = Object.fromEntries(
    Object.keys(INPUTS).map((side) => [side, h("input", { type: "number", min: 0, max: bounds.most, step: bounds.step, value: 0, "aria-label": t("Extend {side}", { side }) })]),
  );
  const result = h("span", { class: "grow dim s num" });
  const reset = h("button", { class: "ez-btn s ghost", type: "button" }, t("Reset"));
  fill(
    element,
    h("div", { class: "ez-sides" }, Object.entries(inputs).map(([side, input]) => h("label", {}, h("span", { class: "ez-label" }, INPUTS[side]), h("span", { class: "ez-field" }, input, h("span", { class: "dim xs" }, t("px")))))),
    h("div", { class: "ez-sides-sum" }, result, reset),
  );
  const show = (painting) => {
    for (const [side, input] of Object.entries(inputs)) {
      input.disabled = !painting;
      if (document.activeElement !== input || Number(input.value) !== painting?.frame[side]) input.value = painting?.frame[side] ?? 0;
    }
    reset.disabled = !painting || !isExtended(painting.frame);
    result.textContent = painting ? resultWords(painting) : t("Put a picture on the canvas first.");
  };
  show(null);
  whenCanvas("inpaint").then((canvas) => {
    for (const [side, input] of Object.entries(inputs)) {
      input.addEventListener("change", () => canvas.painting?.extend({ ...canvas.painting.frame, [side]: sideOf(Number(input.value), bounds) }));
      input.addEventListener("change", () => show(canvas.painting));
    }
    reset.addEventListener("click", () => canvas.painting.extend(NO_FRAME, t("Extend by nothing")));
    canvas.watch("frame", () => show(canvas.painting));
    canvas.addEventListener("closed", () => show(null));
  });
}

function resultWords(painting) {
  const { left, top, right, bottom } = extentOf(painting);
  return isExtended(painting.frame) ? t("{width} × {height} becomes {left} × {top}", { width: painting.width, height: painting.height, left: right - left, top: bottom - top }) : t("Or drag the frame on the canvas (O).");
}
