// Arithmetic on a mask that stands row by row. What lies outside of it counts as 0.

/** Every pixel takes the highest value within `by` pixels of it, or the lowest where `by` is negative: a disc, as a brush would leave it. */
function grow(plane, width, height, { by }) {
  const radius = Math.abs(by);
  const pick = by > 0 ? Math.max : Math.min;
  let result = null;
  for (let dy = -radius; dy <= radius; dy++) {
    const reach = Math.floor(Math.sqrt(radius * radius - dy * dy));
    const rows = windows(plane, width, height, reach, pick);
    result ??= new Uint8Array(plane.length).fill(by > 0 ? 0 : 255);
    for (let y = 0; y < height; y++) {
      const from = y + dy;
      const inside = from >= 0 && from < height;
      for (let x = 0; x < width; x++) {
        const at = y * width + x;
        result[at] = pick(result[at], inside ? rows[from * width + x] : 0);
      }
    }
  }
  return result;
}

// The highest (or lowest) value within `reach` to the left and right of each pixel, whatever the reach in one pass forth and
// one back over blocks of the window's size (van Herk 1992, Gil and Werman 1993).
function windows(plane, width, height, reach, pick) {
  if (reach === 0) return plane;
  const size = reach * 2 + 1;
  const length = Math.ceil((width + reach * 2) / size) * size;
  const line = new Uint8Array(length);
  const forth = new Uint8Array(length);
  const back = new Uint8Array(length);
  const result = new Uint8Array(plane.length);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    line.set(plane.subarray(y * width, (y + 1) * width), reach);
    for (let at = 0; at < length; at++) forth[at] = at % size ? pick(forth[at - 1], line[at]) : line[at];
    for (let at = length - 1; at >= 0; at--) back[at] = (at + 1) % size ? pick(back[at + 1], line[at]) : line[at];
    for (let x = 0; x < width; x++) result[y * width + x] = pick(back[x], forth[x + size - 1]);
  }
  return result;
}

/** Gaussian blur; `by` is its sigma in pixels, the kernel reaches 2.5 sigma as the engine's mask blur does. */
function blur(plane, width, height, { by }) {
  const reach = Math.floor(2.5 * by + 0.5);
  const kernel = Float32Array.from({ length: reach * 2 + 1 }, (_, index) => Math.exp(-((index - reach) ** 2) / (2 * by * by)));
  const sum = kernel.reduce((a, b) => a + b);
  kernel.forEach((weight, index) => (kernel[index] = weight / sum));
  const across = convolve(plane, width, height, kernel, reach, 1, width);
  const down = convolve(across, height, width, kernel, reach, width, 1);
  return Uint8Array.from(down, (value) => Math.round(value));
}

// Lines of `length` pixels that stand `step` apart; `count` lines, `next` apart.
function convolve(from, length, count, kernel, reach, step, next) {
  const result = new Float32Array(from.length);
  for (let line = 0; line < count; line++) {
    for (let at = 0; at < length; at++) {
      let sum = 0;
      const first = Math.max(0, at - reach);
      const last = Math.min(length - 1, at + reach);
      for (let other = first; other <= last; other++) sum += from[line * next + other * step] * kernel[other - at + reach];
      result[line * next + at * step] = sum;
    }
  }
  return result;
}

/** 255 where one gets to from (x, y) without leaving its shade, up to `tolerance` off in each channel. */
function flood(plane, width, height, { x, y, channels, tolerance }) {
  const start = (y * width + x) * channels;
  const shade = plane.slice(start, start + channels);
  const result = new Uint8Array(width * height);
  const isOpen = (at) => {
    if (result[at]) return false;
    for (let channel = 0; channel < channels; channel++) {
      if (Math.abs(plane[at * channels + channel] - shade[channel]) > tolerance) return false;
    }
    return true;
  };
  const seeds = [y * width + x];
  while (seeds.length) {
    const seed = seeds.pop();
    if (!isOpen(seed)) continue;
    const row = seed - (seed % width);
    let left = seed;
    let right = seed;
    while (left > row && isOpen(left - 1)) left--;
    while (right < row + width - 1 && isOpen(right + 1)) right++;
    result.fill(255, left, right + 1);
    for (const other of [row - width, row + width]) {
      if (other < 0 || other >= width * height) continue;
      let open = false;
      for (let at = left - row; at <= right - row; at++) {
        const now = isOpen(other + at);
        if (now && !open) seeds.push(other + at);
        open = now;
      }
    }
  }
  return result;
}

export const WORK = { grow, blur, flood };
