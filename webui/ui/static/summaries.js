// A closed section says what is in it, and stays open over a reload if it was.

import { onChange, row, values } from "./fields.js";
import { recall, remember } from "./storage.js";

const SECTIONS = {
  "ez-acc-sampling": () => {
    const parts = [];
    if (differs("batch_size")) parts.push(`batch ${values.batch_size}`);
    if (differs("clip_skip")) parts.push(`clip skip ${values.clip_skip}`);
    return parts.join(", ");
  },
  "ez-acc-dynamic": () => (values.dynamic_prompts ? "On" : ""),
};
const USUAL = { "ez-acc-sampling": "Default", "ez-acc-dynamic": "Off" };

function differs(name) {
  return values[name] !== undefined && Number(values[name]) !== Number(row(name)?.default);
}

function button(id) {
  return document.querySelector(`#${id} > button.label-wrap`);
}

function show() {
  for (const [id, summary] of Object.entries(SECTIONS)) {
    const head = button(id);
    if (!head) continue;
    const words = summary();
    head.dataset.sum = words || USUAL[id];
    if (words) head.dataset.on = "";
    else delete head.dataset.on;
    head.setAttribute("aria-expanded", String(head.classList.contains("open")));
  }
}

export function startSummaries() {
  const open = new Set(recall("open", []));
  for (const id of Object.keys(SECTIONS)) {
    const head = button(id);
    if (!head) continue;
    if (open.has(id) && !head.classList.contains("open")) head.click();
    new MutationObserver(() => {
      const isOpen = head.classList.contains("open");
      if (isOpen === open.has(id)) return;
      if (isOpen) open.add(id);
      else open.delete(id);
      remember("open", [...open]);
      show();
    }).observe(head, { attributeFilter: ["class"] });
  }
  onChange(show);
  show();
}
