// Acts on the whole mask: grow, shrink, blur, fill, and putting another mask over, under or in place of it.

import { t } from "../language.js";
import { grown, isEmpty, meet } from "./boxes.js";
import { Plane } from "./shapes.js";

const FILL_TOLERANCE = 32;
const REACH = { grow: (by) => by, shrink: () => 1, blur: (by) => Math.ceil(2.5 * by + 1) };

let worker = null;
let asked = 0;

function compute(question) {
  worker ??= new Worker(new URL("./mask-worker.js", import.meta.url), { type: "module" });
  const id = (asked += 1);
  return new Promise((resolve, reject) => {
    const hear = ({ data }) => {
      if (data.id !== id) return;
      stop();
      resolve(data.plane);
    };
    const fail = (event) => {
      stop();
      worker = null; // the next one tries anew
      reject(new Error(event.message || "The mask's worker doesn't start."));
    };
    const asking = worker;
    const stop = () => {
      asking.removeEventListener("message", hear);
      asking.removeEventListener("error", fail);
    };
    asking.addEventListener("message", hear);
    asking.addEventListener("error", fail);
    asking.postMessage({ id, ...question }, [question.plane.buffer]);
  });
}

/** act: "grow", "shrink" or "blur", by so many pixels. False if there is nothing to do it to. */
export async function reshape(painting, act, by) {
  const raster = painting.layers.mask;
  const area = meet(grown(raster.painted(), REACH[act](by)), raster.box);
  if (isEmpty(raster.painted())) return false;
  const before = painting.revisions.mask;
  const size = { width: area.right - area.left, height: area.bottom - area.top };
  const work = act === "blur" ? "blur" : "grow";
  const plane = await compute({ work, plane: raster.read(area), ...size, by: act === "shrink" ? -by : by });
  if (painting.revisions.mask !== before) return false; // painted over meanwhile
  const words = STEP_WORDS[act](by);
  return painting.change("mask", words, (edit) => {
    edit.put(area, plane);
    return area;
  });
}

/** Fills from a point to where the shade of the active layer changes. */
export async function fillFrom(painting, point, ink) {
  const layer = painting.active;
  const raster = painting.layers[layer];
  const [x, y] = [Math.floor(point.x), Math.floor(point.y)];
  if (x < 0 || y < 0 || x >= raster.width || y >= raster.height) return false;
  const before = painting.revisions[layer];
  const size = { width: raster.width, height: raster.height };
  const how = { x, y, channels: raster.channels, tolerance: FILL_TOLERANCE };
  const cover = await compute({ work: "flood", plane: raster.read(raster.box), ...size, ...how });
  if (painting.revisions[layer] !== before || painting.active !== layer || !painting.begin(ink)) return false;
  painting.cover(new Plane(raster.box, cover));
  painting.keep(t("Fill"));
  return true;
}

// What a step is called in the history of strokes.
const STEP_WORDS = { grow: (by) => t("Grow by {by} px", { by }), shrink: (by) => t("Shrink by {by} px", { by }), blur: (by) => t("Blur by {by} px", { by }) };

const COMBINE = {
  replace: (_old, other) => other,
  unite: (old, other) => Math.max(old, other),
  subtract: (old, other) => Math.min(old, 255 - other),
};

/** how: "replace", "unite" or "subtract"; plane: another mask of the painting's size. */
export function combine(painting, how, plane, words) {
  return painting.change("mask", words, (edit, raster) => {
    const mixed = raster.read(raster.box);
    for (let at = 0; at < mixed.length; at++) mixed[at] = COMBINE[how](mixed[at], plane[at]);
    edit.put(raster.box, mixed);
    return raster.box;
  });
}
