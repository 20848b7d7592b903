// What this page knows of jobs and pictures. Changes come from the stream only, so every tab tells the same story.

import { follow } from "./stream.js";

export const ACTIVE = new Set(["waiting", "running"]);
const ENDED_KEPT = 8;

export const known = {
  jobs: new Map(), // id -> Job, oldest first
  pictures: [], // of this session, newest job first, in order within a job
  worker: { state: "starting", device: "", dtype: "", message: "" },
  connected: true,
  loaded: false,
};

/** Events: "snapshot", "job" {job, before}, "progress" {…}, "picture" {image, job, live}, "note", "worker", "catalog", "connection". */
export const changes = new EventTarget();

export function on(type, listener) {
  changes.addEventListener(type, (event) => listener(event.detail));
}

function tell(type, detail = null) {
  changes.dispatchEvent(new CustomEvent(type, { detail }));
}

export function start() {
  follow({ snapshot: takeSnapshot, event: takeEvent, connection: takeConnection });
}

function takeSnapshot(snapshot) {
  known.jobs = new Map(snapshot.jobs.map((job) => [job.id, job]).sort((a, b) => Number(a[0]) - Number(b[0])));
  known.pictures = grouped(snapshot.session);
  known.worker = snapshot.worker;
  known.loaded = true;
  tell("snapshot", snapshot);
}

function takeConnection(up) {
  if (up === known.connected) return;
  known.connected = up;
  tell("connection", up);
}

const TAKE = {
  job({ job }) {
    const before = known.jobs.get(job.id);
    job.progress ??= before?.progress ?? null; // how far it came, now that it has ended
    known.jobs.set(job.id, job);
    forgetOld();
    tell("job", { job, before });
  },
  progress(progress) {
    const job = known.jobs.get(progress.job);
    if (!job) return;
    job.progress = progress;
    tell("progress", { job, progress });
  },
  picture({ job: id, image, live }) {
    const job = known.jobs.get(id);
    if (job && !job.images.some((other) => other.id === image.id)) {
      job.images.push(image);
      job.done = Math.max(job.done, job.images.length);
    }
    if (!live && !known.pictures.some((other) => other.id === image.id)) known.pictures = grouped([image, ...known.pictures]);
    tell("picture", { job, image, live });
  },
  note(note) {
    known.jobs.get(note.job)?.notes.push(note.text);
    tell("note", note);
  },
  worker({ worker }) {
    known.worker = worker;
    tell("worker", worker);
  },
  catalog() {
    tell("catalog");
  },
  system({ doing }) {
    tell("system", { doing });
  },
  settings({ revision }) {
    tell("settings", { revision });
  },
};

function takeEvent(event) {
  TAKE[event.type]?.(event);
}

function forgetOld() {
  const ended = [...known.jobs.values()].filter((job) => !ACTIVE.has(job.status));
  const kept = new Set(ended.filter((job) => !job.live).slice(-ENDED_KEPT));
  for (const job of ended) if (!kept.has(job)) known.jobs.delete(job.id);
}

// Newest job first, but the pictures of one job from first to last, as they were made: nothing moves when it ends.
function grouped(images) {
  const groups = new Map();
  for (const image of images) {
    if (!groups.has(image.generation)) groups.set(image.generation, []);
    groups.get(image.generation).push(image);
  }
  return [...groups.values()].flatMap((group) => group.sort((a, b) => a.index - b.index));
}

/** Jobs that will make kept pictures, oldest first. */
export function activeJobs() {
  return [...known.jobs.values()].filter((job) => ACTIVE.has(job.status) && !job.live);
}

export function runningJob() {
  return activeJobs().find((job) => job.status === "running") ?? null;
}

/** Newest finished picture. */
export function newestPicture() {
  const first = known.pictures[0];
  return first ? known.pictures.filter((image) => image.generation === first.generation).at(-1) : null;
}

/** The seed of the last job: with it the whole job comes out again. */
export function lastSeed() {
  return known.pictures[0]?.seed ?? null;
}

/** Ends something: "interrupt", "skip" or "cancel". */
export async function tellJob(id, what) {
  const response = await fetch(`/api/v1/jobs/${id}/${what}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  // A job that ended in the meantime needs no ending; anything else will show in the stream.
  return response.ok;
}
