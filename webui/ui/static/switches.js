// What means nothing while a switch is off is grey then, and can't be reached.

import { onChange, values } from "./fields.js";
import { whenThere } from "./markup.js";

const SWITCHED = { soft_inpainting: "#ez-soft" };

function show() {
  for (const [name, place] of Object.entries(SWITCHED)) whenThere(place, (element) => (element.inert = !values[name]));
}

export function startSwitches() {
  onChange(show);
  show();
}
