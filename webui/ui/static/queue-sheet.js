// The queue sheet: what runs, what waits in the order in which it will run, and what ended; each with what can be done to it.

import { editedJob, onEditing, reopen } from "./editing.js";
import { icon } from "./icons.js";
import { ACTIVE, activeCount, known, on, runningJobs, waitingJobs } from "./jobs.js";
import { t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { PRIORITIES, causeOf, clearQueue, duplicate, end, moveBeside, moveBy, moveToTop, pause, restore, setPriority, wayOn } from "./queue-acts.js";
import { queueLine } from "./queue-line.js";
import { queuePeople } from "./queue-people.js";
import { look } from "./rest.js";
import { onSheet, openSheet, toggleSheet } from "./sheet.js";
import { about, nameOf, seconds } from "./words.js";

const NAME = "queue";
const LOOK_MS = 250; // least time between two looks at the queue
const STALE_MS = 4000; // while a job runs, the times of those behind it are asked for again after so long
const ENDED_FIRST = 10;
const ENDED_MORE = 30;
const MOST_ENDED = 200;
const ENDS = { done: t("Done"), cancelled: t("Interrupted"), failed: t("Failed") };

let parts = null; // the parts of the open sheet, null while it is closed
let ended = [];
let endedWanted = ENDED_FIRST;
let stop = null; // the job at which Tab enters the list
let dragged = null; // {job, place}

export function toggleQueue() {
  if (openSheet() === NAME) return toggleSheet(NAME);
  parts = build();
  stop = null;
  const over = [...known.jobs.values()].filter((job) => job.ended_at && !job.live);
  ended = over.sort((a, b) => b.ended_at.localeCompare(a.ended_at));
  endedWanted = ENDED_FIRST;
  draw();
  toggleSheet(NAME, t("Queue"), parts.body, { note: parts.totals, actions: parts.actions });
  parts.line.show(waitingJobs(), runningJobs().at(-1));
  refresh();
  return true;
}

onSheet((name) => {
  if (name === NAME || !parts) return;
  parts.line.end();
  parts = null;
});

function build() {
  const body = h("div", { class: "ez-sheet-body ez-lines" });
  const line = queueLine(body, drawBlock);
  const made = {
    body,
    line,
    paused: known.queue.paused,
    totals: h("span", { class: "ez-count" }),
    actions: h("span", { class: "row" }),
    running: section(t("Running")),
    waiting: line.element,
    people: queuePeople(),
    ended: section(t("Ended")),
    note: h("p", { class: "dim xs ez-sheet-note" }),
    empty: h("div", { class: "ez-empty" }, icon("wait"), h("p", {}, t("Nothing is waiting. Generate puts a job here; it goes on when this page is closed."))),
    more: h("button", { class: "ez-link s ez-earlier", type: "button", onclick: showEarlier }, t("Earlier ones")),
  };
  fill(body, made.empty, made.running.element, made.waiting, made.note, made.people.element, made.ended.element);
  made.ended.element.append(made.more);
  body.addEventListener("keydown", onKey);
  body.addEventListener("focusin", (event) => {
    const row = event.target.closest(".ez-job");
    if (!row) return;
    stop = row.dataset.job;
    makeStop(row);
  });
  for (const [type, listener] of Object.entries(DRAG)) body.addEventListener(type, listener);
  return made;
}

function section(words) {
  const list = h("div", { role: "list", "aria-label": words });
  return { list, element: h("section", {}, h("h3", { class: "ez-group" }, words), list) };
}

// ---- when it is drawn anew

for (const type of ["snapshot", "job"]) on(type, changed);
for (const type of ["picture", "note"]) on(type, () => parts && draw());
on("progress", showProgress);
on("queue", ({ total, paused }) => {
  if (!parts) return;
  const same = total === parts.line.total() && paused === parts.paused;
  parts.paused = paused;
  if (!same || performance.now() - lookedAt > STALE_MS) changed();
  else drawHead(total);
});
onEditing(changed);

function changed() {
  if (!parts) return;
  draw();
  refresh();
}

let lookTimer = null;
let lookedAt = 0;

// The server alone knows the order: it is asked at most a few times a second, and only for what is in sight.
function refresh() {
  if (lookTimer || dragged) return;
  lookTimer = setTimeout(
    async () => {
      lookTimer = null;
      lookedAt = performance.now();
      if (!parts) return;
      const [page] = await Promise.all([look(`/jobs?limit=${endedWanted}`), parts.line.load()]);
      if (!page || !parts) return;
      ended = page.jobs;
      parts.more.hidden = !page.next || endedWanted >= MOST_ENDED;
      drawEnded();
    },
    Math.max(0, lookedAt + LOOK_MS - performance.now()),
  );
}

function showEarlier() {
  endedWanted = Math.min(MOST_ENDED, endedWanted + ENDED_MORE);
  refresh();
}

function draw() {
  const running = runningJobs();
  const total = known.whole ? waitingJobs().length : known.queue.total;
  drawHead(total);
  parts.running.element.hidden = !running.length;
  drawRows(parts.running.list, running.map((job) => ({ job })));
  parts.line.resize(total);
  parts.note.hidden = !running.length && !total;
  parts.note.textContent = total > 1 ? t("Jobs go on when this page is closed. Drag to reorder; jobs of one checkpoint run together.") : t("Jobs go on when this page is closed.");
  drawEnded();
}

function drawHead(total) {
  const { paused, seconds: left } = known.queue;
  parts.people.draw(known.queue);
  const number = activeCount();
  parts.totals.textContent = [paused && t("Paused"), number && tn("{n} job", "{n} jobs", number), number && !paused && about(left)].filter(Boolean).join(", ");
  const key = `${paused} ${total > 0}`;
  if (parts.actions.dataset.key === key) return;
  parts.actions.dataset.key = key;
  const focused = parts.actions.contains(document.activeElement) ? document.activeElement.dataset.act : null;
  fill(
    parts.actions,
    act("pause", paused ? "play" : "pause", paused ? t("Resume") : t("Pause"), () => pause(!paused), paused ? "on" : ""),
    total > 0 && act("clear", "trash", t("Clear queue"), clearQueue),
  );
  if (focused) (parts.actions.querySelector(`[data-act="${focused}"]`) ?? parts.actions.firstElementChild).focus();
}

function act(name, drawing, words, run, kind = "") {
  return h("button", { class: `ez-btn ghost s icon ${kind}`, type: "button", "aria-label": words, title: words, "data-act": name, onclick: run }, icon(drawing));
}

function drawEnded() {
  // What is known here knows also how far it came.
  const shown = ended.map((job) => known.jobs.get(job.id) ?? job).filter((job) => !ACTIVE.has(job.status));
  parts.ended.element.hidden = !shown.length;
  drawRows(parts.ended.list, shown.map((job) => ({ job })));
  parts.empty.hidden = Boolean(shown.length || activeCount());
}

function drawBlock(block, rows) {
  if (!parts || dragged) return;
  const total = parts.line.total();
  const waiting = rows.filter(({ job }) => known.jobs.get(job.id)?.status !== "running");
  drawRows(block, waiting.map((entry) => ({ ...entry, total })));
}

// ---- rows: those that look the same stay as they are, and the keyboard stays at the job it was at

function drawRows(list, entries) {
  const held = heldFocus(list);
  const old = new Map([...list.children].map((element) => [element.dataset.job, element]));
  let next = list.firstElementChild;
  for (const entry of entries) {
    const key = keyOf(entry);
    let element = old.get(entry.job.id);
    old.delete(entry.job.id);
    if (element?.dataset.key !== key) {
      const fresh = item(entry, key);
      if (element) element.replaceWith(fresh);
      if (next === element) next = fresh;
      element = fresh;
    }
    tell(element, entry);
    if (next === element) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
  for (const element of old.values()) element.remove();
  if (held) giveBack(held, list);
  keepStop();
}

function heldFocus(list) {
  const row = document.activeElement?.closest?.(".ez-job");
  if (!row || !list.contains(row)) return null;
  return { job: row.dataset.job, act: document.activeElement.dataset.act, at: rows().indexOf(row) };
}

function giveBack({ job, act: name, at }) {
  if (document.activeElement?.closest?.(".ez-job")?.dataset.job === job) return;
  const all = rows();
  const own = all.find((row) => row.dataset.job === job);
  // One that ended leaves the keyboard where it stood, at the job that came after it.
  const row = own && !parts.ended.list.contains(own) ? own : all[Math.min(at, all.length - 1)];
  if (!row) return parts.body.closest(".ez-sheet")?.focus({ preventScroll: true });
  makeStop(row);
  (row.querySelector(`[data-act="${name}"]`) ?? row).focus({ preventScroll: true });
}

function rows() {
  return [...parts.body.querySelectorAll(".ez-job")];
}

function makeStop(row) {
  for (const other of parts.body.querySelectorAll('.ez-job[tabindex="0"]')) if (other !== row) setStop(other, -1);
  setStop(row, 0);
}

function setStop(row, tabindex) {
  row.tabIndex = tabindex;
  for (const button of row.querySelectorAll("button")) button.tabIndex = tabindex;
}

function keepStop() {
  const all = rows();
  const row = all.find((one) => one.dataset.job === stop) ?? all[0];
  if (row) makeStop(row);
}

// What makes a row look as it does, but for its place and the words that change all the time.
function keyOf(entry) {
  const { job } = entry;
  const { status, priority, forever, prompt, done, pictures, notes, error } = job;
  const picture = job.images.at(-1)?.id;
  return JSON.stringify([status, priority, forever, prompt, done, pictures, notes, error, picture, headingOf(entry), editedJob() === job.id]);
}

/** What stands above a job that is the first of its group: [icon, words]. */
function headingOf({ job, place, before }) {
  if (job.status !== "waiting" || !job.checkpoint) return null;
  const same = before?.checkpoint === job.checkpoint;
  if (place === 0 && (same || !before)) return ["layers", t("Next on {checkpoint}", { checkpoint: job.checkpoint })];
  return before && !same ? ["swap", t("Then switch to {checkpoint}", { checkpoint: job.checkpoint })] : null;
}

function item(entry, key) {
  const { job } = entry;
  const heading = headingOf(entry);
  const waiting = job.status === "waiting";
  return h(
    "div",
    { role: "listitem", "data-job": job.id, "data-key": key },
    heading && h("h3", { class: "ez-group" }, icon(heading[0], "s"), h("span", { class: "cut" }, heading[1])),
    h(
      "div",
      { class: "ez-job", "data-job": job.id, tabindex: "-1", role: "group", "aria-label": nameOf(job), draggable: waiting && !job.forever ? "true" : null },
      thumbnail(job),
      h("span", { class: "cut", title: job.prompt }, nameOf(job)),
      h("span", { class: "row ez-job-acts" }, buttons(entry)),
      h("span", { class: "xs num cut ez-said-now" }),
      job.status === "running" && h("div", { class: "ez-bar thin" }, h("i", {})),
      marks(job),
      job.notes.map((note) => h("p", { class: "xs mid ez-job-more" }, note)),
      job.status === "failed" && failure(job),
    ),
  );
}

function thumbnail(job) {
  const last = job.images.at(-1);
  if (last) return h("img", { class: "pic", src: last.thumbnail, alt: "", draggable: "false", style: { "background-color": last.mean_colour } });
  const failed = job.status === "failed";
  return h("span", { class: `pic ez-wait num ${failed ? "bad" : ""}`, "aria-hidden": "true" }, failed && icon("bad"));
}

function marks(job) {
  const words = [
    editedJob() === job.id && h("span", { class: "ez-badge acc" }, t("In the fields")),
    job.forever && ACTIVE.has(job.status) && h("span", { class: "ez-badge acc" }, t("Forever")),
    job.source_name && h("span", { class: "ez-badge ez-badge-name", title: job.source_name }, h("span", { class: "cut" }, job.source_name)),
    job.status === "waiting" && !job.forever && job.priority !== 0 && h("span", { class: "ez-badge" }, priorityWords(job.priority)),
  ].filter(Boolean);
  return words.length > 0 && h("span", { class: "row wrap ez-job-more" }, words);
}

function priorityWords(priority) {
  const usual = PRIORITIES.find((entry) => entry.value === priority);
  return usual ? t("{words} priority", { words: usual.words }) : t("Priority {priority}", { priority });
}

function failure(job) {
  const way = wayOn(job, reopen);
  return h("p", { class: "xs ez-job-more" }, causeOf(job), " ", h("button", { class: "ez-link xs", type: "button", tabindex: "-1", "data-act": "way", onclick: way.run }, way.words));
}

function buttons(entry) {
  const { job } = entry;
  const name = nameOf(job);
  const named = (words) => `${words}: ${name}`;
  const more = h(
    "button",
    { class: "ez-btn ghost s icon", type: "button", tabindex: "-1", "data-act": "menu", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": named(t("More")), title: t("Edit, duplicate, move"), onclick: () => openRowMenu(more) },
    icon("more"),
  );
  const small = (act_, drawing, words, run) =>
    h("button", { class: "ez-btn ghost s icon", type: "button", tabindex: "-1", "data-act": act_, "aria-label": named(words), title: words, onclick: run }, icon(drawing));
  if (ACTIVE.has(job.status)) {
    const words = job.status === "running" ? t("Interrupt") : t("Cancel");
    return [more, small("end", "close", words, () => end(job))];
  }
  return [more, job.status === "cancelled" && small("restore", "restore", t("Restore"), () => restore(job))];
}

// Text that changes while everything else stays: how far it is, and when it starts.
function tell(element, entry) {
  shownJobs.set(element, entry.job);
  if (entry.place !== undefined) tellPlace(element, entry);
  const said = element.querySelector(".ez-said-now");
  const words = stateWords(entry);
  if (said.textContent !== words) said.textContent = said.title = words;
  said.classList.toggle("bad", entry.job.status === "failed");
  said.classList.toggle("dim", entry.job.status !== "failed");
  element.querySelector(".ez-bar i")?.style.setProperty("--v", `${(entry.job.progress?.fraction ?? 0) * 100}%`);
}

function tellPlace(element, { job, place, total }) {
  element.setAttribute("aria-posinset", String(place + 1));
  element.setAttribute("aria-setsize", String(total));
  element.lastElementChild.dataset.place = String(place);
  if (!job.images.length) element.querySelector(".ez-wait").textContent = String(place + 1);
}

function stateWords({ job, place }) {
  if (job.status === "running") return runningWords(job);
  if (job.status === "waiting") return [tn("{n} picture", "{n} pictures", job.pictures), startWords(job, place)].filter(Boolean).join(", ");
  if (job.status === "cancelled" && !job.progress && !job.done) return t("Cancelled");
  const made = job.done === job.pictures ? tn("{n} picture", "{n} pictures", job.done) : t("{done} of {count}", { done: job.done, count: tn("{n} picture", "{n} pictures", job.pictures) });
  return `${ENDS[job.status]}, ${made}`;
}

function startWords(job, place) {
  if (known.queue.paused) return about(job.seconds);
  if (job.starts_in === null || job.starts_in === undefined) {
    // Nobody knows how long others' jobs take, but how many they are.
    return job.ahead > place ? [about(job.seconds), t("{ahead} before it", { ahead: job.ahead })].filter(Boolean).join(", ") : about(job.seconds);
  }
  if (place === 0 && job.starts_in < 1) return t("starts next");
  return t("starts in {time}", { time: about(job.starts_in) });
}

function runningWords(job) {
  const left = job.progress?.seconds_left;
  const stage = job.progress?.stage;
  return [t("{pictures} of {pictures2}", { pictures: Math.min(job.done + 1, job.pictures), pictures2: job.pictures }), left ? t("{time} left", { time: seconds(left) }) : stage].filter(Boolean).join(", ");
}

// Sixty times a job: only what moves is touched.
function showProgress({ job }) {
  if (job.live || !parts) return;
  const element = parts.running.list.querySelector(`[data-job="${job.id}"]`);
  if (element) tell(element, { job });
}

// ---- what can be done to one

const shownJobs = new WeakMap(); // element -> the job that it shows; most of a long line are known from nowhere else

function entryOf(row) {
  return { job: known.jobs.get(row.dataset.job) ?? shownJobs.get(row.parentElement), place: Number(row.dataset.place) };
}

function openRowMenu(button) {
  const row = button.closest(".ez-job");
  const { job, place } = entryOf(row);
  const home = () => parts?.body.querySelector(`.ez-job[data-job="${job.id}"] [data-act="menu"]`) ?? rows()[0];
  toggleMenu(button, nameOf(job), menuOf(job, place), home);
}

function menuOf(job, place) {
  const again = { icon: "copy", words: t("Duplicate"), run: () => duplicate(job) };
  if (job.status === "running") return [again, null, { icon: "interrupt", words: t("Interrupt"), kind: "bad", run: () => end(job) }];
  if (job.status !== "waiting") {
    return [
      { icon: "apply", words: t("Use parameters"), run: () => reopen(job) },
      again,
      job.status === "cancelled" && { icon: "restore", words: t("Restore"), run: () => restore(job) },
      job.status === "failed" && { icon: "restore", words: t("Try again"), run: () => restore(job) },
    ];
  }
  const ordered = [
    { icon: "top", words: t("Move to the top"), run: () => moveToTop(job, place), key: "Ctrl Home" },
    { icon: "up", words: t("Move up"), run: () => moveBy(job, place, -1), key: "Ctrl Up" },
    { icon: "down", words: t("Move down"), run: () => moveBy(job, place, 1), key: "Ctrl Down" },
    null,
    ...PRIORITIES.map(({ words, value }) => ({ words: t("{words} priority", { words }), checked: job.priority === value, run: () => setPriority(job, value) })),
    null,
  ];
  return [
    ...(job.forever ? [] : ordered),
    { icon: "edit", words: t("Edit"), run: () => reopen(job), key: "E" },
    again,
    null,
    { icon: "close", words: t("Cancel"), kind: "bad", key: "Del", run: () => end(job) },
  ];
}

function onKey(event) {
  const row = event.target.closest(".ez-job");
  if (!row || event.altKey || event.shiftKey) return;
  const { job, place } = entryOf(row);
  const moving = (event.ctrlKey || event.metaKey) && job.status === "waiting" && !job.forever;
  const run = moving ? MOVES[event.key] : !(event.ctrlKey || event.metaKey) && STEPS[event.key];
  if (!run || (event.key === "Enter" && event.target !== row)) return;
  event.preventDefault();
  event.stopPropagation();
  run(row, job, place);
}

const MOVES = {
  ArrowUp: (row, job, place) => moveBy(job, place, -1),
  ArrowDown: (row, job, place) => moveBy(job, place, 1),
  Home: (row, job, place) => moveToTop(job, place),
};

const STEPS = {
  ArrowUp: (row) => goTo(rows()[rows().indexOf(row) - 1]),
  ArrowDown: (row) => goTo(rows()[rows().indexOf(row) + 1]),
  Home: () => goTo(rows()[0]),
  End: () => goTo(rows().at(-1)),
  Enter: (row) => openRowMenu(row.querySelector('[data-act="menu"]')),
  e: (row, job) => job.status === "waiting" && reopen(job),
  Delete: (row, job) => ACTIVE.has(job.status) && end(job),
};

function goTo(row) {
  if (!row) return;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

// ---- dragging

const DRAG = {
  dragstart(event) {
    const row = event.target.closest?.(".ez-job[draggable]");
    if (!row) return;
    dragged = entryOf(row);
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.job.prompt);
    row.classList.add("dragged");
  },
  dragover(event) {
    const row = dragged && event.target.closest?.(".ez-job[draggable]");
    if (!row) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    mark(row, isBehind(row, event));
  },
  drop(event) {
    const row = dragged && event.target.closest?.(".ez-job[draggable]");
    if (!row) return;
    event.preventDefault();
    if (row.dataset.job !== dragged.job.id) moveBeside(dragged.job, dragged.place, row.dataset.job, Number(row.dataset.place), isBehind(row, event));
  },
  dragend(event) {
    event.target.closest?.(".ez-job")?.classList.remove("dragged");
    mark(null);
    dragged = null;
    refresh();
  },
};

function isBehind(row, event) {
  const box = row.getBoundingClientRect();
  return event.clientY > box.top + box.height / 2;
}

function mark(row, behind) {
  for (const old of parts?.body.querySelectorAll(".drop-before, .drop-behind") ?? []) old.classList.remove("drop-before", "drop-behind");
  row?.classList.add(behind ? "drop-behind" : "drop-before");
}
