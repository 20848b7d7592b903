// The three bars that float over the board: tools, brush, and view. Each is one stop for Tab, with arrow keys inside.

import { icon } from "../icons.js";
import { fill, h, roving } from "../markup.js";
import { BOUNDS } from "./brush.js";

const ZOOM = 1.25;

export function button(name, words, key, run, { text = "", kind = "ez-tool" } = {}) {
  const said = key ? `${words} (${key})` : words;
  return h("button", { class: kind, type: "button", "aria-label": said, title: said, onclick: run }, name && icon(name), text);
}

export function toolsBar(canvas) {
  const tools = Object.entries(canvas.tools).map(([name, { words, key }]) => {
    const choose = button(name, words, key, () => canvas.choose(name));
    choose.dataset.tool = name;
    return choose;
  });
  const bar = h(
    "div",
    { class: "ez-float v tools", role: "toolbar", "aria-label": "Tools", "aria-orientation": "vertical" },
    tools,
    h("span", { class: "sep" }),
    canvas.hasMask && button("invert", "Invert", "I", () => canvas.painting.invert()),
    button("trash", "Clear", "Del", () => canvas.painting.clear()),
  );
  const stop = roving(bar, "button", { rows: true });
  const show = () => {
    for (const tool of tools) {
      const on = tool.dataset.tool === canvas.tool;
      tool.classList.toggle("on", on);
      tool.setAttribute("aria-pressed", String(on));
    }
  };
  canvas.addEventListener("tool", show);
  show();
  stop(bar.querySelector(".on"));
  return bar;
}

export function brushBar(canvas) {
  const { brush } = canvas;
  const sliders = Object.keys(BOUNDS).map((name) => slider(brush, name));
  const colour = h("input", { type: "color", class: "ez-swatch", "aria-label": "Colour", title: "Colour", oninput: () => brush.set({ colour: colour.value }) });
  const colourPart = h("span", { class: "ez-mini", hidden: true }, "Colour", colour, h("span", { class: "sep" }));
  const bar = h(
    "div",
    { class: "ez-float brush", role: "toolbar", "aria-label": "Brush" },
    colourPart,
    sliders[0],
    h("span", { class: "only-wide row" }, sliders.slice(1).map((part) => [h("span", { class: "sep" }), part])),
  );
  canvas.watch("look", () => (colourPart.hidden = canvas.painting?.active !== "sketch"));
  brush.addEventListener("change", () => (colour.value = brush.colour));
  colour.value = brush.colour;
  return bar;
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
  const undo = button("undo", "Undo", "Ctrl Z", () => canvas.undo());
  const redo = button("redo", "Redo", "Ctrl Shift Z", () => canvas.redo());
  const scale = h("button", { class: "ez-btn s ghost num", type: "button", title: "100 %", onclick: () => view.zoom(1 / view.scale) });
  const before = button("before", "Hold to see the picture before", "\\", null, { text: "Before", kind: "ez-btn s ghost" });
  const see = (isOn) => () => canvas.board.before(isOn);
  for (const type of ["pointerdown", "keydown"]) before.addEventListener(type, (event) => isPress(event) && canvas.board.before(true));
  for (const type of ["pointerup", "pointerleave", "keyup", "blur"]) before.addEventListener(type, see(false));
  const maximise = button("full", "Maximise", "M", () => canvas.maximise());
  // Only where there is no room to have them beside the canvas.
  const layers = canvas.hasMask && button("layers", "Layers", "", () => canvas.toggleLayers(), { kind: "ez-tool ez-show-layers" });
  const bar = h(
    "div",
    { class: "ez-float view", role: "toolbar", "aria-label": "View" },
    undo,
    redo,
    h(
      "span",
      { class: "only-wide row" },
      h("span", { class: "sep" }),
      button("minus", "Zoom out", "-", () => view.zoom(1 / ZOOM)),
      scale,
      button("add", "Zoom in", "+", () => view.zoom(ZOOM)),
      h("button", { class: "ez-btn s ghost", type: "button", title: "Fit (0)", onclick: () => view.fit() }, "Fit"),
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
    scale.setAttribute("aria-label", `Scale ${Math.round(view.scale * 100)} percent; press for 100`);
  };
  canvas.watch("step", () => {
    // aria-disabled, not disabled: the focus stays where it is.
    for (const [part, step, words] of [[undo, canvas.painting?.history.last, "Undo"], [redo, canvas.painting?.history.next, "Redo"]]) {
      part.setAttribute("aria-disabled", String(!step));
      part.title = step ? `${words} ${step.words} (${words === "Undo" ? "Ctrl Z" : "Ctrl Shift Z"})` : `Nothing to ${words.toLowerCase()}`;
    }
  });
  canvas.addEventListener("maximised", () => maximise.setAttribute("aria-pressed", String(canvas.isMaximised)));
  return bar;
}

function isPress(event) {
  return event.type !== "keydown" || event.key === " " || event.key === "Enter";
}
