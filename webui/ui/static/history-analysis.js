// The Analysis view of History: what the pictures that are searched for say together. Each mark leads to the pictures behind it.

import { calendar } from "./analysis-calendar.js";
import { lift } from "./analysis-lift.js";
import { scatter } from "./analysis-scatter.js";
import { threads } from "./analysis-threads.js";
import { trends } from "./analysis-trends.js";
import { plotting } from "./charts.js";
import { currentView, onSearch, onView, search, searched, showView } from "./history-state.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { inOurLanguage, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { open } from "./pages.js";

const NAME = "analysis";

/** Fills the view. */
export function mountAnalysis(element) {
  let asked = 0;
  let shown = null; // the search that is drawn
  const again = h("button", { class: "ez-link s", type: "button", hidden: true, onclick: () => look() }, t("Look again"));
  const said = h("p", { class: "mid s num", role: "status" });
  const body = h("div", { class: "ez-analysis-body" });
  fill(element, h("div", { class: "ez-analysis" }, h("div", { class: "row wrap" }, said, again), body));

  const follow = (query) => {
    showView("pictures");
    search([searched(), query].filter(Boolean).join(" "));
  };

  async function look() {
    const mine = ++asked;
    shown = searched();
    again.hidden = true;
    said.textContent = t("Counting");
    const response = await fetch(`/api/v1/history/analysis?q=${encodeURIComponent(shown)}`).catch(() => null);
    const answer = inOurLanguage(await response?.json().catch(() => null));
    if (mine !== asked) return;
    if (!response?.ok) {
      shown = null;
      said.textContent = "";
      const problem = answer?.error ?? { message: t("Easel doesn't answer."), hint: t("Look again when the connection is back.") };
      fill(body, h("p", { class: "ez-note bad", role: "alert" }, icon("bad"), h("span", {}, problem.message, " ", problem.hint)));
      again.hidden = false;
      return;
    }
    said.textContent = words(answer);
    if (!answer.pictures) return fill(body, empty(shown));
    const Plot = await plotting();
    if (mine !== asked) return;
    fill(body, calendar(Plot, answer.calendar, follow), trends(Plot, answer.trends, follow), lift(Plot, answer.lifts, follow), scatter(Plot, answer.points), threads(answer.threads));
  }

  const wake = () => currentView() === NAME && shown !== searched() && look();
  onSearch(wake);
  onView(wake);
  // What is drawn stays: charts that move by themselves can't be read.
  for (const event of ["picture", "imported", "marks"]) on(event, () => shown !== null && (again.hidden = false));
  wake();
}

function words({ pictures, more, first, last }) {
  if (!pictures) return "";
  const range = first === last ? first : t("{first} to {last}", { first, last });
  return more ? t("The newest {count} of what was found, {range}", { count: tn("{n} picture", "{n} pictures", pictures), range }) : `${tn("{n} picture", "{n} pictures", pictures)}, ${range}`;
}

function empty(query) {
  if (query) return h("div", { class: "ez-empty" }, icon("search"), h("p", {}, t("No picture fits this search.")));
  return h("div", { class: "ez-empty" }, icon("pictures"), h("p", {}, t("Once there are pictures, this shows when you made them, with which words, and what the good ones have in common.")), h("button", { class: "ez-btn", type: "button", onclick: () => open("txt2img") }, t("Make a picture")));
}
