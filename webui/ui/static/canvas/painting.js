// What is being worked on: the picture, a mask and a colour layer of its size, and every step that led here.

import { t } from "../language.js";
import { isEmpty } from "./boxes.js";
import { Edit, applyDifferences } from "./edit.js";
import { NO_FRAME, SIDES } from "./frame.js";
import { History } from "./history.js";
import { Painter } from "./painter.js";
import { Raster, TILE } from "./raster.js";
import { pack, wordsOf } from "./runs.js";

export const LAYERS = { mask: { words: t("Mask"), channels: 1 }, sketch: { words: t("Colour sketch"), channels: 4 } };

/**
 * Events: "paint" {layer, area} pixels changed; "step" {layer, tiles, step, gone} a step was added, undone (step null) or done again;
 * "look" what is shown or painted on changed; "frame" the frame was moved.
 */
export class Painting extends EventTarget {
  /** picture: an ImageBitmap or null for a blank one; file: its bytes as they came. */
  constructor({ id, name, width, height, picture = null, file = null, history = new History(), frame = NO_FRAME }) {
    super();
    Object.assign(this, { id, name, width, height, picture, file, history, frame });
    this.layers = Object.fromEntries(Object.entries(LAYERS).map(([layer, { channels }]) => [layer, new Raster(width, height, channels)]));
    this.copyOf = null; // id of the one that another tab is at, which this one goes on from
    this.active = "mask";
    this.hidden = new Set(); // layers that are not shown
    this.revisions = { mask: 0, sketch: 0 }; // counts up with each change of a layer
    this.edit = null; // the change that is being made
  }

  /** Begins a stroke on the active layer. Returns null while another change is being made. */
  begin(ink) {
    if (this.edit) return null;
    this.edit = new Edit(this.layers[this.active]);
    this.painter = new Painter(this.edit, ink);
    return this.painter;
  }

  /** Adds to the stroke. */
  cover(shape) {
    this.#painted(this.active, this.painter.add(shape));
  }

  /** The stroke stays. */
  keep(words) {
    this.#finish(this.active, words);
  }

  /** The stroke was a mistake. */
  giveUp() {
    const area = this.edit.giveUp();
    this.edit = null;
    this.#painted(this.active, area);
  }

  /** One whole change at once: `change(edit, raster)` returns the area. False while another one is being made. */
  change(layer, words, change) {
    if (this.edit) return false;
    this.edit = new Edit(this.layers[layer]);
    const area = change(this.edit, this.layers[layer]);
    this.#painted(layer, area);
    this.#finish(layer, words);
    return true;
  }

  invert() {
    if (this.edit) return false;
    const raster = this.layers.mask;
    const differences = [...raster.parts(raster.box)].map((part) => ({ tile: part.key, runs: everyBit(part) }));
    this.#painted("mask", applyDifferences(raster, differences));
    this.#added("mask", t("Invert"), differences);
    return true;
  }

  clear(layer = this.active) {
    return this.change(layer, "Clear", (edit, raster) => {
      const area = raster.painted();
      for (const key of [...raster.tiles.keys()]) edit.touch(key).after.fill(0);
      return area;
    });
  }

  /** Moves the frame that the picture is extended to, {left, top, right, bottom} in px beyond it. False while another change is being made. */
  extend(frame, words = t("Extend")) {
    if (this.edit) return false;
    const moved = SIDES.map((side) => this.frame[side] ^ frame[side]);
    if (!moved.some(Boolean)) return true;
    this.#move(moved);
    this.#tell("step", { layer: "frame", tiles: [], step: this.history.add("frame", words, [{ moved }]) });
    return true;
  }

  /** Shows the frame elsewhere, while it is being moved. */
  showFrame(frame) {
    this.frame = frame;
    this.#tell("frame");
  }

  undo() {
    return this.#step((history) => history.back());
  }

  redo() {
    return this.#step((history) => history.forth());
  }

  choose(layer) {
    this.active = layer;
    this.#tell("look");
  }

  show(layer, visible) {
    if (visible) this.hidden.delete(layer);
    else this.hidden.add(layer);
    this.#tell("look");
  }

  isBlank(layer) {
    return this.layers[layer].tiles.size === 0;
  }

  #step(move) {
    if (this.edit) return false;
    const step = move(this.history);
    if (!step) return false;
    if (step.layer === "frame") this.#move(step.differences[0].moved);
    else this.#painted(step.layer, applyDifferences(this.layers[step.layer], step.differences));
    const tiles = step.layer === "frame" ? [] : step.differences.map(({ tile }) => tile);
    this.#tell("step", { layer: step.layer, tiles, step: null });
    return true;
  }

  #finish(layer, words) {
    const differences = this.edit.finish();
    this.edit = null;
    if (differences.length) this.#added(layer, words, differences);
  }

  #added(layer, words, differences) {
    const step = this.history.add(layer, words, differences);
    this.#tell("step", { layer, tiles: differences.map(({ tile }) => tile), step });
  }

  // By exclusive or, as a layer's tiles are: the same again undoes it.
  #move(moved) {
    this.showFrame(Object.fromEntries(SIDES.map((side, index) => [side, this.frame[side] ^ moved[index]])));
  }

  #painted(layer, area) {
    if (isEmpty(area)) return;
    this.revisions[layer] += 1;
    this.#tell("paint", { layer, area });
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const WHOLE_TILE = pack(wordsOf(new Uint8Array(TILE * TILE).fill(255)));

// The coded difference between a mask and its opposite in a tile, as far as the picture reaches.
function everyBit({ left, top, right, bottom }) {
  const [width, height] = [right - left, bottom - top];
  if (width === TILE && height === TILE) return WHOLE_TILE;
  const bytes = new Uint8Array(TILE * TILE);
  for (let y = 0; y < height; y++) bytes.fill(255, y * TILE, y * TILE + width);
  return pack(wordsOf(bytes));
}
