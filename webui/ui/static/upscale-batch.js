// Below the picture of the Upscale page: how far a batch is, its files, and what can be done with it.

import { actsOf, batchById, batchesOf, interruptBatch, onBatches, share, stateWords } from "./batches.js";
import { icon } from "./icons.js";
import { known, on } from "./jobs.js";
import { language, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { fileList } from "./upscale-files.js";
import { seconds } from "./words.js";

const KIND = "upscale";

/** {element, show, step, shown, forget}. chosen(file, batch) hears which file is looked at, changed(file, batch) that more is known of it. */
export function batchPanel(chosen, changed) {
  const list = fileList(
    (file) => chosen(file, batchById(id)),
    (file) => changed(file, batchById(id)),
  );
  const others = h("div", { class: "row ez-up-batches", role: "radiogroup", "aria-label": t("Batches"), hidden: true });
  const said = h("span", { class: "b num", role: "status" });
  const tile = h("span", { class: "mid num s" });
  const failed = h("button", { class: "ez-link s num", type: "button", onclick: () => filter(failed.getAttribute("aria-pressed") !== "true") });
  const left = h("span", { class: "mid num s" });
  const acts = h("span", { class: "row ez-up-acts" });
  const bar = h("div", { class: "ez-bar", role: "progressbar", "aria-label": t("Batch"), "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
  const trouble = h("p", { class: "ez-note bad", role: "alert", hidden: true });
  const element = h(
    "section",
    { class: "ez-up-batch", "aria-label": t("Batch"), hidden: true },
    h("div", { class: "ez-up-batch-head" }, others, h("div", { class: "row wrap" }, said, tile, failed, h("span", { class: "end row" }, left, acts)), bar, trouble),
    list.element,
  );
  let id = null; // of the batch that is shown
  let only = ""; // files that are so

  function filter(wanted) {
    only = wanted ? "failed" : "";
    list.filter(only);
    draw();
  }

  function draw() {
    const all = batchesOf(KIND);
    if (!all.some((batch) => batch.id === id)) {
      id = all[0]?.id ?? null;
      only = "";
      list.filter("");
    }
    element.hidden = !id;
    if (!id) return;
    const batch = batchById(id);
    drawOthers(all);
    say(batch);
    drawActs(batch);
    list.show(batch);
  }

  function say(batch) {
    const through = batch.done + batch.failed + batch.cancelled;
    const progress = known.jobs.get(batch.now[0]?.job)?.progress;
    const going = { active: t("Picture {total} of {total2}", { total: Math.min(through + 1, batch.total), total2: batch.total.toLocaleString(language) }), paused: t("Paused at {through} of {total}", { through, total: batch.total.toLocaleString(language) }), cancelled: t("Ended at {done} of {total}", { done: batch.done, total: batch.total.toLocaleString(language) }), done: t("{count} done", { count: tn("{n} picture", "{n} pictures", batch.done) }) };
    write(said, going[batch.status]);
    write(tile, batch.status === "active" && progress?.steps > 1 ? t("tile {steps} of {steps2}", { steps: Math.min(progress.step + 1, progress.steps), steps2: progress.steps }) : "");
    write(failed, batch.failed ? t("{failed} failed", { failed: batch.failed.toLocaleString(language) }) : "");
    failed.hidden = !batch.failed;
    failed.setAttribute("aria-pressed", String(only === "failed"));
    failed.title = only === "failed" ? t("Show all files") : t("Show those alone");
    const words = stateWords(batch);
    write(left, batch.status === "active" ? (batch.seconds_left === null ? words : t("{time} left", { time: seconds(batch.seconds_left) })) : "");
    const percent = share(batch) * 100 + (progress ? (100 / batch.total) * (progress.steps ? progress.step / progress.steps : 0) : 0);
    bar.setAttribute("aria-valuenow", String(Math.floor(percent)));
    bar.firstElementChild.style.setProperty("--v", `${percent}%`);
    trouble.hidden = !batch.error;
    if (batch.error) fill(trouble, icon("bad"), h("span", {}, batch.error.message, " ", batch.error.hint));
  }

  function drawActs(batch) {
    const running = batch.status === "active" ? batch.now[0]?.job : null;
    const key = JSON.stringify([batch.id, batch.status, batch.failed > 0, Boolean(running)]);
    if (acts.dataset.key === key) return;
    acts.dataset.key = key;
    const held = acts.contains(document.activeElement) ? [...acts.children].indexOf(document.activeElement) : -1;
    const interrupt =
      running &&
      h("button", { class: "ez-btn s danger", type: "button", title: t("End this picture at once and pause; finished ones stay"), onclick: () => interruptBatch(batchById(id)) }, icon("interrupt"), t("Interrupt"), h("kbd", {}, t("Esc")));
    const buttons = actsOf(batch).map(({ name, icon: drawing, words, run }) => {
      const bare = ["cancel", "close"].includes(name);
      const said = name === "cancel" ? t("Cancel: what waits is not made") : name === "pause" ? t("Pause after this picture") : words;
      return h("button", { class: `ez-btn s ${bare ? "ghost icon" : ""}`, type: "button", "data-act": name, title: said, "aria-label": bare ? said : null, onclick: run }, icon(drawing), bare ? null : words);
    });
    const [first, ...rest] = buttons;
    fill(acts, first, interrupt, rest);
    if (held >= 0) (acts.children[held] ?? acts.lastElementChild)?.focus({ preventScroll: true });
  }

  function drawOthers(all) {
    others.hidden = all.length < 2;
    const key = JSON.stringify(all.map((batch) => [batch.id, batch.total, batch.done, batch.status, batch.id === id]));
    if (others.dataset.key === key) return;
    others.dataset.key = key;
    const held = others.contains(document.activeElement);
    fill(
      others,
      all.map((batch) => {
        const on = batch.id === id;
        const name = batch.folder.split(/[/\\]/).filter(Boolean).at(-1) ?? t("Files");
        return h("button", { class: `ez-chip ${on ? "on" : ""}`, type: "button", role: "radio", "aria-checked": String(on), onclick: () => show(batch.id) }, h("span", { class: "cut" }, name), h("span", { class: "ez-count" }, t("{done} of {total}", { done: batch.done, total: batch.total })));
      }),
    );
    if (held) others.querySelector(".on")?.focus({ preventScroll: true });
  }

  function show(wanted) {
    id = wanted;
    filter(false);
  }

  onBatches(draw);
  on("queue", draw);
  on("progress", ({ job }) => {
    const batch = batchById(id);
    if (!batch?.now.some((file) => file.job === job.id)) return;
    say(batch);
    list.redraw();
  });
  draw();
  return {
    element,
    show,
    step: list.step,
    forget: list.forget,
    /** The batch that is shown, or null. */
    get batch() {
      return batchById(id);
    },
  };
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
