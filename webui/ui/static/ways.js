// The arrow beside Generate: the other ways to add a job.

import { openBatchSheet } from "./batch-sheet.js";
import { clearErrors, showError } from "./fields.js";
import { icon } from "./icons.js";
import { isForever, on } from "./jobs.js";
import { t } from "./language.js";
import { onReceipt } from "./link.js";
import { fill, h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { order } from "./order.js";
import { endForever } from "./queue-acts.js";
import { kindOf } from "./source.js";
import { follow } from "./stage.js";
import { errorToast } from "./toasts.js";

const NAME = t("Other ways to generate");

export function mount(element) {
  const arrow = h(
    "button",
    { class: "ez-btn primary l", type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => toggleMenu(arrow, NAME, items(), () => arrow) },
    icon("down"),
  );
  fill(element, arrow);
  const show = () => {
    const words = isForever() ? t("{NAME}; forever is on", { NAME }) : NAME;
    arrow.title = words;
    arrow.setAttribute("aria-label", words);
    arrow.classList.toggle("forever", isForever());
  };
  for (const type of ["snapshot", "job", "queue"]) on(type, show);
  show();
}

function items() {
  return [
    { icon: "top", words: t("Generate next, before all that waits"), run: () => order("soon") },
    isForever()
      ? { icon: "repeat", words: t("End forever"), run: endForever }
      : { icon: "repeat", words: t("Generate forever"), run: () => order("forever") },
    kindOf() !== "txt2img" && { icon: "folder", words: t("Draw on many files"), run: () => openBatchSheet() },
  ];
}

for (const way of ["soon", "forever"]) {
  onReceipt(way, ({ error }) => {
    if (error) return showError(error) || errorToast(error);
    clearErrors();
    follow();
  });
}
