// What this page knows of jobs and pictures. Changes come from the stream only, so every tab tells the same story.

import { change } from "./rest.js";
import { follow } from "./stream.js";

export const ACTIVE = new Set(["waiting", "running"]);
const ENDED_KEPT = 8;
const WAITING_KEPT = 200; // of thousands, so many are enough to know what comes next; the sheet fetches what it shows
const HEAD_LEAST = 20; // with fewer of them left, look again

export const known = {
  jobs: new Map(), // id -> Job, oldest first: what runs, the head of what waits, what ended last
  queue: { total: 0, paused: false, held: false, forever: false, seconds: null, others: 0, people: [] }, // all that waits, in a few numbers
  whole: true, // whether `jobs` has everything that waits
  pictures: [], // of this session, newest job first, in order within a job
  worker: { state: "starting", device: "", dtype: "", message: "" },
  notices: [], // what lasts and everybody should know: {code, message, hint, kind}
  connected: true,
  loaded: false,
};
let plan = new Map(); // id -> place in the order in which they will run, as far as it is known

/**
 * Events: "snapshot", "job" {job, before}, "progress" {…}, "picture" {image, job, live}, "replay" {image, replay}, "note", "queue", "notices", "worker",
 * "catalog", "memory", "batch", "batch_removed", "script_run", "script_run_removed", "order", "order_progress", "order_removed", "training_sample", "import", "import_removed", "imported", "marks", "saved_searches", "styles", "presets", "settings", "system", "extensions", "extension_stage" {id, doing}, "connection".
 */
export const changes = new EventTarget();

export function on(type, listener) {
  changes.addEventListener(type, (event) => listener(event.detail));
}

function tell(type, detail = null) {
  changes.dispatchEvent(new CustomEvent(type, { detail }));
}

let lookAgain = null;

export function start() {
  lookAgain = follow({ snapshot: takeSnapshot, event: takeEvent, connection: takeConnection });
}

function takeSnapshot(snapshot) {
  known.jobs = new Map(snapshot.jobs.map((job) => [job.id, job]).sort((a, b) => Number(a[0]) - Number(b[0])));
  known.pictures = grouped(snapshot.session);
  const waiting = snapshot.jobs.filter((job) => job.status === "waiting");
  plan = new Map(waiting.map((job, place) => [job.id, place]));
  known.queue = snapshot.queue;
  known.whole = waiting.length >= snapshot.queue.total;
  known.worker = snapshot.worker;
  known.notices = snapshot.notices;
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
    if (before || job.status !== "waiting" || waitingJobs().length < WAITING_KEPT) known.jobs.set(job.id, job);
    else known.whole = false;
    forgetOld();
    tell("job", { job, before });
  },
  // Many changed at once: the state itself says all.
  jobs() {
    lookAgain();
  },
  queue({ queue }) {
    known.queue = queue;
    // The part of a long line that was known has run by now, or the rest has become short enough to be known whole.
    if (!known.whole && waitingJobs().length < Math.min(queue.total, HEAD_LEAST)) lookAgain();
    tell("queue", queue);
  },
  notices({ notices }) {
    known.notices = notices;
    tell("notices", notices);
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
  replay({ image, replay }) {
    tell("replay", { image, replay });
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
  memory() {
    tell("memory");
  },
  batch({ batch }) {
    tell("batch", batch);
  },
  batch_removed({ batch }) {
    tell("batch_removed", batch);
  },
  script_run({ run }) {
    tell("script_run", run);
  },
  script_run_removed({ run }) {
    tell("script_run_removed", run);
  },
  order({ order }) {
    tell("order", order);
  },
  order_progress({ order, progress }) {
    tell("order_progress", { order, progress });
  },
  order_removed({ order }) {
    tell("order_removed", order);
  },
  training_sample({ order, name }) {
    tell("training_sample", { order, name });
  },
  import(event) {
    tell("import", event.import);
  },
  import_removed(event) {
    tell("import_removed", event.import);
  },
  imported({ pictures }) {
    tell("imported", pictures);
  },
  system({ doing }) {
    tell("system", { doing });
  },
  marks({ images, act = null }) {
    tell("marks", { ids: images, act });
  },
  saved_searches() {
    tell("saved_searches");
  },
  styles() {
    tell("styles");
  },
  presets() {
    tell("presets");
  },
  settings({ revision }) {
    tell("settings", { revision });
  },
  extensions() {
    tell("extensions");
  },
  extension_stage({ id, doing }) {
    tell("extension_stage", { id, doing });
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

/** Jobs that run and will make kept pictures. */
export function runningJobs() {
  return [...known.jobs.values()].filter((job) => job.status === "running" && !job.live);
}

/** The known jobs that wait, in the order in which they will run. */
export function waitingJobs() {
  const place = (job) => plan.get(job.id) ?? Infinity;
  const waiting = [...known.jobs.values()].filter((job) => job.status === "waiting" && !job.live);
  // New ones stand at the end, in the order in which they came, until the plan is known.
  return waiting.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
}

/** What runs, then the known part of what waits. */
export function activeJobs() {
  return [...runningJobs(), ...waitingJobs()];
}

export function runningJob() {
  return runningJobs()[0] ?? null;
}

/** How many jobs run or wait, all of them; the one that keeps "forever" going is not counted. */
export function activeCount() {
  const waiting = known.whole ? waitingJobs() : { length: known.queue.total };
  const successor = known.whole ? waiting.some((job) => job.forever) : known.queue.forever;
  return runningJobs().length + waiting.length - (successor && runningJobs().some((job) => job.forever) ? 1 : 0);
}

/** Whether one job after the other is made without end. */
export function isForever() {
  return known.queue.forever || waitingJobs().some((job) => job.forever);
}

/** Newest finished picture. */
export function newestPicture() {
  const first = known.pictures[0];
  return first ? known.pictures.filter((image) => image.generation === first.generation).at(-1) : null;
}

/** The seed of the last job: with it the whole job comes out again. */
export function lastSeed() {
  return known.pictures.find((image) => image.seed !== null)?.seed ?? null;
}

/** Ends something: "interrupt", "skip" or "cancel". */
export function tellJob(id, what) {
  // A job that ended in the meantime needs no ending.
  return change(`/jobs/${id}/${what}`, {}, { but: 409 });
}
