// What can be done with the picked pictures: a bar at the foot of the grid, there as long as some are picked.

import { asBody } from "./history-bulk.js";
import { askForFolder } from "./history-folder.js";
import { MOST_COMPARED, allPicked, anyPicked, compareThese, currentView, leaveSecond, onPicked, onSecond, onView, pick, pickedIds } from "./history-state.js";
import { hits, onHits } from "./history-hits.js";
import { pickAll } from "./history-grid.js";
import { addTag, inTrash, rate, restore, toggleFavourite, trash } from "./history-marks.js";
import { onTerms } from "./history-terms.js";
import { language, t } from "./language.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { button, save } from "./picture.js";
import { change } from "./rest.js";

/**
 * What is done with several, in order: (ids) -> a button, or null. Whoever has something to do with pictures adds a line.
 */
export const ACTS = [
  (ids) => button("heart", t("Favourite"), () => toggleFavourite(ids), { bare: true, key: "F", kind: "ghost" }),
  (ids) => rateButton(ids),
  (ids) => tagButton(ids),
  (ids) => ids.length > 1 && ids.length <= MOST_COMPARED && button("before", t("Compare"), () => compareThese(ids), { key: "C", kind: "ghost" }),
  (ids) => exportButton(ids),
  (ids) => button("trash", t("Trash"), () => trash(ids), { bare: true, key: "Del", kind: "ghost" }),
];
const OF_TRASH = [(ids) => button("restore", t("Restore"), () => restore(ids), { kind: "ghost" })];

export function mountBar(stage) {
  const bar = h("div", { class: "ez-actions ez-selbar ez-picks", role: "toolbar", "aria-label": t("Picked pictures"), hidden: true });
  stage.append(bar);
  const draw = () => {
    const ids = allPicked() ?? pickedIds();
    bar.hidden = !anyPicked() || currentView() !== "pictures";
    if (bar.hidden) return fill(bar);
    const focused = bar.contains(document.activeElement) ? document.activeElement.title : null;
    const acts = inTrash() ? OF_TRASH : ACTS;
    fill(
      bar,
      h("span", { class: "b num ez-picks-count", role: "status" }, allPicked() ? allWords(ids) : t("{value} picked", { value: ids.length.toLocaleString(language) })),
      !allPicked() && (ids.length < hits.ids.length || !hits.complete) && h("button", { class: "ez-link s only-wide", type: "button", title: t("Pick all that was found (Ctrl A)"), onclick: pickAll }, t("All {value}", { value: amountFound() })),
      h("span", { class: "sep" }),
      acts.map((act) => act(ids)),
      button("close", t("Pick none"), () => pick([]), { bare: true, key: "Esc", kind: "ghost" }),
    );
    if (focused) [...bar.querySelectorAll("button")].find(({ title }) => title === focused)?.focus({ preventScroll: true });
  };
  mountSecond(stage);
  onPicked(draw);
  onTerms(draw);
  onView(draw);
  // How many there are is told later. The count alone: somebody may be writing a tag in there.
  onHits((what) => {
    const said = what === "state" && allPicked() && bar.querySelector(".ez-picks-count");
    if (said) said.textContent = allWords(allPicked());
  });
}

// While a second picture is chosen, that is said where the acts on pictures are otherwise.
function mountSecond(stage) {
  const said = h("div", { class: "ez-actions ez-selbar ez-picks ez-second", role: "status", hidden: true });
  stage.append(said);
  onSecond((image) => {
    said.hidden = !image;
    fill(said, image && [h("img", { src: image.thumbnail, alt: "" }), h("span", { class: "b ez-picks-count" }, t("Click the picture to compare with")), button("close", t("Cancel"), leaveSecond, { bare: true, key: "Esc", kind: "ghost" })]);
  });
}

// How many were found: "1,000+" where they were not counted to the end.
function amountFound(less = 0) {
  const { n, more } = hits.complete ? { n: hits.ids.length, more: false } : (hits.counted ?? { n: hits.ids.length, more: true });
  return `${Math.max(0, n - less).toLocaleString(language)}${more ? "+" : ""}`;
}

function allWords({ without }) {
  return t("All {value} picked", { value: amountFound(without.size) });
}

function rateButton(ids) {
  const opener = button("star", t("Rate"), () => toggleMenu(opener, t("Rating"), items), { bare: true, key: "Shift 1 to 5", kind: "ghost" });
  const items = [5, 4, 3, 2, 1, 0].map((stars) => ({
    words: stars ? "★".repeat(stars) : t("Not rated"),
    icon: stars ? "star" : "close",
    key: String(stars),
    run: () => rate(ids, stars),
  }));
  opener.setAttribute("aria-haspopup", "menu");
  return opener;
}

function exportButton(ids) {
  const opener = button("download", t("Export"), () => toggleMenu(opener, t("Export"), items), { bare: true, kind: "ghost" });
  const items = [
    { words: t("Zip with parameters beside each picture"), icon: "download", run: () => exportZip(ids, true) },
    { words: t("Zip of the pictures alone"), icon: "pictures", run: () => exportZip(ids, false) },
    { words: t("Copy into a folder…"), icon: "folder", run: () => askForFolder(ids) },
  ];
  opener.setAttribute("aria-haspopup", "menu");
  return opener;
}

async function exportZip(ids, sidecars) {
  const meant = Array.isArray(ids) ? { ids } : { found: asBody(ids) };
  const made = await change("/history/exports", { ...meant, sidecars });
  if (made) save(made.url, "");
}

function tagButton(ids) {
  const opener = button("tag", t("Add tag"), () => opener.replaceWith(tagField((tag) => addTag(ids, tag), () => opener, true)), { bare: true, kind: "ghost" });
  return opener;
}

/** A field for a tag. take(tag): what is done with it; back(): the element that takes its place again. */
export function tagField(take, back) {
  const field = h("input", { type: "text", "aria-label": t("Tag"), placeholder: t("Tag"), maxlength: "60", list: "ez-history-tags", autocomplete: "off" });
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
