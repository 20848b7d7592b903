// The frame of the History page: filters, search, the tabs of its views, and the detail at the side.

import { t } from "./language.js";
import { lineageStrip, replayLine } from "./lineage.js";
import { fill, h, roving } from "./markup.js";
import { currentView, onView, showView } from "./history-state.js";

/**
 * The views, in the order of their tabs. load: gives the function that fills the view's element when it is opened first; the pictures
 * are there from the start. beside: what stays in sight beside it, of "filters", "search" and "detail".
 */
export const VIEWS = [
  { name: "pictures", words: t("Pictures"), beside: ["filters", "search", "detail"] },
  { name: "compare", words: t("Compare"), beside: [], load: async () => (await import("./history-compare.js")).mountCompare },
  { name: "analysis", words: t("Analysis"), beside: ["filters", "search"], load: async () => (await import("./history-analysis.js")).mountAnalysis },
  { name: "import", words: t("Import"), beside: [], load: async () => (await import("./history-import.js")).mountImport },
];

/**
 * What stands in the detail of a picture between its actions and its parameters, from top to bottom: functions that take an Image and
 * give an element, or null. They are called anew for each picture.
 */
export const DETAIL_PARTS = [replayLine, lineageStrip];

const SHELL = ["filters", "search", "detail"];

/** Draws the frame. Returns its parts: {filters, search, tools, stage, pictures, detail}. */
export function mountShell(element) {
  const parts = {
    filters: h("nav", { class: "ez-ask ez-history-filters", "aria-label": t("Filters"), tabindex: "-1" }),
    search: h("div", { class: "row top ez-history-search" }),
    tools: h("div", { class: "row end ez-history-tools" }),
    pictures: h("div", { class: "ez-shelf" }),
    detail: h("aside", { class: "ez-side", "aria-label": t("Picture"), tabindex: "-1" }),
  };
  const tabs = h("div", { class: "ez-subtabs", role: "tablist", "aria-label": t("Views") });
  const stop = roving(tabs, '[role="tab"]');
  const stage = h("section", { class: "ez-stage", "aria-label": t("History") }, parts.search, h("div", { class: "row wrap ez-history-head" }, tabs, parts.tools), parts.pictures);
  const main = h("div", { class: "ez-main g-history" }, parts.filters, stage, parts.detail);
  const elements = new Map([["pictures", parts.pictures]]);
  parts.stage = stage;

  async function show() {
    const view = VIEWS.find(({ name }) => name === currentView()) ?? VIEWS[0];
    const focused = tabs.contains(document.activeElement);
    tabs.hidden = VIEWS.length < 2;
    fill(tabs, VIEWS.map((other) => tab(other, other === view)));
    stop(tabs.querySelector(".on"));
    if (focused) tabs.querySelector(".on").focus({ preventScroll: true });
    for (const name of SHELL) main.classList.toggle(`has-no-${name}`, !view.beside.includes(name));
    const first = !elements.has(view.name);
    if (first) {
      elements.set(view.name, h("div", { class: "ez-history-view" }));
      stage.append(elements.get(view.name));
    }
    for (const [name, place] of elements) place.hidden = name !== view.name;
    parts.tools.hidden = view.name !== "pictures";
    if (first) (await view.load())(elements.get(view.name));
  }

  fill(element, main);
  onView(show);
  show();
  return parts;
}

function tab(view, isOpen) {
  return h(
    "button",
    { type: "button", role: "tab", "aria-selected": String(isOpen), class: isOpen ? "on" : "", tabindex: isOpen ? "0" : "-1", "data-view": view.name, onclick: () => showView(view.name) },
    view.words,
  );
}
