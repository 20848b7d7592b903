// The painting canvas as a whole: board, bars, keys, and the painting that comes back after a reload.

import { t } from "../language.js";
import { fill, h } from "../markup.js";
import { recall, remember } from "../storage.js";
import { toast } from "../toasts.js";
import { Board } from "./board.js";
import { Brush } from "./brush.js";
import { newId, openDrafts } from "./drafts.js";
import { layersPanel } from "./panel.js";
import { Painting } from "./painting.js";
import { encode } from "./png.js";
import { followPointers } from "./pointer.js";
import { readPicture } from "./reading.js";
import { claim } from "./claim.js";
import { brushBar, coloursBar, toolsBar, viewBar } from "./toolbar.js";
import { TOOLS } from "./tools.js";

const NARROW = "(max-width: 760px)";
const NARROW_MARGINS = { top: 12, bottom: 124 }; // CSS px; the bars stand below the picture there
const COLOURS_HEIGHT = 44; // CSS px of the bar above the picture, where only colour is painted

/** Events: "opened" another painting is there, "closed" none is; "tool", "maximised", "masks". */
export class Canvas extends EventTarget {
  /**
   * name: what the browser remembers it by. hasMask: without, only colour is painted on the picture.
   * extension: {step, most} of each side in px, where the picture can be extended.
   */
  constructor(name, { hasMask = true, extension = null } = {}) {
    super();
    Object.assign(this, { name, hasMask, extension });
    this.painting = null;
    this.drafts = null; // null: the browser keeps nothing
    this.brush = new Brush();
    this.tool = "brush";
    this.panning = false; // Space is held
    this.watchers = []; // [type, listener] of whatever painting is there
    this.files = new Map(); // layer -> {revision, file}: what was encoded last
  }

  /** Draws the board into `element` and, where there is a mask, the layers into `side`. Resolves when what was there last time is back. */
  async mount(element, side) {
    this.element = element;
    const floor = h("div", { class: "ez-canvas", tabindex: "0", role: "application", "aria-label": t("Canvas") });
    this.board = new Board(floor, () => {
      if (!matchMedia(NARROW).matches) return null;
      return this.hasMask ? NARROW_MARGINS : { ...NARROW_MARGINS, top: NARROW_MARGINS.top + COLOURS_HEIGHT };
    });
    this.pointers = followPointers(this);
    fill(element, floor);
    floor.append(toolsBar(this), brushBar(this), coloursBar(this), viewBar(this));
    element.classList.add("is-empty");
    if (this.hasMask) fill(side, layersPanel(this));
    addEventListener("blur", () => this.#release());
    await this.#restore();
  }

  /** Calls back with each event of that type of whatever painting is there, and when another one comes. */
  watch(type, listener) {
    this.watchers.push([type, listener]);
    if (this.painting) this.#attend(type, listener);
  }

  /**
   * Puts a picture in, with an empty mask; what was there stays as a draft. Returns the id of that draft, or null where there is none.
   * Throws an Error that says what is wrong with the file.
   */
  async open(file, name = file.name ?? "") {
    const picture = await readPicture(file, name);
    const { width, height } = picture;
    const before = (this.drafts && this.painting?.id) ?? null;
    await this.#use(new Painting({ id: newId(), name, width, height, picture, file }));
    return before;
  }

  /** Begins on an empty ground of that size. */
  begin(width, height, name) {
    return this.#use(new Painting({ id: newId(), name, width, height }));
  }

  /** Goes back to a draft. False if it is gone. */
  async reopen(id) {
    const painting = await this.drafts?.load(id);
    if (!painting) return false;
    await this.#use(painting);
    return true;
  }

  /** Takes the picture off, and stands empty as at first. What was there stays as a draft. */
  close() {
    if (!this.painting) return;
    this.pointers.stopDrawing();
    this.maximise(false);
    this.painting.picture?.close();
    this.painting = null;
    this.files.clear();
    remember(this.#key, null);
    this.element.classList.add("is-empty");
    this.board.clear();
    this.dispatchEvent(new Event("closed"));
  }

  /** The mask as a PNG, white where the picture is to be redrawn; the same Blob as long as nothing changes. */
  maskFile() {
    return this.#file("mask", () => {
      const { mask } = this.painting.layers;
      return encode(mask.width, mask.height, 1, mask.read(mask.box));
    });
  }

  /** The picture with the colour sketch on it; without a sketch, the very file that was put in. */
  pictureFile() {
    if (this.painting.isBlank("sketch")) return Promise.resolve(this.painting.file);
    return this.#file("sketch", () => {
      const { width, height, picture, layers } = this.painting;
      const whole = new OffscreenCanvas(width, height);
      const context = whole.getContext("2d");
      context.drawImage(picture, 0, 0);
      this.board.surfaces.sketch.catchUp();
      this.board.surfaces.sketch.draw(context, layers.sketch.box, ({ left, top, right, bottom }) => [left, top, right - left, bottom - top]);
      return whole.convertToBlob({ type: "image/png" });
    });
  }

  /** The tools that mean something here, by name. */
  get tools() {
    return Object.fromEntries(Object.entries(TOOLS).filter(([, { extends: moves }]) => !moves || this.extension));
  }

  choose(tool) {
    this.tool = tool;
    this.board.element.dataset.tool = tool;
    this.board.element.style.cursor = "";
    this.board.frame(TOOLS[tool].extends);
    this.board.ring(null);
    this.dispatchEvent(new Event("tool"));
  }

  /** Takes back what is being drawn; else the last step. */
  undo() {
    return this.pointers.stopDrawing() || (this.painting?.undo() ?? false);
  }

  redo() {
    this.pointers.stopDrawing();
    return this.painting?.redo() ?? false;
  }

  get isMaximised() {
    return this.element.classList.contains("is-maximised");
  }

  maximise(isOn = !this.isMaximised) {
    this.element.classList.toggle("is-maximised", isOn);
    this.dispatchEvent(new Event("maximised"));
  }

  /** Shows the layers, or hides them, in a window that is too narrow to have them beside the board. */
  toggleLayers(isOn) {
    this.element.closest(".ez-paint")?.classList.toggle("shows-layers", isOn);
  }

  /** Waits for something that takes a while; what goes wrong is said. */
  async work(promise) {
    this.element.setAttribute("aria-busy", "true");
    try {
      return await promise;
    } catch (error) {
      this.say({ icon: "bad", kind: "bad", title: t("That didn't work"), text: error.message });
      return false;
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  say(message) {
    toast(message);
    return false;
  }

  /** Whether a key meant something here. Text fields keep theirs. */
  onKey(event) {
    const types = event.getModifierState("AltGraph"); // on many keyboards brackets are typed with it
    if (!this.painting || (event.altKey && !types)) return false;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const command = (event.ctrlKey || event.metaKey) && !types;
    const act = command ? this.#commands[`${event.shiftKey ? "shift " : ""}${key}`] : this.#keys(event, key);
    if (!act) return false;
    return act() !== false;
  }

  onKeyUp(event) {
    if (event.key === " ") this.#pan(false);
    if (event.key === "\\") this.board.before(false);
  }

  #commands = {
    z: () => this.undo(),
    "shift z": () => this.redo(),
    y: () => this.redo(),
  };

  #keys(event, key) {
    const tool = Object.keys(this.tools).find((name) => TOOLS[name].key.toLowerCase() === key);
    if (tool && TOOLS[tool].ofSketch && this.painting.active !== "sketch") return null;
    if (tool) return () => this.choose(tool);
    return {
      "[": () => (event.shiftKey ? this.brush.soften(-1) : this.brush.resize(-1)),
      "]": () => (event.shiftKey ? this.brush.soften(1) : this.brush.resize(1)),
      "{": () => this.brush.soften(-1),
      "}": () => this.brush.soften(1),
      i: () => this.hasMask && this.painting.invert(),
      Delete: () => this.painting.clear(),
      m: () => this.maximise(),
      "\\": () => this.board.before(true),
      " ": () => !event.target.closest("button, a, summary, label, input") && this.#pan(true),
      0: () => this.board.view.fit(),
      "+": () => this.board.view.zoom(1.25),
      "-": () => this.board.view.zoom(0.8),
      Escape: () => (this.pointers.isDrawing() ? this.pointers.stopDrawing() : this.isMaximised && this.maximise(false)),
    }[key];
  }

  #pan(isOn) {
    this.panning = isOn;
    this.board.element.classList.toggle("can-move", isOn);
    if (isOn) this.board.ring(null);
    return true;
  }

  #release() {
    this.#pan(false);
    this.board.before(false);
  }

  #attend(type, listener) {
    this.painting.addEventListener(type, listener);
    listener(new CustomEvent(type, { detail: {} }));
  }

  #show(painting) {
    this.painting?.picture?.close();
    this.painting = painting;
    if (!this.hasMask) painting.active = "sketch";
    this.files.clear();
    remember(this.#key, painting.id);
    this.element.classList.remove("is-empty");
    this.board.show(painting);
    for (const [type, listener] of this.watchers) this.#attend(type, listener);
    this.dispatchEvent(new Event("opened"));
  }

  async #use(painting) {
    this.#show(painting);
    await claim(this.#lock(painting.id));
    await this.drafts?.follow(painting, (error) => this.#notKept(error)).catch(() => {});
  }

  async #restore() {
    try {
      this.drafts = await openDrafts();
    } catch (error) {
      return this.#notKept(error);
    }
    this.dispatchEvent(new Event("masks"));
    const id = recall(this.#key);
    const painting = id && (await this.drafts.load(id));
    if (!painting) return;
    // Another tab is at it: this one goes on with a copy.
    if (!(await claim(this.#lock(id)))) Object.assign(painting, { id: newId(), copyOf: id });
    await this.#use(painting);
    this.drafts.prune().catch((error) => this.#notKept(error));
  }

  #notKept(error) {
    if (this.saidNotKept) return;
    this.saidNotKept = true;
    this.say({ icon: "bad", kind: "bad", title: t("This canvas is lost with the page"), text: t("The browser doesn't keep it: {value}.", { value: error?.message ?? t("it has no room") }) });
  }

  async #file(layer, make) {
    const revision = this.painting.revisions[layer];
    const kept = this.files.get(layer);
    if (kept?.revision === revision) return kept.file;
    const file = await make();
    this.files.set(layer, { revision, file });
    return file;
  }

  get #key() {
    return `canvas ${this.name}`;
  }

  #lock(id) {
    return `easel canvas ${id}`;
  }
}
