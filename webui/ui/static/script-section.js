// The section Script of the pages that draw: one script of an add-on for what is generated, its fields, and the runs that go on.

import { callAddOn } from "./add-ons.js";
import { Elements } from "./elements.js";
import { onError } from "./fields.js";
import { icon } from "./icons.js";
import { known, on } from "./jobs.js";
import { t } from "./language.js";
import { onReceipt } from "./link.js";
import { fill, h } from "./markup.js";
import { currentPage, onPage } from "./pages.js";
import { look } from "./rest.js";
import { openRun } from "./run-board.js";
import { goesOn, runActs, runWords, shareOf } from "./script-run.js";
import { select } from "./select.js";
import { recall, remember } from "./storage.js";

const SHOWN = 3;

let scripts = [];
let drawn = new Map(); // id -> Elements
let chosen = recall("script", {}); // page -> id
let runs = [];
let parts = {};

/** The script that is chosen on a page, as an order has it; null for none. */
export function chosenScript(page) {
  const about = scripts.find(({ id, tabs }) => id === chosen[page] && tabs.includes(page));
  return about ? { id: about.id, values: elementsOf(about).values } : null;
}

/** The section, or null where no add-on offers a script. */
export function scriptSection(offered) {
  scripts = offered;
  if (!scripts.length) return null;
  const sum = h("span", { class: "sum" });
  const body = h("div", { hidden: true });
  const chevron = icon("next", "s");
  chevron.classList.add("chev");
  const head = h("button", { type: "button", "aria-expanded": "false", onclick: () => toggle(body.hidden) }, chevron, h("span", {}, t("Script")), sum);
  const element = h("section", { class: "ez-acc", id: "ez-acc-script", "aria-label": t("Script") }, head, body);
  const toggle = (opened) => {
    body.hidden = !opened;
    element.classList.toggle("open", opened);
    head.setAttribute("aria-expanded", String(opened));
    remember("script-open", opened);
  };
  parts = { sum, body, element, toggle, choice: h("div", {}), fields: h("div", { class: "ez-elements" }), runs: h("div", { class: "ez-runs" }) };
  fill(body, parts.choice, parts.fields, parts.runs);
  toggle(recall("script-open", false));
  onPage(draw);
  onError(complain);
  onReceipt("generate", ({ run }) => run && (toggle(true), openRun(run)));
  on("snapshot", lookAgain);
  on("script_run", take);
  on("script_run_removed", (id) => ((runs = runs.filter((run) => run.id !== id)), drawRuns()));
  if (known.loaded) lookAgain();
  draw();
  return element;
}

async function lookAgain() {
  const answer = await look("/scripts/runs");
  if (!answer) return;
  runs = answer.items;
  drawRuns();
}

function take(run) {
  const at = runs.findIndex(({ id }) => id === run.id);
  if (at < 0) runs.unshift(run);
  else runs[at] = run;
  drawRuns();
}

function elementsOf(about) {
  if (!drawn.has(about.id)) {
    const set = (given) => {
      elements.set(given);
      keep();
    };
    const keep = () => remember("script-values", { ...recall("script-values", {}), [about.id]: elements.values });
    const wrong = (error) => elements.complainOf(error);
    const changed = (name, calls) => {
      keep();
      if (calls) callAddOn(about, name, elements.values, set, wrong);
    };
    const elements = new Elements(about.content, { changed, pressed: (button) => callAddOn(about, button.name, elements.values, set, wrong) });
    const before = recall("script-values", {})[about.id] ?? {};
    elements.set(Object.fromEntries(Object.entries(before).filter(([name]) => name in elements.values)));
    drawn.set(about.id, elements);
  }
  return drawn.get(about.id);
}

function draw() {
  const page = currentPage();
  const here = scripts.filter(({ tabs }) => tabs.includes(page));
  parts.element.hidden = !here.length;
  const about = here.find(({ id }) => id === chosen[page]) ?? null;
  const rows = [["", t("None")], ...here.map(({ id, title }) => [id, title])];
  const pick = (id) => {
    chosen = { ...chosen, [page]: id };
    remember("script", chosen);
    draw();
  };
  fill(parts.choice, select(t("Script"), { id: "ez-script" }, about?.id ?? "", rows, pick));
  fill(parts.fields, about?.help && h("p", { class: "dim s" }, about.help), about && elementsOf(about).element);
  parts.sum.textContent = about ? about.title : t("None");
  parts.sum.classList.toggle("on", Boolean(about));
  drawRuns();
}

function drawRuns() {
  if (!parts.runs) return;
  const last = runs.filter((run) => !goesOn(run)).slice(0, 1);
  const shown = [...runs.filter(goesOn), ...last].slice(0, SHOWN);
  fill(
    parts.runs,
    shown.map((run) =>
      h(
        "div",
        { class: "ez-run", role: "group", "aria-label": run.title },
        h("button", { class: "ez-link", type: "button", onclick: () => openRun(run.id) }, run.title),
        h("span", { class: `dim s cut grow ${run.error ? "bad" : ""}`, role: "status", title: run.error?.message ?? "" }, runWords(run)),
        h("div", { class: "ez-bar thin", role: "progressbar", "aria-label": run.title, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.floor(shareOf(run) * 100)) }, h("i", { style: { "--v": `${shareOf(run) * 100}%` } })),
        runActs(run),
      ),
    ),
  );
}

// "values.x_values": of the script that is chosen.
function complain(error) {
  const about = scripts.find(({ id }) => id === chosen[currentPage()]);
  if (!about || !error.field?.startsWith("values.")) return false;
  parts.toggle(true);
  return elementsOf(about).complain(error.field.slice("values.".length), error);
}
