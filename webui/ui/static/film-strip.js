// The film of a picture's steps: a slider through them, laid over the picture that came of them.

import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { icon } from "./icons.js";
import { toggleMenu } from "./menu.js";
import { download } from "./picture.js";
import { look } from "./rest.js";

const FRAME_MS = 100;
const FORMS = [
  ["webp", t("Animated WebP")],
  ["gif", "GIF"],
];

const strips = new Set();

/**
 * The strip of a picture's film, to be put below `box`, in which the picture is; null where it has none.
 * `saves`: with a button that saves the film as a file.
 */
export function filmStrip(image, box, { saves = true } = {}) {
  if (!image.film) return null;
  const strip = new Strip(image, box, saves);
  for (const other of strips) if (!other.element.isConnected) strips.delete(other);
  strips.add(strip);
  return strip.element;
}

/** The strip that is in sight, the viewer's before all others. */
function inSight() {
  return [...strips].findLast((strip) => strip.frames && strip.element.getClientRects().length);
}

/** To the step before (-1) or after (1), in the film that is in sight. */
export function stepFilm(direction) {
  inSight()?.go(inSight().at + direction, { pause: true });
}

export function playFilm() {
  inSight()?.play();
}

class Strip {
  constructor(image, box, saves) {
    this.image = image;
    this.box = box;
    this.frames = null;
    this.at = 0; // number of the frame, from 0; behind the last one is the picture
    this.drawn = null;
    this.drawing = null;
    this.playing = false;
    this.layer = h("img", { class: "ez-film-frame", alt: "", hidden: true });
    this.player = h("button", { class: "ez-btn icon s ghost", type: "button", disabled: true, onclick: () => this.play() }, icon("play"));
    this.slider = h("input", { type: "range", class: "ez-slider", min: "0", max: "1", value: "1", disabled: true, "aria-label": t("Step"), title: t("Step by step (, and .)"), oninput: () => this.go(Number(this.slider.value), { pause: true }) });
    this.slider.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      this.play();
    });
    this.words = h("span", { class: "ez-film-words num" });
    const save = h("button", { class: "ez-btn icon s ghost", type: "button", title: t("Save the film"), "aria-label": t("Save the film"), "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => toggleMenu(save, t("Save the film"), this.ways()) }, icon("download"));
    this.element = h("div", { class: "ez-film", role: "group", "aria-label": t("Film of the steps") }, this.player, this.slider, this.words, saves && save);
    this.showPlayer();
    this.load();
  }

  async load() {
    const answer = await look(this.image.film.replace("/api/v1", ""));
    if (!answer?.frames.length) {
      this.words.textContent = t("The film is gone");
      return;
    }
    this.frames = answer.frames;
    this.at = this.drawn = this.frames.length;
    this.slider.max = String(this.frames.length);
    this.slider.disabled = this.player.disabled = false;
    this.show();
  }

  ways() {
    const name = this.image.file.replace(/\.\w+$/, "-steps");
    return FORMS.map(([form, words]) => ({ icon: "film", words, run: () => download({ url: `${this.image.film}/export?form=${form}`, file: `${name}.${form}` }) }));
  }

  /** Shows a frame, or the picture; resolves once it is in sight. */
  go(at, { pause = false } = {}) {
    if (pause) this.pause();
    this.at = Math.max(0, Math.min(this.frames.length, at));
    this.show();
    this.drawing ??= this.draw().finally(() => (this.drawing = null));
    return this.drawing;
  }

  // One at a time, and always the newest: a slow connection shows fewer frames, never old ones.
  async draw() {
    while (this.drawn !== this.at) {
      const wanted = this.at;
      const frame = this.frames[wanted];
      if (frame) {
        const loaded = new Image();
        loaded.src = frame.url;
        try {
          await loaded.decode();
        } catch {
          this.words.textContent = t("The film is gone");
          return this.pause();
        }
        this.layer.src = loaded.src;
        // First in its box: above the picture, below what floats over it.
        if (this.layer.parentElement !== this.box) this.box.prepend(this.layer);
      }
      this.layer.hidden = !frame;
      this.drawn = wanted;
    }
  }

  async play() {
    if (this.playing) return this.pause();
    this.playing = true;
    this.showPlayer();
    if (this.at >= this.frames.length) this.at = -1;
    while (this.playing && this.element.isConnected && this.at < this.frames.length) {
      const next = new Promise((resolve) => setTimeout(resolve, FRAME_MS));
      await this.go(this.at + 1);
      await next;
    }
    this.pause();
  }

  pause() {
    this.playing = false;
    this.showPlayer();
  }

  showPlayer() {
    const words = this.playing ? t("Pause") : t("Play the steps");
    this.player.title = `${words} (P)`;
    this.player.setAttribute("aria-label", words);
    fill(this.player, icon(this.playing ? "pause" : "play"));
  }

  show() {
    const frame = this.frames[this.at];
    const words = frame ? [t("Step {step} of {steps}", { step: frame.step, steps: frame.steps }), frame.hires && "hires", frame.sigma !== null && t("noise {sigma}", { sigma: level(frame.sigma) })].filter(Boolean).join(", ") : t("The picture");
    this.words.textContent = words;
    this.slider.value = String(this.at);
    this.slider.setAttribute("aria-valuetext", words);
    this.slider.style.setProperty("--v", `${(this.at / this.frames.length) * 100}%`);
  }
}

/** A noise level, three digits of it. */
function level(sigma) {
  return sigma === 0 ? "0" : String(Number(sigma.toPrecision(3)));
}
