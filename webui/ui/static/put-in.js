// How a picture comes onto a canvas: dropped, pasted, chosen from a file, or one that was made here. What was there stays as a draft.

import { manyDropped } from "./batch-files.js";
import { put, row, snapshot } from "./fields.js";
import { t } from "./language.js";
import { currentPage } from "./pages.js";
import { toast } from "./toasts.js";

const PROPOSED_SIDE = 1024; // px; larger pictures are proposed to be made at this size

/** Puts a file in. Returns whether it could be read; an Undo brings back what was there. */
export async function putIn(canvas, file, name = file.name ?? "") {
  const { width, height } = snapshot();
  const draft = await canvas.work(canvas.open(file, name));
  if (draft === false) return false;
  put(sizeLike(canvas.painting));
  if (draft) {
    toast({
      icon: "ok",
      title: t("Picture put in"),
      text: t("What was on the canvas is kept."),
      undo: () => {
        canvas.work(canvas.reopen(draft));
        put({ width, height });
      },
    });
  }
  return true;
}

/** Width and height for a picture of this shape, `factor` times as large where that is allowed, in the steps that are allowed. */
export function sizeLike({ width, height }, factor = Math.min(1, PROPOSED_SIDE / Math.max(width, height))) {
  const most = Math.min(row("width").maximum / width, row("height").maximum / height);
  const scale = Math.min(factor, most);
  return { width: fit("width", width * scale), height: fit("height", height * scale) };
}

function fit(name, value) {
  const { minimum, maximum, step } = row(name);
  return Math.min(maximum, Math.max(minimum, Math.round(value / step) * step));
}

/**
 * Lets pictures be dropped on `element`, and pasted while its page is shown. one(file, name): what a single one goes to;
 * many(files): several of them, or a folder.
 */
export function takePictures(element, page, { one, many }) {
  const hasPicture = (transfer) => [...transfer.types].some((type) => type === "Files" || type === "text/uri-list");
  element.addEventListener("dragover", (event) => {
    if (!hasPicture(event.dataTransfer)) return;
    event.preventDefault();
    element.classList.add("is-dropped-on");
  });
  element.addEventListener("dragleave", (event) => element.contains(event.relatedTarget) || element.classList.remove("is-dropped-on"));
  element.addEventListener("drop", async (event) => {
    element.classList.remove("is-dropped-on");
    if (!hasPicture(event.dataTransfer)) return;
    event.preventDefault();
    const several = manyDropped(event.dataTransfer);
    if (several) return many(await several);
    const [file] = event.dataTransfer.files;
    const address = event.dataTransfer.getData("text/uri-list").split("\n")[0];
    if (file) one(file);
    else if (address.startsWith(location.origin)) one(...(await fetched(address)));
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file || currentPage() !== page || event.defaultPrevented || event.target.closest?.("textarea, input")) return;
    event.preventDefault();
    one(file, t("pasted picture"));
  });
}

/** Puts in a picture that was made here. */
export async function putMade(canvas, image) {
  const found = await canvas.work(fetched(image.url, image.file));
  return Boolean(found) && putIn(canvas, ...found);
}

/** A picture of ours, as [Blob, name]. */
export async function fetched(address, name = decodeURIComponent(address.split("/").at(-1))) {
  const response = await fetch(address);
  if (!response.ok) throw new Error("The picture is gone.");
  return [await response.blob(), name];
}
