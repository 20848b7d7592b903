// Two to four pictures beside each other. What is done to one (scaled, moved) is done to all, by shares of their sizes, so that pictures
// of other sizes show the same place, too.

import { t } from "./language.js";
import { fill, h } from "./markup.js";

const MOST = 16; // times as large as it fits
const STEP = 1.25;
const PAN = 60; // px with an arrow key

/** entries: [{src, alt, colour, under: elements below it}]. Returns {element, scale}: scale() is 1 where all is seen. */
export function sideBySide(entries) {
  let scale = 1; // 1: as large as it fits
  let middle = { x: 0.5, y: 0.5 }; // what is in the middle of each pane, as shares of the picture
  const panes = entries.map(({ src, alt, colour }) => {
    const picture = h("img", { src, alt, draggable: "false", style: { "background-color": colour ?? "transparent" } });
    const pane = h("div", { class: "ez-pane", tabindex: "0", role: "group", "aria-label": t("{alt}. Plus and minus scale all, arrow keys move them.", { alt }) }, picture);
    picture.addEventListener("load", () => {
      picture.style.backgroundColor = "";
      place();
    });
    return { pane, picture };
  });

  const sizes = ({ pane, picture }) => {
    const [width, height] = [picture.naturalWidth || 1, picture.naturalHeight || 1];
    const fit = Math.min(pane.clientWidth / width, pane.clientHeight / height);
    return { width: width * fit * scale, height: height * fit * scale };
  };

  function place() {
    for (const one of panes) {
      const { width, height } = sizes(one);
      const at = (share, room, side) => (side <= room ? (room - side) / 2 : Math.min(0, Math.max(room - side, room / 2 - share * side)));
      const [x, y] = [at(middle.x, one.pane.clientWidth, width), at(middle.y, one.pane.clientHeight, height)];
      Object.assign(one.picture.style, { width: `${width}px`, height: `${height}px`, transform: `translate(${x}px, ${y}px)` });
      one.pane.classList.toggle("is-close", width / (one.picture.naturalWidth || 1) > 2);
      one.pane.style.cursor = scale > 1 ? "grab" : "";
    }
  }

  // Keeps the middle where a pane is always full of picture.
  function clamp() {
    const half = 0.5 / scale;
    const within = (share) => Math.min(1 - half, Math.max(half, share));
    middle = { x: within(middle.x), y: within(middle.y) };
  }

  // at: the share of the picture that stays where it is, and where in the pane that is.
  function zoom(by, one, at = null) {
    const before = sizes(one);
    const held = at && { x: at.x - one.pane.clientWidth / 2, y: at.y - one.pane.clientHeight / 2 };
    const point = held && { x: middle.x + held.x / before.width, y: middle.y + held.y / before.height };
    scale = Math.min(MOST, Math.max(1, scale * by));
    const after = sizes(one);
    if (point) middle = { x: point.x - held.x / after.width, y: point.y - held.y / after.height };
    clamp();
    place();
  }

  function pan(x, y, one) {
    const { width, height } = sizes(one);
    middle = { x: middle.x - x / width, y: middle.y - y / height };
    clamp();
    place();
  }

  for (const one of panes) listen(one);

  function listen(one) {
    const { pane } = one;
    const inside = (event) => {
      const box = pane.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    pane.addEventListener(
      "wheel",
      (event) => {
        if (event.ctrlKey || event.metaKey || !event.deltaY) return;
        event.preventDefault();
        zoom(event.deltaY < 0 ? STEP : 1 / STEP, one, inside(event));
      },
      { passive: false },
    );
    pane.addEventListener("dblclick", (event) => zoom(scale > 1 ? 1 / MOST : 3, one, inside(event)));
    pane.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || scale === 1) return;
      event.preventDefault();
      pane.focus({ preventScroll: true });
      pane.setPointerCapture(event.pointerId);
      const stop = new AbortController();
      pane.addEventListener("pointermove", ({ movementX, movementY }) => pan(movementX, movementY, one), { signal: stop.signal });
      for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) pane.addEventListener(end, () => stop.abort(), { signal: stop.signal });
    });
    pane.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const arrows = { ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] };
      const keys = { "+": () => zoom(STEP, one), "=": () => zoom(STEP, one), "-": () => zoom(1 / STEP, one), 0: () => zoom(1 / MOST, one) };
      const act = keys[event.key] ?? (scale > 1 && arrows[event.key] && (() => pan(...arrows[event.key], one)));
      if (!act) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
    new ResizeObserver(place).observe(pane);
  }

  const element = h("div", { class: "ez-side-by-side", style: { "--panes": String(entries.length) } });
  fill(
    element,
    panes.map(({ pane }, index) => h("figure", { class: "ez-pane-figure" }, pane, h("figcaption", { class: "row s" }, entries[index].under))),
  );
  return { element, scale: () => scale };
}
