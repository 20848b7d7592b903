// What a job starts from: on the pages with a canvas its picture and mask, which the server has to have first.

import { SIDES, isExtended } from "./canvas/frame.js";
import { combine } from "./canvas/mask-acts.js";
import { readMask } from "./canvas/png.js";
import { t } from "./language.js";
import { currentPage, open } from "./pages.js";
import { addressOf, knownHash, upload } from "./uploads.js";

/** The pages with a canvas. */
export const CANVAS_PAGES = ["img2img", "inpaint"];

const canvases = new Map(); // page -> Canvas
const expected = new Map(CANVAS_PAGES.map((page) => [page, deferred()])); // Gradio draws a page when it is first opened

/** The canvas of a page; none on txt2img, nor where the page wasn't opened yet. */
export function canvasOf(page = currentPage()) {
  return canvases.get(page) ?? null;
}

let over = null; // a canvas that lies over the page that is open

/** Lets a canvas that lies over the page have the keys; null: none does. */
export function coverWith(canvas) {
  over = canvas;
}

/** The canvas that has the keys: what lies over the page, or its own. */
export function canvasInFront() {
  return over ?? canvasOf();
}

/** The canvas of a page, opened now, as soon as it has back what was on it. */
export function openCanvas(page) {
  open(page);
  return expected.get(page).promise;
}

/** The same, when the page is opened some time. */
export function whenCanvas(page) {
  return expected.get(page).promise;
}

/** The canvas of a page is there. */
export function addCanvas(page, canvas) {
  canvases.set(page, canvas);
  expected.get(page).resolve(canvas);
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve) => (parts.resolve = resolve));
  return parts;
}

/** The kind of request that a page asks for. */
export function kindOf(page = currentPage()) {
  return CANVAS_PAGES.includes(page) ? page : "txt2img";
}

/** What is known of what a job of that page starts from before the server has it: its kind, by how much it is extended, and that nothing is masked. */
export function outlineOf(page = currentPage()) {
  const canvas = canvasOf(page);
  const outline = { kind: kindOf(page) };
  if (!canvas?.hasMask || !canvas.painting) return outline;
  const { frame } = canvas.painting;
  for (const side of SIDES) outline[`extend_${side}`] = frame[side];
  return isExtended(frame) && canvas.painting.isBlank("mask") ? { ...outline, mask: "" } : outline;
}

/** What a job of that page starts from, as far as the server has it already: nothing is sent. */
export async function knownSourceOf(page = currentPage()) {
  const outline = outlineOf(page);
  const canvas = canvasOf(page);
  if (outline.kind === "txt2img" || !canvas?.painting) return outline;
  const masked = canvas.hasMask && !canvas.painting.isBlank("mask");
  if (canvas.hasMask && !masked && !isExtended(canvas.painting.frame)) return outline;
  try {
    const init_image = await knownHash(await canvas.pictureFile());
    const mask = masked && (await knownHash(await canvas.maskFile()));
    return init_image && mask !== null ? { ...outline, init_image, ...(mask && { mask }) } : outline;
  } catch {
    return outline; // it isn't answered just now, or was closed meanwhile
  }
}

/** What a job of that page starts from, by the names of the request. Throws what can be told: {message, hint}. */
export async function sourceOf(page) {
  if (kindOf(page) === "txt2img") return { kind: "txt2img" };
  const canvas = canvasOf(page);
  const painting = canvas?.painting;
  if (!painting) throw { message: t("There is no picture to start from."), hint: t("Drop one on the canvas, paste one, or choose one there.") };
  const masked = canvas.hasMask && !painting.isBlank("mask");
  if (canvas.hasMask && !masked && !isExtended(painting.frame)) throw { message: t("Nothing is masked."), hint: t("Paint over what is to be redrawn, or extend the picture.") };
  const outline = outlineOf(page);
  const init_image = await upload(await canvas.pictureFile());
  return { ...outline, init_image, ...(masked && { mask: await upload(await canvas.maskFile()) }) };
}

/**
 * Opens the page that asks for such a request, with the pictures that it starts from on its canvas: {kind, init_image, mask, extend_left…}.
 * Returns what brings back the canvas as it was.
 */
export async function showSource({ kind, init_image, mask, ...further }) {
  if (kind === "txt2img") {
    open(kind);
    return () => {};
  }
  const canvas = await openCanvas(kind);
  const wasEmpty = !canvas.painting;
  const draft = await canvas.work(putStored(canvas, init_image, mask));
  if (draft !== false && canvas.hasMask) canvas.painting.extend(Object.fromEntries(SIDES.map((side) => [side, further[`extend_${side}`] ?? 0])));
  return () => {
    if (draft) canvas.work(canvas.reopen(draft));
    else if (wasEmpty) canvas.close();
  };
}

async function putStored(canvas, picture, mask) {
  const draft = await canvas.open(await stored(picture), `${picture.slice(0, 10)}.png`);
  if (!mask) return draft;
  const { width, height } = canvas.painting;
  combine(canvas.painting, "replace", await readMask(await stored(mask), width, height), t("Mask"));
  return draft;
}

async function stored(hash) {
  const response = await fetch(addressOf(hash));
  if (!response.ok) throw new Error("The picture that this started from is not here any more.");
  return response.blob();
}
