// What floats over every page: the run line, the banner, toasts, the sheet, the viewer, and the voice for screen readers.

import { icon } from "./icons.js";
import { ACTIVE, activeJobs, known, on, runningJob } from "./jobs.js";
import { fill, h } from "./markup.js";
import { mountSheet } from "./sheet.js";
import { errorToast, mountToasts, toast } from "./toasts.js";
import { mountViewer } from "./viewer.js";

const TITLE = "Easel";

export function mount(element) {
  const line = h("div", { class: "ez-runline", "aria-hidden": "true" });
  const banner = h("div", { class: "ez-banner", role: "alert", hidden: true });
  const toasts = h("div", { class: "ez-toasts" });
  const sheet = h("aside", { class: "ez-side ez-sheet", hidden: true, tabindex: "-1" });
  const viewer = h("div", { class: "ez-viewer", role: "dialog", "aria-modal": "true", "aria-label": "Full screen", hidden: true, tabindex: "-1" });
  const voice = h("div", { class: "ez-voice", role: "status", "aria-live": "polite" });
  fill(element, line, banner, toasts, sheet, viewer, voice);
  mountToasts(toasts);
  mountSheet(sheet);
  mountViewer(viewer);

  const showRun = () => {
    const share = runningJob()?.progress?.fraction ?? 0;
    line.style.width = activeJobs().length ? `${Math.max(1, share * 100)}%` : "0";
    const title = runningJob() ? `${Math.round(share * 100)} % · ${TITLE}` : TITLE;
    if (document.title !== title) document.title = title;
  };
  for (const type of ["snapshot", "job", "progress"]) on(type, showRun);

  // A restart or a short pause of the network is over before anyone reads about it.
  let patience = null;
  const showConnection = () => {
    clearTimeout(patience);
    const state = known.worker.state;
    const words = !known.connected
      ? "Reconnecting. Jobs go on; nothing is lost."
      : state === "lost"
        ? known.worker.message || "The worker stopped and is being restarted. The job goes on by itself."
        : null;
    if (!words) {
      banner.hidden = true;
      return;
    }
    patience = setTimeout(() => {
      fill(banner, icon("wait"), words);
      banner.hidden = false;
    }, 400);
  };
  for (const type of ["connection", "worker", "snapshot"]) on(type, showConnection);

  on("picture", ({ job, live }) => {
    if (!live && job) voice.textContent = `Picture ${job.done} of ${job.pictures} is done.`;
  });
  on("note", ({ text }) => toast({ title: "Note", text }));
  on("job", ({ job, before }) => {
    if (job.status === "failed" && before && ACTIVE.has(before.status) && !job.live) {
      errorToast(job.error ?? { message: "The job failed.", hint: "" });
    }
  });
}
