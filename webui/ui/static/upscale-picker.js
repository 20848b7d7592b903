// A choice among the pictures of history, newest first: many, or one. It takes the place of the stage while it lasts.

import { icon } from "./icons.js";
import { t, tn } from "./language.js";
import { fill, h, roving } from "./markup.js";
import { look } from "./rest.js";
import { nameOf } from "./words.js";

const AT_ONCE = 60;

/**
 * {element, focus}. picked: those that are chosen at the beginning, as `of(image)` has them. done(picked) ends it with what is chosen then,
 * null where it was given up. one: a single one is chosen, and ends it.
 */
export function picker({ picked, of, one = false, done }) {
  const chosen = new Map(one ? [] : picked.map((entry) => [entry.image, entry]));
  const shown = []; // [image, cell], in order
  let next = null;
  let complete = false;
  let loading = false;
  let last = null; // index of the one that was chosen last, from which Shift chooses on

  const amount = h("span", { class: "s dim num", role: "status" });
  const none = h("button", { class: "ez-btn s", type: "button", onclick: () => setAll(false) }, t("None"));
  const ready = h("button", { class: "ez-btn s primary", type: "button", onclick: () => done([...chosen.values()]) }, t("Take these"));
  const leave = h("button", { class: "ez-btn s", type: "button", onclick: () => done(null) }, one ? t("Cancel") : t("Leave"));
  const grid = h("div", { class: "ez-up-grid", role: "listbox", "aria-label": t("Pictures of history"), "aria-multiselectable": String(!one) });
  const more = h("div", { class: "ez-up-more", "aria-hidden": "true" });
  const shelf = h("div", { class: "ez-up-shelf" }, grid, more);
  const element = h(
    "div",
    { class: "ez-up-picker", role: "group", "aria-label": t("Choose pictures") },
    h("div", { class: "row ez-up-picker-head" }, h("h2", { class: "b" }, one ? t("Choose a picture") : t("Choose pictures")), amount, h("span", { class: "end row" }, !one && none, leave, !one && ready)),
    shelf,
  );
  const stop = roving(grid, ".ez-up-cell", { rows: true });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") done(null);
    else if (event.key === "Enter" && !one && event.target.closest(".ez-up-cell")) done([...chosen.values()]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && load(), { root: shelf }).observe(more);

  const mark = (index, on) => {
    const [image, cell] = shown[index];
    if (on) chosen.set(image.sha256, of(image));
    else chosen.delete(image.sha256);
    cell.setAttribute("aria-selected", String(on));
  };
  const say = () => {
    amount.textContent = one ? "" : chosen.size ? t("{count} chosen", { count: tn("{n} picture", "{n} pictures", chosen.size) }) : t("Shift chooses all up to here");
    ready.disabled = none.disabled = !chosen.size;
  };
  const setAll = (on) => {
    shown.forEach((_, index) => mark(index, on));
    if (!on) chosen.clear();
    say();
  };
  const toggle = (index, event) => {
    const [image] = shown[index];
    if (one) return done([of(image)]);
    const on = !chosen.has(image.sha256);
    const from = event.shiftKey && last !== null ? last : index;
    for (let at = Math.min(from, index); at <= Math.max(from, index); at++) mark(at, on);
    last = index;
    say();
  };

  async function load() {
    if (loading || complete) return;
    loading = true;
    const page = await look(`/history?limit=${AT_ONCE}${next ? `&before=${next}` : ""}`);
    loading = false;
    if (!page) return;
    next = page.next;
    complete = !next;
    const first = !shown.length;
    for (const image of page.items) {
      const index = shown.length;
      const cell = h(
        "button",
        {
          class: "ez-up-cell",
          type: "button",
          role: "option",
          tabindex: "-1",
          "aria-selected": String(chosen.has(image.sha256)),
          "aria-label": nameOf(image),
          title: nameOf(image),
          onclick: (event) => toggle(index, event),
        },
        h("span", { class: "pic", style: { "background-color": image.mean_colour } }, h("img", { src: image.thumbnail, alt: "", loading: "lazy", decoding: "async" })),
        h("span", { class: "tick" }, icon("ok", "s")),
      );
      shown.push([image, cell]);
      grid.append(cell);
    }
    if (!shown.length) fill(shelf, h("div", { class: "ez-empty" }, icon("pictures"), h("p", {}, t("There are no pictures yet. What you make is found here."))));
    if (first && shown.length) {
      stop(shown[0][1]);
      if (element.contains(document.activeElement)) shown[0][1].focus({ preventScroll: true });
    }
    const box = more.getBoundingClientRect();
    if (!complete && box.height && box.top < shelf.getBoundingClientRect().bottom) load();
  }
  say();
  load();
  return { element, focus: () => leave.focus({ preventScroll: true }) };
}
