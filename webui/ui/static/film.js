// Whether a view of each step is kept of the next jobs: a switch below Generate. Until it is pressed, the setting decides.

import { on } from "./jobs.js";
import { t } from "./language.js";
import { linked } from "./link.js";
import { h } from "./markup.js";
import { look } from "./rest.js";
import { recall, remember } from "./storage.js";

let chosen = recall("film");
let usual = false;
let button = null;

/** What an order says of it: true, false, or null where the setting is to decide. */
export function filmed() {
  return chosen;
}

export function filmSwitch() {
  button = h("button", { class: "ez-switch", type: "button", role: "switch", title: t("Keep a view of every step"), onclick: press }, h("i"), t("Film"));
  show();
  return button;
}

function press() {
  chosen = !(chosen ?? usual);
  remember("film", chosen);
  show();
}

function show() {
  const isOn = chosen ?? usual;
  button?.classList.toggle("on", isOn);
  button?.setAttribute("aria-checked", String(isOn));
}

async function learn() {
  const answer = await look("/settings");
  usual = answer?.settings.find((entry) => entry.name === "film")?.value ?? usual;
  show();
}

on("settings", learn);
linked.then(learn);
