// What means nothing while a switch is off is grey then, and can't be reached.

import { onChange, values } from "./fields.js";
import { whenThere } from "./markup.js";

const SWITCHED = { "#ez-soft": () => values.soft_inpainting, "#ez-tiles": () => (values.tiled_drawing ?? "Off") !== "Off" };

function show() {
  for (const [place, isOn] of Object.entries(SWITCHED)) whenThere(place, (element) => (element.inert = !isOn()));
}

export function startSwitches() {
  onChange(show);
  show();
}
