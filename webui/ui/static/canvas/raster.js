// The pixels of one layer, in square tiles that exist only where something was painted: an empty layer of any size costs nothing.

import { NOWHERE, around, box, isEmpty, meet } from "./boxes.js";

export const TILE = 128; // px

export class Raster {
  /** channels: 1 for a mask (0 keeps, 255 is painted), 4 for colour (red, green, blue, alpha; not premultiplied). */
  constructor(width, height, channels) {
    Object.assign(this, { width, height, channels });
    this.columns = Math.ceil(width / TILE);
    this.rows = Math.ceil(height / TILE);
    this.tiles = new Map(); // number of the tile, row by row -> its bytes; a missing one is all 0
    this.box = box(0, 0, width, height);
  }

  /** The bytes of a tile, made if it isn't there. */
  tile(key) {
    let bytes = this.tiles.get(key);
    if (!bytes) this.tiles.set(key, (bytes = this.blankTile()));
    return bytes;
  }

  blankTile() {
    return new Uint8Array(TILE * TILE * this.channels);
  }

  /** The part of the picture that a tile covers. */
  tileBox(key) {
    const left = (key % this.columns) * TILE;
    const top = Math.floor(key / this.columns) * TILE;
    return meet(box(left, top, left + TILE, top + TILE), this.box);
  }

  /** The tiles of an area, each with the part of the area that lies in it. */
  *parts(area) {
    const inside = meet(area, this.box);
    if (isEmpty(inside)) return;
    for (let row = Math.floor(inside.top / TILE); row * TILE < inside.bottom; row++) {
      for (let column = Math.floor(inside.left / TILE); column * TILE < inside.right; column++) {
        const key = row * this.columns + column;
        yield { key, x: column * TILE, y: row * TILE, ...meet(this.tileBox(key), inside) };
      }
    }
  }

  /** The bytes of an area, row by row. It must lie inside. */
  read(area) {
    const width = (area.right - area.left) * this.channels;
    const plane = new Uint8Array(width * (area.bottom - area.top));
    for (const part of this.parts(area)) {
      const bytes = this.tiles.get(part.key);
      if (!bytes) continue;
      const length = (part.right - part.left) * this.channels;
      for (let y = part.top; y < part.bottom; y++) {
        const from = ((y - part.y) * TILE + part.left - part.x) * this.channels;
        plane.set(bytes.subarray(from, from + length), (y - area.top) * width + (part.left - area.left) * this.channels);
      }
    }
    return plane;
  }

  /** The box of all tiles with something in them. */
  painted() {
    return [...this.tiles.keys()].map((key) => this.tileBox(key)).reduce(around, NOWHERE);
  }

  /** The share of the layer that is painted, 0 to 1, half painted pixels counted half. */
  share() {
    let sum = 0;
    for (const bytes of this.tiles.values()) {
      for (let at = this.channels - 1; at < bytes.length; at += this.channels) sum += bytes[at];
    }
    return sum / 255 / (this.width * this.height);
  }
}
