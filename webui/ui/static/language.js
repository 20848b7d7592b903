// The page's words in the language that was chosen: looked up in the catalogue that the server put into the page's head.

const catalogue = globalThis.easelWords ?? { language: "en", plural: null, words: {} };
const HOLE = /\{(\w+)\}/g;

/** Of the language that the page is in, as Intl knows it. */
export const language = catalogue.language;

/** Languages of the page: [code, name]. CHOSEN: the one that was chosen in this browser; empty where none was. */
export const LANGUAGES = Object.entries(catalogue.languages ?? {});
export const CHOSEN = catalogue.chosen ?? "";

const COOKIE = "easel-language";

/** language: its code, or empty for the one that the setting or the browser says. The page is loaded anew in it. */
export function chooseLanguage(code) {
  document.cookie = `${COOKIE}=${code}; path=/; samesite=strict; max-age=${code ? 31_536_000 : 0}`;
  location.reload();
}

/** t("{name} is deleted", { name }): the words in the page's language, with values in their places. Untrusted text is a value, never words. */
export function t(words, values) {
  return filled(translated(words)?.[0] ?? words, values);
}

/** tn("{n} picture", "{n} pictures", n): the form for that number, which stands in {n}. */
export function tn(one, many, n, values = {}) {
  const forms = translated(one);
  const form = forms ? (forms[catalogue.plural(n)] ?? forms.at(-1)) : n === 1 ? one : many;
  return filled(form, { n: Number(n).toLocaleString(catalogue.language), ...values });
}

/**
 * What the server said in English, in the page's language: its sentences are in a catalogue of their own, where values are holes.
 * Whatever it doesn't know stays as it came.
 */
export function told(text) {
  if (typeof text !== "string" || !text || catalogue.language === "en" || text.length > LONGEST) return text;
  const parts = text.split(BETWEEN);
  const known = parts.map(sentence);
  // A hole could swallow a whole sentence, so they are looked up one by one first.
  if (known.every((part) => part !== null)) return known.join(" ");
  return sentence(text) ?? parts.map((part, at) => known[at] ?? part).join(" ");
}

const LONGEST = 2000; // characters: a sentence is never so long, and the search for it would take its time
const BETWEEN = /(?<=[.!?]) (?=[^a-z])/;
let patterns = null; // [pattern, holes' names, translation], what says most first

function sentence(text) {
  const said = catalogue.said ?? {};
  if (Object.hasOwn(said, text)) return said[text];
  if (translated(text)) return translated(text)[0];
  patterns ??= Object.entries(said)
    .filter(([words]) => words.replace(HOLE, "").length > 5 && words.search(HOLE) >= 0)
    .sort(([one], [other]) => other.replace(HOLE, "").length - one.replace(HOLE, "").length)
    .map(([words, translation]) => [new RegExp(`^${words.split(HOLE).map((part, at) => (at % 2 ? "(.+?)" : part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))).join("")}$`, "s"), [...words.matchAll(HOLE)].map(([, name]) => name), translation]);
  for (const [pattern, names, translation] of patterns) {
    const found = pattern.exec(text);
    if (found) return filled(translation, Object.fromEntries(names.map((name, at) => [name, Object.hasOwn(said, found[at + 1]) ? said[found[at + 1]] : found[at + 1]])));
  }
  return null;
}

/** An answer or event of the server, in which errors, problems and states are told in the page's language. It is changed in place. */
export function inOurLanguage(answer) {
  if (catalogue.language !== "en") translateWithin(answer, 0);
  return answer;
}

const OF_SERVER = new Set(["message", "hint", "advice", "problem", "reason", "stage", "doing", "why"]);

function translateWithin(value, depth) {
  if (value === null || typeof value !== "object" || depth > DEEPEST) return;
  for (const [name, part] of Object.entries(value)) {
    if (typeof part !== "string") translateWithin(part, depth + 1);
    else if (OF_SERVER.has(name)) value[name] = told(part);
  }
}

const DEEPEST = 8;

/** A name within a sentence: English writes it small, a language with large nouns leaves it. */
export function inside(name) {
  return catalogue.language === "en" ? name.toLowerCase() : name;
}

function translated(words) {
  return Object.hasOwn(catalogue.words, words) ? catalogue.words[words] : null;
}

function filled(words, values) {
  return values ? words.replace(HOLE, (hole, name) => (name in values ? String(values[name]) : hole)) : words;
}
