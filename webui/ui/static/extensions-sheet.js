// The sheet beside the list: what would be installed, to be agreed to, or all about one add-on. Everything in it is shown as text.

import { known, load } from "./extensions-known.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { change, look } from "./rest.js";
import { toast } from "./toasts.js";
import { fileSize } from "./words.js";

const POLL_MS = 700;

let main = null;
let place = null;
let shown = null; // {kind: "stage" | "add-on", id}
let stage = null;
let from = null;

export function mountExtensionSheet(mainElement, sideElement) {
  main = mainElement;
  place = sideElement;
  place.addEventListener("keydown", (event) => event.key === "Escape" && closeExtensionSheet());
  on("extension_stage", (told) => shown?.kind === "stage" && told.id === shown.id && stage && drawStage({ ...stage, doing: told.doing }));
}

export function closeExtensionSheet() {
  if (!shown) return;
  shown = stage = null;
  place.hidden = true;
  main.classList.remove("with-sheet");
  fill(place);
  (from?.isConnected ? from : main.querySelector("#ez-ext-source"))?.focus({ preventScroll: true });
}

function frame(title, body, foot) {
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  const scroll = place.querySelector(".ez-scroll")?.scrollTop ?? 0;
  fill(
    place,
    h("div", { class: "ez-head" }, h("span", { class: "cut" }, title), h("span", { class: "end" }, h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Close (Esc)"), title: t("Close (Esc)"), onclick: closeExtensionSheet }, icon("close")))),
    h("div", { class: "ez-scroll" }, body),
    foot && h("div", { class: "ez-foot" }, h("div", { class: "row" }, foot)),
  );
  place.querySelector(".ez-scroll").scrollTop = scroll;
  if (place.hidden) {
    from = document.activeElement;
    place.hidden = false;
    main.classList.add("with-sheet");
    place.focus({ preventScroll: true });
  } else if (focused) place.querySelector(`[data-does="${focused}"]`)?.focus({ preventScroll: true });
}

/** Called when the list was loaded anew. */
export function drawExtensionSheet() {
  if (shown?.kind === "add-on") openExtension(shown.id);
}

// ---- installing

export function openStage(id, view = null) {
  shown = { kind: "stage", id };
  if (view) drawStage(view);
  follow(id);
}

async function follow(id) {
  while (shown?.kind === "stage" && shown.id === id) {
    const view = await look(`/extensions/stages/${id}`);
    if (shown?.id !== id) return;
    if (view) drawStage(view);
    else if (stage === null) return closeExtensionSheet();
    if (view && view.state !== "working") return;
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

function drawStage(view) {
  stage = view;
  const draw = { working: drawWorking, ready: drawOffer, failed: drawFailed, installed: drawInstalled }[view.state];
  draw(view);
}

function cancel(words) {
  const run = async () => {
    const id = stage.id;
    closeExtensionSheet();
    await change(`/extensions/stages/${id}`, "", { method: "DELETE", but: 404 });
    load();
  };
  return h("button", { class: "ez-btn", type: "button", "data-does": "cancel", onclick: run }, words);
}

function drawWorking(view) {
  frame(t("Checking"), [h("p", { class: "ez-break" }, view.source), h("div", { class: "ez-note", role: "status" }, icon("wait"), h("p", {}, `${view.doing || t("Working")}…`)), h("p", { class: "ez-hint" }, t("It is fetched aside, read, and imported once in a process of its own. Nothing is installed yet."))], [cancel(t("Cancel"))]);
}

function drawFailed(view) {
  const error = view.error;
  frame(t("Not installed"), [h("p", { class: "ez-break dim s" }, view.source), h("div", { class: "ez-note bad", role: "alert" }, icon("bad"), h("div", {}, h("p", {}, error.message), error.hint && h("p", { class: "s dim" }, error.hint))), view.details && h("pre", { class: "ez-trace", tabindex: "0", "aria-label": t("Traceback") }, view.details)], [cancel(t("Close"))]);
}

function drawInstalled(view) {
  closeExtensionSheet();
  toast({ icon: "ok", title: t("{title} {version} is installed", { title: view.offer.title, version: view.offer.version }), text: view.needs_restart ? t("Part of it comes with the next start of Easel.") : t("It is on.") });
}

function facts(rows) {
  return h("dl", { class: "ez-dl" }, rows.filter(([, value]) => value).map(([name, value, kind]) => [h("dt", {}, name), h("dd", { class: kind ?? "" }, value)]));
}

function drawOffer(view) {
  const offer = view.offer;
  const took = Object.entries(offer.start_ms).map(([side, ms]) => `${side === "web" ? t("page") : t("engine")} ${Math.max(1, Math.round(ms))} ms`);
  const go = async () => {
    place.querySelector('[data-does="agree"]').disabled = true;
    const answer = await change(`/extensions/stages/${view.id}/install`);
    if (answer) drawStage(answer);
    else if (shown) follow(view.id);
    load();
  };
  const verb = offer.before ? t("Update to {version}", { version: offer.version }) : t("Install");
  frame(
    `${offer.before ? t("Update") : t("Install")} ${offer.title}`,
    [
      h("div", { class: "ez-note ok" }, icon("shield"), h("p", {}, took.length ? t("Loaded once in a separate process, and it closed cleanly: {value}.", { value: took.join(", ") }) : t("It has no module of its own."))),
      offer.description && h("p", { class: "s" }, offer.description),
      facts([
        [t("From"), offer.source],
        [t("Commit"), offer.commit, "mono"],
        [t("File"), offer.file_sha256 && `sha256 ${offer.file_sha256}`, "mono xs"],
        [t("Version"), offer.before ? `${offer.before} → ${offer.version}` : offer.version],
        [t("Licence"), offer.licence],
        [t("Size"), fileSize(offer.bytes)],
      ]),
      offer.changes && section(t("What changed"), h("pre", { class: "ez-readme" }, offer.changes)),
      section(t("It asks for"), offer.permissions.length ? offer.permissions.map(permission) : h("p", { class: "s dim" }, t("Nothing beyond its own folder and the hooks of the page."))),
      section(
        t("Packages it brings"),
        offer.packages.length || offer.changed_packages.length
          ? [
              ...offer.packages.map((one) => h("p", { class: "s" }, `${one.name} ${one.version} `, h("span", { class: "dim" }, t("({fileSize}, wheel)", { fileSize: fileSize(one.bytes) })))),
              ...offer.changed_packages.map((one) => h("p", { class: "s" }, `${one.name} ${one.from} → ${one.to} `, h("span", { class: "dim" }, t("(another add-on's, too)")))),
              h("p", { class: "ez-hint" }, t("Nothing that Easel uses changes version.")),
            ]
          : h("p", { class: "s dim" }, t("None.")),
      ),
      offer.linked && h("p", { class: "ez-hint" }, t("It is used where it lies, and loaded anew when you save a file there.")),
      h("div", { class: "ez-note warn" }, icon("bad"), h("p", {}, t("Add-ons run with your full rights on this computer. Install only what you trust."))),
      offer.readme && section(t("Readme"), h("pre", { class: "ez-readme", tabindex: "0" }, offer.readme)),
    ],
    [h("button", { class: "ez-btn primary grow", type: "button", "data-does": "agree", onclick: go }, verb), cancel(t("Cancel"))],
  );
}

function section(title, ...body) {
  return h("section", {}, h("h3", { class: "ez-label" }, title), body);
}

function permission({ title, text }) {
  return h("div", { class: "ez-perm" }, icon("shield"), h("div", {}, h("b", {}, title), h("p", {}, text)));
}

// ---- all about one

export async function openExtension(id) {
  const item = await look(`/extensions/${id}`);
  if (!item) return shown?.id === id ? closeExtensionSheet() : null;
  shown = { kind: "add-on", id };
  stage = null;
  const row = await import("./extensions-row.js");
  const view = known();
  const act = (entry) => entry && entry.words !== "Details" && h("button", { class: "ez-btn s", type: "button", "data-does": entry.icon, onclick: entry.run }, icon(entry.icon), entry.words);
  frame(
    item.title,
    [
      item.description && h("p", { class: "s" }, item.description),
      facts([
        [t("Version"), item.version],
        [t("Source"), item.source],
        [t("Commit"), item.commit, "mono"],
        [t("Files"), item.tree_sha256 && `sha256 ${item.tree_sha256}`, "mono xs"],
        [t("Folder"), item.path, "mono xs"],
        [t("Licence"), item.licence],
        [t("Needs"), item.requires.join(", ")],
        [t("Hooks"), item.hooks.join(", ")],
        [t("Earlier"), item.earlier.map((one) => one.version).join(", ")],
      ]),
      section(t("It asks for"), item.permissions.length ? item.permissions.map(permission) : h("p", { class: "s dim" }, t("Nothing beyond its own folder and the hooks of the page."))),
      item.readme && section(t("Readme"), h("pre", { class: "ez-readme", tabindex: "0" }, item.readme)),
      section(t("Log"), item.log.length ? h("pre", { class: "ez-trace", tabindex: "0" }, item.log.join("\n")) : h("p", { class: "s dim" }, t("Nothing is in the log about it."))),
      h("div", { class: "row wrap" }, row.menu(item, view).map(act)),
    ],
    null,
  );
}
