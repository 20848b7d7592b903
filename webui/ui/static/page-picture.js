// The picture that the open page is about: what it starts from, or, where it starts from words, the one on the stage.

import { values } from "./fields.js";
import { currentPage } from "./pages.js";
import { shownPicture } from "./shown-picture.js";
import { canvasOf } from "./source.js";
import { addressOf, upload } from "./uploads.js";
import { draft } from "./upscale-draft.js";

/** {address, width, height}: address is empty where there is no picture; then the size is that of what would be drawn. */
export async function pagePicture() {
  const page = currentPage();
  const size = { width: Number(values.width) || 512, height: Number(values.height) || 512 };
  if (page === "upscale") return { ...size, address: draft.one?.url ?? "" };
  const canvas = canvasOf(page);
  const file = canvas?.painting ? await canvas.pictureFile() : null;
  if (file) return { ...size, address: addressOf(await upload(file)) };
  const shown = page === "txt2img" ? shownPicture() : null;
  // A picture of other proportions would lead the brush astray.
  const fits = shown && Math.abs(shown.width / shown.height - size.width / size.height) < 0.02;
  return { ...size, address: fits ? shown.url : "" };
}
