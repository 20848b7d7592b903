// What is to be upscaled, and how: what the column at the left says. The browser keeps it, but for files that were chosen.

import { t } from "./language.js";
import { recall, remember } from "./storage.js";

const NAME = "upscale";
const UPSCALE = "upscale";

/** Where pictures come from. */
export const WAYS = [["one", t("One")], ["several", t("Several")], ["folder", t("Folder")], ["history", t("From history")]];

const USUAL = { way: "one", one: null, folder: "", picked: [], output_folder: "", finishing: null, extensions: {}, target: { width: 2048, height: 2048 }, open: [] };

/**
 * one: {name, image, url, thumbnail, width, height}: the picture, by its hash. picked: pictures of history, as the same. finishing: the chain
 * of a request. extensions: what panels of add-ons say. target: the size in px that was enlarged to last. open: sections that are. For this page alone: files: [File]; found: what Easel says of the folder; sending: words while it is ordered.
 */
class Draft extends EventTarget {
  constructor() {
    super();
    Object.assign(this, USUAL, recall(NAME, {}), { files: [], found: null, sending: null, usual: {} });
  }

  /** usual: the step `upscale` as declared. */
  begin(usual) {
    this.usual = { step: UPSCALE, ...usual };
    const kept = Array.isArray(this.finishing) ? this.finishing : [{ ...this.usual }];
    // A later Easel may know more of a step, or less, than the browser kept.
    this.finishing = kept.map((step) => (step.step === UPSCALE ? Object.fromEntries(Object.keys(this.usual).map((name) => [name, step[name] ?? this.usual[name]])) : step));
  }

  /** Events: "change". What was seen of it before the page was first opened has no chain yet. */
  set({ finishing, ...given }) {
    Object.assign(this, given, finishing && { finishing });
    remember(NAME, this.kept());
    this.dispatchEvent(new Event("change"));
  }

  kept() {
    return Object.fromEntries(Object.keys(USUAL).map((name) => [name, this[name]]));
  }

  /** All of it, to come back to. */
  snapshot() {
    return { ...this.kept(), files: this.files, found: this.found };
  }

  /** The step that the fields of the page show; null where the chain has none. */
  get step() {
    return this.finishing?.find(({ step }) => step === UPSCALE) ?? null;
  }

  setStep(given) {
    const { step } = this;
    if (step) this.set({ finishing: this.finishing.map((other) => (other === step ? { ...step, ...given } : other)) });
  }

  addStep() {
    this.set({ finishing: [{ ...this.usual }, ...this.finishing] });
  }

  /** Whether it enlarges to a size, not by a factor. */
  get isToSize() {
    return Boolean(this.step?.width || this.step?.height);
  }

  /** How many pictures there will be. */
  get total() {
    return { one: this.one ? 1 : 0, several: this.files.length, folder: this.found?.total ?? 0, history: this.picked.length }[this.way];
  }

  request() {
    return { kind: "upscale", finishing: this.finishing, extensions: this.extensions };
  }
}

export const draft = new Draft();
