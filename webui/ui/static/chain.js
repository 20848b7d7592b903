// The editor of a finishing chain: an ordered list of steps; each opens in place.

import { icon } from "./icons.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { openPresets } from "./presets.js";
import { range } from "./range.js";
import { select } from "./select.js";
import { allSteps, counts, freshStep, kindOf, mostSteps, nameOf, onSteps, wordsOf } from "./steps.js";
import { recall, remember } from "./storage.js";
import { toast } from "./toasts.js";

const MOST_PLACES = 400; // of a slider; what has more is typed
const ICONS = { upscale: "enlarge", "restore faces": "eye", sharpen: "invert", "colour correct": "sun", "cut out": "lasso", resize: "full", format: "download" };

export class Chain {
  /** element: where it is drawn. key: what the browser keeps by it. title: stands over it. changed(steps) hears of each change made here. */
  constructor(element, { key, title = "", changed }) {
    this.place = element;
    this.title = title;
    this.tell = changed;
    this.key = `chain-${key}`;
    this.steps = []; // {step, …its fields}
    this.open = new Set(); // those that are open
    this.lines = new Map(); // step -> its line on the page
    this.said = h("p", { class: "ez-voice", role: "status" });
    element.classList.add("ez-chain-editor");
    onSteps(() => this.draw());
    this.draw();
  }

  /** The chain as a request has it. */
  value() {
    return this.steps.map((step) => ({ ...step }));
  }

  /** Others have set the chain. */
  adopt(steps) {
    if (JSON.stringify(steps) === JSON.stringify(this.steps)) return;
    const places = this.steps.length ? this.#openPlaces() : recall(this.key, []);
    this.steps = steps.map((step) => ({ ...step }));
    this.open = new Set(this.steps.filter((_, place) => places.includes(place)));
    this.draw();
  }

  /** Another chain in place of this one; returns what brings this one back. */
  take(steps) {
    const before = this.steps;
    this.#set(steps.map((step) => ({ ...step })));
    return () => this.#set(before);
  }

  #set(steps) {
    this.steps = steps;
    this.draw();
    this.#changed();
  }

  #changed() {
    this.#keepOpen();
    this.tell(this.value());
  }

  #openPlaces() {
    return [...this.steps.keys()].filter((place) => this.open.has(this.steps[place]));
  }

  #keepOpen() {
    remember(this.key, this.#openPlaces());
  }

  // ---- the list

  draw() {
    const focused = this.place.contains(document.activeElement) && document.activeElement.dataset.chain;
    this.lines = new Map(this.steps.map((step, place) => [step, this.#line(step, place)]));
    const add = h(
      "button",
      { class: "ez-btn s", type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "data-chain": "add", onclick: () => this.#offer(add) },
      icon("add"),
      t("Add step"),
    );
    const presets = h("button", { class: "ez-btn ghost s", type: "button", "data-chain": "presets", onclick: () => openPresets(this) }, t("Presets"));
    const keep = h("button", { class: "ez-link xs end", type: "button", "data-chain": "keep", onclick: () => openPresets(this, { saving: true }) }, t("Save as preset"));
    fill(
      this.place,
      this.title && h("div", { class: "ez-label" }, this.title),
      this.steps.length
        ? h("ol", { class: "ez-chain", "aria-label": t("Finishing chain") }, [...this.lines.values()])
        : h("p", { class: "dim s" }, t("What is done to each picture at the end: enlarge it, sharpen it, cut out its background, save it as another format.")),
      h("div", { class: "ez-chain-foot" }, this.steps.length < mostSteps() && add, presets, this.steps.length > 0 && keep),
      this.said,
    );
    if (focused) this.#focus(focused);
  }

  #focus(key) {
    (this.place.querySelector(`[data-chain="${key}"]`) ?? this.place.querySelector('[data-chain="add"]'))?.focus({ preventScroll: true });
  }

  #line(step, place) {
    const name = nameOf(step);
    const open = this.open.has(step);
    const words = h("span", { class: "dim cut ez-step-words", title: wordsOf(step) }, wordsOf(step));
    const grip = h(
      "button",
      {
        class: "ez-grip",
        type: "button",
        title: t("Drag, or arrow keys"),
        "aria-label": t("Move {name}, step {value} of {length}", { name, value: place + 1, length: this.steps.length }),
        "data-chain": `${place}-grip`,
        disabled: this.steps.length < 2 || Boolean(kindOf(step)?.last),
        onpointerdown: (event) => this.#drag(event, step),
        onkeydown: (event) => this.#onKey(event, step),
      },
      icon("grip"),
    );
    const head = h(
      "div",
      { class: "ez-step-head" },
      grip,
      h(
        "button",
        { class: "ez-step-name", type: "button", "aria-expanded": String(open), "data-chain": `${place}-open`, onclick: () => this.#toggle(step) },
        h("span", {}, name),
        words,
      ),
      h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Remove {name}", { name }), title: t("Remove"), "data-chain": `${place}-remove`, onclick: () => this.#remove(step) }, icon("close")),
    );
    return h("li", { class: open ? "is-open" : "" }, head, open && this.#fields(step, words));
  }

  #toggle(step) {
    if (!this.open.delete(step)) this.open.add(step);
    this.#keepOpen();
    this.draw();
  }

  // ---- fields of an open step: they stay where they are while values change, so that the focus does

  #fields(step, words) {
    const kind = kindOf(step);
    if (!kind) return h("p", { class: "dim s" }, t("This server doesn't know this step."));
    const shown = kind.fields.map((field) => [field, this.#fieldOf(field, step, (value) => set(field, value))]);
    const show = () => {
      for (const [field, element] of shown) element.hidden = !counts(field, step);
      words.textContent = words.title = wordsOf(step);
    };
    const set = (field, value) => {
      step[field.name] = value;
      show();
      this.#changed();
    };
    show();
    return h("div", { class: "ez-step-fields" }, h("p", { class: "dim xs is-wide" }, kind.help), shown.map(([, element]) => element));
  }

  #fieldOf(field, step, take) {
    const { label, help, unit, kind, lacks } = field;
    const place = this.steps.indexOf(step);
    const attributes = { "data-chain": `${place}-${field.name}` };
    const value = step[field.name];
    if (lacks) return h("div", { class: "ez-note warn is-wide", role: "note" }, icon("info"), h("p", {}, lacks));
    if (kind === "choice") {
      const rows = field.choices.map((name) => [name, name || t("The first one")]);
      if (!field.choices.includes(value)) rows.unshift([value, t("{value} (not here)", { value })]);
      return select(label, attributes, value, rows, take, { help });
    }
    if (kind === "switch") return toggle(label, attributes, value, take, help);
    if (kind === "number" && (field.maximum - field.minimum) / field.step <= MOST_PLACES) {
      const said = (number) => `${number}${unit ? ` ${unit === "times" ? "×" : unit}` : ""}`;
      const slider = range(label, attributes, value, { min: field.minimum, max: field.maximum, step: field.step }, take, said);
      slider.title = help;
      return slider;
    }
    return typed(field, attributes, value, take);
  }

  // ---- changing the list

  #offer(button) {
    const items = allSteps().map((kind) => ({ words: kind.label, icon: ICONS[kind.step] ?? "add", run: () => this.#add(kind) }));
    toggleMenu(button, t("Add step"), items, () => this.place.querySelector('[data-chain="add"]'));
  }

  #add(kind) {
    const step = freshStep(kind);
    const last = this.steps.findIndex((one) => kindOf(one)?.last);
    const before = this.steps;
    // What stands at the end stays there, and there is one of it.
    if (kind.last && last >= 0) return this.#openOnly(this.steps[last]);
    const place = last < 0 ? before.length : last;
    this.open = new Set([step]);
    this.#set([...before.slice(0, place), step, ...before.slice(place)]);
    this.#focus(`${place}-open`);
  }

  #openOnly(step) {
    this.open = new Set([step]);
    this.draw();
    this.#focus(`${this.steps.indexOf(step)}-open`);
  }

  #remove(step) {
    const before = this.steps;
    const place = before.indexOf(step);
    this.#set(before.filter((other) => other !== step));
    this.#focus(`${Math.min(place, before.length - 2)}-remove`);
    toast({ icon: "ok", title: t("{nameOf} removed", { nameOf: nameOf(step) }), undo: () => this.#set(before) });
  }

  #mayPass(step, other) {
    return other !== undefined && !kindOf(step)?.last && !kindOf(other)?.last;
  }

  #onKey(event, step) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const from = this.steps.indexOf(step);
    if (!this.#mayPass(step, this.steps[from + by])) return;
    const steps = this.steps.filter((other) => other !== step);
    steps.splice(from + by, 0, step);
    this.#set(steps);
    this.#focus(`${from + by}-grip`);
    this.#say(step);
  }

  #say(step) {
    this.said.textContent = t("{nameOf} is step {value} of {length}.", { nameOf: nameOf(step), value: this.steps.indexOf(step) + 1, length: this.steps.length });
  }

  #drag(event, step) {
    if (event.button !== 0) return;
    const grip = event.currentTarget;
    const line = this.lines.get(step);
    const stepAt = new Map([...this.lines].map(([one, element]) => [element, one]));
    grip.setPointerCapture(event.pointerId);
    line.classList.add("is-dragged");
    // Its neighbours move around it: what is taken out of the document loses the pointer.
    const moved = ({ clientY }) => {
      const { previousElementSibling: above, nextElementSibling: below } = line;
      if (below && clientY > middle(below) && this.#mayPass(step, stepAt.get(below))) line.before(below);
      else if (above && clientY < middle(above) && this.#mayPass(step, stepAt.get(above))) line.after(above);
    };
    const ended = () => {
      grip.removeEventListener("pointermove", moved);
      removeEventListener("keydown", givenUp, true);
      line.classList.remove("is-dragged");
      const steps = [...line.parentElement.children].map((element) => stepAt.get(element));
      if (steps.every((one, place) => one === this.steps[place])) return;
      this.#set(steps);
      this.#focus(`${steps.indexOf(step)}-grip`);
      this.#say(step);
    };
    const givenUp = (key) => {
      if (key.key !== "Escape") return;
      key.preventDefault();
      key.stopPropagation();
      line.parentElement.append(...this.steps.map((one) => this.lines.get(one))); // as it was; this ends the drag
    };
    grip.addEventListener("pointermove", moved);
    grip.addEventListener("lostpointercapture", ended, { once: true });
    addEventListener("keydown", givenUp, true);
  }
}

function middle(element) {
  const { top, height } = element.getBoundingClientRect();
  return top + height / 2;
}

function toggle(label, attributes, value, take, help) {
  const button = h(
    "button",
    {
      class: `ez-switch ${value ? "on" : ""}`,
      type: "button",
      role: "switch",
      "aria-checked": String(value),
      title: help,
      ...attributes,
      onclick: () => {
        const on = button.getAttribute("aria-checked") !== "true";
        button.classList.toggle("on", on);
        button.setAttribute("aria-checked", String(on));
        take(on);
      },
    },
    h("i", {}),
    label,
  );
  return button;
}

/** A number of many places, a colour, or words. */
function typed({ label, help, kind, unit, minimum, maximum, step }, attributes, value, take) {
  const number = kind === "number";
  const input = h("input", {
    type: { number: "number", colour: "color" }[kind] ?? "text",
    min: number ? minimum : null,
    max: number ? maximum : null,
    step: number ? step : null,
    value,
    "aria-label": label,
    ...attributes,
    onchange: () => {
      const asked = Number(input.value);
      const within = Math.min(maximum, Math.max(minimum, step >= 1 ? Math.round(asked) : asked));
      const wanted = number ? (input.value === "" || !Number.isFinite(asked) ? value : within) : input.value;
      input.value = value = wanted;
      take(wanted);
    },
  });
  return h("label", { title: help }, h("span", { class: "ez-label" }, label, unit && h("span", { class: "end dim" }, unit)), h("span", { class: "ez-field" }, input));
}
