// The queue: a pill in the bar, and the sheet with what runs, waits and ended.

import { icon } from "./icons.js";
import { ACTIVE, activeJobs, known, on, runningJob, tellJob } from "./jobs.js";
import { onReceipt } from "./link.js";
import { fill, h } from "./markup.js";
import { onPage, open } from "./pages.js";
import { onSheet, openSheet, showSheet, toggleSheet } from "./sheet.js";
import { onTheme, toggleTheme } from "./theme.js";
import { count, seconds, title } from "./words.js";

const STATES = { done: "Done", cancelled: "Interrupted", failed: "Failed" };

let pill = null;
let sent = 0; // asked for, not yet answered: counted at once, so that a click is felt at once

/** A job was just asked for; its receipt ("generate" or "example") comes. */
export function expectJob() {
  sent += 1;
  show();
}

function answered() {
  sent = Math.max(0, sent - 1);
  show();
}

export function mount(element) {
  pill = h("button", { class: "ez-pill", type: "button", "aria-expanded": "false", title: "Queue (Q)", onclick: toggleQueue });
  const theme = h("button", { class: "ez-btn ghost icon", type: "button", onclick: toggleTheme });
  const gear = h("button", { class: "ez-btn ghost icon", type: "button", title: "Settings (3)", "aria-label": "Settings", onclick: () => open("settings") }, icon("gear"));
  onPage((page) => gear.classList.toggle("on", page === "settings" || page === "system"));
  fill(element, h("div", { class: "ez-quick" }, pill, theme, gear));
  onTheme((dark) => {
    const words = dark ? "Light theme" : "Dark theme";
    theme.title = words;
    theme.setAttribute("aria-label", words);
    fill(theme, icon(dark ? "sun" : "moon"));
  });
  for (const type of ["snapshot", "job", "picture"]) on(type, show);
  on("progress", showProgress);
  for (const about of ["generate", "example"]) onReceipt(about, answered);
  document.addEventListener("click", (event) => event.target.closest?.("#ez-generate") && expectJob());
  onSheet((name) => pill.setAttribute("aria-expanded", String(name === "queue")));
  show();
}

export function toggleQueue() {
  toggleSheet("queue", "Queue", body());
}

function show() {
  if (!pill) return;
  const jobs = activeJobs();
  const number = Math.max(jobs.length, Math.min(1, sent));
  pill.classList.toggle("on", number > 0);
  if (!number) fill(pill, h("span", { class: "ez-dot" }), "Queue");
  else {
    const left = jobs.length === 1 ? runningJob()?.progress?.seconds_left : null;
    const words = count(number, "job") + (left ? `, ${seconds(left)}` : "");
    fill(pill, h("span", { class: "ez-ring", style: { "--p": share() } }), h("span", { class: "num" }, words));
  }
  if (openSheet() === "queue") redraw();
}

function share() {
  return `${Math.round((runningJob()?.progress?.fraction ?? 0) * 100)}%`;
}

// Sixty times a job: only what moves is touched.
function showProgress({ job, progress }) {
  if (job.live || !pill) return;
  pill.querySelector(".ez-ring")?.style.setProperty("--p", share());
  const words = pill.querySelector(".num");
  if (words && activeJobs().length === 1) words.textContent = `1 job${progress.seconds_left ? `, ${seconds(progress.seconds_left)}` : ""}`;
  const row = document.querySelector(`.ez-job[data-job="${job.id}"]`);
  if (!row) return;
  row.querySelector(".ez-said-now").textContent = runningWords(job);
  row.querySelector(".ez-bar i")?.style.setProperty("--v", `${progress.fraction * 100}%`);
}

function redraw() {
  const focused = document.activeElement?.closest?.(".ez-job")?.dataset.job;
  showSheet("queue", "Queue", body());
  if (focused) document.querySelector(`.ez-job[data-job="${focused}"] button`)?.focus();
}

function body() {
  const active = activeJobs();
  const running = active.filter((job) => job.status === "running");
  const waiting = active.filter((job) => job.status === "waiting");
  const ended = [...known.jobs.values()].filter((job) => !ACTIVE.has(job.status) && !job.live).reverse();
  if (!active.length && !ended.length) {
    return h("div", { class: "ez-empty" }, icon("wait"), h("p", {}, "Nothing is waiting. Generate puts a job here; it goes on when this page is closed."));
  }
  return h(
    "div",
    { class: "ez-sheet-body" },
    group("Running", running),
    group("Waiting", waiting),
    group("Ended", ended),
    h("p", { class: "dim xs ez-sheet-note" }, "Jobs go on when this page is closed."),
  );
}

function group(words, jobs) {
  if (!jobs.length) return null;
  return [h("h3", { class: "ez-group" }, words), h("ul", {}, jobs.map(row))];
}

function runningWords(job) {
  const left = job.progress?.seconds_left;
  return `${Math.min(job.done + 1, job.pictures)} of ${job.pictures}${left ? `, ${seconds(left)} left` : ""}`;
}

function stateWords(job) {
  if (job.status === "running") return runningWords(job);
  if (job.status === "waiting") return `${count(job.pictures, "picture")}${job.checkpoint ? `, ${job.checkpoint}` : ""}`;
  if (job.status === "cancelled" && !job.progress && !job.done) return "Cancelled";
  const made = job.done === job.pictures ? count(job.done, "picture") : `${job.done} of ${count(job.pictures, "picture")}`;
  return `${STATES[job.status]}, ${made}`;
}

function row(job) {
  const last = job.images.at(-1);
  const end = { running: ["interrupt", "Interrupt"], waiting: ["cancel", "Cancel"] }[job.status];
  return h(
    "li",
    { class: "ez-job", "data-job": job.id },
    last ? h("img", { class: "pic", src: last.thumbnail, alt: "", style: { "background-color": last.mean_colour } }) : h("span", { class: "pic ez-wait" }),
    h(
      "div",
      { class: "col" },
      h("span", { class: "cut", title: job.prompt }, title(job.prompt)),
      h("span", { class: `xs num ez-said-now ${job.status === "failed" ? "bad" : "dim"}` }, stateWords(job)),
      job.status === "running" && h("div", { class: "ez-bar thin" }, h("i", { style: { "--v": `${(job.progress?.fraction ?? 0) * 100}%` } })),
      job.status === "failed" && job.error && h("p", { class: "xs mid" }, `${job.error.message} ${job.error.hint}`),
    ),
    end &&
      h(
        "button",
        { class: "ez-btn ghost s icon", type: "button", "aria-label": `${end[1]}: ${title(job.prompt)}`, title: end[1], onclick: () => tellJob(job.id, end[0]) },
        icon("close"),
      ),
  );
}
