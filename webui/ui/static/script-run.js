// A run of a script in words and buttons, wherever it is told of.

import { icon } from "./icons.js";
import { t, tn } from "./language.js";
import { h } from "./markup.js";
import { change } from "./rest.js";

const RESUMABLE = new Set(["paused", "failed", "cancelled"]);

/** Whether more pictures will come without anybody's doing, or after a pause. */
export function goesOn({ status }) {
  return status === "active" || status === "paused";
}

/** "12 of 37 pictures, 2 failed" */
export function runWords(run) {
  const words = [t("{done} of {total}", { done: run.done, total: tn("{n} picture", "{n} pictures", run.total) }), run.failed && t("{failed} failed", { failed: run.failed })];
  const state = { paused: t("paused"), cancelled: t("ended early"), failed: run.error?.message ?? t("failed"), done: t("done") }[run.status] ?? run.doing;
  return [...words, state].filter(Boolean).join(", ");
}

/** Share of its parts that are through. */
export function shareOf(run) {
  return run.total ? (run.done + run.failed + run.cancelled) / run.total : 0;
}

/** Pause, Go on, Cancel: those that make sense for it now. */
export function runActs(run) {
  const act = (words, name, picture) =>
    h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": `${words}: ${run.title}`, title: words, "data-does": name, onclick: () => change(`/scripts/runs/${run.id}/${name}`, {}, { but: 409 }) }, icon(picture));
  return [
    run.status === "active" && act(t("Pause"), "pause", "pause"),
    RESUMABLE.has(run.status) && act(t("Go on"), "resume", "play"),
    goesOn(run) && act(t("Cancel"), "cancel", "interrupt"),
  ];
}
