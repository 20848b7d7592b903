// Lays shapes onto a layer. Within one stroke a pixel takes the highest cover that passed over it, so that slow strokes are not darker.

import { meet } from "./boxes.js";
import { TILE } from "./raster.js";

// before, after: bytes of a tile; at: number of the pixel; share: how much of the new takes the place of the old.
const MASK = {
  paint: (before, after, at, share) => (after[at] = Math.round(before[at] + (255 - before[at]) * share)),
  erase: (before, after, at, share) => (after[at] = Math.round(before[at] * (1 - share))),
};

const COLOUR = {
  paint(before, after, at, share, colour) {
    const old = (before[at * 4 + 3] / 255) * (1 - share);
    const alpha = share + old;
    for (let channel = 0; channel < 3; channel++) {
      after[at * 4 + channel] = alpha ? Math.round((colour[channel] * share + before[at * 4 + channel] * old) / alpha) : 0;
    }
    after[at * 4 + 3] = Math.round(alpha * 255);
  },
  erase(before, after, at, share) {
    const alpha = Math.round(before[at * 4 + 3] * (1 - share));
    after.set(alpha ? before.subarray(at * 4, at * 4 + 3) : [0, 0, 0], at * 4);
    after[at * 4 + 3] = alpha;
  },
};

export class Painter {
  /** opacity: 0 to 1; colour: [red, green, blue], for a colour layer. */
  constructor(edit, { erase = false, opacity = 1, colour = [0, 0, 0] }) {
    Object.assign(this, { edit, opacity, colour });
    this.blend = (edit.raster.channels === 1 ? MASK : COLOUR)[erase ? "erase" : "paint"];
    this.covers = new Map(); // tile -> the highest cover of each of its pixels so far
    this.line = new Uint8Array(TILE);
  }

  /** Returns the area that changed. */
  add(shape) {
    const { edit, blend, opacity, colour, line } = this;
    for (const part of edit.raster.parts(shape.box)) {
      const { before, after } = edit.touch(part.key);
      const covers = this.#covers(part.key);
      const width = part.right - part.left;
      for (let y = part.top; y < part.bottom; y++) {
        shape.row(y, part.left, part.right, line);
        let at = (y - part.y) * TILE + part.left - part.x;
        for (let index = 0; index < width; index++, at++) {
          if (line[index] <= covers[at]) continue;
          covers[at] = line[index];
          blend(before, after, at, (line[index] / 255) * opacity, colour);
        }
      }
    }
    return meet(shape.box, edit.raster.box);
  }

  #covers(key) {
    let covers = this.covers.get(key);
    if (!covers) this.covers.set(key, (covers = new Uint8Array(TILE * TILE)));
    return covers;
  }
}
