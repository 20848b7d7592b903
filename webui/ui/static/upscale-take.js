// The Upscale page takes over what another upscale was: of a finished picture, of a job that ended, or of one that waits, to be changed in line.

import { known, on } from "./jobs.js";
import { t } from "./language.js";
import { currentPage, open } from "./pages.js";
import { change } from "./rest.js";
import { errorToast, toast } from "./toasts.js";
import { addressOf } from "./uploads.js";
import { draft } from "./upscale-draft.js";
import { nameOf } from "./words.js";

let edited = null; // {id, name, before}: the waiting job that the page shows, and what it showed before
const listeners = new Set();

/** The job that is being changed, {id, name}, or null. */
export function editedUpscale() {
  return edited;
}

/** Calls back when a job comes to be changed, or leaves. */
export function onEdited(listener) {
  listeners.add(listener);
}

function set(job) {
  edited = job;
  listeners.forEach((listener) => listener());
}

/** Sets the page to what made this picture, and to what it was made of. */
export async function useUpscale(image) {
  const { source, finishing } = image;
  await take({ name: source.name || image.file, image: source.image }, { finishing, extensions: image.extensions ?? {} }, t("The same picture comes out of it."));
}

/** Puts the request of a job on the page: to change it where it stands if it waits, to make it anew if it has ended. */
export async function reopenUpscale(job) {
  const response = await fetch(`/api/v1/jobs/${job.id}/request`).catch(() => null);
  const request = response?.ok ? await response.json().catch(() => null) : null;
  if (!request) return errorToast({ message: t("This job can't be read just now."), hint: t("Try again.") });
  const before = edited?.before ?? draft.snapshot();
  const waits = job.status === "waiting";
  const { finishing, extensions } = request;
  if (!(await take({ name: request.init_name, image: request.init_image }, { finishing, extensions }, waits ? null : t("Upscale makes it as a new job.")))) return undefined;
  return waits && set({ id: job.id, name: nameOf(job), before });
}

async function take(one, asked, words) {
  const before = { page: currentPage(), draft: draft.snapshot() };
  const seen = await sizeOf(addressOf(one.image));
  if (!seen) {
    errorToast({ message: t("The picture that this started from is not here any more."), hint: t("Put it in again.") });
    return false;
  }
  open("upscale");
  draft.set({ way: "one", one: { ...one, ...seen, url: addressOf(one.image), thumbnail: addressOf(one.image) }, ...asked });
  const undo = () => {
    draft.set(before.draft);
    open(before.page);
  };
  if (words) toast({ icon: "ok", title: t("Parameters taken over"), text: words, undo });
  return true;
}

async function sizeOf(address) {
  const picture = new Image();
  picture.src = address;
  try {
    await picture.decode();
  } catch {
    return null;
  }
  return { width: picture.naturalWidth, height: picture.naturalHeight };
}

/** Gives the job what the page says; it keeps its place. */
export async function saveUpscale() {
  const { id, before } = edited;
  const request = { ...draft.request(), init_image: draft.one?.image ?? "", init_name: draft.one?.name ?? "" };
  if (!(await change(`/jobs/${id}/request`, request, { method: "PUT" }))) return;
  set(null);
  draft.set(before);
  toast({ icon: "ok", title: t("Saved to the queue"), text: t("It keeps its place.") });
}

/** Leaves the job as it is; the page gets back what stood there before. */
export function leaveUpscale() {
  const was = edited;
  const now = draft.snapshot();
  set(null);
  draft.set(was.before);
  toast({
    icon: "info",
    title: t("The job stays as it was"),
    text: was.name,
    undo: () => {
      set(was);
      draft.set(now);
    },
  });
}

function check(job) {
  if (!edited || job?.id !== edited.id || job.status === "waiting") return;
  set(null);
  toast({ icon: "info", title: t("The job waits no longer"), text: t("What you changed is still here; Upscale makes it as a new job.") });
}

on("job", ({ job }) => check(job));
on("snapshot", () => check(known.jobs.get(edited?.id)));
