// One picture on the whole screen, and the way to the next; with what it started from beside it, where one compares.

import { beforeAfter } from "./before-after.js";
import { compare, isComparing, onCompare } from "./comparing.js";
import { filmStrip } from "./film-strip.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { nameOf } from "./words.js";

let place = null;
let from = null;
let step = null;
let image = null;
let split = null; // the comparison that is shown
let held = null; // what it started from, while that is shown alone

export function mountViewer(element) {
  place = element;
  element.addEventListener("click", (event) => event.target === element && closeViewer());
  // Esc ends the browser's full screen without telling the page's keys.
  document.addEventListener("fullscreenchange", () => document.fullscreenElement || closeViewer());
  onCompare(() => image && show(image));
  addEventListener("blur", () => holdSource(false));
}

export function viewed() {
  return image;
}

/** `neighbour(image, direction)` gives the next (1) or previous (-1) picture, or null; or a promise of it. */
export function view(picture, neighbour) {
  if (!image) from = document.activeElement;
  step = neighbour;
  show(picture);
  place.hidden = false;
  place.requestFullscreen?.().catch(() => {}); // refused: it fills the window, which does as well
  place.focus({ preventScroll: true });
}

export async function stepViewer(direction) {
  const from = image;
  const next = await step?.(from, direction);
  if (next && image === from) show(next);
}

/** Shows the marks that a picture has by now. */
export function showMarks(picture) {
  if (image?.id !== picture.id) return;
  image = picture;
  place.querySelector(".ez-view-marks")?.replaceWith(marks(picture));
}

// A heart and stars, small, in a corner.
function marks(picture) {
  const words = [picture.favourite && t("Favourite"), picture.rating && t("{rating} of 5", { rating: picture.rating })].filter(Boolean).join(", ");
  const stars = Array.from({ length: picture.rating ?? 0 }, () => icon("star"));
  return h("div", { class: "ez-view-marks", role: "img", "aria-label": words, hidden: !words }, picture.favourite && icon("heart"), stars);
}

/** False if it was not open. */
export function closeViewer() {
  if (!image) return false;
  image = split = held = null;
  place.hidden = true;
  fill(place);
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  from?.focus?.({ preventScroll: true });
  return true;
}

/** Shows what the picture started from, as long as a key is held. */
export function holdSource(isOn) {
  if (!image?.source) return;
  if (split) split.hold(isOn);
  else if (isOn && !held) place.append((held = h("img", { class: "ez-view-held", src: image.source.url, alt: t("What it started from") })));
  else if (!isOn) {
    held?.remove();
    held = null;
  }
}

function show(picture) {
  const inside = place.contains(document.activeElement);
  image = picture;
  held = null;
  split = picture.source && isComparing() ? comparison(picture) : null;
  const button = (name, words, run) =>
    h("button", { class: `ez-btn icon ez-view-${name}`, type: "button", "aria-label": words, title: words, onclick: run }, icon(name));
  const switcher = picture.source && button("before", t("Before and after (C); hold \\ to see before"), () => compare(!isComparing()));
  switcher?.setAttribute("aria-pressed", String(Boolean(split)));
  fill(
    place,
    split?.element ?? h("img", { src: picture.url, alt: nameOf(picture), style: { "background-color": picture.mean_colour } }),
    step && button("previous", "Previous (Left)", () => stepViewer(-1)),
    step && button("next", "Next (Right)", () => stepViewer(1)),
    switcher,
    marks(picture),
    button("close", "Close (Esc)", closeViewer),
    // A menu would open outside of the full screen, so the film is saved elsewhere.
    picture.film && h("div", { class: "ez-view-film" }, filmStrip(picture, place, { saves: false })),
  );
  if (inside) place.focus({ preventScroll: true });
}

function comparison(picture) {
  return beforeAfter({
    before: picture.source.url,
    after: picture.url,
    width: picture.width,
    height: picture.height,
    alt: nameOf(picture),
  });
}
