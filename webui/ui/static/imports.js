// What this page knows of imports: folders of other programs that are taken into history. They go on when the page is closed.

import { known, on } from "./jobs.js";
import { change, look } from "./rest.js";

const imports = new Map(); // id -> Import
const listeners = new Set();

/** Calls back when an import came, changed or went. */
export function onImports(listener) {
  listeners.add(listener);
}

function tell() {
  listeners.forEach((listener) => listener());
}

async function lookAgain() {
  const answer = await look("/history/imports");
  if (!answer) return;
  imports.clear();
  for (const entry of answer.items) imports.set(entry.id, entry);
  tell();
}

function take(entry) {
  imports.set(entry.id, entry);
  tell();
}

on("snapshot", lookAgain);
if (known.loaded) lookAgain(); // the snapshot was here before this module
on("import", take);
on("import_removed", (id) => imports.delete(id) && tell());

/** All imports, newest first. */
export function allImports() {
  return [...imports.values()].sort((a, b) => Number(b.id) - Number(a.id));
}

// What these change is told by the stream, in order: an answer may come later than events that know more.

/** Does one of "pause", "resume" and "cancel". */
export async function act(entry, what) {
  await change(`/history/imports/${entry.id}/${what}`);
}

export async function keepWatch(entry, watch) {
  await change(`/history/imports/${entry.id}`, { watch }, { method: "PATCH" });
}

export async function forget(entry) {
  const answer = await change(`/history/imports/${entry.id}`, {}, { method: "DELETE" });
  if (answer && imports.delete(entry.id)) tell();
}

/** Takes a folder in. True when it was taken. */
export async function importFolder(folder, watch) {
  return Boolean(await change("/history/imports", { folder, watch }));
}
