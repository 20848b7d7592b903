// Files for a batch as they come from the browser: dropped, a whole folder among them, or chosen; and how they get to the server.

import { t } from "./language.js";
import { h } from "./markup.js";
import { upload } from "./uploads.js";

const PICTURE = /\.(png|jpe?g|jfif|webp|avif|gif|bmp)$/i;
const AT_ONCE = 3; // uploads side by side
const OF_THE_FILE = new Set(["invalid_request", "too_large", "unsupported_media_type"]); // errors that another file doesn't meet

/** What is dropped, where that is more than one file or a folder: a promise of all its pictures; else null. */
export function manyDropped(transfer) {
  // Asked at once: what is dropped is gone after the event.
  const entries = [...transfer.items].map((item) => (item.kind === "file" ? item.webkitGetAsEntry?.() : null)).filter(Boolean);
  if (entries.some((entry) => entry.isDirectory)) return readAll(entries).then(picturesOf);
  return transfer.files.length > 1 ? Promise.resolve(picturesOf([...transfer.files])) : null;
}

/** The pictures among files, told by their endings, as people count them. */
export function picturesOf(files) {
  const order = new Intl.Collator("en", { numeric: true });
  return files.filter(({ name }) => PICTURE.test(name) && !name.startsWith(".")).sort((a, b) => order.compare(a.name, b.name));
}

async function readAll(entries) {
  const found = [];
  for (const entry of entries) {
    if (entry.isFile) found.push(await new Promise((done, fail) => entry.file(done, fail)));
    else found.push(...(await readAll(await entriesIn(entry))));
  }
  return found;
}

// A folder tells a part of its entries at a time, and nothing more at its end.
async function entriesIn(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const part = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!part.length) return found;
    found.push(...part);
  }
}

/** Lets files, or with `folder` all of a folder, be chosen. */
export function chooseFiles(take, { folder = false } = {}) {
  const input = h("input", { type: "file", multiple: true, webkitdirectory: folder, accept: folder ? null : "image/*" });
  input.addEventListener("change", () => input.files.length && take(picturesOf([...input.files])));
  input.click();
}

/**
 * Brings files to the server: [{name, image}], or {name, problem} for one that it can't use. `told(n)` hears how many are through.
 * Throws {message, hint} where the server takes no more.
 */
export async function uploadAll(files, told) {
  const taken = new Array(files.length);
  let next = 0;
  let through = 0;
  const work = async () => {
    while (next < files.length) {
      const at = next++;
      taken[at] = await uploadOne(files[at]);
      told(++through);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return taken;
}

async function uploadOne(file) {
  try {
    return { name: file.name, image: await upload(file) };
  } catch (error) {
    if (error instanceof DOMException) return { name: file.name, problem: t("The browser can't read this file.") };
    if (!OF_THE_FILE.has(error.code)) throw error;
    return { name: file.name, problem: error.message };
  }
}
