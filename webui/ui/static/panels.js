// The sections of add-ons in the column that asks. What they say is the field `extensions`: id -> values, of those that say something.

import { addOns } from "./add-ons.js";
import { onError } from "./fields.js";
import { listField } from "./list-field.js";
import { fill, h } from "./markup.js";
import { currentPage, onPage } from "./pages.js";
import { PanelSection } from "./panel.js";
import { scriptSection } from "./script-section.js";

const DRAWING = ["txt2img", "img2img", "inpaint"]; // they share one column; Upscale has its own

let panels = [];
let rest = {}; // values of add-ons that have no panel here: of a picture's parameters

export async function mount(element) {
  const page = await addOns;
  const here = page.panels.filter(({ tabs }) => tabs.some((tab) => DRAWING.includes(tab)));
  panels = here.map((about) => new PanelSection(about, { changed: () => field.send() }));
  fill(element, h("div", { class: "ez-panels" }, panels.map((panel) => panel.element), scriptSection(page.scripts)));
  // What came before they were here; else what the field holds, where that is other than what they remember.
  if (Object.keys(rest).length) adopt(rest);
  else field.begin();
  onPage(show);
  show();
}

const field = listField("extensions", { ready, adopt, empty: "{}" });
onError((error) => panels.some((panel) => panel.complain(error)));

/** Until what the panels say stands in the field. */
export function panelsArrived() {
  return field.arrived();
}

/** What a request gets: values of panels of this page that differ from the usual ones. */
function ready() {
  const told = {};
  for (const { about, told: says } of panels) {
    if (about.tabs.includes(currentPage()) && says) told[about.extension] = { ...told[about.extension], ...says };
  }
  return { ...rest, ...told };
}

function adopt(given) {
  rest = Object.fromEntries(Object.entries(given).filter(([id]) => !panels.some(({ about }) => about.extension === id)));
  for (const panel of panels) panel.adopt(given[panel.about.extension] ?? null);
}

function show() {
  // Where nothing is drawn they say nothing: the field keeps what they said where something was.
  if (!DRAWING.includes(currentPage())) return;
  for (const { about, element } of panels) element.hidden = !about.tabs.includes(currentPage());
  field.send();
}
