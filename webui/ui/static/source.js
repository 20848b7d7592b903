// What a job starts from: on the pages with a canvas its picture and mask, which the server has to have first.

import { upload } from "./canvas/uploads.js";
import { currentPage } from "./pages.js";

const canvases = new Map(); // page -> Canvas

/** The canvas of a page; none on txt2img. */
export function canvasOf(page = currentPage()) {
  return canvases.get(page) ?? null;
}

export function addCanvas(page, canvas) {
  canvases.set(page, canvas);
}

/** What a job of that page starts from, by the names of the request. Throws what can be told: {message, hint}. */
export async function sourceOf(page) {
  const canvas = canvasOf(page);
  if (!canvas) return { kind: "txt2img" };
  const { painting } = canvas;
  if (!painting) throw { message: "There is no picture to start from.", hint: "Drop one on the canvas, paste one, or choose one there." };
  if (canvas.hasMask && painting.isBlank("mask")) throw { message: "Nothing is masked.", hint: "Paint over what is to be redrawn." };
  const init_image = await upload(await canvas.pictureFile());
  return { kind: page, init_image, ...(canvas.hasMask && { mask: await upload(await canvas.maskFile()) }) };
}
