// The name at the left of the bar.

import { t } from "./language.js";
import { fill, h, shape } from "./markup.js";

export function mount(element) {
  const mark = shape(
    "svg",
    { viewBox: "0 0 24 24", fill: "none", "aria-hidden": "true", "stroke-linecap": "round" },
    shape("path", { d: "M12 1.5V4M8 15.5 5.8 22M16 15.5 18.2 22", stroke: "currentColor", "stroke-width": "2" }),
    shape("rect", { x: "3", y: "4", width: "18", height: "12", rx: "2.2", fill: "var(--ez-accent-fill)" }),
    shape("path", { d: "M7 12c1.6-3.6 3.4-4.4 4.7-2.2 1.2 2 2.8 1.8 5.3-1.6", stroke: "#fff", "stroke-width": "1.9" }),
  );
  fill(element, h("a", { class: "ez-brand", href: "#txt2img", "aria-label": t("Easel") }, mark, h("span", {}, t("Easel"))));
}
