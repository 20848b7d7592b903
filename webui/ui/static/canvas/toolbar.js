// The bars that float over the board: tools, brush, colours, and view. Each is one stop for Tab, with arrow keys inside.

import { icon } from "../icons.js";
import { keyNames } from "../key-names.js";
import { t } from "../language.js";
import { fill, h, roving } from "../markup.js";
import { BOUNDS } from "./brush.js";
import { TOOLS } from "./tools.js";

const ZOOM = 1.25;
const TAKEN_AWAY = [t("Clear"), TOOLS.eraser.words]; // steps that leave no colour

export function button(name, words, key, run, { text = "", kind = "ez-tool" } = {}) {
  const said = key ? `${words} (${keyNames(key)})` : words;
  return h("button", { class: kind, type: "button", "aria-label": said, title: said, onclick: run }, name && icon(name), text);
}

export function toolsBar(canvas) {
  const tools = Object.keys(canvas.tools)
    .filter((name) => !TOOLS[name].ofSketch)
    .map((name) => toolButton(canvas, name));
  const bar = h(
    "div",
    { class: "ez-float v tools", role: "toolbar", "aria-label": t("Tools"), "aria-orientation": "vertical" },
    tools,
    h("span", { class: "sep" }),
    canvas.hasMask && button("invert", t("Invert"), "I", () => canvas.painting.invert()),
    button("trash", t("Clear"), "Del", () => canvas.painting.clear()),
  );
  roving(bar, "button", { rows: true })(bar.querySelector(".on"));
  return bar;
}

function toolButton(canvas, name) {
  const choose = button(name, TOOLS[name].words, TOOLS[name].key, () => canvas.choose(name));
  const show = () => {
    const on = name === canvas.tool;
    choose.classList.toggle("on", on);
    choose.setAttribute("aria-pressed", String(on));
  };
  choose.dataset.tool = name;
  canvas.addEventListener("tool", show);
  show();
  return choose;
}

/** What the colour sketch is painted with; there only while that is what one paints on. */
export function coloursBar(canvas) {
  const { brush } = canvas;
  const colour = h("input", { type: "color", class: "ez-swatch", "aria-label": t("Colour"), title: t("Colour"), oninput: () => brush.set({ colour: colour.value }) });
  const places = brush.palette.map((_, place) => h("button", { type: "button", onclick: () => brush.set({ colour: brush.palette[place] }) }));
  const bar = h(
    "div",
    { class: "ez-float v colours", role: "toolbar", "aria-label": t("Colours"), "aria-orientation": "vertical", hidden: true },
    toolButton(canvas, "pick"),
    colour,
    h("span", { class: "sep" }),
    h("span", { class: "ez-palette", role: "group", "aria-label": t("Palette") }, places),
  );
  const show = () => {
    colour.value = brush.colour;
    brush.palette.forEach((shade, place) => {
      const button = places[place];
      button.style.backgroundColor = shade;
      button.title = shade;
      button.setAttribute("aria-label", t("Colour {shade}", { shade }));
      button.setAttribute("aria-pressed", String(shade === brush.colour));
    });
  };
  canvas.watch("look", () => (bar.hidden = canvas.painting?.active !== "sketch"));
  canvas.watch("step", ({ detail: { layer, step } }) => layer === "sketch" && step && !TAKEN_AWAY.includes(step.words) && brush.keepColour());
  brush.addEventListener("change", show);
  show();
  roving(bar, "button, input", { rows: true })(bar.querySelector("button"));
  return bar;
}

export function brushBar(canvas) {
  const { brush } = canvas;
  const sliders = Object.keys(BOUNDS).map((name) => slider(brush, name));
  return h(
    "div",
    { class: "ez-float brush", role: "toolbar", "aria-label": t("Brush") },
    sliders[0],
    h("span", { class: "only-wide row" }, sliders.slice(1).map((part) => [h("span", { class: "sep" }), part])),
  );
}

function slider(brush, name) {
  const { words, minimum, maximum, unit, step } = BOUNDS[name];
  const input = h("input", { type: "range", class: "ez-slider", min: minimum, max: maximum, step, "aria-label": words });
  const number = h("span", { class: "num" });
  // Small brushes need finer steps than large ones: the slider moves along the square root of the size.
  const curve = name === "size" ? { there: Math.sqrt, back: (value) => Math.round(value * value) } : { there: (value) => value, back: (value) => value };
  if (name === "size") Object.assign(input, { min: Math.sqrt(minimum), max: Math.sqrt(maximum), step: 0.01 });
  const show = () => {
    const value = brush[name];
    input.value = curve.there(value);
    const share = (input.value - input.min) / (input.max - input.min);
    input.style.setProperty("--v", `${share * 100}%`);
    const text = unit === "%" ? `${Math.round(value * 100)} %` : String(Math.round(value));
    number.textContent = text;
    input.setAttribute("aria-valuetext", unit === "%" ? text : `${text} px`);
  };
  input.addEventListener("input", () => brush.set({ [name]: curve.back(Number(input.value)) }));
  brush.addEventListener("change", show);
  show();
  return h("label", { class: "ez-mini" }, words, input, number);
}

export function viewBar(canvas) {
  const { view } = canvas.board;
  const undo = button("undo", t("Undo"), "Ctrl Z", () => canvas.undo());
  const redo = button("redo", t("Redo"), "Ctrl Shift Z", () => canvas.redo());
  const scale = h("button", { class: "ez-btn s ghost num", type: "button", title: "100 %", onclick: () => view.zoom(1 / view.scale) });
  const before = button("before", t("Hold to see the picture before"), "\\", null, { text: t("Before"), kind: "ez-btn s ghost" });
  const see = (isOn) => () => canvas.board.before(isOn);
  for (const type of ["pointerdown", "keydown"]) before.addEventListener(type, (event) => isPress(event) && canvas.board.before(true));
  for (const type of ["pointerup", "pointerleave", "keyup", "blur"]) before.addEventListener(type, see(false));
  const maximise = button("full", t("Maximise"), "M", () => canvas.maximise());
  // Only where there is no room to have them beside the canvas.
  const layers = canvas.hasMask && button("layers", t("Layers"), "", () => canvas.toggleLayers(), { kind: "ez-tool ez-show-layers" });
  const bar = h(
    "div",
    { class: "ez-float view", role: "toolbar", "aria-label": t("View") },
    undo,
    redo,
    h(
      "span",
      { class: "only-wide row" },
      h("span", { class: "sep" }),
      button("minus", t("Zoom out"), "-", () => view.zoom(1 / ZOOM)),
      scale,
      button("add", t("Zoom in"), "+", () => view.zoom(ZOOM)),
      h("button", { class: "ez-btn s ghost", type: "button", title: t("Fit (0)"), onclick: () => view.fit() }, t("Fit")),
      h("span", { class: "sep" }),
      before,
    ),
    maximise,
    layers,
  );
  roving(bar, "button")(undo);
  const changed = view.changed;
  view.changed = () => {
    changed();
    fill(scale, `${Math.round(view.scale * 100)} %`);
    scale.setAttribute("aria-label", t("Scale {value} percent; press for 100", { value: Math.round(view.scale * 100) }));
  };
  canvas.watch("step", () => {
    // aria-disabled, not disabled: the focus stays where it is.
    for (const [part, step, says, keys, nothing] of [
      [undo, canvas.painting?.history.last, (words) => t("Undo {words}", { words }), "Ctrl Z", t("Nothing to undo")],
      [redo, canvas.painting?.history.next, (words) => t("Redo {words}", { words }), "Ctrl Shift Z", t("Nothing to redo")],
    ]) {
      part.setAttribute("aria-disabled", String(!step));
      part.title = step ? `${says(step.words)} (${keyNames(keys)})` : nothing;
    }
  });
  canvas.addEventListener("maximised", () => maximise.setAttribute("aria-pressed", String(canvas.isMaximised)));
  return bar;
}

function isPress(event) {
  return event.type !== "keydown" || event.key === " " || event.key === "Enter";
}
