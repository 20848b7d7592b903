// Where two pictures differ, pixel by pixel, and by how much.

import { t } from "./language.js";

const MOST_PIXELS = 40_000_000; // of one picture: more would take too much of the browser's memory

/**
 * {words, map}: words say how much is different; map(times) makes a picture (a Blob) of the differences, so many times as strong.
 * It is null where they can't be compared so, and the words say why.
 */
export async function differenceOf(first, second) {
  const [a, b] = await Promise.all([first, second].map(read)).catch(() => []);
  if (!a || !b) return { words: t("A picture can't be read"), map: null };
  if (a === TOO_LARGE || b === TOO_LARGE) return { words: t("Too large to compare here"), map: null };
  if (a.width !== b.width || a.height !== b.height) return { words: t("Of different sizes"), map: null };
  const pixels = a.width * a.height;
  let changed = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    if (a.data[at] !== b.data[at] || a.data[at + 1] !== b.data[at + 1] || a.data[at + 2] !== b.data[at + 2] || a.data[at + 3] !== b.data[at + 3]) changed += 1;
  }
  return { words: changed ? t("Pixels changed: {share}", { share: share(changed / pixels) }) : t("Pixels: all the same"), map: (times) => mapOf(a, b, times) };
}

const TOO_LARGE = {};

function share(value) {
  const percent = value * 100;
  if (percent < 0.1) return t("less than 0.1 %");
  return `${percent < 10 ? Math.round(percent * 10) / 10 : Math.floor(percent)} %`;
}

async function read(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  // Colours as they stand in the file: not as a screen shows them.
  const picture = await createImageBitmap(await response.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { width, height } = picture;
  if (width * height > MOST_PIXELS) return TOO_LARGE;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  picture.close();
  return context.getImageData(0, 0, width, height);
}

function mapOf(a, b, times) {
  const map = new ImageData(a.width, a.height);
  for (let at = 0; at < a.data.length; at += 4) {
    const clear = Math.abs(a.data[at + 3] - b.data[at + 3]);
    for (let channel = 0; channel < 3; channel++) map.data[at + channel] = Math.max(Math.abs(a.data[at + channel] - b.data[at + channel]), clear) * times; // clamped by itself
    map.data[at + 3] = 255;
  }
  const canvas = new OffscreenCanvas(a.width, a.height);
  canvas.getContext("2d").putImageData(map, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}
