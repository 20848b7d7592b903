// A layer as the browser can draw it: canvases of one size, made only where something is painted, brought up to date square by square.

import { NOWHERE, around, box, isEmpty, meet } from "./boxes.js";

const SIDE = 512; // px; small, because a browser may copy a whole canvas that changes after it was drawn

export class Surface {
  /** colours(from, to, pixels): writes red, green, blue, alpha of the layer's bytes `from` into `to`. */
  constructor(raster, colours) {
    Object.assign(this, { raster, colours });
    this.canvases = new Map();
    this.stale = new Map(); // square -> its part that has changed since
    this.columns = Math.ceil(raster.width / SIDE);
  }

  /** An area has changed. */
  refresh(area) {
    for (const { key, part } of this.#parts(area)) this.stale.set(key, around(this.stale.get(key) ?? part, part));
  }

  /** Brings what has changed up to date, as much of it as goes into so many ms. Returns the area of that; `stale` has the rest. */
  catchUp(time = Infinity) {
    const end = performance.now() + time;
    let done = NOWHERE;
    for (const [key, part] of this.stale) {
      if (this.#update(key, part)) done = around(done, part);
      this.stale.delete(key);
      if (performance.now() > end) break;
    }
    return done;
  }

  #update(key, part) {
    let canvas = this.canvases.get(key);
    if (!canvas) {
      if (isBlank(this.raster, part)) return false;
      canvas = new OffscreenCanvas(SIDE, SIDE);
      this.canvases.set(key, canvas);
    }
    const width = part.right - part.left;
    const height = part.bottom - part.top;
    const image = new ImageData(width, height);
    this.colours(this.raster.read(part), image.data, width * height);
    canvas.getContext("2d").putImageData(image, part.left % SIDE, part.top % SIDE);
    return true;
  }

  /** Everything anew, as when the colours changed. */
  renew() {
    this.canvases.clear();
    this.refresh(this.raster.box);
  }

  /** Draws what lies in an area; `place(box)` says where on the context a box of the picture belongs, as [left, top, width, height]. */
  draw(context, area, place) {
    for (const { key, whole } of this.#parts(area)) {
      const canvas = this.canvases.get(key);
      if (canvas) context.drawImage(canvas, 0, 0, whole.right - whole.left, whole.bottom - whole.top, ...place(whole));
    }
  }

  *#parts(area) {
    const inside = meet(area, this.raster.box);
    if (isEmpty(inside)) return;
    for (let row = Math.floor(inside.top / SIDE); row * SIDE < inside.bottom; row++) {
      for (let column = Math.floor(inside.left / SIDE); column * SIDE < inside.right; column++) {
        const square = box(column * SIDE, row * SIDE, (column + 1) * SIDE, (row + 1) * SIDE);
        yield { key: row * this.columns + column, whole: meet(square, this.raster.box), part: meet(square, inside) };
      }
    }
  }
}

function isBlank(raster, area) {
  for (const { key } of raster.parts(area)) if (raster.tiles.has(key)) return false;
  return true;
}

/** A mask in one colour [red, green, blue], half transparent where it is full. */
export function maskColours([red, green, blue]) {
  const word = (blue << 16) | (green << 8) | red;
  return (from, to, pixels) => {
    const words = new Uint32Array(to.buffer);
    for (let at = 0; at < pixels; at++) words[at] = word | ((from[at] >> 1) << 24);
  };
}

export function ownColours(from, to) {
  to.set(from);
}
