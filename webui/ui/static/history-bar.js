// What can be done with the picked pictures: a bar at the foot of the grid, there as long as some are picked.

import { MOST_COMPARED, compareThese, currentView, onPicked, onView, pick, pickedIds } from "./history-state.js";
import { hits } from "./history-hits.js";
import { pickAll } from "./history-grid.js";
import { addTag, inTrash, rate, restore, toggleFavourite, trash } from "./history-marks.js";
import { onTerms } from "./history-terms.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { button, save } from "./picture.js";
import { change } from "./rest.js";

/**
 * What is done with several, in order: (ids) -> a button, or null. Whoever has something to do with pictures adds a line.
 */
export const ACTS = [
  (ids) => button("heart", "Favourite", () => toggleFavourite(ids), { bare: true, key: "F", kind: "ghost" }),
  (ids) => rateButton(ids),
  (ids) => tagButton(ids),
  (ids) => ids.length > 1 && ids.length <= MOST_COMPARED && button("before", "Compare", () => compareThese(ids), { key: "C", kind: "ghost" }),
  (ids) => exportButton(ids),
  (ids) => button("trash", "Trash", () => trash(ids), { bare: true, key: "Del", kind: "ghost" }),
];
const OF_TRASH = [(ids) => button("restore", "Restore", () => restore(ids), { kind: "ghost" })];

export function mountBar(stage) {
  const bar = h("div", { class: "ez-actions ez-selbar ez-picks", role: "toolbar", "aria-label": "Picked pictures", hidden: true });
  stage.append(bar);
  const draw = () => {
    const ids = pickedIds();
    bar.hidden = !ids.length || currentView() !== "pictures";
    if (bar.hidden) return fill(bar);
    const focused = bar.contains(document.activeElement) ? document.activeElement.title : null;
    const acts = inTrash() ? OF_TRASH : ACTS;
    fill(
      bar,
      h("span", { class: "b num ez-picks-count", role: "status" }, `${ids.length.toLocaleString("en")} picked`),
      ids.length < hits.ids.length && h("button", { class: "ez-link s only-wide", type: "button", title: "Pick all that were loaded (Ctrl A)", onclick: pickAll }, `All ${hits.ids.length.toLocaleString("en")}`),
      h("span", { class: "sep" }),
      acts.map((act) => act(ids)),
      button("close", "Pick none", () => pick([]), { bare: true, key: "Esc", kind: "ghost" }),
    );
    if (focused) [...bar.querySelectorAll("button")].find(({ title }) => title === focused)?.focus({ preventScroll: true });
  };
  onPicked(draw);
  onTerms(draw);
  onView(draw);
}

function rateButton(ids) {
  const opener = button("star", "Rate", () => toggleMenu(opener, "Rating", items), { bare: true, key: "Shift 1 to 5", kind: "ghost" });
  const items = [5, 4, 3, 2, 1, 0].map((stars) => ({
    words: stars ? "★".repeat(stars) : "Not rated",
    icon: stars ? "star" : "close",
    key: String(stars),
    run: () => rate(ids, stars),
  }));
  opener.setAttribute("aria-haspopup", "menu");
  return opener;
}

function exportButton(ids) {
  const opener = button("download", "Export", () => toggleMenu(opener, "Export", items), { bare: true, kind: "ghost" });
  const items = [
    { words: "Zip with parameters beside each picture", icon: "download", run: () => exportZip(ids, true) },
    { words: "Zip of the pictures alone", icon: "pictures", run: () => exportZip(ids, false) },
  ];
  opener.setAttribute("aria-haspopup", "menu");
  return opener;
}

async function exportZip(ids, sidecars) {
  const made = await change("/history/exports", { ids, sidecars });
  if (made) save(made.url, "");
}

function tagButton(ids) {
  const opener = button("tag", "Add tag", () => opener.replaceWith(tagField((tag) => addTag(ids, tag), () => opener, true)), { bare: true, kind: "ghost" });
  return opener;
}

/** A field for a tag. take(tag): what is done with it; back(): the element that takes its place again. */
export function tagField(take, back) {
  const field = h("input", { type: "text", "aria-label": "Tag", placeholder: "Tag", maxlength: "60", list: "ez-history-tags", autocomplete: "off" });
  const form = h(
    "form",
    {
      class: "ez-tag-form",
      onsubmit: async (event) => {
        event.preventDefault();
        const tag = field.value.trim().replace(/\s+/g, " ");
        if (!tag) return leave();
        leave();
        await take(tag);
      },
      onkeydown: (event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        leave();
      },
      onfocusout: () => setTimeout(() => form.isConnected && !form.contains(document.activeElement) && leave({ refocus: false })),
    },
    h("div", { class: "ez-field" }, field),
  );
  const leave = ({ refocus = true } = {}) => {
    if (!form.isConnected) return;
    const element = back();
    form.replaceWith(element);
    if (refocus) element.focus({ preventScroll: true });
  };
  queueMicrotask(() => field.focus({ preventScroll: true }));
  return form;
}
