// What can be done to the queue. Everything is done at once, and a toast has the way back.

import { t, tn } from "./language.js";
import { change, look } from "./rest.js";
import { errorToast, toast } from "./toasts.js";
import { nameOf } from "./words.js";

export const PRIORITIES = [
  { words: t("High"), value: 5 },
  { words: t("Normal"), value: 0 },
  { words: t("Low"), value: -5 },
];
const SEEN_AROUND = 3; // places before and behind a job that are looked at before it moves
const MOST_ASKED = 200;

export function pause(wanted) {
  return change(`/queue/${wanted ? "pause" : "resume"}`);
}

export async function clearQueue() {
  const cleared = await change("/queue/clear");
  if (!cleared?.cancelled) return;
  const undo = () => change("/queue/restore", { stamp: cleared.stamp });
  toast({ icon: "ok", title: t("{count} cancelled", { count: tn("{n} job", "{n} jobs", cleared.cancelled) }), text: t("What runs goes on."), undo });
}

export async function endForever() {
  if (await change("/queue/end-forever")) toast({ icon: "ok", title: t("Forever ends"), text: t("The job that runs is the last one.") });
}

/** Ends a job: a waiting one at once, a running one at its next step. */
export async function end(job) {
  const running = job.status === "running";
  if (!(await change(`/jobs/${job.id}/${running ? "interrupt" : "cancel"}`))) return;
  // A row without end is over then, and one of its jobs made again would not bring it back.
  const undo = running && job.forever ? null : () => restore(job);
  toast({ icon: "ok", title: running ? t("Interrupted") : t("Cancelled"), text: nameOf(job), undo });
}

/** Puts a cancelled or failed job back in line; its finished pictures stay. */
export function restore(job) {
  return change(`/jobs/${job.id}/restore`);
}

export async function duplicate(job) {
  const copy = await change(`/jobs/${job.id}/duplicate`);
  if (copy) toast({ icon: "ok", title: t("Duplicated"), text: nameOf(job), undo: () => change(`/jobs/${copy.id}/cancel`) });
}

export async function setPriority(job, priority) {
  if (priority === job.priority || !(await change(`/jobs/${job.id}`, { priority }, { method: "PATCH" }))) return;
  const words = PRIORITIES.find((entry) => entry.value === priority).words;
  toast({ icon: "ok", title: t("{words} priority", { words }), text: nameOf(job), undo: () => change(`/jobs/${job.id}`, { priority: job.priority }, { method: "PATCH" }) });
}

// ---- moving: one after the other, so that a key held down counts each time

let line = Promise.resolve();
let lastMove = null; // {id, undo, close}: moves of one job in a row are taken back together

function inTurn(run) {
  line = line.then(run, run);
  return line;
}

/** One place up (-1) or down (1). `place`: where it stood when it was last seen. */
export function moveBy(job, place, step) {
  return inTurn(async () => {
    const rows = await around(job.id, place);
    if (!rows) return gone();
    const at = rows.findIndex((row) => row.id === job.id);
    const other = rows[at + step];
    if (!other || (step > 0 && other.forever)) return undefined;
    const others = rows.filter((row) => row.id !== job.id);
    const gap = at + step;
    return send(rows[at], placed(rows[at], others[gap - 1], others[gap]), backOf(rows, at), step < 0 ? "Moved up" : "Moved down");
  });
}

export function moveToTop(job, place) {
  return inTurn(async () => {
    const rows = await around(job.id, place);
    const head = (await look("/queue?limit=4"))?.waiting.filter((row) => !row.live);
    if (!rows || !head?.length) return gone();
    if (head[0].id === job.id) return undefined;
    const at = rows.findIndex((row) => row.id === job.id);
    const first = head.filter((row) => row.id !== job.id);
    return send(rows[at], placed(rows[at], null, first[0]), backOf(rows, at), "Moved to the top");
  });
}

/** In front of another waiting job, or behind it. */
export function moveBeside(job, place, target, targetPlace, behind) {
  return inTurn(async () => {
    const [rows, there] = await Promise.all([around(job.id, place), around(target, targetPlace)]);
    if (!rows || !there) return gone();
    const at = rows.findIndex((row) => row.id === job.id);
    const others = there.filter((row) => row.id !== job.id);
    const gap = others.findIndex((row) => row.id === target) + (behind ? 1 : 0);
    return send(rows[at], placed(rows[at], others[gap - 1], others[gap]), backOf(rows, at), "Moved");
  });
}

/** The few jobs around one that waits, as they stand now; null when it waits no longer. */
async function around(id, place) {
  const near = await look(`/queue?offset=${Math.max(0, place - SEEN_AROUND)}&limit=${2 * SEEN_AROUND + 1}`);
  const page = near?.waiting.some((row) => row.id === id) ? near : await look(`/queue?limit=${MOST_ASKED}`);
  const rows = page?.waiting.filter((row) => !row.live) ?? [];
  return rows.some((row) => row.id === id) ? rows : null;
}

/**
 * How a job gets between two others: {before, priority}. In front of a job it takes that one's priority, so it keeps its own
 * where that leads to the same place; and nothing goes behind a job that makes one after the other forever.
 */
function placed(job, earlier, later) {
  const fits = later && !later.forever;
  if (fits && (later.priority === job.priority || earlier?.priority !== job.priority)) return { before: later.id, priority: job.priority };
  return { before: null, priority: earlier && !earlier.forever ? earlier.priority : job.priority };
}

function backOf(rows, at) {
  const job = rows[at];
  const next = rows.slice(at + 1).find((row) => row.priority === job.priority);
  return { before: next?.id ?? null, priority: job.priority };
}

async function send(job, to, from, words) {
  if (!(await carryOut(job, to))) return;
  const undo = lastMove?.id === job.id && lastMove.isOpen() ? lastMove.undo : () => inTurn(() => carryOut(job, from, { always: true }));
  if (lastMove?.id === job.id) lastMove.close();
  lastMove = { id: job.id, undo, ...toast({ icon: "ok", title: words, text: nameOf(job), undo }) };
}

async function carryOut(job, { before, priority }, { always = false } = {}) {
  if ((always || priority !== job.priority) && !(await change(`/jobs/${job.id}`, { priority }, { method: "PATCH" }))) return false;
  return change(`/jobs/${job.id}/move`, { before });
}

function gone() {
  errorToast({ message: t("This job waits no longer."), hint: t("The queue went on in the meantime.") });
}

// ---- what a failed job offers

const TO_BE_CHANGED = new Set(["worker_killed", "checkpoint_unusable", "invalid_request"]);

/** The one way on that fits the cause: {words, run}. `reopen` puts the job's request back into the fields. */
export function wayOn(job, reopen) {
  if (TO_BE_CHANGED.has(job.error?.code)) return { words: t("Use parameters"), run: () => reopen(job) };
  return { words: t("Try again"), run: () => restore(job) };
}

/** Cause and way out of a failed job, in words. */
export function causeOf(job) {
  const { message, hint = "", cause = "" } = job.error ?? { message: t("The job failed.") };
  return [message, cause, hint].filter(Boolean).join(" ");
}
