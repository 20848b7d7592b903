// What add-ons put on the page: their panels, tabs, scripts and events as the server tells of them, and how they are called.

import { onChange, put, values } from "./fields.js";
import { t } from "./language.js";
import { linked } from "./link.js";
import { whenThere } from "./markup.js";
import { currentPage, onPage } from "./pages.js";
import { look } from "./rest.js";
import { errorToast } from "./toasts.js";

const NOTHING = { panels: [], tabs: [], scripts: [], events: [], assets: [] };
const COMPONENTS = { generate: "#ez-generate" }; // documented ids that are no fields
const TYPED_MS = 300;
const BEFORE = "data: ";

/** All that there is, once it was asked for. */
export const addOns = look("/add-ons/page").then((page) => page ?? NOTHING);

/**
 * Calls an add-on. set(values) hears of each answer; returns whether all went well. An error is handed to wrong(error), which
 * says whether it has told of it; else a toast does.
 */
export async function callAddOn({ extension, key }, name, given, set, wrong = () => false) {
  const failed = (error) => {
    if (!wrong(error)) errorToast(error);
    return false;
  };
  const body = JSON.stringify({ key, name, values: given });
  const response = await fetch(`/api/v1/add-ons/${encodeURIComponent(extension)}/calls`, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => null);
  if (!response) return failed({ message: t("Easel doesn't answer."), hint: t("Try again when the connection is back.") });
  if (!response.ok) return failed((await response.json().catch(() => null))?.error ?? { message: t("Something unexpected went wrong."), hint: t("Try again.") });
  for await (const line of linesOf(response.body)) {
    const told = JSON.parse(line.slice(BEFORE.length));
    if (told.error) return failed(told.error);
    set(told.set);
  }
  return true;
}

async function* linesOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    yield* lines.filter(Boolean);
  }
  if (rest) yield rest;
}

// ---- events of our own components

function fieldsNow() {
  return { ...values, page: currentPage() };
}

function wire(event) {
  const tell = () => callAddOn(event, event.event, fieldsNow(), (given) => put(known(given)));
  if (event.component === "page") return onPage(tell);
  let timer = 0;
  if (event.event === "change" || event.event === "input") {
    return onChange((names) => {
      if (!names.includes(event.component)) return;
      clearTimeout(timer);
      timer = setTimeout(tell, TYPED_MS);
    });
  }
  const place = COMPONENTS[event.component] ?? `#ez-field-${CSS.escape(event.component)}`;
  whenThere(place, (element) => element.addEventListener(event.event === "focus" ? "focusin" : event.event === "blur" ? "focusout" : event.event, tell));
}

function known(given) {
  return Object.fromEntries(Object.entries(given).filter(([name]) => name in values));
}

function load({ extension, scripts, styles }) {
  const address = (file) => `/api/v1/add-ons/${encodeURIComponent(extension)}/files/${file}`;
  for (const file of styles) {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = address(file);
    document.head.append(link);
  }
  for (const file of scripts) import(address(file)).catch((problem) => console.warn(`${extension}: ${file} can't be loaded`, problem));
}

linked.then(async () => {
  const page = await addOns;
  page.events.forEach(wire);
  page.assets.forEach(load);
});
