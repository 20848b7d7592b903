// Light or dark: the system's choice until the user makes one.

import { recall, remember } from "./storage.js";

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

export function isDark() {
  const chosen = chosenTheme();
  return chosen ? chosen === "dark" : system.matches;
}

/** "light" or "dark" where one was chosen, else null: then the system says. */
export function chosenTheme() {
  return recall("theme", null, { everywhere: true });
}

/** theme: "light", "dark", or empty for the system's. */
export function chooseTheme(theme) {
  remember("theme", theme || null, { everywhere: true });
  apply();
}

export function toggleTheme() {
  chooseTheme(isDark() ? "light" : "dark");
}

export function onTheme(listener) {
  listeners.add(listener);
  listener(isDark());
}

function apply() {
  const dark = isDark();
  if (document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
  listeners.forEach((listener) => listener(dark));
}

export function startTheme() {
  apply();
  system.addEventListener("change", apply);
  // Gradio sets the class itself when it starts, by the system's choice: ours is put back at once.
  new MutationObserver(apply).observe(document.body, { attributeFilter: ["class"] });
  addEventListener("storage", apply); // the switch in another tab
}
