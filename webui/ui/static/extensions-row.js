// One add-on in the list: what it is, what it costs, what went wrong, and its switch.

import { openExtension, openStage } from "./extensions-sheet.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { change } from "./rest.js";
import { toast } from "./toasts.js";

const HOT_START_MS = 250;
const HOT_JOB_MS = 200;
const ICONS = new Set(["brush", "edit", "eye", "film", "folder", "grid", "layers", "pictures", "plan", "search", "seed", "sliders", "star", "tag", "send", "repeat"]);
const OFF_WORDS = {
  strikes: t("Off after 3 errors."),
  crash: t("Off: it ended Easel."),
  trial: t("Off: it did not pass its trial."),
};

export function extensionRow(item, view) {
  const more = h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("More about {title}", { title: item.title }), "aria-haspopup": "menu", "data-focus": `more-${item.id}`, onclick: () => toggleMenu(more, item.title, menu(item, view), () => more) }, icon("more"));
  return h(
    "li",
    { class: "ez-ext", "data-id": item.id, "data-state": item.state },
    h("span", { class: "ico" }, icon(ICONS.has(item.icon) ? item.icon : "layers")),
    h(
      "div",
      { class: "ez-ext-what" },
      h("div", { class: "row wrap" }, h("button", { class: "ez-ext-name", type: "button", "data-focus": `name-${item.id}`, onclick: () => openExtension(item.id) }, item.title), h("span", { class: "dim s num" }, item.version), badges(item)),
      item.description && h("p", { class: "s" }, item.description),
      h("div", { class: "row wrap ez-ext-facts" }, h("span", { class: "dim xs cut" }, item.source), costs(item)),
    ),
    h("div", { class: "row" }, more, toggle(item, view)),
    trouble(item, view),
  );
}

function badges(item) {
  return [
    !item.enabled && h("span", { class: `ez-badge ${item.off === "user" ? "" : "bad"}` }, t("Off")),
    item.state === "failed" && h("span", { class: "ez-badge bad" }, t("Not loaded")),
    item.state === "off for the search" && h("span", { class: "ez-badge warn" }, t("Off for the search")),
    item.newer && h("span", { class: "ez-badge acc" }, t("Update {newer}", { newer: item.newer })),
    item.origin === "linked" && h("span", { class: "ez-badge" }, t("Reloads when saved")),
    item.needs_restart && h("span", { class: "ez-badge warn" }, t("Needs a restart")),
  ];
}

function costs(item) {
  const start = Object.values(item.start_ms).reduce((sum, ms) => sum + ms, 0);
  const bar = (value, most, words) => h("span", { class: `ez-ms ${value > most ? "hot" : ""}` }, h("i", { style: { "--v": `${Math.min(100, (value / most) * 60)}%` } }), words);
  return [
    Object.keys(item.start_ms).length > 0 && bar(start, HOT_START_MS, t("start {start} ms", { start: Math.round(start) })),
    item.job_ms !== null && bar(item.job_ms, HOT_JOB_MS, item.job_ms < 1000 ? t("{job_ms} ms a job", { job_ms: item.job_ms }) : t("{job_ms} s a job", { job_ms: (item.job_ms / 1000).toFixed(1) })),
  ];
}

function toggle(item, view) {
  return h(
    "button",
    { class: `ez-switch ${item.enabled ? "on" : ""}`, type: "button", role: "switch", "aria-checked": String(item.enabled), "aria-label": item.title, "data-focus": `switch-${item.id}`, disabled: Boolean(view.search && !view.search.verdict), onclick: () => switchTo(item, !item.enabled) },
    h("i"),
  );
}

export async function switchTo(item, wanted, undone = false) {
  const answer = await change(`/extensions/${item.id}/${wanted ? "enable" : "disable"}`);
  if (answer && !undone) toast({ icon: "ok", title: wanted ? t("{title} is on", { title: item.title }) : t("{title} is off", { title: item.title }), undo: () => switchTo(item, !wanted, true) });
}

function trouble(item, view) {
  if (!item.fault && !item.problem) return null;
  const words = item.problem ?? `${item.fault.message}${item.fault.hook ? t(", in {hook}", { hook: item.fault.hook }) : ""}.`;
  const details = item.fault?.details && h("pre", { class: "ez-trace", tabindex: "0", "aria-label": t("Traceback") }, item.fault.details);
  const report = `${item.id} ${item.version}\n${words}\n${item.fault?.details ?? ""}`;
  return h(
    "div",
    { class: "more ez-ext-trouble" },
    h(
      "div",
      { class: `ez-note ${item.enabled && item.state !== "failed" ? "warn" : "bad"}`, role: "status" },
      icon("bad"),
      h(
        "div",
        { class: "grow" },
        h("p", {}, OFF_WORDS[item.off] && h("b", {}, `${OFF_WORDS[item.off]} `), words),
        h(
          "div",
          { class: "row wrap" },
          !item.enabled && h("button", { class: "ez-btn s", type: "button", onclick: () => switchTo(item, true) }, t("Turn on again")),
          item.rolls_back_to && h("button", { class: "ez-btn s", type: "button", onclick: () => rollBack(item) }, t("Roll back to {rolls_back_to}", { rolls_back_to: item.rolls_back_to })),
          h("button", { class: "ez-btn s", type: "button", onclick: () => navigator.clipboard.writeText(report).then(() => toast({ icon: "ok", title: t("The report is copied") })) }, icon("copy"), t("Copy report")),
        ),
      ),
    ),
    details,
  );
}

export function menu(item, view) {
  return [
    { words: t("Details"), icon: "info", run: () => openExtension(item.id) },
    view.install.allowed && item.removable && item.origin !== "linked" && { words: item.newer ? t("Update to {newer}…", { newer: item.newer }) : t("Look for an update…"), icon: "download", run: () => update(item) },
    item.rolls_back_to && { words: t("Roll back to {rolls_back_to}", { rolls_back_to: item.rolls_back_to }), icon: "restore", run: () => rollBack(item) },
    item.removable && { words: t("Remove"), icon: "trash", kind: "danger", run: () => remove(item) },
  ];
}

export async function update(item) {
  const stage = await change(`/extensions/${item.id}/update`);
  if (stage) openStage(stage.id, stage);
}

async function rollBack(item) {
  const answer = await change(`/extensions/${item.id}/roll-back`);
  if (answer) toast({ icon: "ok", title: t("{title} is {rolls_back_to} again", { title: item.title, rolls_back_to: item.rolls_back_to }), text: t("Update it to have the newer one back.") });
}

async function remove(item) {
  const answer = await change(`/extensions/${item.id}`, "", { method: "DELETE" });
  if (answer) toast({ icon: "trash", title: t("{title} is removed", { title: item.title }), text: t("What it has saved of yours stays."), undo: () => change(`/extensions/${item.id}/bring-back`) });
}
