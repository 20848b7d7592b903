// Above Generate, while it lasts: a job is in the fields, or one job after the other is made forever.

import { editedJob, editedPrompt, leave, onEditing, save } from "./editing.js";
import { icon } from "./icons.js";
import { isForever, on } from "./jobs.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { endForever } from "./queue-acts.js";
import { title } from "./words.js";

export function mount(element) {
  const editing = h("div", { class: "ez-standing", role: "status", hidden: true });
  const forever = h(
    "div",
    { class: "ez-standing", role: "status", hidden: true },
    icon("repeat"),
    h("span", { class: "grow" }, t("Forever: one job follows the other.")),
    h("button", { class: "ez-btn s", type: "button", title: t("Let the job that runs be the last one"), onclick: endForever }, t("End forever")),
  );
  fill(element, editing, forever);

  const show = () => {
    editing.hidden = !editedJob();
    if (editedJob() && editing.dataset.job !== editedJob()) {
      fill(
        editing,
        icon("edit"),
        h("span", { class: "grow cut2", title: editedPrompt() }, t("Editing"), " ", h("b", {}, title(editedPrompt()))),
        h("button", { class: "ez-btn ghost s", type: "button", title: t("The job stays as it was, and the fields get back what stood there"), onclick: leave }, t("Leave")),
        h("button", { class: "ez-btn s", type: "button", title: t("The job gets what the fields say and keeps its place"), onclick: save }, t("Save to queue")),
      );
    }
    editing.dataset.job = editedJob() ?? "";
    forever.hidden = !isForever();
  };
  onEditing(show);
  for (const type of ["snapshot", "job", "queue"]) on(type, show);
  show();
}
