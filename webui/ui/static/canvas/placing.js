// Where a result belongs on the picture that it was made of.

import { box } from "./boxes.js";

/** The place of a result in that picture's pixels, by the resize mode; picture and result: {width, height}. Parts of it may lie outside. */
export function placeOf(mode, picture, result) {
  const { width, height } = picture;
  const across = width / result.width;
  const down = height / result.height;
  const scale = { "Crop and resize": Math.min(across, down), "Resize and fill": Math.max(across, down) }[mode];
  if (!scale) return box(0, 0, width, height);
  const left = (width - result.width * scale) / 2;
  const top = (height - result.height * scale) / 2;
  return box(left, top, width - left, height - top);
}
