// Pictures travel by what is in them: the server is asked by SHA-256 first, so that nothing is sent twice.

import { inOurLanguage, t } from "./language.js";

const IMAGES = "/api/v1/images";

const there = new Set(); // hashes of pictures that the server is known to have

/** The address of a picture of the image store. */
export function addressOf(hash) {
  return `${IMAGES}/${hash}`;
}

/** Makes sure that the server has a picture. Returns its hash. Throws {message, hint} when it refuses or doesn't answer. */
export async function upload(file) {
  const hash = await hashOf(file);
  if (hash && (await isThere(hash))) return hash;
  const response = await fetch(IMAGES, { method: "POST", body: file, headers: { "Content-Type": file.type || "image/png" } }).catch(() => null);
  const answer = inOurLanguage(await response?.json().catch(() => null));
  if (!response?.ok) throw answer?.error ?? { message: t("Easel doesn't answer, so the picture was not taken."), hint: t("Try again when the connection is back.") };
  there.add(answer.sha256);
  return answer.sha256;
}

/** The hash of a picture where the server has it, else null; it is not sent. */
export async function knownHash(file) {
  const hash = await hashOf(file);
  return hash && (await isThere(hash)) ? hash : null;
}

/** Whether the server has a picture; asking keeps it there. Throws where the server doesn't answer. */
export async function isThere(hash) {
  if (there.has(hash)) return true;
  const found = (await fetch(addressOf(hash), { method: "HEAD" })).ok;
  if (found) there.add(hash);
  return found;
}

// Browsers have crypto on this machine and over https; elsewhere a picture is sent, and taken once by its content all the same.
async function hashOf(file) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
