// How far a job is, with the ways to end it: stands beside the picture that it ends.

import { icon } from "./icons.js";
import { known, tellJob } from "./jobs.js";
import { t } from "./language.js";
import { h } from "./markup.js";
import { seconds } from "./words.js";

/** {element, update}: `update(job)` shows how far the job is now. */
export function progressCard(job) {
  const count = h("span", { class: "b" });
  const step = h("span", { class: "mid num" });
  const left = h("span", { class: "end mid num" });
  const segments = Array.from({ length: Math.min(job.pictures, 40) }, () => h("i"));
  const bar = h("div", { class: "ez-bar", role: "progressbar", "aria-label": t("Job"), "aria-valuemin": "0", "aria-valuemax": "100" }, segments);
  const stage = h("span", { class: "dim s cut" });
  const skip = h(
    "button",
    { class: "ez-btn s", type: "button", title: t("End this picture, go on with the next"), onclick: () => tellJob(job.id, "skip") },
    icon("skip"),
    t("Skip"),
  );
  const interrupt = h(
    "button",
    { class: "ez-btn s danger", type: "button", title: t("End this job; finished pictures stay"), onclick: () => end(job.id) },
    icon("interrupt"),
    t("Interrupt"),
    h("kbd", {}, t("Esc")),
  );
  const element = h(
    "div",
    { class: "ez-progress" },
    h("div", { class: "row" }, count, step, left),
    bar,
    h("div", { class: "row" }, stage, h("span", { class: "end row" }, job.pictures > 1 && skip, interrupt)),
  );
  const update = (now) => {
    const progress = now.progress;
    const running = now.status === "running";
    const at = progress?.image ?? now.done;
    count.textContent = running ? t("Picture {value} of {pictures}", { value: Math.min(at + 1, now.pictures), pictures: now.pictures }) : t("Waiting");
    step.textContent = progress?.steps ? t("step {step} of {steps}", { step: progress.step, steps: progress.steps }) : "";
    left.textContent = progress?.seconds_left ? t("{seconds} left", { seconds: seconds(progress.seconds_left) }) : "";
    stage.textContent = progress?.stage ?? waitingWords(now);
    const inPicture = progress?.steps ? progress.step / progress.steps : 0;
    segments.forEach((segment, index) => {
      const share = index < at ? 1 : index === at ? inPicture : 0;
      segment.style.setProperty("--v", `${share * 100}%`);
    });
    bar.setAttribute("aria-valuenow", String(Math.round((progress?.fraction ?? 0) * 100)));
  };
  return { element, update };
}

function waitingWords(job) {
  if (job.status === "running") return t("Starting");
  if (known.worker.state !== "ready") return known.worker.message || t("Starting the worker");
  return t("Next in line");
}

/** Interrupts a job that runs, cancels one that waits. */
export function end(id) {
  const job = known.jobs.get(id);
  return tellJob(id, job?.status === "waiting" ? "cancel" : "interrupt");
}
