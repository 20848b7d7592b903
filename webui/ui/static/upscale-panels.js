// The sections of add-ons on the Upscale page. What they say stands in the draft: id -> values, of those that say something.

import { addOns } from "./add-ons.js";
import { fill, h } from "./markup.js";
import { PanelSection } from "./panel.js";
import { draft } from "./upscale-draft.js";

const PAGE = "upscale";

/** A part of the column: {element, draw, complain}. */
export function upscalePanels() {
  let panels = [];
  let shown = ""; // as the draft had it
  const element = h("div", { class: "ez-up-panels" });
  addOns.then((page) => {
    panels = page.panels.filter(({ tabs }) => tabs.includes(PAGE)).map((about) => new PanelSection(about, { place: PAGE, changed: send }));
    fill(element, panels.map((panel) => panel.element));
    shown = JSON.stringify(said());
    draw();
  });

  function said() {
    const others = Object.entries(draft.extensions).filter(([id]) => !panels.some(({ about }) => about.extension === id));
    const told = Object.fromEntries(others);
    for (const { about, told: says } of panels) if (says) told[about.extension] = { ...told[about.extension], ...says };
    return told;
  }

  function send() {
    const extensions = said();
    shown = JSON.stringify(extensions);
    if (shown !== JSON.stringify(draft.extensions)) draft.set({ extensions });
  }

  function draw() {
    const text = JSON.stringify(draft.extensions);
    if (text === shown) return;
    shown = text;
    for (const panel of panels) panel.adopt(draft.extensions[panel.about.extension] ?? null);
  }

  return { element, draw, complain: (error) => panels.some((panel) => panel.complain(error)) };
}
