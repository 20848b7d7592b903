// Where paintings are kept: in the browser's IndexedDB, with every step, as soon as it is made.
// Each step costs one small transaction: the step, the tiles it changed, and how far one has come.

import { History } from "./history.js";
import { Painting } from "./painting.js";
import { mixIn, pack, wordsOf } from "./runs.js";

const NAME = "easel-canvas";
const VERSION = 1;
const MOST_DRAFTS = 12;

/** Opens the store. Rejects where the browser keeps nothing. */
export function openDrafts() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, VERSION);
    opening.onupgradeneeded = () => {
      const database = opening.result;
      database.createObjectStore("drafts", { keyPath: "id" });
      database.createObjectStore("pictures", { keyPath: "id" }); // apart, so that a step doesn't write its megabytes again
      database.createObjectStore("steps", { keyPath: ["draft", "number"] });
      database.createObjectStore("tiles", { keyPath: ["draft", "layer", "tile"] });
      database.createObjectStore("masks", { keyPath: "id", autoIncrement: true });
    };
    opening.onsuccess = () => resolve(new Drafts(opening.result));
    opening.onerror = () => reject(opening.error);
  });
}

export function newId() {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
}

class Drafts {
  constructor(database) {
    this.database = database;
  }

  /** Keeps a painting from now on: as it is, and with each of its steps. failed(error) is called when that doesn't work. */
  follow(painting, failed) {
    const kept = this.#all(painting);
    kept.catch(failed);
    painting.addEventListener("step", ({ detail }) => this.#keepStep(painting, detail).catch(failed));
    painting.addEventListener("look", () => this.#write(["drafts"], ({ drafts }) => drafts.put(facts(painting))).catch(failed));
    return kept;
  }

  /** The painting of that id with all its steps, or null. */
  async load(id) {
    const transaction = this.database.transaction(["drafts", "pictures", "steps", "tiles"]);
    const [draft, kept, steps, tiles] = await Promise.all([
      answer(transaction.objectStore("drafts").get(id)),
      answer(transaction.objectStore("pictures").get(id)),
      answer(transaction.objectStore("steps").getAll(all(id))),
      answer(transaction.objectStore("tiles").getAll(all(id))),
    ]);
    if (!draft) return null;
    const history = new History(steps.map(({ number, layer, words, differences }) => ({ number, layer, words, differences })), draft.position);
    const file = kept?.file ?? null;
    const painting = new Painting({ ...draft, file, picture: file && (await createImageBitmap(file)), history });
    painting.active = draft.active;
    painting.hidden = new Set(draft.hidden);
    for (const { layer, tile, runs } of tiles) mixIn(runs, wordsOf(painting.layers[layer].tile(tile)));
    return painting;
  }

  /** All drafts, the last used first: {id, name, width, height, changed}. */
  async list() {
    const drafts = await answer(this.database.transaction("drafts").objectStore("drafts").getAll());
    return drafts.sort((one, other) => other.changed - one.changed);
  }

  /** Forgets all but the last used. */
  async prune() {
    const old = (await this.list()).slice(MOST_DRAFTS);
    if (!old.length) return;
    await this.#write(["drafts", "pictures", "steps", "tiles"], ({ drafts, pictures, steps, tiles }) => {
      for (const { id } of old) {
        drafts.delete(id);
        pictures.delete(id);
        steps.delete(all(id));
        tiles.delete(all(id));
      }
    });
  }

  /** A named mask, as a PNG. */
  saveMask(mask) {
    return this.#write(["masks"], ({ masks }) => masks.put(mask));
  }

  removeMask(id) {
    return this.#write(["masks"], ({ masks }) => masks.delete(id));
  }

  /** All named masks, the newest first: {id, name, width, height, file}. */
  async masks() {
    return (await answer(this.database.transaction("masks").objectStore("masks").getAll())).reverse();
  }

  #all(painting) {
    return this.#write(["drafts", "pictures", "steps", "tiles"], ({ drafts, pictures, steps, tiles }) => {
      drafts.put(facts(painting));
      pictures.put({ id: painting.id, file: painting.file });
      for (const step of painting.history.steps) steps.put({ draft: painting.id, ...step });
      for (const [layer, raster] of Object.entries(painting.layers)) {
        for (const key of raster.tiles.keys()) putTile(tiles, painting, layer, key);
      }
    });
  }

  #keepStep(painting, { layer, tiles: changed, step }) {
    return this.#write(["drafts", "steps", "tiles"], ({ drafts, steps, tiles }) => {
      drafts.put(facts(painting));
      for (const key of changed) putTile(tiles, painting, layer, key);
      if (!step) return;
      steps.delete(all(painting.id, step.number)); // what was undone before it
      steps.put({ draft: painting.id, ...step });
      steps.delete(IDBKeyRange.bound([painting.id], [painting.id, painting.history.steps[0].number], false, true));
    });
  }

  // Resolves when it is on disk. Committed at once, so that it arrives even when the page is closed in the next moment.
  #write(names, put) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(names, "readwrite");
      transaction.oncomplete = () => resolve();
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
      put(Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
      transaction.commit();
    });
  }
}

function putTile(store, painting, layer, key) {
  const bytes = painting.layers[layer].tiles.get(key);
  if (bytes) store.put({ draft: painting.id, layer, tile: key, runs: pack(wordsOf(bytes)) });
  else store.delete([painting.id, layer, key]);
}

function facts({ id, name, width, height, active, hidden, history, frame }) {
  return { id, name, width, height, frame, active, hidden: [...hidden], position: history.position, changed: Date.now() };
}

// Keys that begin with the id, from a number on.
function all(id, from = -Infinity) {
  return IDBKeyRange.bound([id, from], [id, []]);
}

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
