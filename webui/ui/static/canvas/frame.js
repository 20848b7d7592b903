// The frame that a picture is extended to: how far it reaches beyond the picture on each side, how it is moved, and how it looks.

import { t } from "../language.js";
import { box } from "./boxes.js";
import { h } from "../markup.js";

export const SIDES = ["left", "top", "right", "bottom"];
export const NO_FRAME = Object.freeze({ left: 0, top: 0, right: 0, bottom: 0 });

const OPPOSITE = { left: "right", right: "left", top: "bottom", bottom: "top" };
const NEAR = { mouse: 10, pen: 14, touch: 26 }; // CSS px from an edge at which it is taken
const CURSORS = { left: "ew-resize", right: "ew-resize", top: "ns-resize", bottom: "ns-resize", "left top": "nwse-resize", "right bottom": "nwse-resize", "right top": "nesw-resize", "left bottom": "nesw-resize" };

export function isExtended(frame) {
  return SIDES.some((side) => frame[side] > 0);
}

/** All of a painting with its frame, in pixels of the picture. */
export function extentOf({ width, height, frame }) {
  return box(-frame.left, -frame.top, width + frame.right, height + frame.bottom);
}

/** A number of pixels as a side can have it. bounds: {step, most}. */
export function sideOf(value, { step, most }) {
  return Math.min(most, Math.max(0, Math.round(value / step) * step)) || 0;
}

/** The sides that lie at a point of the picture: none, one, or two at a corner. */
function sidesAt(painting, view, { point, pointer }) {
  const extent = extentOf(painting);
  const near = (NEAR[pointer] ?? NEAR.mouse) / view.scale;
  const inside = point.x > extent.left - near && point.x < extent.right + near && point.y > extent.top - near && point.y < extent.bottom + near;
  const distance = { left: Math.abs(point.x - extent.left), right: Math.abs(point.x - extent.right), top: Math.abs(point.y - extent.top), bottom: Math.abs(point.y - extent.bottom) };
  return inside ? [["left", "right"], ["top", "bottom"]].map(([one, other]) => (distance[one] < distance[other] ? one : other)).filter((side) => distance[side] <= near) : [];
}

/** The handlers of the tool that moves the frame; see tools.js. */
export const framing = {
  hover(canvas, touch) {
    canvas.board.element.style.cursor = CURSORS[sidesAt(canvas.painting, canvas.board.view, touch).join(" ")] ?? "default";
  },
  begin(canvas, touch) {
    const { painting } = canvas;
    const sides = sidesAt(painting, canvas.board.view, touch);
    return sides.length ? { painting, sides, from: touch.point, before: painting.frame } : null;
  },
  move(canvas, { point, goesOn }, { painting, sides, from, before }) {
    const frame = { ...before };
    for (const side of sides) {
      const outwards = { left: from.x - point.x, right: point.x - from.x, top: from.y - point.y, bottom: point.y - from.y }[side];
      frame[side] = sideOf(before[side] + outwards, canvas.extension);
      if (goesOn) frame[OPPOSITE[side]] = sideOf(before[OPPOSITE[side]] + outwards, canvas.extension);
    }
    painting.showFrame(frame);
  },
  end(_canvas, _touch, { painting, before }) {
    const { frame } = painting;
    painting.showFrame(before);
    painting.extend(frame);
  },
  stop: (_canvas, { painting, before }) => painting.showFrame(before),
};

/** Draws the frame into `element`: its ground below what is there already, its edge above. */
export class FrameView {
  constructor(element) {
    this.element = element;
    this.ground = h("div", { class: "ez-frame-ground", hidden: true, "aria-hidden": "true" });
    this.numbers = Object.fromEntries(SIDES.map((side) => [side, h("span", { class: `num ${side}` })]));
    const handles = ["left", "top", "right", "bottom", "left top", "right top", "left bottom", "right bottom"].map((sides) => h("i", { class: sides }));
    this.edge = h("div", { class: "ez-frame-edge", hidden: true, "aria-hidden": "true" }, handles, Object.values(this.numbers));
    element.prepend(this.ground);
    element.append(this.edge);
  }

  hide() {
    this.ground.hidden = this.edge.hidden = true;
  }

  /** isOn: whether it is a frame that one is moving now. isFilled: whether something lies in all of it, which its numbers would cover. */
  place(painting, view, isOn, isFilled) {
    const { frame } = painting;
    this.ground.hidden = !isExtended(frame);
    this.edge.hidden = !isOn && !isExtended(frame);
    this.edge.classList.toggle("is-moved", isOn);
    const { left, top, right, bottom } = extentOf(painting);
    const corner = view.toScreen({ x: left, y: top });
    const size = { width: `${(right - left) * view.scale}px`, height: `${(bottom - top) * view.scale}px`, transform: `translate(${corner.x}px, ${corner.y}px)` };
    for (const part of [this.ground, this.edge]) Object.assign(part.style, size);
    for (const side of SIDES) {
      const number = this.numbers[side];
      number.textContent = t("{value} px", { value: frame[side] });
      number.hidden = !frame[side] || isFilled;
      number.style.setProperty("--room", `${frame[side] * view.scale}px`);
    }
  }
}
