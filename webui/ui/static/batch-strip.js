// Below the canvas, while there is a batch: how far it is, and what can be done with it.

import { openBatchSheet } from "./batch-sheet.js";
import { actsOf, batchesOf, doneWords, onBatches, share, stateWords } from "./batches.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";

/** The batches of `page` at `element`. */
export function showBatches(element, page) {
  const draw = () => {
    const batches = batchesOf(page);
    element.hidden = !batches.length;
    const rows = new Map([...element.children].map((row) => [row.dataset.batch, row]));
    const wanted = batches.map((batch) => {
      const row = rows.get(batch.id)?.dataset.key === keyOf(batch) ? rows.get(batch.id) : rowOf(batch);
      say(row, batch);
      return row;
    });
    if (wanted.length === element.children.length && wanted.every((row, at) => element.children[at] === row)) return;
    const row = element.contains(document.activeElement) ? document.activeElement.closest(".ez-batch") : null;
    const at = row && [...row.querySelectorAll("button")].indexOf(document.activeElement);
    fill(element, wanted);
    // Pause becomes Resume in the same place.
    if (row) wanted.find((other) => other.dataset.batch === row.dataset.batch)?.querySelectorAll("button")[at]?.focus({ preventScroll: true });
  };
  onBatches(draw);
  on("queue", draw);
  draw();
}

// What decides which buttons there are.
function keyOf({ status, failed }) {
  return `${status} ${failed > 0}`;
}

function rowOf(batch) {
  const small = ({ name, icon: drawing, words, run }) =>
    h("button", { class: "ez-btn s", type: "button", "data-act": name, title: words, "aria-label": t("{words}: batch", { words }), onclick: run }, icon(drawing), h("span", { class: "only-wide" }, words));
  return h(
    "div",
    { class: "ez-batch", role: "group", "aria-label": t("Batch"), "data-batch": batch.id, "data-key": keyOf(batch) },
    icon("folder"),
    h("span", { class: "b only-wide" }, t("Batch")),
    h("span", { class: "cut grow num s", role: "status" }),
    h("div", { class: "ez-bar thin", role: "progressbar", "aria-label": t("Batch"), "aria-valuemin": "0", "aria-valuemax": "100" }, h("i", {})),
    small({ name: "files", icon: "grid", words: t("Files"), run: () => openBatchSheet(batch.kind, { batch: batch.id }) }),
    actsOf(batch).map(small),
  );
}

function say(row, batch) {
  const words = [doneWords(batch), stateWords(batch), batch.error?.message].filter(Boolean).join(" · ");
  const said = row.querySelector('[role="status"]');
  if (said.textContent !== words) said.textContent = said.title = words;
  said.classList.toggle("bad", Boolean(batch.error));
  const percent = Math.floor(share(batch) * 100);
  row.querySelector(".ez-bar").setAttribute("aria-valuenow", String(percent));
  row.querySelector(".ez-bar i").style.setProperty("--v", `${percent}%`);
}
