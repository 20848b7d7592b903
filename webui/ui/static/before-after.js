// Two pictures of one size, one over the other, with a line to drag between before and after.

import { divider } from "./divider.js";
import { t } from "./language.js";
import { h } from "./markup.js";

let last = 0.5; // where the line was, so that it stays there from picture to picture

/**
 * {element, line, hold}: before and after are addresses, width and height the pictures' size in px, alt the words for what is seen,
 * labels what stands in the corners. `hold(true)` shows before alone until `hold(false)`. Where before is gone, that is said in its corner.
 */
export function beforeAfter({ before, after, width, height, alt, labels = [t("Before"), t("After")] }) {
  const under = h("img", { class: "pic", src: before, alt: "", draggable: "false" });
  const over = h("div", { class: "over" }, h("img", { class: "pic", src: after, alt, draggable: "false" }));
  const [left, right] = labels.map((words) => h("span", { class: "lab" }, words));
  right.classList.add("right");
  const element = h("div", { class: "ez-split", style: { "--ratio": String(width / height) } }, under, over, left, right);
  const kept = last; // a new line stands in the middle
  const line = divider(
    () => element.getBoundingClientRect(),
    (share) => {
      last = share;
      element.style.setProperty("--cut", `${share * 100}%`);
    },
  );
  element.append(line.element);
  line.put(kept);
  under.addEventListener("error", () => {
    element.classList.add("has-no-before");
    left.textContent = t("What it started from is not here any more");
  });
  element.addEventListener("pointerdown", (event) => line.element.contains(event.target) || line.drag(event));
  return { element, line, hold: (isOn) => element.classList.toggle("is-before", isOn) };
}
