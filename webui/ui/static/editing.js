// A waiting job in the fields: what stood there is kept, the job gets what the fields say, or nothing changes.

import { clearErrors, put, showError, snapshot } from "./fields.js";
import { known, on } from "./jobs.js";
import { t } from "./language.js";
import { ask, linked, onReceipt } from "./link.js";
import { settled } from "./regions.js";
import { change, look } from "./rest.js";
import { closeSheet } from "./sheet.js";
import { showSource, sourceOf } from "./source.js";
import { recall, remember } from "./storage.js";
import { errorToast, toast } from "./toasts.js";
import { reopenUpscale } from "./upscale-take.js";
import { title } from "./words.js";

const narrow = matchMedia("(max-width: 760px)");

let edited = null; // {id, kind, prompt, draft, request}: draft: the fields before; request: what the job asked for before, as text
let asked = null; // the same, until the fields have it
const listeners = new Set();

/** The id of the job in the fields, or null. */
export function editedJob() {
  return edited?.id ?? null;
}

export function editedPrompt() {
  return edited?.prompt ?? "";
}

/** Calls back when a job comes into the fields or leaves them. */
export function onEditing(listener) {
  listeners.add(listener);
}

/** Puts the request of a job into the fields: to change it where it stands if it waits, to make it anew if it has ended. */
export async function reopen(job) {
  if (job.kind === "upscale") return reopenUpscale(job);
  // As text: its seed may have more digits than a number of this language.
  const response = await fetch(`/api/v1/jobs/${job.id}/request`).catch(() => null);
  if (!response?.ok) return errorToast({ message: t("This job can't be read just now."), hint: t("Try again.") });
  const waits = job.status === "waiting";
  asked = { id: job.id, prompt: job.prompt, draft: edited?.draft ?? snapshot(), request: await response.text(), waits };
  ask("reopen", { job: job.id });
}

/** Gives the job what the fields say, and what is on the canvas that it starts from. */
export async function save() {
  try {
    await settled();
    ask("save", { job: edited.id, source: await sourceOf(edited.kind) });
  } catch (error) {
    errorToast({ message: error.message, hint: error.hint ?? t("Try again.") });
  }
}

/** Leaves the job as it is; the fields get back what stood there before. */
export function leave() {
  const { draft } = edited;
  const now = snapshot();
  const was = edited;
  set(null);
  put(draft);
  toast({
    icon: "info",
    title: t("The job stays as it was"),
    text: title(was.prompt),
    undo: () => {
      set(was);
      put(now);
    },
  });
}

function set(job) {
  edited = job;
  remember("editing", edited);
  listeners.forEach((listener) => listener());
}

onReceipt("reopen", async ({ error, source }) => {
  if (error) return errorToast(error);
  clearErrors();
  if (narrow.matches) closeSheet(); // it covers the fields
  const { waits, ...job } = asked;
  const back = await showSource(source);
  if (waits) return set({ ...job, kind: source.kind });
  const undo = () => {
    put(job.draft);
    back();
  };
  toast({ icon: "ok", title: t("Parameters taken over"), text: t("Generate makes it as a new job."), undo });
});

onReceipt("save", ({ error }) => {
  if (error?.code === "conflict") return begun();
  if (error) return showError(error) || errorToast(error);
  const { id, request, draft } = edited;
  clearErrors();
  set(null);
  put(draft);
  toast({ icon: "ok", title: t("Saved to the queue"), text: t("It keeps its place."), undo: () => change(`/jobs/${id}/request`, request, { method: "PUT" }) });
});

function begun() {
  const { draft } = edited;
  set(null);
  toast({ icon: "info", title: t("The job waits no longer"), text: t("What you changed is still in the fields; Generate makes it as a new job."), undo: () => put(draft) });
}

function check(job) {
  if (job && job.id === edited?.id && job.status !== "waiting") begun();
}

on("job", ({ job }) => check(job));
on("snapshot", () => check(known.jobs.get(edited?.id)));
linked.then(async () => {
  const kept = recall("editing");
  if (!kept || edited) return;
  set(kept);
  check(await look(`/jobs/${kept.id}`));
});
