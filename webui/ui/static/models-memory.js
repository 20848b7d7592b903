// What is in memory: one lane for each place, a stretch for each part, and everything in a table below.

import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { partWords, stateWords } from "./model-words.js";
import { currentPage, onPage } from "./pages.js";
import { change, look } from "./rest.js";
import { recall, remember } from "./storage.js";
import { toast } from "./toasts.js";
import { gigabytes } from "./words.js";

const PAGE = "models";
const LANES = [
  ["device", t("Device"), t("The graphics card computes with these")],
  ["pinned", t("Pinned"), t("Main memory from which the card fetches quickly")],
  ["RAM", "RAM", t("Main memory of Easel's own")],
  ["mapped", t("Mapped"), t("In the system's file cache, which takes it back when another program needs the room")],
];
const TONES = { denoiser: "a", vae: "b2", text_encoder: "c", text_encoder_2: "c", text_encoder_3: "c" };

let told = null;
const listeners = new Set();

/** The parts of a checkpoint that are in memory. */
export function residentOf(name) {
  return told ? told.parts.filter((part) => part.checkpoints.includes(name)) : [];
}

/** Calls back when something came into memory or left it. */
export function onMemory(listener) {
  listeners.add(listener);
}

export function memoryCard() {
  const card = h("section", { class: "ez-card ez-memory", "aria-label": t("Memory"), hidden: true });
  const load = async () => {
    const answer = await look("/models/memory");
    if (!answer) return;
    const before = JSON.stringify(told?.parts);
    told = answer;
    draw(card);
    if (before !== JSON.stringify(told.parts)) listeners.forEach((listener) => listener());
  };
  onPage((page) => page === PAGE && load());
  for (const type of ["memory", "catalog", "snapshot"]) on(type, () => currentPage() === PAGE && load());
  if (currentPage() === PAGE) load();
  return card;
}

function draw(card) {
  const open = recall("memory-open", false);
  const focused = card.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  card.hidden = false;
  // What is at work stands first, the largest in front.
  const parts = (told.parts = told.parts.toSorted((a, b) => b.in_use - a.in_use || b.bytes - a.bytes));
  const lanes = LANES.filter(([state]) => parts.some((part) => part.state === state));
  if (!lanes.length) lanes.push(LANES[3]);
  fill(
    card,
    h("div", { class: "ez-mem" }, lanes.map(lane), disk()),
    h(
      "div",
      { class: "row s ez-memory-foot" },
      h("span", { class: "mid cut" }, summary(parts)),
      h(
        "span",
        { class: "end row" },
        parts.length > 0 &&
          h(
            "button",
            { class: "ez-btn ghost s", type: "button", "data-does": "parts", "aria-expanded": String(open), onclick: () => (remember("memory-open", !open), draw(card)) },
            open ? t("Hide parts") : t("All parts"),
          ),
        parts.length > 0 && h("button", { class: "ez-btn s", type: "button", "data-does": "unload", onclick: unloadAll }, t("Unload all")),
      ),
    ),
    open && parts.length > 0 && table(parts),
  );
  if (focused) card.querySelector(`[data-does="${focused}"]`)?.focus({ preventScroll: true });
}

function lane([state, name, help]) {
  const parts = told.parts.filter((part) => part.state === state);
  const used = parts.reduce((sum, part) => sum + part.bytes, 0);
  const room = state === "device" ? Math.max(used, 1) : told.memory_total;
  return [
    h("span", { class: "mid", title: help }, name),
    h("div", { class: "ez-lane", role: "img", "aria-label": `${name}: ${gigabytes(used)}` }, parts.map((part) => stretch(part, room))),
    h("span", { class: "num" }, gigabytes(used), state !== "device" && h("span", { class: "dim" }, t(" of {gigabytes}", { gigabytes: gigabytes(room) }))),
  ];
}

function stretch(part, room) {
  const shared = part.checkpoints.length > 1;
  const owner = shared ? `×${part.checkpoints.length}, shared` : part.checkpoints[0];
  return h(
    "i",
    { class: `${TONES[part.kind] ?? "d"} ${part.in_use ? "" : "is-kept"}`, style: { "--share": `${(part.bytes / room) * 100}%` }, title: t("{partWords} of {value}: {gigabytes}", { partWords: partWords(part.kind), value: part.checkpoints.join(", "), gigabytes: gigabytes(part.bytes) }) },
    `${partWords(part.kind)} ${owner ?? ""}`,
  );
}

function disk() {
  const { models, models_bytes: size, cache_bytes: cache, disk_free: free } = told;
  const room = Math.max(1, size + cache + free);
  const part = (tone, bytes, words) => bytes > 0 && h("i", { class: tone, style: { "--share": `${(bytes / room) * 100}%` }, title: `${words}: ${gigabytes(bytes)}` }, words);
  return [
    h("span", { class: "mid", title: t("Of the disk with Easel's own models folder") }, t("Disk")),
    h("div", { class: "ez-lane", role: "img", "aria-label": t("Disk: {gigabytes}", { gigabytes: gigabytes(size + cache) }) }, part("d", size, tn("{n} model", "{n} models", models)), part("c", cache, t("Cache"))),
    h("span", { class: "num" }, gigabytes(size + cache), h("span", { class: "dim" }, t(", {gigabytes} free", { gigabytes: gigabytes(free) }))),
  ];
}

function summary(parts) {
  if (!parts.length) return t("No weights are in memory. The first picture brings them in.");
  const names = [...new Set(parts.flatMap((part) => part.checkpoints))];
  const shared = parts.filter((part) => part.checkpoints.length > 1);
  const saved = shared.reduce((sum, part) => sum + part.bytes * (part.checkpoints.length - 1), 0);
  return [t("{count} at hand", { count: tn("{n} checkpoint", "{n} checkpoints", names.length) }), saved && t("sharing saves {amount}", { amount: gigabytes(saved) })].filter(Boolean).join("; ") + ".";
}

function table(parts) {
  return h(
    "table",
    { class: "ez-table ez-parts" },
    h("thead", {}, h("tr", {}, [t("Part"), t("Where"), t("Size"), t("Of")].map((words) => h("th", { scope: "col" }, words)))),
    h(
      "tbody",
      {},
      parts.map((part) =>
        h(
          "tr",
          {},
          h("td", { title: part.part }, partWords(part.kind)),
          h("td", {}, h("span", { class: `ez-badge ${stateWords(part.state)[1]}` }, stateWords(part.state)[0]), part.in_use && h("span", { class: "dim xs" }, t(" at work"))),
          h("td", { class: "num" }, gigabytes(part.bytes)),
          h("td", {}, part.checkpoints.join(", "), part.checkpoints.length > 1 && h("span", { class: "dim xs" }, t(" shared"))),
        ),
      ),
    ),
  );
}

async function unloadAll() {
  if (await change("/models/unload")) toast({ icon: "ok", title: t("Memory is let go of"), text: t("The next picture brings its checkpoint in again.") });
}
