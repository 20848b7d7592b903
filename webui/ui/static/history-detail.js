// The picture whose detail is shown: itself, what can be done with it, where it came from, and all that made it.

import { compare } from "./comparing.js";
import { filmStrip } from "./film-strip.js";
import { neighbour } from "./history-grid.js";
import { restore, toggleFavourite, trash } from "./history-marks.js";
import { marksPart } from "./history-marks-part.js";
import { DETAIL_PARTS } from "./history-shell.js";
import { awaitSecond, chosenImage, search } from "./history-state.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { button, copyPicture, download, enlargeButton, parameters, useParameters } from "./picture.js";
import { sendButton } from "./send-to.js";
import { view } from "./viewer.js";
import { nameOf } from "./words.js";

/** Draws it anew. close: what its button does. before: the same picture with other marks, where nothing else has changed. */
export function drawDetail(place, close, before = null) {
  const image = chosenImage();
  if (image && before?.id === image.id) return drawMarks(place, image);
  place.classList.toggle("is-empty", !image);
  if (!image) return fill(place, h("div", { class: "ez-empty" }, icon("info"), h("p", {}, t("Pick a picture to see everything that made it."))));
  const full = button("full", t("Full screen"), () => view(image, neighbour), { bare: true, key: "Space", kind: "ghost s" });
  const shut = button("close", t("Close"), close, { bare: true, key: "Esc", kind: "ghost s" });
  const box = h("div", { class: "ez-detail-picture" }, h("img", { src: image.url, alt: nameOf(image) }));
  const told = parameters(image);
  const [made, infotext] = [told.slice(0, -1), told.at(-1)];
  return fill(
    place,
    h("div", { class: "ez-head" }, h("span", { class: "cut", title: image.prompt }, nameOf(image)), h("span", { class: "end row" }, favourite(image), moreButton(image), full, shut)),
    h(
      "div",
      { class: "ez-scroll" },
      box,
      filmStrip(image, box),
      h(
        "div",
        { class: "row wrap ez-detail-acts" },
        button("apply", t("Use parameters"), () => useParameters(image), { key: "U", kind: "primary grow" }),
        sendButton(image),
        enlargeButton(image, { bare: true }),
        image.source && button("before", t("Before and after"), () => showBeside(image), { bare: true, key: "C" }),
        button("copy", t("Copy"), () => copyPicture(image), { bare: true, key: "Ctrl C" }),
        button("download", t("Download"), () => download(image), { bare: true, key: "D" }),
        image.trashed ? button("restore", t("Restore"), () => restore([image.id])) : button("trash", t("Trash"), () => trash([image.id]), { bare: true, key: "Del" }),
      ),
      DETAIL_PARTS.map((part) => part(image)),
      made,
      marksPart(image),
      infotext,
    ),
  );
}

// What begins with this picture: searches, and a comparison with another one.
function moreButton(image) {
  const opener = button("more", t("More"), () => toggleMenu(opener, t("More"), items), { bare: true, kind: "ghost s" });
  const items = [
    { words: t("Compare with…"), icon: "before", run: () => awaitSecond(image) },
    { words: t("Find similar pictures"), icon: "search", run: () => search(`similar:${image.id}`) },
    { words: t("Find what was made from it"), icon: "layers", run: () => search(`from:${image.id}`) },
  ];
  opener.setAttribute("aria-haspopup", "menu");
  opener.setAttribute("aria-expanded", "false");
  return opener;
}

function favourite(image) {
  const heart = button("heart", t("Favourite"), () => toggleFavourite([image.id]), { bare: true, key: "F", kind: `ghost s ez-favourite ${image.favourite ? "on" : ""}` });
  heart.setAttribute("aria-pressed", String(Boolean(image.favourite)));
  return heart;
}

// What shows marks, and nothing else: pictures don't flicker, and what is scrolled stays so.
function drawMarks(place, image) {
  for (const [selector, element] of [[".ez-favourite", favourite(image)], [".ez-marks", marksPart(image)]]) {
    const old = place.querySelector(selector);
    const focused = old?.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    old?.replaceWith(element);
    if (focused) [element, ...element.querySelectorAll("button, textarea")].find((other) => other.getAttribute("aria-label") === focused)?.focus({ preventScroll: true });
  }
}

// On the whole screen, with what it started from.
function showBeside(image) {
  compare(true);
  view(image, neighbour);
}
