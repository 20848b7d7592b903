// Words and pairs over time: one row each, with its curve.

import { card, choice } from "./analysis-card.js";
import { language, t } from "./language.js";
import { fill, h } from "./markup.js";

const ROWS = 14;
const CURVE = { width: 220, height: 30 };
const ORDERS = {
  used: (a, b) => b.n - a.n,
  rising: (a, b) => b.change - a.change,
  fading: (a, b) => a.change - b.change,
};
const FITS = { used: () => true, rising: ({ change }) => change > 0, fading: ({ change }) => change < 0 };

export function trends(Plot, data, follow) {
  let which = "words";
  let order = "used";
  const list = h("ul", { class: "ez-terms" });
  const draw = () => {
    const terms = data[which].filter(FITS[order]).sort(ORDERS[order]).slice(0, ROWS);
    fill(list, terms.length ? terms.map((term) => row(Plot, term, data, follow)) : h("li", { class: "dim s" }, t("None.")));
  };
  const controls = [
    choice(t("What"), [["words", t("Words")], ["pairs", t("Pairs")]], which, (value) => ((which = value), draw())),
    choice(t("Order"), [["used", t("Most used")], ["rising", t("Rising")], ["fading", t("Fading")]], order, (value) => ((order = value), draw())),
  ];
  draw();
  const note = data.starts.length > 1 ? t("Of a hundred generations each {span}, so many have it; at the right, how that changed from the first third of the time to the last.", { span: data.span }) : t("How many generations have it.");
  return card({ title: t("Words over time"), note, controls, body: list });
}

function row(Plot, term, data, follow) {
  const change = Math.round(term.change);
  const changed = change > 0 ? `+${change}` : change < 0 ? `\u2212${-change}` : "\u00b10";
  const words = t("{text}: {term} generations, {changed} in a hundred", { text: term.text, term: term.n.toLocaleString(language), changed });
  return h(
    "li",
    {},
    h(
      "button",
      { type: "button", title: words, "aria-label": words, onclick: () => follow(term.query) },
      h("span", { class: "cut" }, term.text),
      data.starts.length > 1 ? curve(Plot, term, data) : h("span"),
      h("span", { class: "num dim" }, term.n.toLocaleString(language)),
      h("span", { class: `num ${change > 0 ? "ok" : change < 0 ? "bad" : "dim"}` }, changed),
    ),
  );
}

function curve(Plot, { counts }, { starts, generations }) {
  // Spans in which nothing was made say nothing of words.
  const shares = counts.map((n, at) => ({ at, share: generations[at] ? (100 * n) / generations[at] : null })).filter(({ share }) => share !== null);
  const drawn = Plot.plot({
    ...CURVE,
    margin: 2,
    x: { axis: null, domain: [0, starts.length - 1] },
    y: { axis: null, domain: [0, Math.max(10, ...shares.map(({ share }) => share))] },
    marks: [
      Plot.areaY(shares, { x: "at", y: "share", fill: "var(--ez-accent-fill)", fillOpacity: 0.16 }),
      Plot.lineY(shares, { x: "at", y: "share", stroke: "var(--ez-accent)", strokeWidth: 1.5 }),
    ],
  });
  drawn.setAttribute("aria-hidden", "true");
  return drawn;
}
