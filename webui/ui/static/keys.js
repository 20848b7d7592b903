// The keyboard. Single letters act only while no text field has the focus.

import { isDrawing } from "./ask.js";
import { compare, isComparing } from "./comparing.js";
import { chosenImage, comparePicked, focusSearch, leaveHistory, marking, meant, pickAllShown, showChosenFull, step as stepHistory } from "./history.js";
import { comingImage } from "./history-state.js";
import { openPresetMenu } from "./field-presets.js";
import { playFilm, stepFilm } from "./film-strip.js";
import { keyNames } from "./key-names.js";
import { t } from "./language.js";
import { h } from "./markup.js";
import { closeMenu } from "./menu.js";
import { closeModelSheet } from "./models.js";
import { PAGES, currentPage, open } from "./pages.js";
import { copyPicture, download, useParameters } from "./picture.js";
import { toggleQueue } from "./queue-sheet.js";
import { closeBoard } from "./regions.js";
import { openSendMenu } from "./send-to.js";
import { closeSheet, toggleSheet } from "./sheet.js";
import { shownPicture } from "./shown-picture.js";
import { interruptRunning, showFull, step as stepStage } from "./stage.js";
import { canvasInFront, canvasOf } from "./source.js";
import { undoLast } from "./toasts.js";
import { closePicker, endUpscaling, holdUpscaled, showUpscaledFull, shownUpscaled, stepUpscaled } from "./upscale-stage.js";
import { closeViewer, holdSource, stepViewer, viewed } from "./viewer.js";

const LIST = [
  ["Ctrl Enter", t("Generate, or upscale")],
  ["Ctrl Up, Ctrl Down", t("Weight of the word at the caret")],
  ["Down, then Tab or Enter", t("Take what is offered at the caret")],
  ["Esc", t("Close what is open, else interrupt")],
  ["1 to 9", "txt2img, img2img, Inpaint, Upscale, History, Models, Extensions, Train, Settings"],
  ["Q", t("Queue")],
  ["T", t("Presets of the page's fields")],
  ["Left, Right", t("Previous, next picture")],
  ["Space", t("Full screen")],
  [", and .", t("In a film: step back, step on")],
  ["P", t("Play or pause the film")],
  ["F, Shift 1 to 5", t("Favourite; rate the picture (Shift 0: not rated)")],
  ["Del", t("Put it into the trash")],
  ["/", t("Search in History")],
  ["Ctrl click, Shift click", t("In History: pick pictures; also Ctrl Space, Shift and arrow keys, Ctrl A")],
  ["C", t("Compare two to four picked pictures")],
  ["C, \\ held", t("Before and after; what the picture started from")],
  ["S, then 1 to 4", t("Send to img2img, Inpaint, Upscale or Control")],
  ["U", t("Use parameters")],
  ["D", t("Download")],
  ["Ctrl C", t("Copy the picture")],
  ["Ctrl Z", t("Undo the last message's action")],
  ["Up, Down", t("In the queue: from job to job")],
  ["Ctrl Up, Ctrl Down", t("Move a waiting job up or down")],
  ["Ctrl Home", t("Move it to the top")],
  ["E", t("Edit it")],
  ["Del", t("Cancel or interrupt it")],
  ["Enter", t("All that can be done to it")],
  ["B, E, L, R, G", t("On a canvas: brush, eraser, lasso, rectangle, fill; with Alt they take away")],
  ["P, Alt and a click", t("On the colour sketch: pick a colour")],
  ["[, ]", t("Size of the brush; with Shift its softness")],
  ["O", t("Extend the picture by dragging its frame; Shift both sides")],
  ["I, Del", t("Invert the mask; clear the layer")],
  ["Space held, wheel, 0", t("Move the picture, scale it, fit it in")],
  ["Ctrl Z, Ctrl Shift Z", t("Undo and redo a stroke")],
  ["M, \\ held", t("Canvas as large as the window; the picture as it was before")],
  ["Enter", t("On the Models page: use, insert, or open")],
  ["I", t("On the Models page: all about the model")],
  ["+, -, 0, 1", t("On the Upscale page: scale the picture, fit it in, pixel by pixel")],
  ["Up, Down", t("In a batch: from file to file")],
  ["?", t("All keys")],
];

function picture() {
  if (viewed()) return viewed();
  return { txt2img: shownPicture, upscale: shownUpscaled, history: chosenImage }[currentPage()]?.() ?? null;
}

function withPicture(run) {
  return () => {
    const image = picture();
    if (image) run(image);
    return Boolean(image);
  };
}

// Beside what it started from a picture is shown on its canvas, or on the whole screen.
function toggleComparing() {
  if (!viewed() && comparePicked()) return;
  if (viewed() || canvasOf()) return compare(!isComparing());
  if (!picture()?.source) return;
  compare(true);
  if (currentPage() === "history") showChosenFull();
  else showFull(picture());
}

// On the whole screen, or where the page shows before and after by itself.
function holdBefore(isOn) {
  if (viewed()) holdSource(isOn);
  else if (currentPage() === "upscale") holdUpscaled(isOn);
}

function step(direction) {
  if (viewed()) stepViewer(direction);
  else if (currentPage() === "history") stepHistory(direction);
  else if (currentPage() === "txt2img") stepStage(direction);
  else if (currentPage() === "upscale") stepUpscaled(direction);
}

// Pictures of history, wherever they are shown: those that are picked, else the one in front.
function withMarked(run) {
  return () => {
    if (currentPage() === "history" && !viewed()) run(meant());
    else if (picture()) run([picture().id]);
  };
}

// On the whole screen the next one follows.
async function trash() {
  if (currentPage() !== "history") return;
  const image = viewed();
  if (!image) return marking.trash(meant());
  await stepViewer(1);
  if (viewed() === image) closeViewer();
  marking.trash([image.id]);
}

function searchHistory() {
  open("history");
  focusSearch();
}

const SINGLE = {
  f: withMarked(marking.favourite),
  Delete: trash,
  "/": searchHistory,
  q: toggleQueue,
  t: openPresetMenu,
  "?": () => toggleSheet("keys", t("Keys"), keysBody()),
  u: withPicture(useParameters),
  d: withPicture(download),
  s: openSendMenu,
  ",": () => stepFilm(-1),
  ".": () => stepFilm(1),
  p: playFilm,
  c: toggleComparing,
  "\\": () => holdBefore(true),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  ...Object.fromEntries(PAGES.map((page, index) => [String(index + 1), () => open(page)])),
};

function keysBody() {
  return h("dl", { class: "ez-dl ez-sheet-body ez-padded ez-keys" }, LIST.map(([keys, words]) => [h("dt", {}, h("kbd", {}, keyNames(keys))), h("dd", {}, words)]));
}

function isTyping(element) {
  return element?.isContentEditable || ["TEXTAREA", "SELECT"].includes(element?.tagName) || (element?.tagName === "INPUT" && element.type !== "checkbox");
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing) return;
  const { key, target } = event;
  const command = event.ctrlKey || event.metaKey;
  if (command && key === "Enter") {
    event.preventDefault();
    if (isDrawing()) document.getElementById("ez-generate")?.click();
    else if (currentPage() === "upscale") document.getElementById("ez-upscale-go")?.click();
    return;
  }
  const writes = isTyping(target) && !["range", "color"].includes(target.type);
  if (!writes && !viewed() && canvasInFront()?.onKey(event)) return event.preventDefault();
  if (key === "Escape") return escape(event);
  if (isTyping(target) || event.altKey) return;
  if (command) return withCommand(event);
  if (currentPage() === "history" && comingImage() && !key.startsWith("Arrow")) {
    // Meant for the picture that was just picked: pressed once more when that is here, in the order of the keys.
    event.preventDefault();
    const again = new KeyboardEvent(event.type, event);
    comingImage().finally(() => setTimeout(() => (document.activeElement ?? document.body).dispatchEvent(again)));
    return;
  }
  if (key === " ") {
    // Space presses a focused button, as everywhere; elsewhere it shows the picture.
    if (target.closest?.("button, a, summary, label, input") && !target.closest(".ez-cell")) return;
    event.preventDefault();
    if (viewed()) closeViewer();
    else if (currentPage() === "history") showChosenFull();
    else if (currentPage() === "upscale") showUpscaledFull();
    else withPicture(showFull)();
    return;
  }
  const stars = event.shiftKey && /^Digit[0-5]$/.test(event.code) ? Number(event.code.at(-1)) : null;
  const act = stars === null ? SINGLE[key.length === 1 ? key.toLowerCase() : key] : withMarked((ids) => marking.rate(ids, stars));
  if (!act || (key.startsWith("Arrow") && target.closest?.('[role="radiogroup"], [role="tablist"]'))) return;
  event.preventDefault();
  act();
}

function withCommand(event) {
  const key = event.key.toLowerCase();
  if (key === "a" && !event.shiftKey && !viewed() && pickAllShown()) event.preventDefault();
  if (key === "z" && !event.shiftKey && undoLast()) event.preventDefault();
  if (key === "c" && !event.shiftKey && !String(getSelection()) && picture()) {
    event.preventDefault();
    copyPicture(picture());
  }
}

const OPEN_LIST = '[role="option"]:not(.ez-up-file, .ez-up-cell)'; // of a field; not one of the page

function escape(event) {
  if (document.querySelector(OPEN_LIST)) return; // it closes itself
  if (closeMenu() || closeViewer() || closeSheet() || (!isTyping(event.target) && closeBoard())) return event.preventDefault();
  if (currentPage() === "upscale" && closePicker()) return event.preventDefault();
  if (isTyping(event.target) && !isDrawing() && currentPage() !== "upscale") return;
  if (closeModelSheet() || leaveHistory()) return event.preventDefault();
  if (currentPage() === "upscale" ? endUpscaling() : interruptRunning()) event.preventDefault();
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", (event) => {
    canvasInFront()?.onKeyUp(event);
    if (event.key === "\\") holdBefore(false);
  });
}
