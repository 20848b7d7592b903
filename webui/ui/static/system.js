// The System page: what the doctor found, what to do about it, and a report to hand on.

import { icon } from "./icons.js";
import { known, on } from "./jobs.js";
import { inOurLanguage, inside, language, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { currentPage, onPage } from "./pages.js";
import { copyText } from "./picture.js";
import { pageHead } from "./settings.js";
import { errorToast } from "./toasts.js";
import { gigabytes, moment } from "./words.js";

const PAGE = "system";
const REPORT = "/api/v1/system/report";
const ITEMS_SHOWN = 6;
const LEAST_MARK = 0.01; // of a bar: what is shorter looks like a flaw in it
const SIGNS = { ok: ["ok", "OK"], warn: ["bad", t("To look at")], bad: ["bad", t("Wrong")], unchecked: ["wait", t("Not checked")] };
const WORKER = { ready: ["ok", t("Ready")], starting: ["warn", t("Starting")], lost: ["bad", t("Stopped")] };

let told = null; // as the server told it last
let parts = {};

export function mount(element) {
  const voice = h("p", { class: "ez-voice", role: "status", "aria-live": "polite" });
  parts = { list: h("div", { class: "ez-plain-list" }), voice };
  fill(element, h("main", { class: "ez-plain", "aria-label": t("System") }, pageHead(PAGE, t("System")), parts.list, voice));
  onPage((page) => page === PAGE && load());
  on("system", ({ doing }) => takeDoing(doing));
  // A worker that comes or goes and files that change under a running Easel are findings, too.
  for (const type of ["worker", "notices", "catalog", "settings", "snapshot"]) on(type, () => told && currentPage() === PAGE && load());
  if (currentPage() === PAGE) load();
}

let turn = 0;

async function load() {
  const mine = ++turn;
  try {
    const response = await fetch("/api/v1/system", { cache: "no-store" });
    if (!response.ok) throw new Error(`system: ${response.status}`);
    const answer = inOurLanguage(await response.json());
    if (mine === turn) take(answer);
  } catch {
    if (told) return; // the banner says that the connection is gone
    const again = h("button", { class: "ez-btn", type: "button", onclick: load }, t("Try again"));
    fill(parts.list, h("div", { class: "ez-empty" }, icon("bad"), h("p", {}, t("The system can't be looked at just now.")), again));
  }
}

function take(answer) {
  told = answer;
  draw();
}

function takeDoing(doing) {
  if (!told) return;
  const ended = told.doing && !doing;
  told.doing = doing;
  if (currentPage() !== PAGE) return;
  parts.voice.textContent = doing ? doing.words : verdict();
  if (ended) load();
  else draw();
}

async function check() {
  let answer = null;
  try {
    const response = await fetch("/api/v1/system/check", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
    answer = inOurLanguage(await response.json());
    if (response.ok) return take(answer);
  } catch {
    answer = { error: { message: t("Easel doesn't answer, so nothing was checked."), hint: t("Try again when the connection is back.") } };
  }
  errorToast(answer.error);
}

async function copyReport() {
  try {
    const response = await fetch(REPORT);
    if (!response.ok) throw new Error(`report: ${response.status}`);
    await copyText(await response.text(), t("Report copied"));
  } catch {
    errorToast({ message: t("The report can't be made just now."), hint: t("python launch.py doctor --report report.txt makes one without the page.") });
  }
}

function draw() {
  const focused = parts.list.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  const opened = new Set([...parts.list.querySelectorAll("details[open]")].map((element) => element.dataset.of));
  const groups = [...new Set(told.findings.map((finding) => finding.group))];
  fill(
    parts.list,
    verdictCard(),
    factsCard(),
    groups.map((name) =>
      h(
        "section",
        { class: "ez-card" },
        h("h2", { class: "ez-card-title" }, name),
        told.findings.filter((finding) => finding.group === name).map((finding) => row(finding, opened)),
      ),
    ),
    versionsCard(),
  );
  if (focused) parts.list.querySelector(`[data-does="${focused}"]`)?.focus({ preventScroll: true });
}

function having(state) {
  return told.findings.filter((finding) => finding.state === state).length;
}

function verdict() {
  if (told.state === "ok") return t("All is well");
  const wrong = having("bad") ? tn("{n} thing is wrong", "{n} things are wrong", having("bad")) : "";
  const look = having("warn") ? tn("{n} thing needs a look", "{n} things need a look", having("warn")) : "";
  return [wrong, look].filter(Boolean).join(", ");
}

function checkedWords() {
  if (told.doing) return null;
  const thorough = told.findings.filter((finding) => finding.thorough);
  const oldest = thorough.map((finding) => finding.checked_at).sort()[0];
  return oldest ? t("History and pictures were checked {when}.", { when: moment(oldest) }) : t("Check again also reads the whole database and the pictures folder.");
}

function verdictCard() {
  const [sign] = SIGNS[told.state];
  const doing = told.doing;
  return h(
    "section",
    { class: "ez-card ez-verdict" },
    h("span", { class: "ez-verdict-sign", "data-state": told.state }, icon(sign, "l")),
    h(
      "div",
      { class: "grow" },
      h("p", { class: "ez-verdict-words" }, verdict()),
      doing
        ? [
            h("p", { class: "ez-hint" }, t("{words} ({number} of {of})", { words: doing.words, number: doing.number, of: doing.of })),
            h("div", { class: "ez-bar thin", "aria-hidden": "true" }, Array.from({ length: doing.of }, (_, index) => h("i", { style: { "--v": index < doing.number - 1 ? "100%" : index === doing.number - 1 ? "50%" : "0%" } }))),
          ]
        : h("p", { class: "ez-hint" }, checkedWords()),
    ),
    h(
      "div",
      { class: "end" },
      h("button", { class: "ez-btn", type: "button", "data-does": "check", "aria-disabled": doing ? "true" : null, onclick: () => doing || check() }, doing ? t("Checking") : t("Check again")),
      h("button", { class: "ez-btn", type: "button", "data-does": "copy", title: t("Without secrets, prompts and names"), onclick: copyReport }, icon("copy"), t("Copy report")),
      h("a", { class: "ez-btn icon", href: REPORT, download: "easel-report.txt", "data-does": "download", "aria-label": t("Download report"), title: t("Download report") }, icon("download")),
    ),
  );
}

function factsCard() {
  const { engine, memory } = told;
  const [state, word] = WORKER[known.worker.state] ?? WORKER.starting;
  const kernels = engine.attention.length ? `attention: ${engine.attention.join(", ")}` : null;
  const numbers = [engine.device, engine.dtype, kernels].filter((part) => part && part !== "none").join(" · ");
  return h(
    "section",
    { class: "ez-card ez-gauges", "aria-label": t("Engine, memory and disks") },
    h(
      "div",
      { class: "ez-gauge" },
      h("h2", { class: "ez-gauge-name" }, t("Engine"), h("span", { class: "end row" }, h("span", { class: `ez-dot ${state}` }), word)),
      h("p", { class: "ez-gauge-value cut", title: engine.device_name }, engine.device_name || t("Not known yet")),
      h("p", { class: "ez-hint" }, numbers || t("Device, below, says more.")),
    ),
    meter(t("Memory"), memory.total - memory.available, memory.total, 0, t("{amount} of {amount2} free", { amount: gigabytes(memory.available), amount2: gigabytes(memory.total) })),
    told.disks.map((disk) =>
      meter(
        told.disks.length > 1 ? t("Disk of {name}", { name: inside(disk.name) }) : t("Disk"),
        disk.total - disk.free,
        disk.total,
        disk.reserve,
        t("{amount} of {amount2} free", { amount: gigabytes(disk.free), amount2: gigabytes(disk.total) }),
      ),
    ),
  );
}

// reserve: what stays free at the end of the bar.
function meter(name, used, total, reserve, words) {
  const share = (part) => `${Math.min(100, Math.max(0, (part / total) * 100))}%`;
  const tight = used + reserve > total;
  return h(
    "div",
    { class: "ez-gauge" },
    h("h2", { class: "ez-gauge-name" }, name),
    h("p", { class: "ez-gauge-value num" }, words),
    h(
      "div",
      { class: `ez-meter ${tight ? "bad" : ""}`, role: "meter", "aria-label": name, "aria-valuenow": String(Math.round((used / total) * 100)), "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuetext": words },
      h("i", { style: { "--v": share(used) } }),
      reserve / total > LEAST_MARK && h("b", { style: { "--v": share(reserve) }, title: t("{gigabytes} are kept free", { gigabytes: gigabytes(reserve) }) }),
    ),
  );
}

function row(finding, opened) {
  const [sign, word] = SIGNS[finding.state];
  const looking = told.doing && finding.thorough;
  return h(
    "div",
    { class: "ez-finding", "data-check": finding.id, "data-state": finding.state },
    h("span", { class: "ez-finding-sign" }, icon(sign, "s")),
    h("span", { class: "ez-finding-name" }, finding.name),
    h(
      "div",
      { class: "grow" },
      h("p", { class: "ez-finding-text" }, finding.text),
      finding.advice && h("p", { class: "ez-finding-advice" }, finding.advice),
      finding.items.length > 0 && details(finding, opened),
    ),
    h("span", { class: "ez-finding-word" }, looking ? t("Checking") : word),
  );
}

function details(finding, opened) {
  const shown = finding.items.slice(0, 200);
  const few = shown.length <= ITEMS_SHOWN;
  const list = h("ul", { class: "ez-finding-items" }, shown.map((text) => h("li", {}, text)), finding.items.length > shown.length && h("li", {}, t("and {value} more", { value: finding.items.length - shown.length })));
  if (few) return list;
  return h("details", { "data-of": finding.id, open: opened.has(finding.id) }, h("summary", { class: "ez-link xs" }, t("All {value}", { value: finding.items.length.toLocaleString(language) })), list);
}

function versionsCard() {
  return h(
    "section",
    { class: "ez-card" },
    h("h2", { class: "ez-card-title" }, t("Versions")),
    h("dl", { class: "ez-versions" }, [["easel", told.version], ...Object.entries(told.versions)].map(([name, number]) => h("div", {}, h("dt", {}, name), h("dd", { class: "mono" }, number)))),
  );
}
