// What a tool covers: a box, and for each row of it how much of each pixel, 0 to 255. Coordinates are picture pixels; a pixel's centre is at + 0.5.

import { box, boxOf, grown } from "./boxes.js";

/** A stretch of a brush stroke: all points near the line between two points {x, y, radius}. softness 0 to 1: the share of the radius that fades. */
export class Stretch {
  constructor(from, to, softness) {
    Object.assign(this, { from, to, softness });
    this.box = grown(boxOf([from, to]), Math.ceil(Math.max(from.radius, to.radius) + 1));
  }

  row(y, left, right, cover) {
    const { from, to, softness } = this;
    const dx = to.x - from.x;
    const dy = to.y - from.y;
    const length = dx * dx + dy * dy;
    const py = y + 0.5 - from.y;
    for (let x = left; x < right; x++) {
      const px = x + 0.5 - from.x;
      const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const radius = from.radius + (to.radius - from.radius) * along;
      const ex = px - dx * along;
      const ey = py - dy * along;
      const distance = ex * ex + ey * ey;
      const reach = radius + 0.5;
      if (distance >= reach * reach) {
        cover[x - left] = 0;
        continue;
      }
      // A hard edge fades over the one pixel that it cuts.
      const fade = Math.max(1, radius * softness);
      const core = reach - fade;
      if (core > 0 && distance <= core * core) {
        cover[x - left] = 255;
        continue;
      }
      const inside = Math.min(1, (reach - Math.sqrt(distance)) / fade);
      cover[x - left] = Math.round(255 * inside * inside * (3 - 2 * inside));
    }
  }
}

/** A box. */
export class Rectangle {
  constructor(area) {
    this.box = area;
  }

  row(y, left, right, cover) {
    cover.fill(255, 0, right - left);
  }
}

/** The inside of a closed line through points {x, y}: each pixel by the share of its area, where the line crosses itself at most once covered. */
export class Polygon {
  constructor(points) {
    this.box = grown(boxOf(points), 1);
    this.width = this.box.right - this.box.left;
    // Each edge leaves behind, in every row it passes, how much of the area to its right it opens or closes; the sum along
    // the row is then the cover (signed area accumulation, as in Raph Levien's font-rs).
    this.edges = new Float32Array(this.width * (this.box.bottom - this.box.top) + 1);
    points.forEach((point, index) => this.#edge(point, points[(index + 1) % points.length]));
  }

  #edge(from, to) {
    if (from.y === to.y) return;
    const direction = from.y < to.y ? 1 : -1;
    const [upper, lower] = direction > 0 ? [from, to] : [to, from];
    const slope = (lower.x - upper.x) / (lower.y - upper.y);
    for (let y = Math.floor(upper.y); y < lower.y; y++) {
      const top = Math.max(y, upper.y);
      const bottom = Math.min(y + 1, lower.y);
      const height = (bottom - top) * direction;
      const xs = [upper.x + (top - upper.y) * slope - this.box.left, upper.x + (bottom - upper.y) * slope - this.box.left];
      this.#span((y - this.box.top) * this.width, Math.min(...xs), Math.max(...xs), height);
    }
  }

  #span(row, left, right, height) {
    const first = Math.floor(left);
    const last = Math.ceil(right);
    if (last <= first + 1) {
      const share = 1 - ((left + right) / 2 - first);
      this.edges[row + first] += height * share;
      this.edges[row + first + 1] += height * (1 - share);
      return;
    }
    let before = 0; // area to the right of the edge in the columns so far
    for (let x = first; x < last; x++) {
      const covered = areaLeftOf(x + 1, left, right) * height;
      this.edges[row + x] += covered - before;
      before = covered;
    }
    this.edges[row + last] += height - before;
  }

  row(y, left, right, cover) {
    let sum = 0;
    const row = (y - this.box.top) * this.width;
    for (let x = this.box.left; x < right; x++) {
      sum += this.edges[row + x - this.box.left];
      if (x >= left) cover[x - left] = Math.round(255 * Math.min(1, Math.abs(sum)));
    }
  }
}

// Of a line that runs from `left` to `right` while it falls by 1: the mean share of the column ending at `x` that lies right of it.
function areaLeftOf(x, left, right) {
  const slope = 1 / (right - left);
  const ends = Math.min(x, right);
  const begins = Math.max(x - 1, left);
  const full = Math.max(0, begins - left) * slope; // rows whose edge lies further left
  const crossing = (ends - begins) * slope;
  return full + crossing * (x - (begins + ends) / 2);
}

/** Covers that were computed elsewhere, row by row. */
export class Plane {
  constructor(area, cover) {
    this.box = area;
    this.cover = cover;
  }

  row(y, left, right, cover) {
    const from = (y - this.box.top) * (this.box.right - this.box.left) + left - this.box.left;
    cover.set(this.cover.subarray(from, from + right - left));
  }
}

/** A box from two corners {x, y}, in whole pixels. */
export function boxBetween(one, other) {
  const [left, right] = [one.x, other.x].map(Math.round).sort((a, b) => a - b);
  const [top, bottom] = [one.y, other.y].map(Math.round).sort((a, b) => a - b);
  return box(left, top, right, bottom);
}
