// Masks and layers as PNG files and back, byte for byte: a canvas would premultiply colours and write masks four times as large.

import { readPicture } from "./reading.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOUR_TYPE = { 1: 0, 4: 6 }; // channels -> PNG's name for grey and for red, green, blue, alpha
const STRIP = 512; // rows that are read from a canvas at once

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(type, content) {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(content, 8);
  view.setUint32(content.length + 8, crc(bytes.subarray(4, content.length + 8)));
  return bytes;
}

/** A PNG of 8 bits per channel (1 grey, 4 with alpha) from bytes that stand row by row. */
export async function encode(width, height, channels, plane) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, COLOUR_TYPE[channels]], 8);
  const row = width * channels;
  const lines = new Uint8Array((row + 1) * height); // each row begins with the number of its filter, 0 for none
  for (let y = 0; y < height; y++) lines.set(plane.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const stream = new Blob([lines]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const nothing = new Uint8Array(0);
  return new Blob([new Uint8Array(SIGNATURE), chunk("IHDR", header), chunk("IDAT", packed), chunk("IEND", nothing)], { type: "image/png" });
}

/** A mask of width x height from any picture: its alpha where it has some, else its brightness; white is to be redrawn. Throws as `readPicture` does. */
export async function readMask(file, width, height) {
  const picture = await readPicture(file);
  const canvas = new OffscreenCanvas(width, Math.min(STRIP, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const alpha = new Uint8Array(width * height);
  const light = new Uint8Array(width * height);
  let transparent = false;
  for (let top = 0; top < height; top += STRIP) {
    const rows = Math.min(STRIP, height - top);
    context.clearRect(0, 0, width, STRIP);
    context.drawImage(picture, 0, -top, width, height);
    const { data } = context.getImageData(0, 0, width, rows);
    for (let at = 0; at < width * rows; at++) {
      const [red, green, blue, opaque] = [data[at * 4], data[at * 4 + 1], data[at * 4 + 2], data[at * 4 + 3]];
      transparent ||= opaque < 255;
      alpha[top * width + at] = opaque;
      light[top * width + at] = Math.round(red * 0.299 + green * 0.587 + blue * 0.114);
    }
  }
  picture.close();
  return transparent ? alpha : light;
}
