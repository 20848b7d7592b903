// Where the picture lies in the window: scale and shift. "Screen" is the board's own corner, in CSS pixels.

import { box } from "./boxes.js";

const MOST = 32;
const MARGIN = 66; // CSS px around a picture that fits, room for the toolbars
const NARROW_MARGIN = 12;
const IN_SIGHT = 48; // CSS px of the picture that can't be pushed out of the window

export class View {
  constructor(changed) {
    Object.assign(this, { changed, scale: 1, x: 0, y: 0, width: 0, height: 0, extent: box(0, 0, 1, 1), fitted: true });
  }

  /** The window's size; a picture that was fitted stays fitted. */
  resize(width, height, margins = null) {
    const first = !this.width;
    Object.assign(this, { width, height, margins });
    if (this.fitted || first) this.fit();
    else this.#settle();
  }

  /** What there is to see, around the picture's own corner, in CSS pixels at 100 %. isNew: it is another picture, to be seen whole. */
  frame(extent, { isNew = true } = {}) {
    this.extent = extent;
    if (isNew || this.fitted) this.fit();
    else this.#settle();
  }

  get fitting() {
    const { left, top, right, bottom } = this.room;
    const { extent } = this;
    return Math.min((right - left) / (extent.right - extent.left), (bottom - top) / (extent.bottom - extent.top), MOST);
  }

  /** The part of the window that the toolbars leave free. */
  get room() {
    const side = this.margins ? NARROW_MARGIN : MARGIN + 4; // with bars above and below alone
    const { top = MARGIN, bottom = MARGIN + 6 } = this.margins ?? {};
    return { left: side, top, right: Math.max(side + 1, this.width - side), bottom: Math.max(top + 1, this.height - bottom) };
  }

  fit() {
    const { left, top, right, bottom } = this.room;
    const scale = this.fitting;
    const { extent } = this;
    Object.assign(this, { scale, x: (left + right - (extent.left + extent.right) * scale) / 2, y: (top + bottom - (extent.top + extent.bottom) * scale) / 2 });
    this.fitted = true;
    this.changed();
  }

  /** Scales so that what lies under the point stays under it. */
  zoom(factor, point = { x: this.width / 2, y: this.height / 2 }) {
    const scale = Math.min(MOST, Math.max(Math.min(this.fitting, 1) / 4, this.scale * factor));
    const real = scale / this.scale;
    this.x = point.x - (point.x - this.x) * real;
    this.y = point.y - (point.y - this.y) * real;
    this.scale = scale;
    this.fitted = false;
    this.#settle();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.#settle();
  }

  toPicture({ x, y }) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  toScreen({ x, y }) {
    return { x: x * this.scale + this.x, y: y * this.scale + this.y };
  }

  #settle() {
    const { left, top, right, bottom } = this.extent;
    this.x = Math.min(this.width - IN_SIGHT - left * this.scale, Math.max(IN_SIGHT - right * this.scale, this.x));
    this.y = Math.min(this.height - IN_SIGHT - top * this.scale, Math.max(IN_SIGHT - bottom * this.scale, this.y));
    this.changed();
  }
}
