// A page with a canvas, img2img or Inpaint: the picture in the middle, what came of it below, the layers beside it.

import { openBatchSheet } from "./batch-sheet.js";
import { showBatches } from "./batch-strip.js";
import { Canvas } from "./canvas/canvas.js";
import { Rectangle } from "./canvas/shapes.js";
import { put, values } from "./fields.js";
import { icon } from "./icons.js";
import { known, newestPicture, on } from "./jobs.js";
import { t } from "./language.js";
import { linked, told } from "./link.js";
import { fill, h } from "./markup.js";
import { fetched, putIn, putMade, takePictures } from "./put-in.js";
import { showResults } from "./results.js";
import { addCanvas } from "./source.js";
import { nameOf } from "./words.js";

const OFFERED = 6; // pictures of this session to begin with

/** props.page: "img2img" or "inpaint". props.extension: {step, most} of a side by which the picture can be extended, in px. */
export function mount(element, { page, extension }) {
  const canvas = new Canvas(page, { hasMask: page === "inpaint", extension });
  const place = h("div", { class: "ez-easel" });
  const empty = h("div", { class: "ez-canvas-empty" });
  const results = h("div", { class: "ez-results" });
  const batches = h("div", { class: "ez-batches", hidden: true });
  const side = h("aside", { class: "ez-side", "aria-label": t("Layers"), hidden: !canvas.hasMask });
  fill(element, h("div", { class: `ez-paint ${canvas.hasMask ? "has-layers" : ""}` }, h("section", { class: "ez-stage", "aria-label": t("Canvas") }, place, batches, results), side));
  const mounted = canvas.mount(place, side);
  place.append(empty);
  takePictures(place, page, { one: (...given) => putIn(canvas, ...given), many: (files) => openBatchSheet(page, { files }) });
  // Where the layers lie over the board, a touch of the board puts them away.
  place.addEventListener("pointerdown", (event) => event.target.closest(".ez-show-layers") || canvas.toggleLayers(false));
  showResults(results, page, canvas);
  showBatches(batches, page);
  const offer = () => !canvas.painting && fill(empty, welcome(canvas, page));
  canvas.addEventListener("opened", () => fill(empty));
  canvas.addEventListener("closed", offer);
  for (const type of ["snapshot", "picture"]) on(type, offer);
  mounted.then(() => addCanvas(page, canvas));
  Promise.all([linked, mounted]).then(offer);
}

function welcome(canvas, page) {
  const recent = known.pictures.slice(0, OFFERED);
  const example = told.examples[0];
  return h(
    "div",
    { class: "ez-empty" },
    icon("pictures"),
    h("p", {}, page === "inpaint" ? t("Put a picture in, paint over what should change, and say what should be there.") : t("Put a picture in, and say what it should become.")),
    h(
      "div",
      { class: "row wrap" },
      h("button", { class: "ez-btn", type: "button", onclick: () => chooseFile(canvas) }, t("Choose a file")),
      newestPicture() && h("button", { class: "ez-btn", type: "button", onclick: () => putMade(canvas, newestPicture()) }, t("The last picture")),
      example && h("button", { class: "ez-btn", type: "button", onclick: () => tryOut(canvas, example) }, t("Try it with an example")),
    ),
    h("p", { class: "dim s" }, t("Or drop one here, or paste one. "), h("button", { class: "ez-link", type: "button", onclick: () => openBatchSheet(page) }, t("Draw on many files"))),
    recent.length > 1 &&
      h(
        "div",
        { class: "ez-offered" },
        recent.map((image) =>
          h(
            "button",
            { class: "pic", type: "button", title: nameOf(image), "aria-label": t("Put in: {nameOf}", { nameOf: nameOf(image) }), onclick: () => putMade(canvas, image) },
            h("img", { src: image.thumbnail, alt: "", loading: "lazy" }),
          ),
        ),
      ),
  );
}

function chooseFile(canvas) {
  const input = h("input", { type: "file", accept: "image/*" });
  input.addEventListener("change", () => input.files[0] && putIn(canvas, input.files[0]));
  input.click();
}

// A picture to play with, where there are none yet words that make something else of it, and for Inpaint a mask over its middle.
async function tryOut(canvas, example) {
  const found = await canvas.work(fetched(example.picture, "example.png"));
  if (!found || !(await putIn(canvas, ...found))) return;
  if (!String(values.prompt ?? "").trim()) put({ prompt: otherWords(example) });
  if (!canvas.hasMask) return;
  const { painting } = canvas;
  const { width, height } = painting;
  painting.begin(canvas.brush.ink());
  painting.cover(new Rectangle({ left: Math.round(width / 4), top: Math.round(height / 4), right: Math.round((width * 3) / 4), bottom: Math.round((height * 3) / 4) }));
  painting.keep(t("Example"));
}

// What another example shows, on the ground of this one.
function otherWords({ prompt }) {
  const [, thing, ground] = prompt.match(/^(.*?)( on .*)?$/s);
  const other = told.examples.map((example) => example.prompt.replace(/ on .*$/s, "")).find((words) => words !== thing);
  return `${other ?? thing}${ground ?? ""}`;
}
