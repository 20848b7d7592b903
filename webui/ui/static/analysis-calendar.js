// Activity: a square for each day, a column for each week.

import { card } from "./analysis-card.js";
import { chart, findLink } from "./charts.js";
import { icon } from "./icons.js";
import { language, t, tn } from "./language.js";
import { h } from "./markup.js";

const LABELS = 34; // px, left of the first week
const SQUARE = { least: 13, most: 20 };
const DAY_MS = 86_400_000;
const WEEKDAYS = [t("Mon"), "", t("Wed"), "", t("Fri"), "", ""];

export function calendar(Plot, days, follow) {
  const known = new Map(days.map((entry) => [entry.day, entry]));
  const first = noon(days[0].day);
  const today = monday(new Date());
  const most = Math.max(...days.map(({ pictures }) => pictures));
  let last = monday(noon(days.at(-1).day)); // the Monday of the week at the right edge
  let weeks = 0;

  const draw = (width) => {
    weeks = Math.max(4, Math.min(53, Math.floor((width - LABELS) / SQUARE.least)));
    const square = Math.min(SQUARE.most, (width - LABELS) / weeks);
    const from = addDays(last, -7 * (weeks - 1));
    const cells = [];
    for (let day = from; day < addDays(last, 7); day = addDays(day, 1)) {
      const name = dayName(day);
      cells.push({ week: Math.round((monday(day) - from) / DAY_MS / 7), weekday: (day.getDay() + 6) % 7, date: day, name, ...(known.get(name) ?? { pictures: 0, good: 0 }) });
    }
    const made = cells.filter(({ pictures }) => pictures);
    earlier.disabled = from <= first;
    later.disabled = last >= today;
    return Plot.plot({
      width: LABELS + square * weeks,
      height: 22 + square * 7,
      marginLeft: LABELS,
      marginTop: 22,
      marginRight: 0,
      marginBottom: 0,
      x: { domain: range(weeks), axis: null, padding: 0.14 },
      y: { domain: range(7), axis: null, padding: 0.14 },
      opacity: { type: "identity" },
      ariaLabel: t("Pictures by day, {from} to {last}", { from: spoken(from), last: spoken(addDays(last, 6)) }),
      marks: [
        Plot.cell(cells, { x: "week", y: "weekday", fill: "var(--ez-field-hover)", rx: 3 }),
        Plot.cell(made, {
          x: "week",
          y: "weekday",
          rx: 3,
          fill: "var(--ez-accent-fill)",
          // Few are to be seen beside many: a step of the root.
          fillOpacity: ({ pictures }) => 0.22 + 0.78 * Math.sqrt(pictures / most),
          href: ({ date }) => findLink(`after:${dayName(date)} before:${dayName(addDays(date, 1))}`),
          ariaLabel: told,
          title: told,
        }),
        Plot.text(range(7), { x: () => 0, y: (day) => day, text: (day) => WEEKDAYS[day], dx: -square / 2 - 6, textAnchor: "end", fill: "var(--ez-text-3)", fontSize: 12 }),
        Plot.text(months(cells), { x: "week", y: () => 0, text: t("words"), dy: -square / 2 - 9, dx: -square / 2, textAnchor: "start", fill: "var(--ez-text-3)", fontSize: 12 }),
      ],
    });
  };
  const body = chart(draw, follow);
  const move = (direction) => {
    last = addDays(last, direction * 7 * Math.max(1, weeks - 4));
    if (last > today) last = today;
    body.redraw();
  };
  const earlier = arrow("previous", t("Earlier"), () => move(-1));
  const later = arrow("next", t("Later"), () => move(1));
  const total = days.reduce((sum, { pictures }) => sum + pictures, 0);
  const note = t("{count} with pictures, {days} on such a day, at most {most}.", { count: tn("{n} day", "{n} days", days.length), days: Math.round(total / days.length).toLocaleString(language), most: most.toLocaleString(language) });
  return card({ title: t("Activity"), note, controls: [earlier, later], body, wide: true });
}

function arrow(drawing, words, onclick) {
  return h("button", { class: "ez-btn ghost s icon", type: "button", title: words, "aria-label": words, onclick }, icon(drawing));
}

function told({ date, pictures, good }) {
  return `${spoken(date)}: ${tn("{n} picture", "{n} pictures", pictures)}${good ? t(", {good} of them favourites or with four stars", { good: good.toLocaleString(language) }) : ""}`;
}

function months(cells) {
  const starts = cells.filter(({ weekday, date }) => weekday === 0 && date.getDate() <= 7);
  // The first month's name would run into the next one's.
  return starts.map(({ week, date }) => ({ week, words: date.toLocaleDateString("en", date.getMonth() ? { month: "short" } : { month: "short", year: "numeric" }) })).filter(({ week }, at, all) => at === all.length - 1 || all[at + 1].week - week > 2);
}

function range(length) {
  return Array.from({ length }, (_, at) => at);
}

function noon(name) {
  return new Date(`${name}T12:00:00`);
}

function addDays(date, days) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days, 12);
}

function monday(date) {
  return addDays(date, -((date.getDay() + 6) % 7));
}

function dayName(date) {
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
}

function spoken(date) {
  return date.toLocaleDateString("en", { day: "numeric", month: "long", year: "numeric" });
}
