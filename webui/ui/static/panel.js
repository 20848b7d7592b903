// One section of an add-on in a column that asks: its fields, whether it says anything, and the words beside its name.

import { callAddOn } from "./add-ons.js";
import { Elements, usualOf } from "./elements.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { h } from "./markup.js";
import { recall, remember } from "./storage.js";

const open = new Set(recall("open-panels", []));

/** about: as the server tells of it. place: the pages that share what it says. changed(): called after each change by hand or by the add-on. */
export class PanelSection {
  #changed;
  #kept;
  #sum = h("span", { class: "sum" });
  #head;
  #body;

  constructor(about, { place = "", changed }) {
    this.about = about;
    this.#changed = changed;
    this.#kept = [about.extension, about.title, place].filter(Boolean).join(" ");
    this.elements = new Elements(about.content, { changed: (name, calls) => this.#took(name, calls), pressed: (button) => this.#call(button.name) });
    this.#body = h("div", {}, this.elements.element);
    const chevron = icon("next", "s");
    chevron.classList.add("chev");
    this.#head = h("button", { type: "button", onclick: () => this.toggle(!this.element.classList.contains("open")) }, chevron, h("span", {}, about.title), this.#sum);
    this.element = h("section", { class: "ez-acc", "aria-label": about.title, "data-add-on": about.extension }, this.#head, this.#body);
    this.elements.set(this.#own(recall("panels", {})[this.#kept] ?? {}));
    this.toggle(open.has(this.#kept));
    this.#say();
  }

  /** Its values where they say something, else null. */
  get told() {
    return this.#speaks ? this.elements.values : null;
  }

  /** given: its values in a request; null where that has none of it. */
  adopt(given) {
    const { switch: name, content } = this.about;
    // What is switched off keeps what it would say.
    const off = name && !given ? { [name]: false } : null;
    this.elements.set(off ?? { ...usualOf(content), ...this.#own(given ?? {}) });
    this.#say();
  }

  toggle(opened) {
    this.element.classList.toggle("open", opened);
    this.#head.setAttribute("aria-expanded", String(opened));
    this.#body.hidden = !opened;
    open[opened ? "add" : "delete"](this.#kept);
    remember("open-panels", [...open]);
  }

  /** An error about "extensions.detailer.strength" is said at that field, in its panel, which opens. Whether it was one of these. */
  complain(error) {
    const [, extension, name] = /(?:^|\.)extensions\.(.+)\.([^.]+)$/.exec(error.field ?? "") ?? [];
    if (this.about.extension !== extension || !(name in this.elements.values)) return false;
    this.toggle(true);
    return this.elements.complain(name, error);
  }

  get #speaks() {
    const { switch: name, content } = this.about;
    return Boolean(name ? this.elements.values[name] : JSON.stringify(this.elements.values) !== JSON.stringify(usualOf(content)));
  }

  #own(values) {
    return Object.fromEntries(Object.entries(values).filter(([name]) => name in this.elements.values));
  }

  #took(name, calls) {
    this.#say();
    this.#changed();
    if (calls) this.#call(name);
  }

  #call(name) {
    const take = (given) => {
      this.elements.set(given);
      this.#say();
      this.#changed();
    };
    return callAddOn(this.about, name, this.elements.values, take, (error) => this.elements.complainOf(error));
  }

  #say() {
    remember("panels", { ...recall("panels", {}), [this.#kept]: this.elements.values });
    const on = this.#speaks;
    const switched = Boolean(this.about.switch);
    this.#sum.textContent = on ? (switched ? t("On") : t("Changed")) : switched ? t("Off") : t("Default");
    this.#sum.classList.toggle("on", on);
  }
}
