// What one sees: picture, layers, the mask's moving edge, the outline of what is being drawn and the brush, one over the other.

import { around, grown, isEmpty, meet } from "./boxes.js";
import { Ants, PACE_MS } from "./ants.js";
import { FrameView, extentOf } from "./frame.js";
import { h, shape } from "../markup.js";
import { Surface, maskColours, ownColours } from "./surface.js";
import { View } from "./view.js";

const SHARP_FROM = 2; // device pixels per picture pixel from which on one wants to see them

export class Board {
  /** Fills `element`. margins(): {top, bottom} in CSS px that toolbars take, or null. */
  constructor(element, margins = () => null) {
    this.element = element;
    this.margins = margins;
    this.pictureCanvas = h("canvas", { role: "img", "aria-label": "Picture being edited" });
    this.layerCanvas = h("canvas", { "aria-hidden": "true" });
    this.antCanvas = h("canvas", { class: "ez-ants", "aria-hidden": "true" });
    this.line = shape("path", {});
    this.outline = shape("svg", { class: "ez-outline", "aria-hidden": "true" }, this.line.cloneNode(), this.line);
    this.cursor = h("span", { class: "ez-brush-ring", hidden: true, "aria-hidden": "true" });
    element.append(this.pictureCanvas, this.layerCanvas, this.antCanvas, this.outline, this.cursor);
    this.frameView = new FrameView(element);
    this.isFraming = false; // the frame is what one is at
    this.view = new View(() => this.redraw());
    this.ants = new Ants(this.antCanvas);
    this.painting = null;
    this.result = null; // a picture that is laid over the one being edited, and where
    this.resultBox = null;
    this.plain = false; // only the picture, as it was before
    this.dirty = null; // picture area to draw anew; "all" for everything
    this.stale = true; // the edge is to be found anew
    this.hear = new AbortController();
    new ResizeObserver(() => this.#resize()).observe(element);
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    setInterval(() => this.#march(), PACE_MS);
    new MutationObserver(() => this.#recolour()).observe(document.body, { attributeFilter: ["class"] });
  }

  /** Shows another painting. */
  show(painting) {
    this.hear.abort();
    this.hear = new AbortController();
    const { signal } = this.hear;
    this.painting = painting;
    this.result = null;
    this.colour = this.#pigment();
    this.surfaces = {
      sketch: new Surface(painting.layers.sketch, ownColours),
      mask: new Surface(painting.layers.mask, maskColours(this.colour)),
    };
    for (const surface of Object.values(this.surfaces)) surface.renew();
    painting.addEventListener("paint", ({ detail }) => this.#paint(detail), { signal });
    painting.addEventListener("look", () => this.redraw(), { signal });
    painting.addEventListener("frame", () => this.redraw(), { signal });
    painting.addEventListener("step", ({ detail }) => (detail.layer === "frame" ? this.view.frame(extentOf(painting), { isNew: false }) : this.result && this.redraw()), { signal });
    this.view.frame(extentOf(painting));
  }

  /** Lays a picture (ImageBitmap or null) over the one being edited, or over a larger area (a box) around it. */
  lay(picture, area = null) {
    this.result = picture;
    this.resultBox = area;
    this.redraw();
  }

  /** Shows the frame as what one is at, or not. */
  frame(isOn) {
    this.isFraming = Boolean(isOn);
    this.redraw();
  }

  /** Shows the picture as it was, or all again. */
  before(isOn) {
    if (this.plain === isOn) return;
    this.plain = isOn;
    this.redraw();
  }

  /** Everything is drawn anew with the next frame. */
  redraw() {
    this.stale = true;
    this.#soon("all");
  }

  /** Outlines points {x, y} of the picture; null takes the outline away. */
  trace(points) {
    const path = points?.map((point) => this.view.toScreen(point)).map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    for (const line of this.outline.children) line.setAttribute("d", path ? `M${path}Z` : "");
  }

  /** Shows the ring of a brush of that diameter (picture px) at a point of the screen; null hides it. */
  ring(point, diameter) {
    this.cursor.hidden = !point;
    if (!point) return;
    const size = Math.max(4, diameter * this.view.scale);
    this.cursor.style.width = this.cursor.style.height = `${size}px`;
    this.cursor.style.transform = `translate(${point.x - size / 2}px, ${point.y - size / 2}px)`;
  }

  #resize() {
    const { clientWidth, clientHeight } = this.element;
    if (!clientWidth || !clientHeight) return; // its page isn't shown
    this.ratio = devicePixelRatio || 1;
    for (const canvas of [this.pictureCanvas, this.layerCanvas]) {
      canvas.width = Math.round(clientWidth * this.ratio);
      canvas.height = Math.round(clientHeight * this.ratio);
    }
    this.view.resize(clientWidth, clientHeight, this.margins());
  }

  #pigment() {
    const probe = h("span", { style: { color: "var(--ez-pig-1)" } });
    this.element.append(probe);
    const colour = getComputedStyle(probe).color.match(/\d+/g).slice(0, 3).map(Number);
    probe.remove();
    return colour;
  }

  #recolour() {
    if (!this.painting) return;
    const colour = this.#pigment();
    if (String(colour) === String(this.colour)) return;
    this.colour = colour;
    this.surfaces.mask.colours = maskColours(colour);
    this.surfaces.mask.renew();
    this.redraw();
  }

  #paint({ layer, area }) {
    this.surfaces[layer].refresh(area);
    if (layer === "mask") this.stale = true;
    this.#soon(area);
  }

  #soon(area) {
    const waiting = this.dirty !== null;
    this.dirty = area === "all" || this.dirty === "all" ? "all" : around(this.dirty ?? area, area);
    if (!waiting) requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const dirty = this.dirty;
    this.dirty = null;
    const { width, height } = this.view;
    if (!this.painting || !width) return;
    if (dirty === "all") {
      this.frameView.place(this.painting, this.view, this.isFraming);
      this.#drawPicture();
      this.#drawLayers(null);
      this.#drawAnts(false);
    } else this.#drawLayers(dirty);
  }

  // The box of the picture in device pixels. Whole ones, so that neighbours meet without a seam.
  #place({ left, top, right, bottom }) {
    const { scale, x, y } = this.view;
    const at = (value, shift) => Math.round((value * scale + shift) * this.ratio);
    return [at(left, x), at(top, y), at(right, x) - at(left, x), at(bottom, y) - at(top, y)];
  }

  #drawPicture() {
    const context = this.pictureCanvas.getContext("2d");
    const place = this.#place(this.painting.layers.mask.box);
    context.clearRect(0, 0, this.pictureCanvas.width, this.pictureCanvas.height);
    context.fillStyle = "#ffffff";
    context.fillRect(...place);
    this.#smooth(context);
    const result = !this.plain && this.result;
    if (result) context.drawImage(result, ...(this.resultBox ? this.#place(this.resultBox) : place));
    else if (this.painting.picture) context.drawImage(this.painting.picture, ...place);
  }

  #drawLayers(area) {
    const context = this.layerCanvas.getContext("2d");
    context.save();
    if (area) {
      // A pixel more on each side, for smoothing mixes neighbours.
      const [left, top, width, height] = this.#place(meet(grown(area, 2), this.painting.layers.mask.box));
      context.beginPath();
      context.rect(left, top, width, height);
      context.clip();
    }
    context.clearRect(0, 0, this.layerCanvas.width, this.layerCanvas.height);
    if (!this.plain) {
      this.#smooth(context);
      const visible = this.#visible(area);
      for (const layer of this.#shownLayers()) {
        if (!this.painting.hidden.has(layer) && !isEmpty(visible)) this.surfaces[layer].draw(context, visible, (part) => this.#place(part));
      }
    }
    context.restore();
  }

  // Over a result the mask is its edge alone, so that nothing tints what one judges; filled only while it is painted on.
  #shownLayers() {
    if (!this.result) return ["sketch", "mask"];
    return this.painting.edit ? ["mask"] : [];
  }

  #visible(area) {
    const from = this.view.toPicture({ x: 0, y: 0 });
    const to = this.view.toPicture({ x: this.view.width, y: this.view.height });
    const seen = { left: Math.floor(from.x), top: Math.floor(from.y), right: Math.ceil(to.x), bottom: Math.ceil(to.y) };
    return meet(area ? meet(grown(area, 2), seen) : seen, this.painting.layers.mask.box);
  }

  #smooth(context) {
    context.imageSmoothingEnabled = this.view.scale * this.ratio < SHARP_FROM;
    context.imageSmoothingQuality = "medium";
  }

  #march() {
    if (!this.painting || this.plain || !this.element.checkVisibility()) return;
    if (this.stale || !this.still.matches) this.#drawAnts(!this.still.matches);
  }

  #drawAnts(moves) {
    const hidden = this.plain || this.painting.hidden.has("mask");
    if (this.stale || hidden) {
      const mask = hidden ? { tiles: new Map() } : this.painting.layers.mask;
      this.ants.find(mask, this.view, this.view.width, this.view.height);
      this.stale = hidden;
    }
    const [red, green, blue] = this.colour;
    this.ants.draw(((0xff << 24) | (blue << 16) | (green << 8) | red) >>> 0, moves);
  }
}
