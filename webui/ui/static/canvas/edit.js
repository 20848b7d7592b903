// One change of a layer, from its first pixel until it is kept or given up: remembers what each touched tile held before.

import { box, around, NOWHERE } from "./boxes.js";
import { TILE } from "./raster.js";
import { mixIn, pack, wordsOf } from "./runs.js";

export class Edit {
  constructor(raster) {
    this.raster = raster;
    this.before = new Map(); // tile -> its bytes before
  }

  /** The bytes of a tile, before and to be changed. */
  touch(key) {
    const after = this.raster.tile(key);
    let before = this.before.get(key);
    if (!before) this.before.set(key, (before = after.slice()));
    return { before, after };
  }

  /** Replaces an area by bytes that stand row by row. */
  put(area, plane) {
    const { channels } = this.raster;
    const width = (area.right - area.left) * channels;
    for (const part of this.raster.parts(area)) {
      const { after } = this.touch(part.key);
      const length = (part.right - part.left) * channels;
      for (let y = part.top; y < part.bottom; y++) {
        const from = (y - area.top) * width + (part.left - area.left) * channels;
        after.set(plane.subarray(from, from + length), ((y - part.y) * TILE + part.left - part.x) * channels);
      }
    }
  }

  /** What changed, tile by tile: the coded difference, which both undoes and redoes it. Tiles that became empty are dropped. */
  finish() {
    const differences = [];
    for (const [key, before] of this.before) {
      const after = this.raster.tiles.get(key);
      const words = wordsOf(before);
      const now = wordsOf(after);
      let changed = 0;
      let something = 0;
      for (let at = 0; at < words.length; at++) {
        something |= now[at];
        words[at] ^= now[at];
        changed |= words[at];
      }
      if (changed) differences.push({ tile: key, runs: pack(words) });
      if (!something) this.raster.tiles.delete(key);
    }
    this.before.clear();
    return differences;
  }

  /** Everything as it was. Returns the area. */
  giveUp() {
    let area = NOWHERE;
    for (const [key, before] of this.before) {
      this.raster.tiles.get(key).set(before);
      area = around(area, this.raster.tileBox(key));
    }
    this.finish();
    return area;
  }
}

/** Undoes or redoes a change. Returns the area. */
export function applyDifferences(raster, differences) {
  let area = box(0, 0, 0, 0);
  for (const { tile, runs } of differences) {
    const words = wordsOf(raster.tile(tile));
    mixIn(runs, words);
    if (isBlank(words)) raster.tiles.delete(tile);
    area = around(area, raster.tileBox(tile));
  }
  return area;
}

function isBlank(words) {
  for (let at = 0; at < words.length; at++) if (words[at]) return false;
  return true;
}
