// Long work that makes no picture: what runs, waits and has ended, in a list that is kept up to date.

import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { change, look } from "./rest.js";
import { toast } from "./toasts.js";
import { fileSize, seconds } from "./words.js";

const SHOWN = 12;
const DOES = { merge: t("Merge"), convert: t("Convert"), bake_vae: t("Bake VAE"), extract_vae: t("Take out VAE"), download: t("Download"), train: t("Train") };

const orders = new Map(); // id -> order
const places = new Set(); // lists that are shown
let asked = false;

/** A list of all orders, newest first. It is kept up to date while it is on the page. */
export function orderList() {
  const list = h("ul", { class: "ez-orders", "aria-label": t("Work") });
  const place = { list, element: h("div", { hidden: true }, h("hr"), h("div", { class: "ez-label" }, t("Work")), list) };
  places.add(place);
  begin();
  draw();
  return place.element;
}

function begin() {
  if (asked) return;
  asked = true;
  on("snapshot", load);
  on("order", take);
  on("order_progress", ({ order: id, progress }) => {
    const order = orders.get(id);
    if (!order) return;
    order.progress = progress;
    if (order.status === "running") drawProgress(order);
  });
  on("order_removed", (id) => orders.delete(id) && draw());
  load();
}

async function load() {
  const answer = await look("/workshop/orders");
  if (!answer) return;
  orders.clear();
  for (const order of answer.items) orders.set(order.id, order);
  draw();
}

function take(order) {
  const before = orders.get(order.id);
  orders.set(order.id, order);
  draw();
  if (before && before.status !== order.status) say(order);
}

function say(order) {
  if (order.status === "done") toast({ icon: "ok", title: t("{name} is ready", { name: order.name }), text: order.notes.join(" ") });
  if (order.status === "failed") toast({ icon: "bad", kind: "bad", title: `${order.name}: ${order.error.message}`, text: order.error.hint });
}

function draw() {
  const newest = [...orders.values()].sort((a, b) => Number(b.id) - Number(a.id)).slice(0, SHOWN);
  for (const place of places) {
    if (!place.element.isConnected && place.drawn) {
      places.delete(place);
      continue;
    }
    place.drawn = place.element.isConnected;
    place.element.hidden = !newest.length;
    const focused = place.list.contains(document.activeElement) ? document.activeElement.dataset.does : null;
    fill(place.list, newest.map(row));
    if (focused) place.list.querySelector(`[data-does="${focused}"]`)?.focus({ preventScroll: true });
  }
}

function drawProgress(order) {
  for (const { list } of places) {
    const element = list.querySelector(`[data-order="${order.id}"]`);
    element?.replaceWith(row(order));
  }
}

function row(order) {
  const { status, progress } = order;
  const share = progress?.total ? progress.done / progress.total : 0;
  return h(
    "li",
    { class: "ez-order", "data-order": order.id, "data-status": status },
    h("div", { class: "row s" }, h("span", { class: "cut grow", title: order.name }, order.name), h("span", { class: "num mid" }, amount(order)), acts(order)),
    status === "running" && h("div", { class: "ez-bar thin", role: "progressbar", "aria-label": order.name, "aria-valuenow": Math.round(share * 100) }, h("i", { style: { "--v": `${share * 100}%` } })),
    h("span", { class: `xs ${status === "failed" ? "bad" : "dim"}` }, words(order)),
  );
}

function amount({ kind, status, progress, fetched, total, result }) {
  if (kind === "train" && progress) return progress.total ? t("{done} of {total}", { done: progress.done, total: progress.total }) : "";
  if (status === "running" && progress?.total) return t("{amount} of {amount2}", { amount: fileSize(progress.done), amount2: fileSize(progress.total) });
  if (fetched && total) return t("{amount} of {amount2}", { amount: fileSize(fetched), amount2: fileSize(total) });
  return result ? fileSize(result.bytes) : "";
}

function words({ kind, status, progress, error, result, notes }) {
  if (status === "waiting") return `${DOES[kind]}: waits.`;
  if (status === "cancelled") return `${DOES[kind]}: cancelled.`;
  if (status === "failed") return [error.message, error.hint].filter(Boolean).join(" ");
  if (status === "done") return [`${DOES[kind]}: models/${result.file}`, ...notes].join(" ");
  const speed = progress?.bytes_per_second && kind === "download" ? `${fileSize(Math.round(progress.bytes_per_second))}/s` : "";
  const left = progress?.seconds_left ? t("{time} left", { time: seconds(progress.seconds_left) }) : "";
  const after = kind === "download" ? t("goes on after a restart") : "";
  return [progress?.stage, [speed, left].filter(Boolean).join(", "), after].filter(Boolean).join("; ");
}

function acts({ id, status, name, fetched }) {
  const button = (does, picture, said, run) =>
    h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": `${said} ${name}`, title: said, "data-does": `${does}-${id}`, onclick: run }, icon(picture));
  const go = (what) => () => change(`/workshop/orders/${id}/${what}`);
  const remove = () => change(`/workshop/orders/${id}`, {}, { method: "DELETE" });
  if (status === "running" || status === "waiting") return button("cancel", "close", t("Cancel"), go("cancel"));
  const resume = status !== "done" && button("resume", "play", fetched ? t("Resume") : t("Try again"), go("resume"));
  return [resume, button("remove", "trash", t("Remove from the list"), remove)];
}
