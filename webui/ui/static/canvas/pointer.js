// Mouse, pen and fingers on the board: one draws, two move and scale, the wheel scales, Space or the middle button moves.

import { TOOLS } from "./tools.js";

const WHEEL = 0.0015; // exponent per unit of the wheel
const PINCHED_WHEEL = 0.01; // the same for a pinch on a touchpad, which comes as a wheel with Ctrl
const OTHER_END = { button: 5, buttons: 32 }; // of a pen, the one that erases
const LINE = 16; // px, for mice whose wheel counts lines

export function followPointers(canvas) {
  const { board } = canvas;
  const { element, view } = board;
  const fingers = new Map(); // id -> where it is on the screen
  let drawing = null; // {id, tool, state}
  let moving = null; // id of the pointer that moves the view

  const place = (event) => {
    const corner = element.getBoundingClientRect();
    return { x: event.clientX - corner.left, y: event.clientY - corner.top };
  };
  const touch = (event) => ({
    point: view.toPicture(place(event)),
    pointer: event.pointerType,
    pressure: event.pointerType === "pen" ? event.pressure : 1,
    takesAway: event.altKey || event.buttons === OTHER_END.buttons,
    goesOn: event.shiftKey,
  });
  const ring = (event) => {
    const hasRing = event && !event.target.closest(".knob") && TOOLS[canvas.tool].hasRing && !canvas.panning && moving === null && event.pointerType !== "touch";
    board.ring(hasRing ? place(event) : null, canvas.brush.size);
  };
  const stopDrawing = () => {
    if (!drawing) return false;
    TOOLS[drawing.tool].stop(canvas, drawing.state);
    drawing = null;
    return true;
  };

  element.addEventListener("pointerdown", (event) => {
    if (!canvas.painting || event.target.closest(".ez-float")) return;
    element.focus({ preventScroll: true });
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") {
      fingers.set(event.pointerId, place(event));
      if (fingers.size === 2) {
        stopDrawing(); // the first finger was not meant to draw
        return;
      }
    }
    if (fingers.size > 1) return;
    if (event.button === 1 || canvas.panning || TOOLS[canvas.tool].pans) {
      moving = event.pointerId;
      element.classList.add("is-moving");
      ring(event);
    } else if ([0, OTHER_END.button].includes(event.button) && !drawing) {
      const picks = event.altKey && TOOLS[canvas.tool].altPicks && canvas.painting.active === "sketch";
      const tool = picks ? "pick" : canvas.tool;
      const state = TOOLS[tool].begin(canvas, touch(event));
      if (state) drawing = { id: event.pointerId, tool, state };
    }
  });

  element.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId) && fingers.size === 2) return pinch(event);
    if (event.pointerId === moving) return view.pan(event.movementX, event.movementY);
    if (drawing?.id === event.pointerId) {
      // All that came since the last frame: a quick stroke keeps its curve.
      const events = event.getCoalescedEvents?.() ?? [];
      for (const part of events.length ? events : [event]) TOOLS[drawing.tool].move(canvas, touch(part), drawing.state);
    } else if (canvas.painting && !canvas.panning) TOOLS[canvas.tool].hover?.(canvas, touch(event));
    ring(event);
  });

  const lift = (event) => {
    fingers.delete(event.pointerId);
    if (event.pointerId === moving) {
      moving = null;
      element.classList.remove("is-moving");
    }
    if (drawing?.id !== event.pointerId) return;
    const { tool, state } = drawing;
    drawing = null;
    if (event.type === "pointerup") TOOLS[tool].end(canvas, touch(event), state);
    else TOOLS[tool].stop(canvas, state);
  };
  element.addEventListener("pointerup", lift);
  element.addEventListener("pointercancel", lift);
  element.addEventListener("pointerleave", () => ring(null));
  element.addEventListener(
    "wheel",
    (event) => {
      if (!canvas.painting || event.target.closest(".ez-float")) return;
      event.preventDefault();
      const turned = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1);
      view.zoom(Math.exp(-turned * (event.ctrlKey ? PINCHED_WHEEL : WHEEL)), place(event));
      ring(event);
    },
    { passive: false },
  );

  // What lies between two fingers stays between them.
  function pinch(event) {
    const [one, other] = [...fingers.values()];
    const before = { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2, apart: Math.hypot(one.x - other.x, one.y - other.y) };
    fingers.set(event.pointerId, place(event));
    const [left, right] = [...fingers.values()];
    const now = { x: (left.x + right.x) / 2, y: (left.y + right.y) / 2, apart: Math.hypot(left.x - right.x, left.y - right.y) };
    view.zoom(now.apart / Math.max(1, before.apart), before);
    view.pan(now.x - before.x, now.y - before.y);
  }

  return { isDrawing: () => drawing !== null, stopDrawing };
}
