// What the columns of the Upscale page are made of: choices and numbers under their labels, that say what is wrong with them.

import { icon } from "./icons.js";
import { t } from "./language.js";
import { fill, h, roving } from "./markup.js";

/** One of a few: {element, show}. options: [[value, words]]; take(value) hears what was chosen. */
export function oneOf(label, options, take) {
  const buttons = options.map(([value, words]) => h("button", { type: "button", role: "radio", "data-value": String(value), onclick: () => take(value) }, words));
  const element = h("div", { class: "ez-seg", role: "radiogroup", "aria-label": label }, buttons);
  const stop = roving(element, "button");
  return {
    element,
    /** value: the chosen one; none is where it is another one. */
    show(value) {
      let chosen = buttons[0];
      options.forEach(([other], at) => {
        const on = other === value;
        if (on) chosen = buttons[at];
        buttons[at].classList.toggle("on", on);
        buttons[at].setAttribute("aria-checked", String(on));
      });
      stop(element.contains(document.activeElement) ? document.activeElement : chosen);
    },
  };
}

/** A number: {element, input, show}. take(number) hears what was typed; null where that is none. */
export function numberField(label, { minimum, maximum, step, help }, take, unit = "") {
  const input = h("input", {
    type: "number",
    "aria-label": label,
    title: help,
    min: minimum,
    max: maximum,
    step: step ?? "any",
    inputmode: "decimal",
    oninput: () => take(input.value === "" ? null : Number(input.value)),
  });
  return {
    element: h("div", { class: "ez-field" }, input, unit && h("span", { class: "ez-count" }, unit)),
    input,
    show(value) {
      if (document.activeElement !== input || Number(input.value) !== value) input.value = value ?? "";
    },
  };
}

/** One of many: {element, show}. take(value) hears what was chosen. */
export function choice(label, help, take) {
  const list = h("select", { "aria-label": label, title: help, onchange: () => take(list.value) });
  let drawn = "";
  return {
    element: h("span", { class: "ez-field ez-select" }, list, icon("down", "s")),
    /** options: [[value, words]]. What was chosen and is gone stays to be seen. */
    show(value, options) {
      const all = options.some(([other]) => other === value) ? options : [...options, [value, t("{value} (not here)", { value })]];
      const key = JSON.stringify(all);
      if (drawn !== key) fill(list, all.map(([other, words]) => h("option", { value: other }, words)));
      drawn = key;
      list.value = value;
    },
  };
}

/** A part of the column under its label, with room for what is wrong: {element, complain}. */
export function labelled(label, content, end = null) {
  const hint = h("p", { class: "ez-hint bad", role: "alert", hidden: true });
  const element = h("div", {}, label && h("div", { class: "ez-label" }, label, end && h("span", { class: "end" }, end)), content, hint);
  return {
    element,
    /** error: null takes back what was said. */
    complain(error) {
      hint.hidden = !error;
      hint.textContent = error ? [error.message, error.allowed ? t("Allowed: {allowed}.", { allowed: error.allowed }) : error.hint].filter(Boolean).join(" ") : "";
      element.classList.toggle("is-wrong", Boolean(error));
      const input = element.querySelector("input, select");
      if (error) input?.setAttribute("aria-invalid", "true");
      else input?.removeAttribute("aria-invalid");
    },
  };
}

/** A section that says what is in it while it is closed: {element, say}. isOpen, opened(isOpen): whether it is, kept by whoever asks. */
export function section(id, title, content, isOpen, opened) {
  const summary = h("span", { class: "sum" });
  const head = h("button", { type: "button", "aria-controls": id, onclick: () => toggle(!element.classList.contains("open")) }, icon("next", "s chev"), title, summary);
  const body = h("div", { id }, content);
  const element = h("div", { class: "ez-acc" }, head, body);
  const toggle = (wanted, told = true) => {
    element.classList.toggle("open", wanted);
    head.setAttribute("aria-expanded", String(wanted));
    body.hidden = !wanted;
    if (told) opened(wanted);
  };
  toggle(isOpen, false);
  return {
    element,
    open: () => toggle(true),
    /** isUsual: nothing in it was changed. */
    say(words, isUsual) {
      summary.textContent = words;
      summary.classList.toggle("on", !isUsual);
    },
  };
}
