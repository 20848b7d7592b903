// The moving dashed edge of the mask: found in screen pixels, drawn over everything.

import { TILE } from "./raster.js";

const INSIDE = 128; // mask values from here on are inside
const PERIOD = 8; // px of one dash and one gap
export const PACE_MS = 120;

export class Ants {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.edge = new Uint32Array(0); // numbers of the edge's pixels
    this.phase = 0;
  }

  /** Finds the edge of a mask that lies at `view` on a board of width x height. */
  find(raster, view, width, height) {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
      this.image = null;
    }
    this.edge = raster.tiles.size && width && height ? edgeOf(sample(raster, view, width, height), width, height) : new Uint32Array(0);
  }

  /** Draws the edge; each call lets it move on by a pixel. */
  draw(dark, moves) {
    const { width, height } = this.canvas;
    if (!width || !height) return;
    if (!this.edge.length && !this.image) return;
    this.image ??= this.context.createImageData(width, height);
    const words = new Uint32Array(this.image.data.buffer);
    words.fill(0);
    if (moves) this.phase = (this.phase + PERIOD - 1) % PERIOD;
    for (const at of this.edge) {
      const along = (at % width) + Math.floor(at / width);
      words[at] = (along + this.phase) % PERIOD < PERIOD / 2 ? dark : 0xffffffff;
    }
    this.context.putImageData(this.image, 0, 0);
    if (!this.edge.length) this.image = null;
  }
}

function sample(raster, view, width, height) {
  const inside = new Uint8Array(width * height);
  const columns = Int32Array.from({ length: width }, (_, x) => Math.floor((x + 0.5 - view.x) / view.scale));
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y + 0.5 - view.y) / view.scale);
    if (row < 0 || row >= raster.height) continue;
    const first = Math.floor(row / TILE) * raster.columns;
    const from = (row % TILE) * TILE;
    let column = -1;
    let tile = null;
    for (let x = 0; x < width; x++) {
      const at = columns[x];
      if (at < 0 || at >= raster.width) continue;
      const now = Math.floor(at / TILE);
      if (now !== column) tile = raster.tiles.get(first + (column = now)) ?? null;
      if (tile && tile[from + (at % TILE)] >= INSIDE) inside[y * width + x] = 1;
    }
  }
  return inside;
}

function edgeOf(inside, width, height) {
  const found = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (!inside[at]) continue;
      const surrounded = x && y && x < width - 1 && y < height - 1 && inside[at - 1] && inside[at + 1] && inside[at - width] && inside[at + width];
      if (!surrounded) found.push(at);
    }
  }
  return Uint32Array.from(found);
}
