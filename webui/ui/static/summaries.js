// A closed section says what is in it, and stays open over a reload if it was.

import { onChange, row, values } from "./fields.js";
import { whenThere } from "./markup.js";
import { recall, remember } from "./storage.js";

const SECTIONS = {
  "ez-acc-sampling": () => {
    const parts = [];
    if (differs("batch_size")) parts.push(`batch ${values.batch_size}`);
    if (differs("clip_skip")) parts.push(`clip skip ${values.clip_skip}`);
    if ((values.attention ?? row("attention")?.default) !== row("attention")?.default) parts.push(values.attention);
    return parts.join(", ");
  },
  "ez-acc-prompt": () => {
    const parts = [];
    if (values.emphasis !== undefined && values.emphasis !== row("emphasis")?.default) parts.push(`emphasis ${values.emphasis.toLowerCase()}`);
    if (differs("comma_backtrack")) parts.push(`backtrack ${values.comma_backtrack}`);
    if (values.pad_conds) parts.push("padded");
    if (values.old_prompt_editing) parts.push("old timelines");
    return parts.join(", ");
  },
  "ez-acc-dynamic": () => (values.dynamic_prompts ? "On" : ""),
};
const USUAL = { "ez-acc-sampling": "Default", "ez-acc-prompt": "Default", "ez-acc-dynamic": "Off" };

function differs(name) {
  return values[name] !== undefined && Number(values[name]) !== Number(row(name)?.default);
}

function show() {
  for (const [id, summary] of Object.entries(SECTIONS)) whenThere(`#${id} > button.label-wrap`, (head) => mark(head, summary() || null, USUAL[id]));
}

function mark(head, words, usual) {
  head.dataset.sum = words ?? usual;
  if (words) head.dataset.on = "";
  else delete head.dataset.on;
  head.setAttribute("aria-expanded", String(isOpen(head)));
}

function isOpen(head) {
  return head.classList.contains("open");
}

export function startSummaries() {
  const open = new Set(recall("open", []));
  for (const id of Object.keys(SECTIONS)) {
    whenThere(`#${id} > button.label-wrap`, (head) => {
      if (open.has(id) && !isOpen(head)) head.click();
      new MutationObserver(() => {
        if (isOpen(head) === open.has(id)) return;
        if (isOpen(head)) open.add(id);
        else open.delete(id);
        remember("open", [...open]);
        show();
      }).observe(head, { attributeFilter: ["class"] });
    });
  }
  onChange(show);
  show();
}
