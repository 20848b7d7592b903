// Beside the checkpoint in the bar: VAE and clip skip, at hand on every page. They are the fields of txt2img, shown once more.

import { onChange, put, row, values } from "./fields.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { linked } from "./link.js";
import { fill, h } from "./markup.js";
import { look } from "./rest.js";

const CHOICES = ["Automatic", "None"]; // of the field `vae`, before those that were found

let parts = {};
let vaes = [];

export function mount(element) {
  const button = h("button", { class: "ez-quick-button", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => (parts.panel.hidden ? open() : close()) });
  const panel = h("div", { class: "ez-quick-panel", role: "dialog", "aria-label": t("VAE and clip skip"), hidden: true });
  parts = { button, panel };
  fill(element, h("div", { class: "ez-quick-place" }, button, panel));
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close();
    button.focus({ preventScroll: true });
  });
  document.addEventListener("pointerdown", (event) => !panel.hidden && !element.contains(event.target) && close());
  element.addEventListener("focusout", (event) => event.relatedTarget && !element.contains(event.relatedTarget) && close());
  onChange((changed) => changed.some((name) => ["vae", "clip_skip"].includes(name)) && show());
  linked.then(show);
}

async function open() {
  parts.panel.hidden = false;
  parts.button.setAttribute("aria-expanded", "true");
  show();
  const answer = await look("/models?kind=vae&usable=true&sort=name&limit=500");
  vaes = answer?.items.map((model) => model.name) ?? vaes;
  show();
  parts.panel.querySelector("select").focus({ preventScroll: true });
}

function close() {
  parts.panel.hidden = true;
  parts.button.setAttribute("aria-expanded", "false");
}

function show() {
  const vae = values.vae ?? row("vae")?.default ?? CHOICES[0];
  const skip = Number(values.clip_skip ?? 1);
  const said = t("VAE {vae}, clip skip {skip}", { vae: shown(vae), skip });
  const { button, panel } = parts;
  button.title = said;
  button.setAttribute("aria-label", said);
  button.classList.toggle("on", vae !== CHOICES[0] || skip !== 1);
  fill(button, icon("sliders"), h("span", { class: "ez-quick-words" }, h("span", { class: "dim" }, t("VAE")), h("span", { class: "cut" }, shown(vae)), h("span", { class: "dim" }, t("Clip skip")), h("span", { class: "num" }, String(skip))));
  if (panel.hidden) return;
  const focused = panel.contains(document.activeElement) ? document.activeElement.id : null;
  fill(panel, vaeField(vae), skipField(skip));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function shown(vae) {
  return CHOICES.includes(vae) ? t(vae) : vae;
}

function vaeField(vae) {
  const names = [...CHOICES, ...vaes];
  if (!names.includes(vae)) names.push(vae);
  const select = h(
    "select",
    { id: "ez-quick-vae", onchange: () => put({ vae: select.value }) },
    names.map((name) => h("option", { value: name, selected: name === vae }, shown(name))),
  );
  return h("div", {}, h("label", { class: "ez-label", for: "ez-quick-vae", title: row("vae")?.help }, t("VAE")), h("span", { class: "ez-field ez-select" }, select, icon("down", "s")));
}

function skipField(skip) {
  const { minimum, maximum, help } = row("clip_skip");
  const step = (by, name, words) =>
    h("button", { id: `ez-quick-${name}`, class: "ez-btn icon", type: "button", "aria-label": words, title: words, "aria-disabled": skip + by < minimum || skip + by > maximum ? "true" : null, onclick: () => put({ clip_skip: Math.min(maximum, Math.max(minimum, skip + by)) }) }, name === "less" ? "−" : icon("add"));
  return h(
    "div",
    {},
    h("div", { class: "ez-label", title: help }, t("Clip skip")),
    h("div", { class: "row ez-quick-skip", role: "group", "aria-label": t("Clip skip") }, step(-1, "less", t("Clip skip less")), h("output", { class: "num" }, String(skip)), step(1, "more", t("Clip skip more"))),
  );
}
