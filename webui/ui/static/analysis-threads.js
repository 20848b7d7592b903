// How prompts were worked out: a strip for each, one figure for each edit.

import { card } from "./analysis-card.js";
import { t, tn } from "./language.js";
import { h, roving } from "./markup.js";
import { look } from "./rest.js";
import { moment } from "./words.js";
import { view } from "./viewer.js";

const MOST_CHANGES = 4;

export function threads(data) {
  if (!data.length) {
    return card({ title: t("How prompts came about"), note: t("Prompts that were edited step by step are shown here, each with its pictures and what was changed."), body: h("span", { hidden: true }), wide: true });
  }
  const note = t("Prompts that were edited step by step, the newest first; in each strip from old to new.");
  return card({ title: t("How prompts came about"), note, body: h("div", { class: "col ez-threads" }, data.map(strip)), wide: true });
}

function strip(thread) {
  const words = `${tn("{n} edit", "{n} edits", thread.edits)}, ${tn("{n} picture", "{n} pictures", thread.pictures)}, ${moment(thread.steps.at(-1).at)}`;
  const row = h("ol", { class: "ez-thread", "aria-label": words }, thread.steps.map((step) => figure(step, thread)));
  const stop = roving(row, "button");
  stop(row.querySelector("button"));
  // The newest edit is what one knows it by.
  requestAnimationFrame(() => (row.scrollLeft = row.scrollWidth));
  return h("div", {}, h("p", { class: "dim xs num" }, words), row);
}

function figure(step, thread) {
  const changes = step.changes.slice(0, MOST_CHANGES);
  const rest = step.changes.length - changes.length;
  return h(
    "li",
    { class: step.good ? "is-good" : "" },
    h(
      "button",
      { type: "button", tabindex: "-1", title: step.prompt, "aria-label": `${step.prompt}. ${tn("{n} picture", "{n} pictures", step.pictures)}${step.good ? t(", a good one among them") : ""}`, onclick: () => show(step, thread) },
      h("img", { src: `/api/v1/thumbnails/${step.image}`, alt: "", loading: "lazy", decoding: "async" }),
      step.pictures > 1 && h("span", { class: "ez-count" }, `×${step.pictures}`),
    ),
    h("div", { class: "ez-thread-changes" }, changes.length ? changes.map(told) : h("span", { class: "cut2 mid xs" }, step.prompt), rest > 0 && h("span", { class: "dim xs" }, t("and {rest} more", { rest }))),
  );
}

function told({ kind, text, before, after }) {
  if (kind === "added") return h("ins", { title: t("Added: {text}", { text }) }, text);
  if (kind === "removed") return h("del", { title: t("Removed: {text}", { text }) }, text);
  return h("span", { class: "ez-thread-weight", title: t("{text}: from {before} to {after}", { text, before, after }) }, `${text} ${after}`);
}

async function show(step, thread) {
  const image = await look(`/history/${step.image}`);
  if (!image) return;
  const found = new Map([[step.image, image]]);
  const fetchOne = async (other) => other && !found.has(other.image) && found.set(other.image, await look(`/history/${other.image}`));
  const at = thread.steps.indexOf(step);
  await Promise.all([fetchOne(thread.steps[at - 1]), fetchOne(thread.steps[at + 1])]);
  view(image, (shown, direction) => {
    const index = thread.steps.findIndex((other) => other.image === shown.id) + direction;
    fetchOne(thread.steps[index + direction]);
    return found.get(thread.steps[index]?.image) ?? null;
  });
}
