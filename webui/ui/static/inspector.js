// Below the prompt: how many tokens it has, what may be meant otherwise, and the way to all of it explained.

import { onChange, put, row, snapshot, values } from "./fields.js";
import { icon } from "./icons.js";
import { t, tn } from "./language.js";
import { linked } from "./link.js";
import { fill, h } from "./markup.js";
import { toggleNetworks } from "./networks-sheet.js";
import { onLeftOut, pasteParameters, showLeftOut, startPaste } from "./paste.js";
import { onBracket, startPromptKeys } from "./prompt-keys.js";
import { openSheet, showSheet } from "./sheet.js";
import { pickedStyles, showPicked, toggleStyles } from "./styles.js";
import { toast } from "./toasts.js";

const ASK_AFTER_MS = 250;
const MOST_CHARACTERS = 20_000;
const NUMBERS = ["steps", "comma_backtrack"];
const ASKED = ["prompt", "negative_prompt", "styles", "checkpoint", "sampler", "emphasis", "old_prompt_editing", ...NUMBERS];

let told = null;
let leftOut = [];
let asked = 0;
let timer = null;

export function mount(element) {
  const number = h("span", { class: "ez-count", title: t("Tokens of the prompt, and room for them") });
  const badges = h("span", { class: "row s" });
  const bracket = h("span", { class: "dim xs cut end" });
  const warnings = h("div", { class: "ez-warnings" });
  const explain = h("button", { class: "ez-link xs", type: "button", onclick: showAll }, t("Explain"));
  const styles = h("button", { class: "ez-link xs", type: "button", title: t("Words kept by name"), onclick: toggleStyles }, t("Styles"));
  const picked = h("div", { class: "row wrap ez-picked" });
  const paste = h(
    "button",
    { class: "ez-link xs", type: "button", title: t("From the clipboard; or drop a picture on the prompt"), onclick: pasteParameters },
    t("Paste parameters"),
  );
  const networks = h("button", { class: "ez-link xs", type: "button", title: t("LoRA and embeddings, into the prompt with a click"), onclick: toggleNetworks }, t("LoRA"));
  fill(element, h("div", { class: "row s ez-inspect" }, number, explain, styles, networks, paste, badges, bracket), picked, warnings);
  showPicked(picked);

  const show = () => {
    number.textContent = told ? `${told.prompt.tokens} / ${told.prompt.room}` : "";
    explain.hidden = !told;
    fill(badges, told ? summary(told.prompt).map((words) => h("span", { class: "ez-badge acc" }, words)) : []);
    const lines = told ? ["prompt", "negative_prompt"].flatMap((name) => told[name].warnings.map((warning) => warningLine(name, warning))) : [];
    if (leftOut.length) lines.push(leftOutLine(show));
    fill(warnings, lines);
    if (openSheet() === "explain") showAll();
  };
  onBracket((found) => {
    bracket.textContent = found ? (found.missing ? t("This bracket has no partner") : found.text) : "";
    bracket.classList.toggle("bad", Boolean(found?.missing));
  });
  onLeftOut((left) => {
    leftOut = left;
    show();
  });
  onChange((changed) => changed.some((name) => ASKED.includes(name)) && askSoon(show));
  linked.then(() => askSoon(show));
  startPromptKeys();
  startPaste();
}

function askSoon(show) {
  clearTimeout(timer);
  timer = setTimeout(() => explainNow(show), ASK_AFTER_MS);
}

async function explainNow(show) {
  const fields = {};
  for (const name of ASKED) if (isUsable(name)) fields[name] = name === "styles" ? pickedStyles() : values[name];
  if ([fields.prompt, fields.negative_prompt].some((text) => (text ?? "").length > MOST_CHARACTERS)) return;
  const mine = (asked += 1);
  const response = await fetch("/api/v1/prompt/explain", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(fields),
  }).catch(() => null); // the stream says that Easel is gone
  if (mine !== asked || !response) return;
  told = response.ok ? await response.json() : null;
  show();
}

// What a field doesn't allow is told at the field; here it is left out.
function isUsable(name) {
  const value = values[name];
  if (value === undefined || value === null || value === "") return false;
  if (!NUMBERS.includes(name)) return true;
  const { minimum, maximum } = row(name);
  return Number.isInteger(Number(value)) && value >= minimum && value <= maximum;
}

function summary({ parts, networks, embeddings }) {
  const words = parts.flatMap((part) => part.chunks.flat());
  const weights = words.filter((word, index) => word.weight !== 1 && words[index - 1]?.weight !== word.weight).length;
  return [
    weights && tn("{n} weight", "{n} weights", weights),
    parts.length > 1 && t("{parts} parts", { parts: parts.length }),
    parts.some((part) => part.entries.length > 1) && t("changes on the way"),
    networks.length && tn("{n} LoRA", "{n} LoRAs", networks.length),
    embeddings.length && tn("{n} embedding", "{n} embeddings", embeddings.length),
  ].filter(Boolean);
}

function warningLine(name, { message, fix, way }) {
  const mend = () => {
    const before = snapshot()[name];
    put({ [name]: fix });
    toast({ icon: "ok", title: way, undo: () => put({ [name]: before }) });
  };
  return h(
    "p",
    { class: "ez-hint row s" },
    icon("info", "s"),
    h("span", { class: "grow" }, message),
    way && h("button", { class: "ez-link xs", type: "button", onclick: mend }, way),
  );
}

function leftOutLine(show) {
  const clear = () => {
    leftOut = [];
    show();
  };
  const names = leftOut.map(({ key }) => key).join(", ");
  return h(
    "p",
    { class: "ez-hint row s" },
    icon("info", "s"),
    h("span", { class: "grow cut", title: names }, t("{count} found no place: {names}", { count: tn("{n} parameter", "{n} parameters", leftOut.length), names })),
    h("button", { class: "ez-link xs", type: "button", onclick: () => showLeftOut(leftOut) }, t("Show")),
    h("button", { class: "ez-link xs", type: "button", onclick: clear }, t("Dismiss")),
  );
}

// --- The sheet ---

function showAll() {
  if (!told) return;
  const body = h("div", { class: "ez-sheet-body ez-padded ez-explained" }, section(t("Prompt"), told.prompt), section(t("Negative prompt"), told.negative_prompt));
  showSheet("explain", t("The prompt explained"), body);
}

function section(name, { tokens, room, parts, networks, embeddings }) {
  return h(
    "section",
    {},
    h("div", { class: "ez-label" }, name, h("span", { class: "val" }, `${tokens} / ${room}`)),
    parts.map((part, index) => partView(part, parts.length > 1 ? index + 1 : 0)),
    networks.length > 0 && h("dl", { class: "ez-dl" }, networks.map(networkView)),
    embeddings.length > 0 && h("dl", { class: "ez-dl" }, embeddings.map(embeddingView)),
  );
}

function partView({ weight, entries, chunks }, number) {
  return [
    number > 0 && h("p", { class: "mid s" }, t("Part {number}, pulls {weight} times", { number, weight })),
    number === 0 && weight !== 1 && h("p", { class: "mid s" }, t("Pulls {weight} times", { weight })),
    chunks.map((chunk, index) => [
      chunks.length > 1 && h("p", { class: "dim xs" }, t("Chunk {value}", { value: index + 1 })),
      h("p", { class: "ez-explain" }, chunk.map(tokenView)),
    ]),
    entries.length > 1 &&
      h("dl", { class: "ez-dl" }, entries.map(({ first, last, text }) => [h("dt", {}, t("{first} to {last}", { first, last })), h("dd", {}, text || t("nothing"))])),
  ];
}

function tokenView({ text, weight }) {
  const kind = weight >= 1.3 ? "up2" : weight > 1 ? "up" : weight < 1 ? "dn" : "";
  return h("span", { class: kind }, text || "·", weight !== 1 && h("sup", {}, String(Math.round(weight * 100) / 100)));
}

function embeddingView({ name, vectors }) {
  return [h("dt", {}, t("embedding")), h("dd", {}, `${name}, ${tn("{n} token", "{n} tokens", vectors)}`)];
}

function networkView({ kind, name, text_encoder_weight: text, unet_weight: unet, found }) {
  const state = { true: "here", false: "missing" }[found];
  const weights = text === unet ? String(unet) : t("words {text}, picture {unet}", { text, unet });
  return [h("dt", {}, kind), h("dd", {}, `${name}, ${weights}`, state && h("span", { class: found ? "ok xs" : "bad xs" }, ` ${state}`))];
}
