// Rectangles of whole pixels: {left, top, right, bottom}, where right and bottom are the first pixels that don't belong to them.

export const NOWHERE = Object.freeze({ left: 0, top: 0, right: 0, bottom: 0 });

export function box(left, top, right, bottom) {
  return { left, top, right, bottom };
}

export function isEmpty({ left, top, right, bottom }) {
  return right <= left || bottom <= top;
}

export function isSame(one, other) {
  return one.left === other.left && one.top === other.top && one.right === other.right && one.bottom === other.bottom;
}

/** The smallest box around both. */
export function around(one, other) {
  if (isEmpty(one)) return other;
  if (isEmpty(other)) return one;
  return box(Math.min(one.left, other.left), Math.min(one.top, other.top), Math.max(one.right, other.right), Math.max(one.bottom, other.bottom));
}

/** What is in both. */
export function meet(one, other) {
  return box(Math.max(one.left, other.left), Math.max(one.top, other.top), Math.min(one.right, other.right), Math.min(one.bottom, other.bottom));
}

export function grown({ left, top, right, bottom }, by) {
  return box(left - by, top - by, right + by, bottom + by);
}

/** The box around points {x, y}. */
export function boxOf(points) {
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const least = (list) => Math.floor(list.reduce((a, b) => Math.min(a, b)));
  const most = (list) => Math.ceil(list.reduce((a, b) => Math.max(a, b)));
  return box(least(xs), least(ys), most(xs), most(ys));
}
