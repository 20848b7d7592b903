// One picture on the whole screen, and the way to the next.

import { filmStrip } from "./film-strip.js";
import { icon } from "./icons.js";
import { fill, h } from "./markup.js";
import { title } from "./words.js";

let place = null;
let from = null;
let step = null;
let image = null;

export function mountViewer(element) {
  place = element;
  element.addEventListener("click", (event) => event.target === element && closeViewer());
  // Esc ends the browser's full screen without telling the page's keys.
  document.addEventListener("fullscreenchange", () => document.fullscreenElement || closeViewer());
}

export function viewed() {
  return image;
}

/** `neighbour(image, direction)` gives the next (1) or previous (-1) picture, or null. */
export function view(picture, neighbour) {
  if (!image) from = document.activeElement;
  step = neighbour;
  show(picture);
  place.hidden = false;
  place.requestFullscreen?.().catch(() => {}); // refused: it fills the window, which does as well
  place.focus({ preventScroll: true });
}

export function stepViewer(direction) {
  const next = step?.(image, direction);
  if (next) show(next);
}

/** False if it was not open. */
export function closeViewer() {
  if (!image) return false;
  image = null;
  place.hidden = true;
  fill(place);
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  from?.focus?.({ preventScroll: true });
  return true;
}

function show(picture) {
  image = picture;
  const button = (name, words, run) =>
    h("button", { class: `ez-btn icon ez-view-${name}`, type: "button", "aria-label": words, title: words, onclick: run }, icon(name));
  fill(
    place,
    h("img", { src: picture.url, alt: title(picture.prompt), style: { "background-color": picture.mean_colour } }),
    step && button("previous", "Previous (Left)", () => stepViewer(-1)),
    step && button("next", "Next (Right)", () => stepViewer(1)),
    button("close", "Close (Esc)", closeViewer),
    // A menu would open outside of the full screen, so the film is saved elsewhere.
    picture.film && h("div", { class: "ez-view-film" }, filmStrip(picture, place, { saves: false })),
  );
}
