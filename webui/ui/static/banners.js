// What lasts stands under the bar until it is over: the disk is full, the queue is paused, the connection is gone.

import { icon } from "./icons.js";
import { known, on } from "./jobs.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { open } from "./pages.js";
import { pause } from "./queue-acts.js";
import { change } from "./rest.js";

// A restart or a short pause of the network is over before anyone reads about it.
const PATIENCE_MS = 400;
const WAYS = {
  safe_mode: { words: t("Extensions"), run: () => open("extensions") },
  storage: { words: t("Show folder"), run: () => change("/pictures/open-folder") },
  settings_damaged: { words: t("Settings"), run: () => open("settings") },
  worker: { words: t("System"), run: () => open("system") },
  paused: { words: t("Resume"), run: () => pause(false) },
};

const since = new Map(); // code -> when it began, for what is shown with patience
let place = null;
let timer = null;

export function mountBanners(element) {
  place = element;
  for (const type of ["connection", "worker", "snapshot", "notices", "queue"]) on(type, show);
  // The page makes room for them.
  new ResizeObserver(() => document.documentElement.style.setProperty("--ez-banners", `${place.offsetHeight}px`)).observe(place);
  show();
}

function standing() {
  // Nothing else is sure while nobody answers.
  if (!known.connected) return [{ code: "connection", kind: "wait", message: t("Reconnecting."), hint: t("Jobs go on; nothing is lost."), patient: true }];
  const banners = [...known.notices];
  if (known.worker.state === "lost") banners.push({ code: "worker", kind: "wait", ...worker(), patient: true });
  if (known.queue.paused) banners.push({ code: "paused", kind: "wait", message: t("The queue is paused."), hint: t("New jobs wait, too.") });
  return banners;
}

function worker() {
  const message = known.worker.message || t("The worker stopped and is starting again.");
  return { message, hint: t("Jobs wait and go on by themselves.") };
}

function show() {
  clearTimeout(timer);
  const banners = standing();
  const now = performance.now();
  for (const code of since.keys()) if (!banners.some((banner) => banner.code === code)) since.delete(code);
  for (const { code } of banners) if (!since.has(code)) since.set(code, now);
  const ripe = banners.filter(({ code, patient }) => !patient || now - since.get(code) >= PATIENCE_MS);
  if (ripe.length < banners.length) timer = setTimeout(show, PATIENCE_MS);
  const old = new Map([...place.children].map((element) => [element.dataset.key, element]));
  const wanted = ripe.map((banner) => {
    const key = JSON.stringify(banner);
    return old.get(key) ?? draw(banner, key);
  });
  // What stands already is left alone, so that nothing is announced twice.
  if (wanted.length !== place.children.length || wanted.some((element, at) => place.children[at] !== element)) fill(place, wanted);
}

function draw(banner, key) {
  const way = WAYS[banner.code];
  const bad = banner.kind === "bad";
  return h(
    "div",
    { class: `ez-banner ${bad ? "bad" : ""}`, role: bad ? "alert" : "status", "data-key": key, "data-code": banner.code },
    icon(bad ? "bad" : "wait"),
    h("p", { class: "grow" }, h("b", {}, banner.message), " ", banner.hint),
    way && h("button", { class: "ez-btn s", type: "button", onclick: way.run }, way.words),
  );
}
