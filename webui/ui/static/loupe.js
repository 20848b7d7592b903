// A picture to be looked at closely, beside what it was before: a line to drag between both, as large as it fits or pixel by pixel.

import { divider } from "./divider.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { h } from "./markup.js";

const MOST = 8; // px of the window for one of the picture
const MOST_FITTING = 4; // the same, as long as nobody asks for more
const STEP = 1.25;
const PAN = 60; // px with an arrow key

let last = 0.5; // where the line was, so that it stays there from picture to picture

/**
 * {element, hold, ready}. before, after: addresses, of which one may be null; width, height: of what is shown in px; alt: words for it;
 * labels: what stands in the corners. `hold(true)` shows before alone until `hold(false)`; ready: a promise of it being fit to be painted. colour: the ground while it loads.
 */
export function loupe({ before, after, width, height, alt, labels = [t("Before"), t("After")], colour = null }) {
  const both = Boolean(before && after);
  const under = before && h("img", { class: "ez-loupe-picture", src: before, alt: both ? "" : alt, draggable: "false" });
  const over = after && h("div", { class: "ez-loupe-over" }, h("img", { class: "ez-loupe-picture", src: after, alt, draggable: "false" }));
  const ground = h("div", { class: "ez-loupe-ground", style: colour ? { "background-color": colour } : {} });
  const [left, right] = labels.map((words) => h("span", { class: "lab" }, words));
  const scaled = h("span", { class: "num ez-loupe-scale", "aria-live": "polite" });
  const button = (name, words, run) => h("button", { class: "ez-btn s icon ghost", type: "button", title: words, "aria-label": words, tabindex: "-1", onclick: run }, icon(name));
  const tools = h(
    "div",
    { class: "ez-loupe-tools" },
    button("minus", t("Smaller (-)"), () => zoom(1 / STEP)),
    h("button", { class: "ez-btn s ghost", type: "button", title: t("As large as it fits, or pixel by pixel (0, 1)"), tabindex: "-1", onclick: () => (isFit() ? show(1) : fit()) }, scaled),
    button("add", t("Larger (+)"), () => zoom(STEP)),
  );
  const element = h(
    "div",
    { class: "ez-loupe", tabindex: "0", role: "group", "aria-label": t("{alt}. Plus and minus scale it, arrow keys move it.", { alt }) },
    ground,
    under,
    over,
    both && left,
    both && right,
    tools,
  );
  let line = null; // between both
  let scale = null; // null: as large as it fits
  let middle = { x: width / 2, y: height / 2 }; // what is in the middle of the element, in px of the picture
  const box = () => ({ width: element.clientWidth || 1, height: element.clientHeight || 1 });
  const fitting = () => Math.min(MOST_FITTING, box().width / width, box().height / height);
  const isFit = () => scale === null;
  const factor = () => scale ?? fitting();

  // Where the whole picture lies, in px of the element.
  const whole = () => {
    const { width: across, height: down } = box();
    return { left: across / 2 - middle.x * factor(), top: down / 2 - middle.y * factor(), width: width * factor(), height: height * factor() };
  };
  const inside = () => {
    const at = whole();
    const { width: across, height: down } = box();
    const [x, y] = [Math.max(0, at.left), Math.max(0, at.top)];
    return { left: x, top: y, width: Math.min(across, at.left + at.width) - x, height: Math.min(down, at.top + at.height) - y };
  };
  // Of the window, for the line.
  const seen = () => ({ left: element.getBoundingClientRect().left + inside().left, width: inside().width });

  function moved(share) {
    last = share;
    place();
  }

  function place() {
    const at = whole();
    const shown = inside();
    const put = (part, { left: x, top: y, width: across, height: down }) => Object.assign(part.style, { left: `${x}px`, top: `${y}px`, width: `${across}px`, height: `${down}px` });
    for (const part of [ground, under, over?.firstElementChild].filter(Boolean)) put(part, at);
    // Pixel by pixel is what one wants to see of what is larger than life.
    element.classList.toggle("is-close", !isFit() && factor() > 2);
    const cut = shown.left + last * shown.width;
    if (over) over.style.clipPath = both && !element.classList.contains("has-no-before") ? `inset(0 0 0 ${cut}px)` : "none";
    if (line) Object.assign(line.element.style, { left: `${cut}px`, top: `${shown.top}px`, height: `${shown.height}px` });
    Object.assign(left.style, { left: `${shown.left + 10}px`, top: `${shown.top + 10}px` });
    Object.assign(right.style, { left: `${shown.left + shown.width - 10}px`, top: `${shown.top + 10}px` });
    Object.assign(tools.style, { left: `${shown.left + shown.width - 8}px`, top: `${shown.top + shown.height - 8}px` });
    scaled.textContent = `${Math.round(factor() * 100)} %`;
    element.style.cursor = isFit() ? "" : "grab";
  }

  function clamp() {
    const half = { x: box().width / factor() / 2, y: box().height / factor() / 2 };
    const within = (value, room, side) => (2 * room >= side ? side / 2 : Math.min(side - room, Math.max(room, value)));
    middle = { x: within(middle.x, half.x, width), y: within(middle.y, half.y, height) };
  }

  // Scales by what is at `at`, in px of the element; that stays where it is.
  function show(wanted, at = { x: box().width / 2, y: box().height / 2 }) {
    const now = factor();
    const held = { x: middle.x + (at.x - box().width / 2) / now, y: middle.y + (at.y - box().height / 2) / now };
    const next = Math.min(MOST, wanted);
    scale = next <= fitting() * 1.001 ? null : next;
    middle = { x: held.x - (at.x - box().width / 2) / factor(), y: held.y - (at.y - box().height / 2) / factor() };
    clamp();
    place();
  }

  function zoom(by, at) {
    show(factor() * by, at);
  }

  function fit() {
    scale = null;
    clamp();
    place();
  }

  function pan(x, y) {
    middle = { x: middle.x - x / factor(), y: middle.y - y / factor() };
    clamp();
    place();
  }

  element.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.deltaY === 0) return;
      event.preventDefault();
      const at = element.getBoundingClientRect();
      zoom(event.deltaY < 0 ? STEP : 1 / STEP, { x: event.clientX - at.left, y: event.clientY - at.top });
    },
    { passive: false },
  );
  element.addEventListener("dblclick", (event) => {
    if (tools.contains(event.target) || line?.element.contains(event.target)) return;
    const at = element.getBoundingClientRect();
    if (isFit()) show(Math.max(1, fitting() * 2), { x: event.clientX - at.left, y: event.clientY - at.top });
    else fit();
  });
  const fingers = new Map(); // pointer -> where it is, in px of the window
  const between = () => {
    const [one, other] = [...fingers.values()];
    return { x: (one.clientX + other.clientX) / 2, y: (one.clientY + other.clientY) / 2, apart: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1 };
  };
  element.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const was = fingers.size === 2 && between();
    fingers.set(event.pointerId, event);
    if (!was) return;
    const now = between();
    const at = element.getBoundingClientRect();
    zoom(now.apart / was.apart, { x: now.x - at.left, y: now.y - at.top });
    pan(now.x - was.x, now.y - was.y);
  });
  for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, ({ pointerId }) => fingers.delete(pointerId));
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || tools.contains(event.target) || line?.element.contains(event.target)) return;
    fingers.set(event.pointerId, event);
    if (isFit()) return line?.drag(event);
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const stop = new AbortController();
    element.addEventListener("pointermove", ({ movementX, movementY }) => fingers.size < 2 && pan(movementX, movementY), { signal: stop.signal });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) element.addEventListener(end, () => stop.abort(), { signal: stop.signal });
  });
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== element) return;
    const arrows = { ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] };
    const act = { "+": () => zoom(STEP), "=": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: fit, 1: () => show(1) }[event.key] ?? (!isFit() && arrows[event.key] && (() => pan(...arrows[event.key])));
    if (!act) return;
    event.preventDefault();
    act();
  });
  under?.addEventListener("error", () => {
    element.classList.add("has-no-before");
    left.textContent = t("What it was before is not here any more");
    place();
  });
  new ResizeObserver(() => {
    clamp();
    place();
  }).observe(element);
  if (both) {
    const kept = last; // a new one stands in the middle
    line = divider(seen, moved);
    element.append(line.element);
    line.put(kept);
  }
  place();
  const pictures = [under, over?.firstElementChild].filter(Boolean);
  // One that is gone says so by itself.
  const ready = Promise.all(pictures.map((picture) => picture.decode().catch(() => {})));
  return { element, ready, hold: (isOn) => element.classList.toggle("is-before", isOn) };
}
