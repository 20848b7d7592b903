// How runs are told of.

import { language, t, tn } from "./language.js";
import { seconds } from "./words.js";

/** One line on how a run is. */
export function runWords({ status, progress, error, asked }) {
  const steps = tn("{n} step", "{n} steps", asked.steps);
  if (status === "waiting") return t("{steps}; waits for the one before", { steps });
  if (status === "cancelled") return t("Stopped; it can go on");
  if (status === "failed") return error.message;
  if (status === "done") return `${steps}, done`;
  if (!progress?.total) return progress?.stage || t("Begins");
  const left = progress.seconds_left ? t(", {time} left", { time: seconds(progress.seconds_left) }) : "";
  return t("{stage}: {done} of {total}{left}", { stage: progress.stage, done: progress.done.toLocaleString(language), total: progress.total.toLocaleString(language), left });
}

/** A loss as it is written. */
export function lossWords(loss) {
  return loss === null || loss === undefined ? "" : loss.toPrecision(3);
}
