// The layers beside the board, and what can be done with the mask.

import { icon } from "../icons.js";
import { inside, t } from "../language.js";
import { fill, h } from "../markup.js";
import { toggleMenu } from "../menu.js";
import { extentOf, isExtended } from "./frame.js";
import { combine, reshape } from "./mask-acts.js";
import { LAYERS } from "./painting.js";
import { encode, readMask } from "./png.js";
import { button } from "./toolbar.js";

const HOW = [
  ["replace", t("Load"), t("In place of the mask")],
  ["unite", t("Add"), t("United with the mask")],
  ["subtract", t("Take away"), t("Subtracted from the mask")],
];
const MOST_PX = 256;

export function layersPanel(canvas) {
  const list = h("ul", { class: "ez-layers" });
  const showNone = () => fill(list, h("li", { class: "ez-hint" }, t("They come with a picture.")));
  showNone();
  const saved = h("ul", { class: "ez-masks", "aria-label": t("Saved masks") });
  const amount = h("input", { type: "number", min: 1, max: MOST_PX, step: 1, value: 8, "aria-label": t("By how many pixels") });
  const by = () => Math.min(MOST_PX, Math.max(1, Math.round(Number(amount.value)) || 1));
  const act = (name, words) =>
    h("button", { class: "ez-btn s", type: "button", onclick: () => canvas.work(reshape(canvas.painting, name, by())) }, words);
  const save = h("button", { class: "ez-btn s", type: "button", onclick: () => canvas.work(saveMask(canvas)) }, t("Save mask"));
  const open = h("button", { class: "ez-btn s", type: "button", "aria-haspopup": "menu", onclick: () => loadMenu(canvas, open, null) }, t("Load mask"));
  canvas.watch("look", () => fill(list, Object.keys(LAYERS).map((layer) => layerRow(canvas, layer)), pictureRow(canvas)));
  canvas.watch("frame", () => list.lastElementChild.replaceWith(pictureRow(canvas)));
  canvas.watch("step", () => shares(canvas, list));
  canvas.addEventListener("masks", () => canvas.work(showMasks(canvas, saved)));
  const panel = h(
    "div",
    { class: "ez-layer-panel is-empty" },
    h("div", { class: "ez-head" }, t("Layers")),
    list,
    h(
      "div",
      { class: "row wrap ez-mask-acts" },
      save,
      open,
      h("span", { class: "ez-line-end" }),
      act("grow", t("Grow")),
      act("shrink", t("Shrink")),
      act("blur", t("Blur")),
      h("label", { class: "row xs mid" }, h("span", { class: "ez-field" }, amount), t("px")),
    ),
    saved,
  );
  canvas.addEventListener("opened", () => panel.classList.remove("is-empty"));
  canvas.addEventListener("closed", () => {
    panel.classList.add("is-empty");
    showNone();
  });
  return panel;
}

function layerRow(canvas, layer) {
  const { painting } = canvas;
  const { words } = LAYERS[layer];
  const hidden = painting.hidden.has(layer);
  const choose = h(
    "button",
    { class: "ez-layer-name grow", type: "button", "aria-pressed": String(painting.active === layer), onclick: () => painting.choose(layer) },
    h("span", { class: `sw ${layer}` }),
    h("span", { class: "grow" }, h("span", { class: "cut" }, words), h("span", { class: "dim xs cut", "data-share": layer }, shareWords(painting, layer))),
  );
  const eye = button(hidden ? "unseen" : "eye", hidden ? t("Show {words}", { words: inside(words) }) : t("Hide {words}", { words: inside(words) }), "", () => painting.show(layer, hidden), {
    kind: "ez-btn ghost s icon",
  });
  return h("li", { class: `ez-layer ${painting.active === layer ? "on" : ""}` }, choose, eye);
}

function pictureRow({ painting }) {
  const { left, top, right, bottom } = extentOf(painting);
  const size = `${painting.width} × ${painting.height}${isExtended(painting.frame) ? t(", becomes {left} × {top}", { left: right - left, top: bottom - top }) : ""}`;
  return h(
    "li",
    { class: "ez-layer is-locked" },
    h("span", { class: "ez-layer-name grow" }, h("span", { class: "sw picture" }, icon("pictures", "s")), h("span", { class: "grow" }, h("span", { class: "cut" }, t("Picture")), h("span", { class: "dim xs cut", title: painting.name ? `${painting.name}, ${size}` : size }, painting.name ? `${painting.name}, ${size}` : size))),
    h("span", { class: "ez-lock dim", title: t("The picture itself stays as it is") }, icon("lock")),
  );
}

function shares(canvas, list) {
  for (const part of list.querySelectorAll("[data-share]")) part.textContent = shareWords(canvas.painting, part.dataset.share);
}

function shareWords(painting, layer) {
  if (painting.isBlank(layer)) return t("Empty");
  const percent = painting.layers[layer].share() * 100;
  return percent < 1 ? t("Less than 1 % of the picture") : t("{percent} % of the picture", { percent: Math.round(percent) });
}

async function saveMask(canvas) {
  const { painting, drafts } = canvas;
  if (painting.isBlank("mask")) return canvas.say({ title: t("There is no mask to save"), text: t("Paint one first.") });
  const raster = painting.layers.mask;
  const file = await encode(raster.width, raster.height, 1, raster.read(raster.box));
  const names = (await drafts.masks()).map(({ name }) => name);
  let number = names.length + 1;
  while (names.includes(`Mask ${number}`)) number++;
  await drafts.saveMask({ name: `Mask ${number}`, width: raster.width, height: raster.height, file });
  canvas.dispatchEvent(new Event("masks"));
  return true;
}

async function showMasks(canvas, list) {
  const masks = canvas.drafts ? await canvas.drafts.masks() : [];
  fill(list, masks.map((mask) => maskRow(canvas, mask)));
}

function maskRow(canvas, mask) {
  const again = () => canvas.dispatchEvent(new Event("masks"));
  const rename = (event) => {
    const name = event.target.value.trim() || mask.name;
    canvas.work(canvas.drafts.saveMask({ ...mask, name }).then(again));
  };
  const remove = async () => {
    await canvas.drafts.removeMask(mask.id);
    again();
    canvas.say({ icon: "ok", title: t("{name} removed", { name: mask.name }), undo: () => canvas.work(canvas.drafts.saveMask(mask).then(again)) });
  };
  const use = h("button", { class: "ez-btn s", type: "button", "aria-haspopup": "menu", "aria-label": t("Use {name}", { name: mask.name }), onclick: () => loadMenu(canvas, use, mask) }, t("Use"));
  return h(
    "li",
    { class: "ez-mask" },
    h("input", { type: "text", class: "grow", value: mask.name, "aria-label": t("Name of the mask"), maxlength: 60, onchange: rename }),
    h("span", { class: "dim xs num" }, `${mask.width} × ${mask.height}`),
    use,
    button("trash", t("Remove {name}", { name: mask.name }), "", () => canvas.work(remove()), { kind: "ez-btn ghost s icon" }),
  );
}

function loadMenu(canvas, opener, mask) {
  const load = (how) => async () => {
    const file = mask?.file ?? (await chooseFile());
    if (file) canvas.work(useMask(canvas, how, file, mask?.name ?? file.name));
  };
  const source = mask ? "" : t(" from a file");
  toggleMenu(opener, mask ? t("Use {name}", { name: mask.name }) : t("Load mask"), HOW.map(([how, words, icons]) => ({ words: `${words}${source}: ${icons.toLowerCase()}`, icon: how, run: load(how) })));
}

async function useMask(canvas, how, file, name) {
  const { painting } = canvas;
  const plane = await readMask(file, painting.width, painting.height);
  const words = HOW.find(([other]) => other === how)[1];
  return combine(painting, how, plane, `${words} ${name}`);
}

function chooseFile() {
  return new Promise((resolve) => {
    const input = h("input", { type: "file", accept: "image/*" });
    input.addEventListener("change", () => resolve(input.files[0] ?? null));
    input.addEventListener("cancel", () => resolve(null));
    input.click();
  });
}
