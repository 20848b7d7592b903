// Pictures by any two of their numbers, with thumbnails where there is room for them.

import { card } from "./analysis-card.js";
import { chart } from "./charts.js";
import { t, tn } from "./language.js";
import { h } from "./markup.js";
import { look } from "./rest.js";
import { recall, remember } from "./storage.js";
import { view } from "./viewer.js";

const HEIGHT = 420;
const THUMBNAIL = 44; // px
const FEW_VALUES = 16;
const NUMBERS = {
  steps: { words: t("Steps") },
  cfg: { words: t("CFG scale") },
  at: { words: t("Time"), read: (point) => new Date(point.at) },
  megapixels: { words: t("Megapixels") },
  ratio: { words: t("Width / height") },
  rating: { words: t("Stars") },
  words: { words: t("Words in the prompt") },
};

export function scatter(Plot, points) {
  const axes = { x: "steps", y: "cfg", ...recall("analysis axes", {}) };
  const draw = (width) => {
    const shown = points
      .map((point) => ({ ...point, x: value(point, axes.x), y: value(point, axes.y) }))
      .filter(({ x, y }) => x !== null && y !== null);
    if (!shown.length) return h("p", { class: "dim s" }, t("No picture has both numbers."));
    return plot(Plot, spread(spread(shown, "x", 13), "y", 29), width, axes);
  };
  const body = chart(draw, () => {});
  body.addEventListener("click", (event) => {
    const id = event.target.closest("[data-image]")?.dataset.image;
    if (id) show(id);
  });
  body.addEventListener("keydown", (event) => {
    const id = event.target.closest?.("[data-image]")?.dataset.image;
    if (!id || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    show(id);
  });
  const select = (axis, words) =>
    h(
      "label",
      { class: "row s" },
      words,
      h(
        "select",
        {
          class: "ez-select s",
          onchange: (event) => {
            axes[axis] = event.target.value;
            remember("analysis axes", axes);
            body.redraw();
          },
        },
        Object.entries(NUMBERS).map(([name, entry]) => h("option", { value: name, selected: name === axes[axis] }, entry.words)),
      ),
    );
  const note = t("{count}, evenly over time, of good ones more. A ring stands for a picture, a filled one for a good one; thumbnails where there is room. Where many share a number each is put a little beside it.", { count: tn("{n} picture", "{n} pictures", points.length) });
  return card({ title: t("Numbers"), note, controls: [select("x", t("Across")), select("y", t("Up"))], body, wide: true });
}

// Most pictures share a few numbers: there each is put a little beside its number, always to the same place.
function spread(points, axis, salt) {
  const values = [...new Set(points.map((point) => Number(point[axis])))].sort((a, b) => a - b);
  if (values.length > FEW_VALUES || values.length < 2) return points;
  const gap = Math.min(...values.slice(1).map((value, at) => value - values[at]));
  return points.map((point) => ({ ...point, [axis]: point[axis] + gap * 0.7 * (share(point.image, salt) - 0.5) }));
}

// A number from 0 to 1 by which pictures of one time still differ.
function share(id, salt) {
  let sum = salt;
  for (const digit of id) sum = (Math.imul(sum, 31) + digit.charCodeAt(0)) >>> 0;
  return ((Math.imul(sum ^ (sum >>> 15), 2246822519) >>> 0) % 10_000) / 10_000;
}

function value(point, name) {
  const read = NUMBERS[name].read;
  return read ? read(point) : point[name] ?? null;
}

function plot(Plot, shown, width, axes) {
  const options = { width, height: HEIGHT, marginLeft: 52, marginBottom: 42, marginTop: 20, marginRight: 28, style: { color: "var(--ez-text-3)", fontSize: "12px", overflow: "visible" } };
  const scales = { x: { label: NUMBERS[axes.x].words, labelArrow: "none", nice: true, inset: THUMBNAIL / 2, ticks: Math.max(3, Math.floor(width / 110)) }, y: { label: NUMBERS[axes.y].words, labelArrow: "none", nice: true, inset: THUMBNAIL / 2, ticks: 6 } };
  // The scales first: only they say which pictures would cover each other.
  const bare = Plot.plot({ ...options, ...scales, marks: [Plot.dot(shown, { x: "x", y: "y" })] });
  const [across, up] = [bare.scale("x"), bare.scale("y")];
  const places = [];
  const pictured = [];
  const dots = [];
  for (const point of [...shown].sort((a, b) => b.good - a.good || b.image - a.image)) {
    const place = [across.apply(point.x), up.apply(point.y)];
    const covers = places.some(([x, y]) => Math.hypot(x - place[0], y - place[1]) < THUMBNAIL + 2);
    (covers ? dots : pictured).push(point);
    if (!covers) places.push(place);
  }
  const good = (point) => (point.good ? "var(--ez-accent-fill)" : "none");
  const drawn = Plot.plot({
    ...options,
    ...scales,
    ariaLabel: t("Pictures by {words} and {words2}", { words: NUMBERS[axes.x].words, words2: NUMBERS[axes.y].words }),
    marks: [
      Plot.gridX({ stroke: "var(--ez-line)", strokeOpacity: 1 }),
      Plot.gridY({ stroke: "var(--ez-line)", strokeOpacity: 1 }),
      Plot.dot(dots, { x: "x", y: "y", r: 3.5, stroke: "var(--ez-accent)", strokeOpacity: 0.7, fill: good, render: named(dots) }),
      Plot.image(pictured, { x: "x", y: "y", src: ({ image }) => `/api/v1/thumbnails/${image}`, r: THUMBNAIL / 2, preserveAspectRatio: "xMidYMid slice", render: named(pictured) }),
    ],
  });
  return drawn;
}

// Each mark knows its picture, so that it can be opened; those with a thumbnail by the keyboard, too.
function named(points) {
  return (index, scales, values, dimensions, context, next) => {
    const group = next(index, scales, values, dimensions, context);
    [...group.children].forEach((mark, at) => {
      const point = points[index[at]];
      mark.dataset.image = point.image;
      const words = t("{checkpoint}, {sampler}, {steps} steps, CFG {cfg}{good}", { checkpoint: point.checkpoint, sampler: point.sampler, steps: point.steps ?? "?", cfg: point.cfg ?? "?", good: point.good ? t(", a good one") : "" });
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = words;
      mark.append(title);
      if (mark.tagName !== "image") return;
      mark.setAttribute("tabindex", "0");
      mark.setAttribute("role", "button");
      mark.setAttribute("aria-label", words);
    });
    return group;
  };
}

async function show(id) {
  const image = await look(`/history/${id}`);
  if (image) view(image, () => null);
}
