// What this page knows of batches: many files that are drawn on one after the other. They go on when the page is closed.

import { known, on, tellJob } from "./jobs.js";
import { t, tn } from "./language.js";
import { change, look } from "./rest.js";
import { toast } from "./toasts.js";
import { about } from "./words.js";

export const GOES_ON = new Set(["active", "paused"]);
// What became of files that were not made.
const ENDED = { failed: (n) => tn("{n} failed", "{n} failed", n), cancelled: (n) => tn("{n} cancelled", "{n} cancelled", n) };
const STATES = ["done", ...Object.keys(ENDED)];

const batches = new Map(); // id -> Batch
const listeners = new Set();

/** Calls back when a batch came, changed or went: with its id, or null where all were looked at anew. */
export function onBatches(listener) {
  listeners.add(listener);
}

function tell(id) {
  listeners.forEach((listener) => listener(id));
}

async function lookAgain() {
  const answer = await look("/batches");
  if (!answer) return;
  batches.clear();
  for (const batch of answer.items) batches.set(batch.id, batch);
  tell(null);
}

on("snapshot", lookAgain);
if (known.loaded) lookAgain(); // the snapshot was here before this module
on("batch", (batch) => {
  batches.set(batch.id, batch);
  tell(batch.id);
});
on("batch_removed", (id) => batches.delete(id) && tell(id));

export function batchById(id) {
  return batches.get(id) ?? null;
}

/** The batches of a page, newest first: those that go on, and the one that ended last. */
export function batchesOf(kind) {
  const own = [...batches.values()].filter((batch) => batch.kind === kind).sort((a, b) => Number(b.id) - Number(a.id));
  const last = own.find(({ status }) => !GOES_ON.has(status));
  return own.filter((batch) => batch === last || GOES_ON.has(batch.status));
}

/** "12 of 37 done, 2 failed" */
export function doneWords(batch) {
  return [t("{done} of {count} done", { done: batch.done, count: tn("{n} file", "{n} files", batch.total) }), ...Object.entries(ENDED).map(([state, words]) => batch[state] && words(batch[state]))].filter(Boolean).join(", ");
}

/** How it stands, beyond its numbers: "about 3 min left", "paused", "waits for the queue". */
export function stateWords(batch) {
  if (batch.status === "paused") return t("paused");
  if (batch.status !== "active") return batch.status === "cancelled" ? t("ended early") : "";
  if (known.queue.paused) return t("the queue is paused");
  return batch.seconds_left === null ? "" : t("{time} left", { time: about(batch.seconds_left) });
}

/** Share of its files that are through. */
export function share(batch) {
  return batch.total ? STATES.reduce((sum, state) => sum + batch[state], 0) / batch.total : 1;
}

export function pauseBatch(batch) {
  return change(`/batches/${batch.id}/pause`, {}, { but: 409 });
}

/** Pauses it at once: what is being made ends, and is made anew when it goes on. */
export async function interruptBatch(batch) {
  const paused = await pauseBatch(batch);
  await Promise.all((paused ?? batch).now.map(({ job }) => tellJob(job, "interrupt")));
}

export function resumeBatch(batch) {
  return change(`/batches/${batch.id}/resume`, {}, { but: 409 });
}

export function retryBatch(batch) {
  return change(`/batches/${batch.id}/retry`);
}

export async function cancelBatch(batch) {
  const ended = await change(`/batches/${batch.id}/cancel`, {}, { but: 409 });
  if (ended) toast({ icon: "ok", title: t("Batch cancelled"), text: t("{doneWords}. Finished pictures stay.", { doneWords: doneWords(ended) }), undo: () => resumeBatch(ended) });
}

/** Lets go of a batch that has ended; its pictures stay. */
export function closeBatch(batch) {
  return change(`/batches/${batch.id}`, {}, { method: "DELETE", but: 404 });
}

/** What can be done with a batch now, in order: {name, icon, words, run}. */
export function actsOf(batch) {
  const acts = {
    pause: { icon: "pause", words: t("Pause"), run: () => pauseBatch(batch) },
    resume: { icon: "play", words: t("Resume"), run: () => resumeBatch(batch) },
    cancel: { icon: "close", words: t("Cancel"), run: () => cancelBatch(batch) },
    retry: { icon: "restore", words: t("Try again"), run: () => retryBatch(batch) },
    close: { icon: "close", words: t("Close"), run: () => closeBatch(batch) },
  };
  const names = { active: ["pause", "cancel"], paused: ["resume", "cancel"], cancelled: ["resume", "close"], done: [batch.failed > 0 && "retry", "close"] }[batch.status];
  return names.filter(Boolean).map((name) => ({ name, ...acts[name] }));
}
