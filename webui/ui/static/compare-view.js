// Two pictures of history and all that is different: side by side, with a line to drag, in turn, or as a map of differences.

import { beforeAfter } from "./before-after.js";
import { icon } from "./icons.js";
import { t, tn } from "./language.js";
import { fill, h, roving } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { useParameters } from "./picture.js";
import { differenceOf } from "./pixel-difference.js";
import { change, look } from "./rest.js";
import { sideBySide } from "./side-by-side.js";
import { recall, remember } from "./storage.js";
import { toast } from "./toasts.js";
import { moment, nameOf, number, seconds } from "./words.js";

const FLICKER_MS = 700;
const LETTERS = ["A", "B"];
const still = matchMedia("(prefers-reduced-motion: reduce)");

const MODES = [
  ["side", t("Side by side")],
  ["slider", t("Slider")],
  ["flicker", t("Flicker")],
  ["difference", t("Difference")],
];

/** Elements that show two pictures, A and B, and what is different between them. */
export function pairView(images) {
  let mode = recall("compare mode", "side");
  let stop = () => {};
  const stage = h("div", { class: "ez-pair-stage" });
  const told = h("div", { class: "ez-pair-told" });
  const way = h("div", { class: "ez-pair-way", hidden: true });
  const buttons = MODES.map(([name, words]) =>
    h("button", { type: "button", role: "radio", "data-mode": name, onclick: () => choose(name) }, words),
  );
  const modes = h("div", { class: "ez-seg end", role: "radiogroup", "aria-label": t("View") }, buttons);
  const place = roving(modes, "[role=radio]");
  const difference = differenceOf(...images.map((image) => image.url));

  function choose(name) {
    mode = name;
    remember("compare mode", name);
    draw();
  }

  function draw() {
    for (const button of buttons) {
      const on = button.dataset.mode === mode;
      button.classList.toggle("on", on);
      button.setAttribute("aria-checked", String(on));
      if (on) place(button);
    }
    stop();
    stop = SHOW[mode](stage, images, difference) ?? (() => {});
  }

  draw();
  drawDifferences(told, way, images, difference);
  return [
    h("div", { class: "row wrap ez-pair-head" }, h("h1", { class: "ez-title" }, t("Compare two pictures")), modes),
    h("div", { class: "ez-pair" }, stage, told, way),
  ];
}

// ---- the pictures

function entry(image, index) {
  return {
    src: image.url,
    alt: `${LETTERS[index]}: ${nameOf(image)}`,
    colour: image.mean_colour,
    under: [
      h("span", { class: "ez-badge" }, LETTERS[index]),
      h("span", { class: "grow cut mid", title: nameOf(image) }, moment(image.created_at)),
      h("button", { class: "ez-btn s", type: "button", onclick: () => useParameters(image) }, t("Use parameters")),
    ],
  };
}

const SHOW = {
  side(stage, images) {
    fill(stage, sideBySide(images.map(entry)).element);
  },

  slider(stage, images) {
    const [{ width, height }] = images;
    const { element } = beforeAfter({ before: images[0].url, after: images[1].url, width, height, alt: `B: ${nameOf(images[1])}`, labels: LETTERS });
    fill(stage, h("div", { class: "ez-pair-split" }, element), below(images));
  },

  flicker(stage, images) {
    let at = 0;
    const { element } = sideBySide([{ ...entry(images[0], 0), alt: t("A and B in turn"), under: [] }]);
    const picture = element.querySelector("img");
    const second = h("img", { src: images[1].url, alt: "", hidden: true }); // fetched before it is its turn
    const lamp = h("span", { class: "ez-badge", role: "status" }, "A");
    const turn = (to = 1 - at) => {
      at = to;
      picture.src = images[at].url;
      lamp.textContent = LETTERS[at];
    };
    let timer = null;
    const run = h("button", { class: "ez-btn s", type: "button", onclick: () => (timer ? pause() : go()) });
    const go = () => {
      timer = setInterval(turn, FLICKER_MS);
      fill(run, icon("pause"), t("Pause"));
    };
    const pause = () => {
      clearInterval(timer);
      timer = null;
      fill(run, icon("play"), t("Flicker"));
    };
    pause();
    if (!still.matches) go();
    const other = h("button", { class: "ez-btn s", type: "button", onclick: () => (pause(), turn()) }, icon("swap"), t("Other one"));
    fill(stage, element, second, h("div", { class: "row s" }, lamp, h("span", { class: "end row" }, other, run)));
    return pause;
  },

  difference(stage, images, difference) {
    let gone = false;
    let address = null;
    fill(stage, h("p", { class: "mid s", role: "status" }, t("Comparing pixels")));
    const show = async () => {
      const found = await difference;
      if (gone) return;
      if (!found.map) return fill(stage, h("p", { class: "mid s", role: "status" }, found.words), below(images));
      const words = h("span", { class: "mid num" });
      const view = h("div", {});
      const draw = async (times) => {
        strength.style.setProperty("--v", `${(Number(strength.value) / 6) * 100}%`);
        words.textContent = times === 1 ? t("as it is") : t("{times} times as strong", { times });
        const map = await found.map(times);
        if (gone) return;
        if (address) URL.revokeObjectURL(address);
        address = URL.createObjectURL(map);
        const old = view.querySelector("img");
        if (old) old.src = address;
        else fill(view, sideBySide([{ src: address, alt: t("Where A and B differ: black where they don't"), under: [] }]).element);
      };
      const strength = h("input", { class: "ez-slider", type: "range", min: "0", max: "6", value: "2", "aria-label": t("Strength"), oninput: () => draw(2 ** Number(strength.value)) });
      fill(stage, view, h("div", { class: "row s ez-pair-strength" }, h("span", { class: "mid" }, t("Strength")), strength, words, h("span", { class: "end mid num" }, found.words)));
      draw(4);
    };
    show();
    return () => {
      gone = true;
      if (address) URL.revokeObjectURL(address);
    };
  },
};

function below(images) {
  return h("div", { class: "ez-pair-below" }, images.map((image, index) => h("div", { class: "row s" }, entry(image, index).under)));
}

// ---- what is different

async function drawDifferences(told, way, images, difference) {
  const [a, b] = images.map((image) => image.id);
  const answer = await look(`/history/diff?a=${a}&b=${b}`);
  if (!answer) return fill(told, h("p", { class: "mid s" }, t("What is different can't be had just now.")));
  const pixels = h("span", { class: "end mid num", role: "status" }, t("Comparing pixels"));
  difference.then((found) => (pixels.textContent = found.words));
  fill(told, answer.prompts.map(promptCard), tableCard(answer.parameters, pixels), replayButton(answer, images));
  if (answer.way.length > 1) drawWay(way, answer);
}

function promptCard({ label, runs, added, removed, reweighted }) {
  const numbers = [
    [added, "ok", "added"],
    [removed, "bad", "removed"],
    [reweighted, "warn", "reweighted"],
  ].filter(([number]) => number);
  const words = h("p", { class: "ez-diff" }, diffWords(runs));
  return h(
    "div",
    { class: "ez-card ez-pair-card" },
    h("div", { class: "ez-label" }, t("{label}, from A to B", { label })),
    words,
    h("div", { class: "row wrap xs" }, numbers.length ? numbers.map(([number, kind, name]) => h("span", { class: kind }, `${number} ${name}`)) : h("span", { class: "dim" }, t("The same"))),
  );
}

const TAGS = { added: "ins", removed: "del", reweighted: "mark" };

/** The words of a prompt as nodes, changed ones marked. only: nothing but those. */
export function diffWords(runs, { only = false } = {}) {
  const shown = runs.filter((run) => !only || run.kind !== "same");
  return shown.map((run, index) => [index && (run.spaced || only) ? " " : "", run.kind === "same" ? weighed(run) : h(TAGS[run.kind], { title: run.when ? t("Asked for {when}", { when: run.when }) : null }, weighed(run))]);
}

// "1.0", "1.2", "0.95": never without a point, so that it is seen to be a weight.
function weight(value) {
  return Number.isInteger(value) ? value.toFixed(1) : number(value);
}

function weighed({ kind, text, before, after, when }) {
  const said = when ? `${text} [${when}]` : text;
  if (kind === "reweighted" && !text.startsWith("<")) return `(${said === ":" ? "all" : said}: ${weight(before)} → ${weight(after)})`;
  const own = after ?? before;
  return own === 1 || text.startsWith("<") || !/[\p{L}\p{N}]/u.test(text) ? said : `(${said}:${weight(own)})`;
}

function tableCard(parameters, pixels) {
  let only = recall("compare only", false);
  const rows = h("tbody", {});
  const box = h("input", { type: "checkbox", onchange: () => draw(box.checked) });
  box.checked = only;
  const draw = (wanted) => {
    only = wanted;
    remember("compare only", only);
    const seen = parameters.filter((one) => one.changed || !only);
    fill(
      rows,
      seen.map(({ label, before, after, changed }) => h("tr", { class: changed ? "ch" : "" }, h("td", {}, label), h("td", {}, before), h("td", {}, after))),
      !seen.length && h("tr", {}, h("td", { colspan: "3" }, t("All parameters are the same."))),
    );
  };
  draw(only);
  return h(
    "div",
    { class: "ez-card ez-pair-card" },
    h("table", { class: "ez-table" }, h("thead", {}, h("tr", {}, [t("Parameter"), ...LETTERS].map((words) => h("th", { scope: "col" }, words)))), rows),
    h("div", { class: "row s" }, h("label", { class: "row ez-pair-only" }, box, t("Only differences")), pixels),
  );
}

// One parameter of B, and everything else of A.
function replayButton(answer, [first]) {
  const changes = [...answer.prompts.filter((one) => one.added || one.removed || one.reweighted), ...answer.parameters.filter((one) => one.changed)];
  const offered = [...new Map(changes.filter((one) => one.change).map((one) => [JSON.stringify(one.change), one])).values()];
  if (!offered.length || (first.tool && first.tool !== "Easel")) return null;
  const items = offered.map((one) => ({ words: one.after === undefined ? t("{label} of B", { label: one.label }) : `${one.label}: ${one.after}`, icon: "apply", run: () => make(one) }));
  const make = async (one) => {
    const job = await change(`/history/${first.id}/branch`, { change: one.change });
    if (job) toast({ icon: "ok", title: t("A is made again with B's {label}", { label: one.label }), text: t("It appears in History when it is done.") });
  };
  const button = h("button", { class: "ez-btn", type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => toggleMenu(button, t("One change of B"), items, () => button) }, t("Replay A with one change of B…"));
  return h("div", { class: "row" }, button);
}

function drawWay(place, { before, way }) {
  const time = (Date.parse(way.at(-1).created_at) - Date.parse(before.created_at)) / 1000;
  const steps = [
    h("li", {}, h("img", { src: before.thumbnail, alt: "", loading: "lazy" }), h("span", { class: "xs" }, "A")),
    way.map((edit) => {
      const prompts = edit.prompts.map((one) => diffWords(one.runs, { only: true })).flat();
      const parameters = edit.parameters.map((one) => [" ", h("mark", {}, `${one.label} ${one.before} → ${one.after}`)]);
      return h("li", {}, h("img", { src: edit.thumbnail, alt: "", loading: "lazy" }), h("span", { class: "xs cut ez-diff" }, prompts, parameters));
    }),
  ];
  for (const step of steps.flat()) step.title = step.textContent.trim();
  fill(place, h("div", { class: "ez-card ez-pair-card" }, h("div", { class: "ez-label" }, t("On the way from A to B: {count} in {seconds}", { count: tn("{n} edit", "{n} edits", way.length), seconds: seconds(Math.max(1, time)) })), h("ol", { tabindex: "0", "aria-label": t("On the way from A to B") }, steps)));
  place.hidden = false;
}
