// The Extensions page: what is installed, what could be, and ways to install, switch, go back, and find what broke something.

import { drawAvailable } from "./extensions-available.js";
import { known, load, onKnown } from "./extensions-known.js";
import { extensionRow } from "./extensions-row.js";
import { searchNote } from "./extensions-search.js";
import { closeExtensionSheet, drawExtensionSheet, mountExtensionSheet, openStage } from "./extensions-sheet.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { inOurLanguage, t, tn } from "./language.js";
import { fill, h, roving } from "./markup.js";
import { currentPage, onPage } from "./pages.js";
import { change } from "./rest.js";
import { errorToast, toast } from "./toasts.js";

const PAGE = "extensions";
const TABS = [["installed", t("Installed")], ["available", t("Available")], ["updates", t("Updates")]];

let parts = {};
let tab = "installed";
let stale = true;
let drawn = ""; // the answer and the tab that are on the page: events come in crowds, and what is redrawn under a pointer loses its click

export function mount(element) {
  const source = h("input", {
    id: "ez-ext-source",
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: t("Address, zip, folder or package name"),
    "aria-label": t("Install from"),
    onkeydown: (event) => event.key === "Enter" && install(),
  });
  const file = h("input", { type: "file", accept: ".zip,application/zip", hidden: true, "aria-label": t("A zip"), onchange: () => file.files[0] && sendZip(file.files[0]).then(() => (file.value = "")) });
  parts = {
    source,
    file,
    install: h("button", { class: "ez-btn", type: "button", "data-does": "install", onclick: install }, t("Install")),
    zip: h("button", { class: "ez-btn", type: "button", "data-does": "zip", title: t("Choose a zip on this computer"), onclick: () => file.click() }, icon("folder"), t("Zip…")),
    broke: h("button", { class: "ez-btn", type: "button", "data-does": "broke", onclick: beginSearch }, t("Something broke…")),
    safe: h("button", { class: "ez-switch", type: "button", role: "switch", onclick: safeMode }, h("i"), t("Safe mode")),
    tabs: h("div", { class: "ez-subtabs", role: "tablist", "aria-label": t("Add-ons") }),
    sums: h("span", { class: "end dim s num" }),
    notes: h("div", { class: "ez-ext-notes", "aria-live": "polite" }),
    how: h("div", { class: "ez-ext-notes" }),
    list: h("div", { class: "ez-ext-place" }),
    side: h("aside", { class: "ez-side", "aria-label": t("Add-on"), tabindex: "-1", hidden: true }),
  };
  parts.main = h(
    "div",
    { class: "ez-main g-extensions" },
    h(
      "section",
      { class: "ez-page", "aria-label": t("Extensions") },
      h(
        "div",
        { class: "row wrap ez-ext-head" },
        h("h1", { class: "ez-title" }, t("Extensions")),
        h("label", { class: "ez-field grow" }, icon("download"), source),
        parts.install,
        parts.zip,
        file,
        h("span", { class: "end row" }, parts.broke, parts.safe),
      ),
      h("div", { class: "row wrap ez-ext-bar" }, parts.tabs, parts.sums),
      parts.how,
      parts.notes,
      parts.list,
    ),
    parts.side,
  );
  roving(parts.tabs, '[role="tab"]');
  fill(element, parts.main);
  mountExtensionSheet(parts.main, parts.side);
  onKnown(drawAnswer);
  on("extensions", () => update());
  on("snapshot", () => update());
  onPage((page) => page === PAGE && stale && load());
  if (currentPage() === PAGE) load();
}

function update() {
  if (currentPage() !== PAGE) return (stale = true);
  return load();
}

function drawAnswer(told) {
  if (!told) {
    if (!known()) fill(parts.list, h("div", { class: "ez-empty" }, icon("lock"), h("p", {}, t("The add-ons can't be seen just now. On an Easel with accounts only administrators may see them.")), h("button", { class: "ez-btn", type: "button", onclick: load }, t("Try again"))));
    return;
  }
  stale = false;
  if (drawn !== drawing()) draw();
  drawExtensionSheet();
}

function drawing() {
  return JSON.stringify([tab, known()]);
}

function draw() {
  drawn = drawing();
  const view = known();
  const focused = parts.list.contains(document.activeElement) ? document.activeElement.closest("[data-focus]")?.dataset.focus : null;
  const newer = view.items.filter((item) => item.newer);
  const counts = { installed: view.items.length, available: view.indexes.reduce((sum, index) => sum + index.count, 0), updates: newer.length };
  fill(
    parts.tabs,
    TABS.map(([name, words]) =>
      h("button", { type: "button", role: "tab", class: name === tab ? "on" : "", "aria-selected": String(name === tab), tabindex: name === tab ? "0" : "-1", "data-tab": name, onclick: () => show(name) }, words, " ", h("span", { class: "ez-count" }, counts[name])),
    ),
  );
  const jobMs = view.items.reduce((sum, item) => sum + (item.job_ms ?? 0), 0);
  parts.sums.textContent = t("All together: {value} ms at start, {value2} ms a job", { value: Math.round(view.start_ms), value2: jobMs.toFixed(1) });
  parts.safe.classList.toggle("on", Boolean(view.safe_mode));
  parts.safe.setAttribute("aria-checked", String(Boolean(view.safe_mode)));
  parts.install.disabled = parts.zip.disabled = !view.install.allowed;
  parts.broke.disabled = Boolean(view.search && !view.search.verdict);
  fill(parts.notes, notes());
  if (tab === "available") drawAvailable(parts.list, { allowed: view.install.allowed });
  else fill(parts.list, tab === "updates" ? updates(newer) : list(view.items));
  if (focused) parts.list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function show(name) {
  tab = name;
  draw();
  parts.tabs.querySelector(".on").focus({ preventScroll: true });
}

function list(items) {
  return h("ul", { class: "ez-card ez-ext-list", "aria-label": t("Installed add-ons") }, items.map((item) => extensionRow(item, known())));
}

function updates(newer) {
  parts.check ??= h("button", { class: "ez-btn", type: "button", "data-does": "check", onclick: checkUpdates }, icon("repeat"), t("Look for updates"));
  return [
    h("div", { class: "row wrap" }, parts.check, h("p", { class: "ez-hint" }, t("This asks where each add-on came from. Nothing is updated by itself."))),
    newer.length ? list(newer) : h("div", { class: "ez-empty" }, icon("ok"), h("p", {}, t("No updates are known."))),
  ];
}

async function checkUpdates() {
  parts.check.disabled = true;
  const answer = await change("/extensions/check-updates");
  parts.check.disabled = false;
  if (!answer) return;
  const failed = Object.entries(answer.problems);
  if (failed.length) errorToast({ message: t("{count} could not be asked about.", { count: tn("{n} add-on", "{n} add-ons", failed.length) }), hint: failed.map(([id, why]) => `${id}: ${why}`).join(" ").slice(0, 300) });
  else toast({ icon: "ok", title: Object.keys(answer.newer).length ? t("{count} found", { count: tn("{n} update", "{n} updates", Object.keys(answer.newer).length) }) : t("Everything is up to date") });
}

function notes() {
  const view = known();
  const restart = view.needs_restart.length > 0 && [
    "warn",
    t("{needs_restart}: part of the page is made of it, so it comes and goes with a restart of Easel.", { needs_restart: view.needs_restart.join(", ") }),
    view.can_restart && h("button", { class: "ez-btn s", type: "button", "data-does": "restart", onclick: restartEasel }, icon("repeat"), t("Restart now")),
  ];
  const remote = !view.install.allowed && ["warn", `${view.install.why} ${view.install.hint}`];
  const damaged = view.problem && ["bad", t("{problem}. Nothing that was installed is loaded.", { problem: view.problem })];
  const ended = view.safe_mode === "crashed" && ["bad", t("Easel ended twice while it was starting, so no add-on was loaded. Switch off the newest one, then end safe mode.")];
  return [
    ...[damaged, ended, remote, restart].filter(Boolean).map(([kind, words, act]) => h("div", { class: `ez-note ${kind}` }, icon(kind === "bad" ? "bad" : "info"), h("p", { class: "grow" }, words), act)),
    searchNote(view.search),
    ...view.stages.map(stageNote),
  ];
}

function stageNote(stage) {
  const words = stage.state === "ready" ? t("{title} {version} is ready to be looked at.", { title: stage.offer.title, version: stage.offer.version }) : `${stage.source}: ${told(stage.doing) || t("working")}`;
  return h(
    "div",
    { class: "ez-note", "data-stage": stage.id },
    icon(stage.state === "ready" ? "ok" : "wait"),
    h("p", { class: "grow cut" }, words),
    h("button", { class: "ez-btn s", type: "button", onclick: () => openStage(stage.id) }, t("Look")),
  );
}

// ---- acts

async function install() {
  const source = parts.source.value.trim();
  if (!source) return parts.source.focus();
  parts.install.disabled = true;
  const stage = await change("/extensions/stages", { source });
  parts.install.disabled = false;
  if (!stage) return;
  parts.source.value = "";
  openStage(stage.id, stage);
}

async function sendZip(file) {
  const response = await fetch(`/api/v1/extensions/zip?name=${encodeURIComponent(file.name.slice(0, 200))}`, { method: "POST", headers: { "Content-Type": "application/zip" }, body: file }).catch(() => null);
  const answer = inOurLanguage(await response?.json().catch(() => null));
  if (!answer) return errorToast({ message: t("Easel doesn't answer, so nothing was installed."), hint: t("Try again when the connection is back.") });
  if (!response.ok) return errorToast(answer.error);
  openStage(answer.id, answer);
}

async function safeMode() {
  const wanted = !known().safe_mode;
  const answer = await change("/extensions/safe-mode", { on: wanted });
  if (answer) toast({ icon: "ok", title: wanted ? t("Safe mode: no add-on is loaded") : t("Add-ons are loaded again"), undo: () => change("/extensions/safe-mode", { on: !wanted }) });
}

function beginSearch() {
  closeExtensionSheet();
  import("./extensions-search.js").then((part) => part.askHow(parts.how));
}

async function restartEasel() {
  const answer = await change("/extensions/restart");
  if (answer) toast({ icon: "wait", title: t("Easel starts anew"), text: t("The page comes back by itself.") });
  if (!answer) return;
  const again = async () => {
    const health = await fetch("/api/v1/health", { cache: "no-store" }).catch(() => null);
    if (health?.ok) return location.reload();
    setTimeout(again, 700);
  };
  setTimeout(again, 2500);
}
