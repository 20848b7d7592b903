// The picture of a model: shown, dropped, picked from a file or from the history, and taken back.

import { icon } from "./icons.js";
import { inOurLanguage, t } from "./language.js";
import { fill, h } from "./markup.js";
import { look } from "./rest.js";
import { errorToast, toast } from "./toasts.js";
import { nameOf } from "./words.js";

const TYPES = ["image/png", "image/jpeg", "image/webp"];
const MOST_BYTES = 20e6;
const AT_ONCE = 12;
const UNANSWERED = { message: t("Easel doesn't answer, so nothing was changed."), hint: t("Try again when the connection is back.") };

/** changed(model): called with the model as it is after its picture changed. */
export function previewPart(model, changed) {
  const file = h("input", { type: "file", accept: TYPES.join(","), hidden: true, onchange: () => file.files[0] && setFile(model, file.files[0], changed) });
  const shelf = h("div", { class: "ez-preview-shelf", hidden: true });
  const place = h(
    "div",
    { class: "ez-detail-picture ez-preview-place" },
    model.preview ? h("img", { src: model.preview, alt: t("Preview of {name}", { name: model.name }) }) : h("p", { class: "dim s" }, t("No preview yet. Drop a picture here.")),
  );
  const button = h(
    "button",
    { class: "ez-link xs", type: "button", "aria-expanded": "false", "data-does": "preview-history", onclick: () => toggleShelf(button, shelf, model, changed) },
    t("From history"),
  );
  const part = h(
    "div",
    {},
    place,
    h("div", { class: "row s ez-preview-acts" }, h("span", { class: "dim xs grow" }, t("Preview")), button, h("button", { class: "ez-link xs", type: "button", "data-does": "preview-file", onclick: () => file.click() }, t("From a file")), file),
    shelf,
  );
  part.addEventListener("dragover", (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    place.classList.add("is-over");
  });
  part.addEventListener("dragleave", () => place.classList.remove("is-over"));
  part.addEventListener("drop", (event) => {
    place.classList.remove("is-over");
    const [dropped] = event.dataTransfer.files;
    if (!dropped) return;
    event.preventDefault();
    setFile(model, dropped, changed);
  });
  return part;
}

function setFile(model, file, changed) {
  if (!TYPES.includes(file.type)) return toast({ icon: "info", title: t("This is no picture for a preview"), text: t("PNG, JPEG and WebP are taken.") });
  if (file.size > MOST_BYTES) return toast({ icon: "info", title: t("This picture is too large"), text: t("At most 20 MB are taken.") });
  return set(model, { method: "PUT", headers: { "Content-Type": file.type }, body: file }, changed, "Preview set");
}

async function set(model, options, changed, words) {
  const response = await fetch(`/api/v1/models/${model.id}/preview`, options).catch(() => null);
  const answer = inOurLanguage(await response?.json().catch(() => null));
  if (!response?.ok) return errorToast(answer?.error ?? UNANSWERED);
  changed(answer);
  if (!words) return;
  const back = { method: "DELETE", headers: { "Content-Type": "application/json" }, body: "{}" };
  toast({ icon: "ok", title: words, text: t("It lies beside {name}.", { name: model.name }), undo: () => set(model, back, changed) });
}

// ---- the pictures of the history

async function toggleShelf(button, shelf, model, changed) {
  shelf.hidden = !shelf.hidden;
  button.setAttribute("aria-expanded", String(!shelf.hidden));
  if (shelf.hidden) return;
  const grid = h("div", { class: "ez-preview-grid", role: "group", "aria-label": t("Pictures of the history") });
  const more = h("button", { class: "ez-btn ghost s", type: "button" }, t("More"));
  fill(shelf, grid, more);
  await fetchMore(grid, more, null, model, changed);
  grid.querySelector("button")?.focus({ preventScroll: true });
}

async function fetchMore(grid, more, before, model, changed) {
  const page = await look(`/history?limit=${AT_ONCE}${before ? `&before=${before}` : ""}`);
  if (!page) return;
  grid.append(...page.items.map((image) => pick(image, model, changed)));
  if (!grid.childElementCount) fill(grid, h("p", { class: "mid s" }, t("No picture was made yet.")));
  more.hidden = !page.next;
  more.onclick = () => fetchMore(grid, more, page.next, model, changed);
}

function pick(image, model, changed) {
  const options = { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ image: image.id }) };
  return h(
    "button",
    { class: "ez-cell", type: "button", title: nameOf(image), "aria-label": t("Use as preview: {nameOf}", { nameOf: nameOf(image) }), onclick: () => set(model, options, changed, "Preview set") },
    h("span", { class: "pic", style: { "background-color": image.mean_colour } }, h("img", { src: image.thumbnail, alt: "", loading: "lazy" })),
  );
}
