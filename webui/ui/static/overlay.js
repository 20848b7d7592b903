// What floats over every page: the run line, banners, toasts, the sheet, menus, the viewer, and the voice for screen readers.

import { mountBanners } from "./banners.js";
import { mountCompletion } from "./completion.js";
import { reopen } from "./editing.js";
import { ACTIVE, known, on, runningJob } from "./jobs.js";
import { t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { mountMenu } from "./menu.js";
import { causeOf, wayOn } from "./queue-acts.js";
import { mountSheet } from "./sheet.js";
import { mountToasts, toast } from "./toasts.js";
import { mountViewer } from "./viewer.js";
import { nameOf, title } from "./words.js";

const TITLE = "Easel";

export function mount(element) {
  const line = h("div", { class: "ez-runline", "aria-hidden": "true" });
  const banners = h("div", { class: "ez-banners" });
  const toasts = h("div", { class: "ez-toasts" });
  const sheet = h("aside", { class: "ez-side ez-sheet", hidden: true, tabindex: "-1" });
  const viewer = h("div", { class: "ez-viewer", role: "dialog", "aria-modal": "true", "aria-label": t("Full screen"), hidden: true, tabindex: "-1" });
  const voice = h("div", { class: "ez-voice", role: "status", "aria-live": "polite" });
  const menu = h("div", { class: "ez-menu-place", hidden: true });
  const completion = h("div");
  fill(element, line, banners, toasts, sheet, viewer, menu, completion, voice);
  mountBanners(banners);
  mountCompletion(completion);
  mountMenu(menu);
  mountToasts(toasts);
  mountSheet(sheet);
  mountViewer(viewer);

  const showRun = () => {
    const share = runningJob()?.progress?.fraction ?? 0;
    line.style.width = runningJob() ? `${Math.max(1, share * 100)}%` : "0";
    const words = runningJob() ? `${Math.round(share * 100)} % · ${TITLE}` : TITLE;
    if (document.title !== words) document.title = words;
  };
  for (const type of ["snapshot", "job", "progress"]) on(type, showRun);

  on("picture", ({ job, live }) => {
    if (!live && job) voice.textContent = t("Picture {done} of {pictures} is done.", { done: job.done, pictures: job.pictures });
  });
  on("note", ({ job, text }) => toast({ title: title(known.jobs.get(job)?.prompt ?? t("Note")), text }));
  on("job", ({ job, before }) => {
    if (job.status === "failed" && before && ACTIVE.has(before.status) && !job.live) {
      const kept = job.done ? tn(" {n} finished picture is kept.", " {n} finished pictures are kept.", job.done) : "";
      toast({ icon: "bad", kind: "bad", title: t("Failed: {nameOf}", { nameOf: nameOf(job) }), text: causeOf(job) + kept, action: wayOn(job, reopen) });
    }
  });
}
