// What favourites and high ratings have in common: how much more often pictures with a trait are good, with the interval of that.

import { card, choice } from "./analysis-card.js";
import { chart, findLink } from "./charts.js";
import { language, t, tn } from "./language.js";
import { h } from "./markup.js";

const ROWS = 16;
const ROW = 26; // px
const EDGE = 8; // times: what lies beyond is drawn at the edge
const WORDS = new Set(["word", "pair"]);
const KINDS = { model: "model", lora: "LoRA", sampler: "sampler", steps: "steps", cfg: "CFG", shape: "shape", kind: "made by", tool: "program" };

export function lift(Plot, data, follow) {
  const title = t("What good pictures have in common");
  if (!data.enough) {
    const note = t("Once ten pictures are favourites or have four stars or more, this shows what they have in common. So far: {good}.", { good: data.good });
    return card({ title, note, body: h("span", { hidden: true }) });
  }
  let which = "all";
  const draw = (width) => {
    const fits = { all: () => true, words: ({ kind }) => WORDS.has(kind), settings: ({ kind }) => !WORDS.has(kind) }[which];
    const rows = data.traits.filter(fits).slice(0, ROWS).sort((a, b) => b.lift - a.lift);
    return rows.length ? plot(Plot, rows, width) : h("p", { class: "dim s" }, t("Nothing that enough pictures have."));
  };
  const body = chart(draw, follow);
  const controls = choice(t("Traits"), [["all", t("All")], ["words", t("Words")], ["settings", t("Settings")]], which, (value) => ((which = value), body.redraw()));
  const sure = data.traits.filter((trait) => trait.sure).length;
  const found = sure ? tn("{n} trait of {looked_at} stands out (filled)", "{n} traits of {looked_at} stand out (filled)", sure, { looked_at: data.looked_at.toLocaleString(language) }) : t("None of {count} stands out from chance", { count: tn("{n} trait", "{n} traits", data.looked_at) });
  const note = t("{count} of {pictures} are favourites or have four stars or more: that is 1×. {found}. The line is what is likely for all such pictures; those of one prompt count as one voice.", { count: tn("{n} picture", "{n} pictures", data.good), pictures: data.pictures.toLocaleString(language), found });
  return card({ title, note, controls, body });
}

function plot(Plot, rows, width) {
  const left = Math.min(190, Math.round(width * 0.38));
  const names = rows.map(({ kind, value }) => `${kind} ${value}`);
  const clip = (times) => Math.max(1 / EDGE, Math.min(EDGE, times));
  const marked = rows.map((row, at) => ({ ...row, name: names[at], low: clip(row.lift_low), high: clip(row.lift_high), middle: clip(row.lift), link: findLink(row.query), words: told(row) }));
  const reach = Math.max(2, ...marked.map(({ low, high }) => Math.max(high, 1 / low)));
  const colour = (row) => (row.sure ? (row.lift > 1 ? "var(--ez-ok)" : "var(--ez-bad)") : "var(--ez-text-3)");
  return Plot.plot({
    width,
    height: 28 + ROW * rows.length,
    marginLeft: left,
    marginRight: 46,
    marginTop: 24,
    marginBottom: 4,
    x: { type: "log", domain: [1 / reach, reach], axis: null },
    y: { domain: names, axis: null },
    ariaLabel: t("How many times as often pictures with a trait are good"),
    marks: [
      Plot.axisX([1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8].filter((at) => at >= 1 / reach && at <= reach), { anchor: "top", tickFormat: times, tickSize: 0, fill: "var(--ez-text-3)", fontSize: 12 }),
      Plot.gridX([1 / 8, 1 / 4, 1 / 2, 2, 4, 8].filter((at) => at >= 1 / reach && at <= reach), { stroke: "var(--ez-line)", strokeOpacity: 1 }),
      Plot.ruleX([1], { stroke: "var(--ez-text-3)" }),
      Plot.ruleY(marked, { x1: "low", x2: "high", y: "name", stroke: colour, strokeWidth: 2 }),
      Plot.dot(marked, { x: "middle", y: "name", r: 5, stroke: colour, strokeWidth: 2, fill: (row) => (row.sure ? colour(row) : "var(--ez-panel)"), href: "link", title: "words", ariaLabel: "words" }),
      Plot.text(marked, { y: "name", text: label, frameAnchor: "left", dx: 8 - left, textAnchor: "start", lineWidth: (left - 16) / 13, textOverflow: "ellipsis", fill: "var(--ez-text)", fontSize: 13, title: "words", href: "link" }),
      Plot.text(marked, { y: "name", text: ({ pictures }) => pictures.toLocaleString(language), frameAnchor: "right", dx: 42, textAnchor: "end", fill: "var(--ez-text-3)", fontSize: 12 }),
    ],
  });
}

function label({ kind, value }) {
  return WORDS.has(kind) ? value : `${KINDS[kind]} ${value}`;
}

function told(row) {
  const times = (value) => `${Math.round(value * 10) / 10}×`;
  const sure = row.sure ? "" : t(" May well be chance.");
  return t("{row}: {good} of {count} are good, {lift} as many as of all (likely {lift_low} to {lift_high}, from about {voices} prompts).{sure}", { row: label(row), good: row.good.toLocaleString(language), count: tn("{n} picture", "{n} pictures", row.pictures), lift: times(row.lift), lift_low: times(row.lift_low), lift_high: times(row.lift_high), voices: Math.round(row.voices).toLocaleString(language), sure });
}

function times(value) {
  return value < 1 ? `1/${Math.round(1 / value)}×` : `${value}×`;
}
