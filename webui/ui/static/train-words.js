// How runs are told of.

import { count, seconds } from "./words.js";

/** One line on how a run is. */
export function runWords({ status, progress, error, asked }) {
  const steps = count(asked.steps, "step");
  if (status === "waiting") return `${steps}; waits for the one before`;
  if (status === "cancelled") return "Stopped; it can go on";
  if (status === "failed") return error.message;
  if (status === "done") return `${steps}, done`;
  if (!progress?.total) return progress?.stage || "Begins";
  const left = progress.seconds_left ? `, ${seconds(progress.seconds_left)} left` : "";
  return `${progress.stage}: ${progress.done.toLocaleString("en")} of ${progress.total.toLocaleString("en")}${left}`;
}

/** A loss as it is written. */
export function lossWords(loss) {
  return loss === null || loss === undefined ? "" : loss.toPrecision(3);
}
