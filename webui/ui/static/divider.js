// The line between before and after: dragged, or moved with the arrow keys; left of it is before, right of it after.

import { icon } from "./icons.js";
import { t } from "./language.js";
import { h } from "./markup.js";

const STEP = 0.02;
const LEAP = 0.1; // with Shift
const MIDDLE = 0.5;

/**
 * A divider {element, share, put, drag}. span(): {left, width} in px of the window, of what it divides. moved(share) hears where it is
 * now, 0 at the left to 1 at the right; `drag(event)` lets it follow a pointer that was pressed.
 */
export function divider(span, moved) {
  const line = h(
    "div",
    { class: "knob", role: "slider", tabindex: "0", "aria-label": t("Between before and after"), "aria-orientation": "horizontal", "aria-valuemin": "0", "aria-valuemax": "100", title: t("Drag, or move with the arrow keys") },
    icon("swap"),
  );
  const self = {
    element: line,
    share: MIDDLE,
    put(share) {
      self.share = Math.min(1, Math.max(0, share));
      const percent = Math.round(self.share * 100);
      line.setAttribute("aria-valuenow", String(percent));
      line.setAttribute("aria-valuetext", t("{percent} % before", { percent }));
      moved(self.share);
    },
    drag(event) {
      const { left, width } = span();
      if (event.button !== 0 || !width) return;
      event.preventDefault();
      event.stopPropagation();
      line.focus({ preventScroll: true });
      line.setPointerCapture(event.pointerId);
      // Taken by its handle the line stays where it is under the pointer; elsewhere it comes to the pointer.
      const off = line.contains(event.target) ? event.clientX - left - self.share * width : 0;
      const follow = ({ clientX }) => self.put((clientX - left - off) / width);
      const stop = new AbortController();
      line.addEventListener("pointermove", follow, { signal: stop.signal });
      for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) line.addEventListener(end, () => stop.abort(), { signal: stop.signal });
      follow(event);
    },
  };
  line.addEventListener("pointerdown", self.drag);
  line.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const by = event.shiftKey ? LEAP : STEP;
    const to = { ArrowLeft: self.share - by, ArrowDown: self.share - by, ArrowRight: self.share + by, ArrowUp: self.share + by, Home: 0, End: 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    self.put(to);
  });
  self.put(MIDDLE);
  return self;
}
