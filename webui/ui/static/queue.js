// The right end of the bar: the queue in one pill, the theme, the settings.

import { icon } from "./icons.js";
import { activeCount, isForever, known, on, runningJob } from "./jobs.js";
import { t, tn } from "./language.js";
import { onReceipt } from "./link.js";
import { fill, h } from "./markup.js";
import { PAGES, currentPage, onPage, open } from "./pages.js";
import { toggleQueue } from "./queue-sheet.js";
import { onSheet } from "./sheet.js";
import { onTheme, toggleTheme } from "./theme.js";
import { seconds } from "./words.js";

let pill = null;
let sent = 0; // asked for, not yet answered: counted at once, so that a click is felt at once

/** A job was just asked for; its receipt ("generate", "example", "enlarge", "soon" or "forever") comes. */
export function expectJob() {
  sent += 1;
  show();
}

/** Its receipt has come, or it was not asked for after all. */
export function forgetJob() {
  sent = Math.max(0, sent - 1);
  show();
}

export function mount(element) {
  pill = h("button", { class: "ez-pill", type: "button", "aria-expanded": "false", title: t("Queue (Q)"), onclick: toggleQueue });
  const theme = h("button", { class: "ez-btn ghost icon", type: "button", onclick: toggleTheme });
  fill(element, h("div", { class: "ez-quick" }, pill, theme, pageButton("settings", t("Settings"), "gear"), pageButton("system", t("System"), "pulse")));
  onTheme((dark) => {
    const words = dark ? t("Light theme") : t("Dark theme");
    theme.title = words;
    theme.setAttribute("aria-label", words);
    fill(theme, icon(dark ? "sun" : "moon"));
  });
  for (const type of ["snapshot", "job", "picture", "queue"]) on(type, show);
  on("progress", showProgress);
  for (const about of ["generate", "example", "enlarge", "soon", "forever"]) onReceipt(about, forgetJob);
  document.addEventListener("click", (event) => event.target.closest?.("#ez-generate") && expectJob());
  onSheet((name) => pill.setAttribute("aria-expanded", String(name === "queue")));
  show();
}

// Settings and System stand here instead of among the tabs, which have no room to spare.
function pageButton(page, words, drawing) {
  const key = PAGES.indexOf(page) + 1;
  const button = h("button", { class: `ez-btn ghost icon ez-open-${page}`, type: "button", title: key < 10 ? `${words} (${key})` : words, "aria-label": words, onclick: () => open(page) }, icon(drawing));
  const mark = (shown) => {
    button.classList.toggle("on", shown === page);
    if (shown === page) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  };
  onPage(mark);
  mark(currentPage());
  return button;
}

function show() {
  if (!pill) return;
  const number = Math.max(activeCount(), Math.min(1, sent));
  const { paused } = known.queue;
  pill.classList.toggle("on", number > 0 && !paused);
  const words = number ? countWords(number) : paused ? t("Paused") : t("Queue");
  const sign = paused ? icon("pause", "s") : number ? h("span", { class: "ez-ring", style: { "--p": share() } }) : h("span", { class: "ez-dot" });
  fill(pill, sign, h("span", { class: number ? "num" : "" }, words), isForever() && icon("repeat", "s"));
  pill.title = [t("Queue (Q)"), paused && t("paused"), isForever() && t("forever is on")].filter(Boolean).join(", ");
}

function countWords(number) {
  const left = number === 1 ? runningJob()?.progress?.seconds_left : known.queue.seconds;
  return tn("{n} job", "{n} jobs", number) + (left && !known.queue.paused ? `, ${seconds(left)}` : "");
}

function share() {
  return `${Math.round((runningJob()?.progress?.fraction ?? 0) * 100)}%`;
}

// Sixty times a job: only what moves is touched.
function showProgress({ job }) {
  if (job.live || !pill) return;
  pill.querySelector(".ez-ring")?.style.setProperty("--p", share());
  const words = pill.querySelector(".num");
  if (words) words.textContent = countWords(Math.max(1, activeCount()));
}
