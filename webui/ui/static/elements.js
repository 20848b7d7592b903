// Elements that add-ons declare, drawn from plain values. All their text becomes text nodes.

import { chart, plotting } from "./charts.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { paintMask } from "./mask-painter.js";
import { pagePicture } from "./page-picture.js";
import { range } from "./range.js";
import { look } from "./rest.js";
import { select } from "./select.js";
import { errorToast } from "./toasts.js";
import { addressOf, upload } from "./uploads.js";

const MOST_PLACES = 400; // of a slider; what has more is typed
const TAGS = new Set(["p", "em", "strong", "code", "pre", "ul", "ol", "li", "h3", "h4", "h5", "h6", "blockquote", "hr", "br", "span"]);
const PICTURES = ["image/png", "image/jpeg", "image/webp", "image/avif", "image/gif", "image/bmp"];
const LINE_PAINTS = ["--ez-accent", "--ez-ok", "--ez-warn", "--ez-bad"];
let counted = 0;

/** Every field in some content, those in rows and groups too. */
export function fieldsIn(content) {
  return content.flatMap((one) => ("content" in one ? fieldsIn(one.content) : "default" in one ? [one] : []));
}

/** What the fields start with, by name. */
export function usualOf(content) {
  return Object.fromEntries(fieldsIn(content).map((field) => [field.name, field.default]));
}

export class Elements {
  /**
   * content: as the server tells it. changed(name): a value was changed here; pressed(button): a promise while it works.
   * Values are `values`; `element` is what to put on the page.
   */
  constructor(content, { changed = () => {}, pressed = () => {}, hidden = [] } = {}) {
    this.values = usualOf(content);
    this.shown = new Map(); // name -> set(value)
    this.places = new Map(); // name -> {element, hint}
    this.tell = changed;
    this.press = pressed;
    this.hidden = new Set(hidden); // stand elsewhere
    this.element = h("div", { class: "ez-elements" }, this.#all(content));
  }

  /** Others have set values; what isn't named stays. A choice may get {choices, value}: what can be chosen now, and what is. */
  set(given) {
    for (const [name, told] of Object.entries(given)) {
      const choices = told?.choices ?? null;
      const value = choices ? told.value : told;
      if (name in this.values) this.values[name] = value;
      this.shown.get(name)?.(value, choices);
    }
  }

  /** Says at a field what is wrong with it. False if it has none of that name. */
  complain(name, error) {
    const place = this.places.get(name);
    if (!place) return false;
    place.hint.hidden = !error;
    place.hint.textContent = error ? `${error.message}${error.allowed ? t(" Allowed: {allowed}.", { allowed: error.allowed }) : ` ${error.hint ?? ""}`}` : "";
    place.element.classList.toggle("is-wrong", Boolean(error));
    const input = place.element.querySelector("input, select, textarea, button");
    if (error) input?.setAttribute("aria-invalid", "true");
    else input?.removeAttribute("aria-invalid");
    if (error) input?.focus({ preventScroll: false });
    return true;
  }

  /** The same of an error of the add-on that was called, which names its field as "values.x" or as "x". */
  complainOf(error) {
    return Boolean(error.field) && this.complain(error.field.replace(/^values\./, ""), error);
  }

  clear() {
    for (const name of this.places.keys()) this.complain(name, null);
  }

  #all(content) {
    return content.filter((one) => !this.hidden.has(one.name)).map((one) => this.#one(one));
  }

  #one(about) {
    if (about.kind === "row") return h("div", { class: "ez-el-row" }, this.#all(about.content));
    if (about.kind === "group") {
      return h("details", { class: "ez-el-group", open: about.opened }, h("summary", {}, about.title), h("div", { class: "ez-elements" }, this.#all(about.content)));
    }
    const drawn = DRAW[about.kind]?.(this, about);
    if (!drawn) return null;
    if (about.name) this.shown.set(about.name, drawn.set);
    if (!("default" in about)) return drawn.element;
    const hint = h("p", { class: "ez-hint bad", role: "alert", hidden: true });
    const element = h("div", { class: "ez-el", "data-field": about.name, title: about.kind === "checkbox" ? null : about.help }, drawn.element, hint);
    this.places.set(about.name, { element, hint });
    return element;
  }

  /** A field's value was changed by hand. */
  took(about, value) {
    this.values[about.name] = value;
    this.complain(about.name, null);
    this.tell(about.name, about.calls);
  }
}

function typed(elements, about, input, read) {
  input.addEventListener("input", () => elements.took(about, read()));
  const element = h("label", {}, h("span", { class: "ez-label" }, about.label, about.unit && h("span", { class: "end dim" }, about.unit)), h("span", { class: `ez-field ${input.tagName === "TEXTAREA" ? "area" : ""}` }, input));
  return { element, set: (value) => document.activeElement !== input && (input.value = value ?? "") };
}

function number(elements, about) {
  const input = h("input", { type: "number", inputmode: "decimal", min: about.minimum, max: about.maximum, step: about.step ?? "any", value: about.default });
  return typed(elements, about, input, () => (input.value === "" ? null : Number(input.value)));
}

function slider(elements, about) {
  if ((about.maximum - about.minimum) / (about.step || 1) > MOST_PLACES) return number(elements, about);
  const words = (value) => `${Number(Number(value).toFixed(4))}${about.unit ? ` ${about.unit}` : ""}`;
  const make = (value) => range(about.label, {}, value, { min: about.minimum, max: about.maximum, step: about.step }, (taken) => elements.took(about, taken), words);
  const element = h("div", {}, make(about.default));
  return { element, set: (value) => !element.contains(document.activeElement) && fill(element, make(value)) };
}

function choice(elements, about) {
  if (about.multiple) return several(elements, about);
  const make = (value) => select(about.label, {}, value, (about.choices.includes(value) ? about.choices : [value, ...about.choices]).map((one) => [one, one || t("None")]), (taken) => elements.took(about, taken));
  const element = h("div", {}, make(about.default));
  const set = (value, choices) => {
    if (choices) about = { ...about, choices };
    const focused = element.contains(document.activeElement);
    fill(element, make(value));
    if (focused) element.querySelector("select").focus();
  };
  return { element, set };
}

function several(elements, about) {
  const place = h("div", { class: "ez-el-chips" });
  const draw = (choices) => fill(place, choices.map((name) => h("button", { class: "ez-chip", type: "button", "data-value": name, onclick: () => toggle(name) }, name)));
  draw(about.choices);
  const show = (value, choices) => {
    if (choices) draw(choices);
    for (const chip of place.children) {
      const on = value.includes(chip.dataset.value);
      chip.classList.toggle("on", on);
      chip.setAttribute("aria-pressed", String(on));
    }
  };
  const toggle = (name) => {
    const now = elements.values[about.name];
    const value = now.includes(name) ? now.filter((other) => other !== name) : [...now, name];
    show(value);
    elements.took(about, value);
  };
  show(about.default);
  return { element: h("div", { role: "group", "aria-label": about.label }, h("div", { class: "ez-label" }, about.label), place), set: show };
}

function checkbox(elements, about) {
  const button = h("button", { class: "ez-switch", type: "button", role: "switch", title: about.help, onclick: () => show(!elements.values[about.name]) || elements.took(about, button.getAttribute("aria-checked") === "true") }, h("i", {}), about.label);
  const show = (on) => {
    button.classList.toggle("on", on);
    button.setAttribute("aria-checked", String(Boolean(on)));
  };
  show(about.default);
  return { element: button, set: show };
}

function text(elements, about) {
  const long = about.lines > 1;
  const input = h(long ? "textarea" : "input", { ...(long ? { rows: about.lines } : { type: "text" }), placeholder: about.placeholder, maxlength: about.longest, spellcheck: "false", autocomplete: "off" });
  input.value = about.default;
  return typed(elements, about, input, () => input.value);
}

function image(elements, about) {
  const file = h("input", { type: "file", accept: PICTURES.join(","), hidden: true, tabindex: "-1", "aria-hidden": "true", onchange: () => file.files[0] && take(file.files[0]) });
  const take = async (given) => {
    try {
      const hash = await upload(given);
      show(hash);
      elements.took(about, hash);
    } catch (problem) {
      errorToast(problem);
    }
  };
  const button = h("button", {
    class: "ez-el-picture ez-drop",
    type: "button",
    onclick: () => file.click(),
    ondragover: (event) => event.preventDefault(),
    ondrop: (event) => {
      event.preventDefault();
      const [dropped] = [...event.dataTransfer.files].filter(({ type }) => PICTURES.includes(type));
      if (dropped) take(dropped);
    },
  });
  const remove = h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Remove {label}", { label: about.label }), title: t("Remove"), onclick: () => (show(""), elements.took(about, "")) }, icon("close"));
  const show = (hash) => {
    button.setAttribute("aria-label", `${about.label}: ${hash ? t("choose another picture") : t("choose, drop or paste a picture")}`);
    fill(button, hash ? h("img", { src: addressOf(hash), alt: "" }) : [icon("pictures"), t("Drop, paste or choose")]);
    remove.hidden = !hash;
  };
  show(about.default);
  const element = h("div", { onpaste: (event) => event.clipboardData.files[0] && take(event.clipboardData.files[0]) }, h("div", { class: "ez-label" }, about.label, h("span", { class: "end" }, remove)), button, file);
  return { element, set: show };
}

function mask(elements, about) {
  const element = h("div", {});
  const show = (hash) =>
    fill(
      element,
      h("div", { class: "ez-label" }, about.label),
      h(
        "div",
        { class: "row" },
        hash && h("img", { class: "ez-el-mask", src: addressOf(hash), alt: t("What is masked") }),
        h("button", { class: "ez-btn s", type: "button", onclick: paint }, icon("brush"), hash ? t("Paint on") : t("Paint")),
        hash && h("button", { class: "ez-btn ghost s", type: "button", onclick: () => (show(""), elements.took(about, "")) }, t("Clear")),
      ),
    );
  const paint = async () => {
    const over = elements.values[about.over];
    const under = over ? { under: addressOf(over), width: 1, height: 1 } : await pagePicture().then(({ address, ...size }) => ({ under: address, ...size }));
    const hash = await paintMask({ title: about.label, ...under, before: elements.values[about.name] });
    if (hash === null) return;
    show(hash);
    elements.took(about, hash);
  };
  show(about.default);
  return { element, set: show };
}

function model(elements, about) {
  const id = `ez-el-list-${++counted}`;
  const list = h("datalist", { id });
  const input = h("input", { type: "text", list: id, autocomplete: "off", spellcheck: "false", placeholder: t("None") });
  input.value = about.default;
  input.addEventListener(
    "focus",
    async () => {
      const answer = await look(`/models?${new URLSearchParams({ kind: about.of, limit: 500, sort: "name" })}`);
      fill(list, (answer?.items ?? []).map(({ name }) => h("option", { value: name })));
    },
    { once: true },
  );
  const field = typed(elements, about, input, () => input.value);
  field.element.append(list);
  return field;
}

function button(elements, about) {
  const element = h("button", { class: `ez-btn ${about.primary ? "primary" : ""}`, type: "button", "data-does": about.name, onclick: run }, about.label);
  async function run() {
    element.disabled = true;
    element.setAttribute("aria-busy", "true");
    try {
      await elements.press(about);
    } finally {
      element.disabled = false;
      element.removeAttribute("aria-busy");
    }
  }
  return { element, set: () => {} };
}

function markdown(elements, about) {
  const element = h("div", { class: "ez-el-words", role: about.name ? "status" : null }, about.text.map(node));
  return { element, set: (nodes) => fill(element, nodes.map(node)) };
}

/** What the server read from Markdown, as elements of a few kinds. */
function node(one) {
  if (typeof one === "string") return document.createTextNode(one);
  const children = one.children.map(node);
  if (one.tag === "a" && /^https:\/\//.test(one.href)) return h("a", { href: one.href, rel: "noopener noreferrer", target: "_blank" }, children);
  return TAGS.has(one.tag) ? h(one.tag, {}, children) : h("span", {}, children);
}

function plot(elements, about) {
  let told = null;
  let Plot = null;
  const drawing = chart((width) => {
    if (!told || !Plot) return null;
    const lines = Object.entries(told.lines ?? {});
    const marks = lines.flatMap(([name, ys], at) => [
      Plot.lineY(
        ys.map((y, place) => ({ x: told.x?.[place] ?? place, y })),
        { x: "x", y: "y", stroke: `var(${LINE_PAINTS[at % LINE_PAINTS.length]})`, title: () => name },
      ),
    ]);
    return Plot.plot({ width, height: 200, x: { label: about.x_label || null, grid: false }, y: { label: about.y_label || null, grid: true }, marks });
  }, () => {});
  const words = h("p", { class: "dim s" }, t("Nothing yet."));
  const element = h("figure", { class: "ez-el-plot", "aria-label": about.label || about.name }, h("div", { class: "ez-label" }, about.label), drawing, words);
  const set = async (value) => {
    told = value;
    Plot ??= await plotting();
    words.hidden = Boolean(value);
    drawing.redraw();
  };
  return { element, set };
}

function gallery(elements, about) {
  const grid = h("div", { class: "ez-el-gallery" }, h("p", { class: "dim s" }, t("No pictures yet.")));
  const small = (id) => (/^\d+$/.test(id) ? `/api/v1/thumbnails/${id}` : addressOf(id));
  const set = (list) =>
    fill(
      grid,
      list.length ? null : h("p", { class: "dim s" }, t("No pictures yet.")),
      list.map(({ image: id, label }) => h("a", { href: `/api/v1/images/${encodeURIComponent(id)}`, target: "_blank", rel: "noopener", title: label }, h("img", { src: small(encodeURIComponent(id)), alt: label || t("Picture"), loading: "lazy" }), label && h("span", { class: "cut xs" }, label))),
    );
  return { element: h("div", {}, about.label && h("div", { class: "ez-label" }, about.label), grid), set };
}

const DRAW = { number, slider, choice, checkbox, text, image, mask, model, button, markdown, plot, gallery };
