// The Train page: what to learn from and how at the left, the pictures and the runs at the right.

import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { choosePicture, chosenPicture, currentPage, onPage, open } from "./pages.js";
import { look } from "./rest.js";
import { recall, remember } from "./storage.js";
import { toast } from "./toasts.js";
import { trainForm } from "./train-form.js";
import { picturePart } from "./train-pictures.js";
import { runView } from "./train-run.js";
import { runWords } from "./train-words.js";

const PAGE = "train";
const ASK_AFTER_MS = 800; // a run that goes on is looked at no more often than this

const runs = new Map(); // id -> order
let parts = {};
let view = null; // of the chosen run
let asked = false;
let shown = recall("train view", "pictures");

export async function mount(element) {
  const pictures = picturePart();
  const form = h("div", { class: "ez-train-ask" });
  parts = {
    tabs: h("div", { class: "ez-subtabs", role: "tablist", "aria-label": t("Train") }),
    pictures: pictures.element,
    runs: h("div", { class: "ez-train-runs" }),
    list: h("ul", { class: "ez-train-list", "aria-label": t("Runs") }),
    run: h("section", { class: "ez-train-run", "aria-label": t("Run") }),
  };
  parts.runs.append(parts.list, parts.run);
  const page = h("section", { class: "ez-page", "aria-label": t("Pictures and runs") }, h("div", { class: "row wrap" }, h("h1", { class: "ez-title" }, t("Train")), parts.tabs), parts.pictures, parts.runs);
  parts.main = h("div", { class: "ez-main g-train" }, form, page);
  fill(element, parts.main);
  on("order", take);
  on("order_progress", ({ order: id, progress }) => progressed(id, progress));
  on("order_removed", (id) => runs.delete(id) && removed(id));
  on("training_sample", ({ order }) => order === chosen() && lookSoon());
  on("snapshot", () => asked && load());
  onPage((page) => page === PAGE && wake(form, pictures));
  draw();
  if (currentPage() === PAGE) wake(form, pictures);
}

async function wake(form, pictures) {
  if (asked) return;
  asked = true;
  const recipes = await look("/workshop/recipes");
  if (!recipes) return (asked = false);
  trainForm(form, recipes.train, pictures.draft, started);
  pictures.start();
  await load();
}

async function load() {
  const answer = await look("/workshop/orders");
  if (!answer) return;
  runs.clear();
  for (const order of answer.items) if (order.kind === "train") runs.set(order.id, order);
  draw();
  if (shown === "runs") show();
}

function take(order) {
  if (order.kind !== "train") return;
  const before = runs.get(order.id);
  runs.set(order.id, order);
  draw();
  if (order.id === chosen()) show();
  if (before?.status === "running" && order.status === "done" && currentPage() !== PAGE) {
    toast({ icon: "ok", title: t("{name} has learned", { name: order.name }), text: order.notes.join(" "), action: { words: t("Show"), run: () => showRun(order.id) } });
  }
}

function showRun(id) {
  choosePicture(PAGE, id);
  open(PAGE);
  turn("runs");
}

function progressed(id, progress) {
  const order = runs.get(id);
  if (!order) return;
  order.progress = progress;
  drawRow(order);
  if (id === chosen()) {
    view?.progressed(order);
    lookSoon();
  }
}

function removed(id) {
  if (chosen() === id) choosePicture(PAGE, null);
  draw();
  show();
}

function started(order) {
  runs.set(order.id, order);
  choosePicture(PAGE, order.id);
  turn("runs");
}

/** The run that is shown: the one that was chosen, else the newest. */
function chosen() {
  const id = chosenPicture(PAGE);
  return runs.has(id) ? id : (newest()[0]?.id ?? null);
}

function newest() {
  return [...runs.values()].sort((a, b) => Number(b.id) - Number(a.id));
}

// ---- drawing

function turn(to) {
  shown = to;
  remember("train view", to);
  draw();
  if (to === "runs") show();
}

function draw() {
  const tab = (name, words, number) =>
    h(
      "button",
      { type: "button", role: "tab", "data-does": `show-${name}`, class: shown === name ? "on" : "", "aria-selected": String(shown === name), tabindex: shown === name ? "0" : "-1", onclick: () => turn(name), onkeydown: step },
      words,
      number > 0 && h("span", { class: "ez-count" }, ` ${number}`),
    );
  const focused = parts.tabs.contains(document.activeElement);
  fill(parts.tabs, tab("pictures", t("Pictures"), 0), tab("runs", t("Runs"), runs.size));
  if (focused) parts.tabs.querySelector(".on").focus({ preventScroll: true });
  parts.pictures.hidden = shown !== "pictures";
  parts.runs.hidden = shown !== "runs";
  const within = parts.list.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  fill(parts.list, newest().map(row));
  if (within) parts.list.querySelector(`[data-does="${within}"]`)?.focus({ preventScroll: true });
  if (runs.size) return;
  view = null;
  fill(parts.run, h("div", { class: "ez-empty" }, icon("layers"), h("p", {}, t("Runs are listed here: how far each is, what it has learned so far, and what came of it.")), h("button", { class: "ez-btn", type: "button", onclick: () => turn("pictures") }, t("Choose pictures"))));
}

function step(event) {
  if (!["ArrowRight", "ArrowLeft"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  turn(shown === "runs" ? "pictures" : "runs");
}

function row(order) {
  const on = order.id === chosen();
  const { progress, status } = order;
  const share = progress?.total ? progress.done / progress.total : 0;
  return h(
    "li",
    { "data-order": order.id, "data-status": status },
    h(
      "button",
      { type: "button", class: `ez-train-row ${on ? "on" : ""}`, "data-does": `run-${order.id}`, "aria-current": on ? "true" : null, onclick: () => pick(order.id) },
      h("span", { class: "b cut" }, order.name),
      h("span", { class: `xs ${status === "failed" ? "bad" : "dim"} cut` }, runWords(order)),
      status === "running" && h("span", { class: "ez-bar thin" }, h("i", { style: { "--v": `${share * 100}%` } })),
    ),
  );
}

function drawRow(order) {
  const old = parts.list.querySelector(`[data-order="${order.id}"]`);
  if (!old) return;
  const focused = old.contains(document.activeElement);
  const fresh = row(order);
  old.replaceWith(fresh);
  if (focused) fresh.querySelector("button").focus({ preventScroll: true });
}

function pick(id) {
  choosePicture(PAGE, id);
  draw();
  show();
}

// ---- the chosen run

let timer = null;

function lookSoon() {
  if (timer || shown !== "runs" || currentPage() !== PAGE) return;
  timer = setTimeout(() => {
    timer = null;
    show();
  }, ASK_AFTER_MS);
}

async function show() {
  const id = chosen();
  if (!id || shown !== "runs") return;
  const run = await look(`/training/runs/${id}`);
  if (!run || id !== chosen()) return;
  if (view?.id !== id) {
    view = runView(run);
    fill(parts.run, view.element);
  }
  view.update(run);
}
