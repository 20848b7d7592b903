// Where regions are painted: a canvas over the stage of the page that draws, one region on it, the picture and the other regions faint beneath.

import { Canvas } from "./canvas/canvas.js";
import { combine } from "./canvas/mask-acts.js";
import { readMask } from "./canvas/png.js";
import { values } from "./fields.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { fill, h, roving } from "./markup.js";
import { currentPage } from "./pages.js";
import { fetched } from "./put-in.js";
import { canvasOf, coverWith } from "./source.js";
import { shownPicture } from "./shown-picture.js";
import { errorToast } from "./toasts.js";
import { addressOf, upload } from "./uploads.js";

export const MOST = 8;
const PIGMENTS = [4, 2, 3, 5, 6, 1]; // the mask of Inpaint has the first, so it comes last
const SEND_AFTER_MS = 400;
const FAINT = 0.35; // of the picture beneath
const TINT = 0.4; // of the other regions
const GROUND_SIDE = 1024; // px, the longer one of what lies beneath
const SAME_SHAPE = 0.02;

/** The custom property with the colour of a region, by its place in the list. */
export function pigment(index) {
  return `--ez-pig-${PIGMENTS[index % PIGMENTS.length]}`;
}

export class RegionsBoard {
  /**
   * all(): every region, the lowest first; painted(region, hash): its mask changed, "" for none;
   * chosen(): another region, or none, is on the board; add(): a new one is wanted.
   */
  constructor({ all, painted, chosen, add }) {
    Object.assign(this, { all, painted, chosen, add });
    this.region = null; // on the board
    this.waiting = null; // {region, timer}: its mask is to be sent
    this.sent = this.opening = Promise.resolve();
    this.canvas = new Canvas("regions");
    this.bar = h("div", { class: "ez-regions-bar row", role: "toolbar", "aria-label": t("Regions") });
    this.stage = h("div", { class: "ez-regions-stage" });
    this.element = h("section", { class: "ez-regions-board ez-html", "aria-label": t("Regions") }, this.bar, this.stage);
    this.stop = roving(this.bar, "button");
    this.canvas.watch("step", ({ detail }) => detail.layer && this.#changed());
  }

  /** Puts a region on the board, over the page that is open. */
  async show(region) {
    await this.#settleOrSay();
    this.region = region;
    document.querySelector(`#ez-page-${currentPage()} .ez-main`).append(this.element);
    this.chosen();
    this.opening = this.opening.then(() => this.region === region && this.canvas.work(this.#open(region)));
    await this.opening;
    if (this.region !== region) return;
    coverWith(this.canvas);
    this.canvas.board.element.focus({ preventScroll: true });
  }

  /** Takes the board away. False if there was none. */
  close() {
    if (!this.region) return false;
    this.#settleOrSay();
    this.canvas.maximise(false);
    this.region = null;
    this.element.remove();
    coverWith(null);
    this.chosen();
    return true;
  }

  /** What was painted is with the server. Throws {message, hint} where it isn't taken. */
  settle() {
    if (this.waiting) {
      clearTimeout(this.waiting.timer);
      const { region } = this.waiting;
      this.waiting = null;
      this.sent = this.#send(region);
    }
    return this.sent;
  }

  /** The list has changed. */
  draw() {
    const regions = this.all();
    const order = `${regions.length} ${regions.indexOf(this.region)}`;
    // Built anew only where it has to be: a button that is being pressed stays.
    if (order !== this.order) this.#build(regions);
    this.order = order;
    regions.forEach(({ prompt }, index) => {
      const words = prompt ? t("Region {index}: {prompt}", { index: index + 1, prompt }) : t("Region {index}", { index: index + 1 });
      this.chips[index].title = words;
      this.chips[index].setAttribute("aria-label", words);
    });
    this.words.textContent = this.region?.prompt || t("Paint where this region is, and say in its prompt what is to be seen there.");
  }

  #build(regions) {
    this.chips = regions.map((region, index) =>
      h(
        "button",
        {
          class: `ez-region-chip ${region === this.region ? "on" : ""}`,
          type: "button",
          "aria-pressed": String(region === this.region),
          style: { "--sw": `var(${pigment(index)})` },
          onclick: () => this.all()[index] !== this.region && this.show(this.all()[index]),
        },
        String(index + 1),
      ),
    );
    const more = h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("New region"), title: t("New region"), onclick: this.add }, icon("add"));
    const done = h("button", { class: "ez-btn s end", type: "button", title: t("Back to the page (Esc)"), onclick: () => this.close() }, t("Done"));
    this.words = h("span", { class: "dim s cut" });
    fill(this.bar, this.chips, regions.length < MOST && more, this.words, done);
    this.stop(this.bar.querySelector(".on") ?? done);
  }

  /** What lies beneath the region on the board: the picture, and the other regions. */
  async #drawGround() {
    const { painting } = this.canvas;
    const scale = GROUND_SIDE / Math.max(painting.width, painting.height);
    const [width, height] = [painting.width, painting.height].map((side) => Math.max(1, Math.round(side * scale)));
    const ground = new OffscreenCanvas(width, height);
    const context = ground.getContext("2d");
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, width, height);
    const picture = await pictureBeneath(painting);
    if (picture) {
      context.globalAlpha = FAINT;
      context.drawImage(picture, 0, 0, width, height);
      context.globalAlpha = 1;
    }
    for (const [index, region] of this.all().entries()) {
      if (region !== this.region && region.on && region.mask && !region.gone) await tint(context, region.mask, pigment(index), index + 1).catch(() => {});
    }
    if (painting !== this.canvas.painting) return; // another region is there by now
    painting.picture = ground.transferToImageBitmap();
    this.canvas.board.redraw();
  }

  async #open(region) {
    const { canvas } = this;
    await (this.mounted ??= canvas.mount(this.stage, h("div")));
    const own = pigment(this.all().indexOf(region));
    if (own === "--ez-pig-1") this.element.style.removeProperty("--ez-pig-1");
    else this.element.style.setProperty("--ez-pig-1", `var(${own})`);
    const { width, height } = frame();
    const kept = region.draft && region.mask === region.drawn && (await canvas.reopen(region.draft));
    if (!kept || canvas.painting.width !== width || canvas.painting.height !== height) {
      const mask = kept ? await canvas.maskFile() : region.mask && !region.gone && (await fetched(addressOf(region.mask)))[0];
      await canvas.begin(width, height, t("Region"));
      if (mask) combine(canvas.painting, "replace", await readMask(mask, width, height), t("Mask"));
    }
    region.draft = canvas.painting.id; // another tab may have it, and then this is a copy
    this.#changed(); // it may have been closed before its last stroke was sent
    await this.#drawGround();
  }

  #changed() {
    const { region } = this;
    if (region?.draft !== this.canvas.painting.id) return;
    clearTimeout(this.waiting?.timer);
    this.waiting = { region, timer: setTimeout(() => this.#settleOrSay(), SEND_AFTER_MS) };
  }

  async #settleOrSay() {
    try {
      await this.settle();
    } catch (error) {
      errorToast({ message: error.message, hint: error.hint ?? t("Try again.") });
    }
  }

  async #send(region) {
    const { canvas } = this;
    const hash = canvas.painting.layers.mask.share() ? await upload(await canvas.maskFile()) : "";
    region.drawn = hash;
    this.painted(region, hash);
  }
}

/** The size of what regions lie over: the picture that drawing starts from, or the one that is drawn. */
function frame() {
  const { width, height } = canvasOf()?.painting ?? { width: Number(values.width) || 512, height: Number(values.height) || 512 };
  return { width, height };
}

/** The picture that lies there, or null where none of this shape does. */
async function pictureBeneath({ width, height }) {
  const source = canvasOf()?.painting;
  if (source) return source.picture;
  const shown = shownPicture();
  if (!shown || Math.abs(shown.width / shown.height / (width / height) - 1) > SAME_SHAPE) return null;
  return fetched(shown.url).then(([file]) => createImageBitmap(file)).catch(() => null); // it may be gone by now
}

/** Another region: its place in its colour, and its number in the middle of it. */
async function tint(context, hash, property, number) {
  const { width, height } = context.canvas;
  const mask = await readMask((await fetched(addressOf(hash)))[0], width, height);
  const [colour, paper] = [property, "--ez-page"].map((name) => getComputedStyle(document.body).getPropertyValue(name).trim());
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  let [weight, x, y] = [0, 0, 0];
  for (let at = 0; at < mask.length; at++) {
    pixels[at] = (Math.round(mask[at] * TINT) << 24) | (blue << 16) | (green << 8) | red;
    weight += mask[at];
    x += (at % width) * mask[at];
    y += Math.floor(at / width) * mask[at];
  }
  const layer = new OffscreenCanvas(width, height);
  layer.getContext("2d").putImageData(image, 0, 0);
  context.drawImage(layer, 0, 0);
  if (weight) flag(context, x / weight, y / weight, colour, paper, number);
}

function flag(context, x, y, colour, paper, number) {
  const size = Math.max(11, Math.round(context.canvas.width / 20));
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(x - size * 0.6, y - size * 0.7, size * 1.2, size * 1.4, size * 0.25);
  context.fill();
  context.fillStyle = paper;
  context.font = `600 ${size}px sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(number), x, y);
}
