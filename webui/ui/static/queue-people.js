// Others in the queue: how many jobs of theirs wait, and for administrators whose, with what can be done about them.

import { icon } from "./icons.js";
import { t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { change } from "./rest.js";
import { toast } from "./toasts.js";

/** A section of the queue's sheet. draw(queue): with the queue in a few numbers, as the server tells it. */
export function queuePeople() {
  const words = h("p", { class: "dim xs ez-sheet-note" });
  const list = h("div", { role: "list", "aria-label": t("Others") });
  const element = h("section", { hidden: true }, h("h3", { class: "ez-group" }, t("Others")), words, list);
  return { element, draw: (queue) => draw(element, words, list, queue) };
}

function draw(element, words, list, { others, people, held }) {
  element.hidden = !others && !people.length && !held;
  const turns = others ? tn("{n} job of others waits; you take turns.", "{n} jobs of others wait; you take turns.", others) : "";
  words.textContent = [held && t("An administrator paused the queue. Your jobs keep their places."), turns].filter(Boolean).join(" ");
  words.hidden = !words.textContent;
  const key = JSON.stringify(people);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  const { person, act } = list.contains(document.activeElement) ? document.activeElement.dataset : {};
  fill(list, ...people.map(row));
  if (act) (list.querySelector(`[data-person="${person}"][data-act="${act}"]`) ?? list.querySelector("button"))?.focus();
}

function row(person) {
  const said = [
    person.paused && t("paused"),
    person.running && t("{running} running", { running: person.running }),
    person.waiting && t("{waiting} waiting", { waiting: person.waiting }),
  ];
  const button = (act, drawing, does, run) =>
    h(
      "button",
      { class: "ez-btn ghost s icon", type: "button", "data-act": act, "data-person": person.id, "aria-label": `${does}: ${person.name}`, title: does, onclick: run },
      icon(drawing),
    );
  return h(
    "div",
    { class: "ez-person-line", role: "listitem" },
    h("span", { class: "ez-person-name" }, person.name),
    h("span", { class: "dim xs" }, said.filter(Boolean).join(", ")),
    button(
      "hold",
      person.paused ? "play" : "pause",
      person.paused ? t("Resume their jobs") : t("Pause their jobs"),
      () => change(`/queue/people/${person.id}/${person.paused ? "resume" : "pause"}`),
    ),
    person.waiting + person.running > 0 && button("cancel", "trash", t("Cancel their jobs"), () => cancel(person)),
  );
}

async function cancel(person) {
  const cleared = await change(`/queue/people/${person.id}/clear`);
  if (!cleared) return;
  const undo = cleared.cancelled ? () => change(`/queue/people/${person.id}/restore`, { stamp: cleared.stamp }) : null;
  toast({ icon: "ok", title: t("Jobs of {name} cancelled", { name: person.name }), text: t("{cancelled} waited.", { cancelled: tn("{n} job", "{n} jobs", cleared.cancelled) }), undo });
}
