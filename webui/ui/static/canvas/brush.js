// The brush: how wide, how soft, how strong, which colour, and a palette of colours. Kept by the browser.

import { t } from "../language.js";
import { recall, remember } from "../storage.js";

export const BOUNDS = {
  size: { words: t("Size"), minimum: 1, maximum: 500, unit: "", step: 1 },
  softness: { words: t("Softness"), minimum: 0, maximum: 1, unit: "%", step: 0.01 },
  opacity: { words: t("Opacity"), minimum: 0.01, maximum: 1, unit: "%", step: 0.01 },
};
const PALETTE = ["#000000", "#ffffff", "#e4492f", "#f2a93b", "#f6e05e", "#3fa34d", "#3b7dd8", "#7a4a2b"];
const USUAL = { size: 48, softness: 0.2, opacity: 1, colour: "#e4492f", palette: PALETTE, used: [] };

export class Brush extends EventTarget {
  constructor() {
    super();
    Object.assign(this, USUAL, recall("brush", {}));
    this.last = null; // where the last stroke ended
  }

  /** Sets some of size, softness, opacity and colour; what is out of bounds stays at the bound. */
  set(given) {
    for (const [name, value] of Object.entries(given)) {
      const bounds = BOUNDS[name];
      this[name] = bounds ? Math.min(bounds.maximum, Math.max(bounds.minimum, value)) : value;
    }
    this.#keep();
  }

  /** Its colour was painted with: it has a place in the palette from now on, that of the one which wasn't used for longest. */
  keepColour() {
    const { colour, palette } = this;
    const used = this.used.filter((other) => other !== colour && palette.includes(other));
    if (!palette.includes(colour)) {
      const leaves = palette.findLast((other) => !used.includes(other)) ?? used[0];
      this.palette = palette.map((other) => (other === leaves ? colour : other));
    }
    this.used = [...used, colour];
    this.#keep();
  }

  #keep() {
    const { size, softness, opacity, colour, palette, used } = this;
    remember("brush", { size, softness, opacity, colour, palette, used });
    this.dispatchEvent(new Event("change"));
  }

  /** What it leaves on a layer. */
  ink(erase = false) {
    const colour = [1, 3, 5].map((at) => parseInt(this.colour.slice(at, at + 2), 16));
    return { erase, opacity: this.opacity, colour };
  }

  /** Thicker (1) or thinner (-1) by about a tenth. */
  resize(direction) {
    const by = Math.max(1, Math.round(this.size * 0.1));
    this.set({ size: this.size + direction * by });
  }

  soften(direction) {
    this.set({ softness: Math.round((this.softness + direction * 0.1) * 10) / 10 });
  }
}
