// The terms of the search, as the server reads them, and texts with one more or one less.

import { look } from "./rest.js";
import { onSearch, search, searched } from "./history-state.js";

let terms = []; // of what is searched for now
let round = 0;
const listeners = new Set();

/** Calls back with the terms of the search: [{start, end, text, field, operator, value, negated, problem}]. */
export function onTerms(listener) {
  listeners.add(listener);
}

export function termsNow() {
  return terms;
}

/** What a text says, as the search reads it: {terms, problem}. An empty text is not asked about. */
export async function read(text) {
  if (!text.trim()) return { terms: [], problem: null };
  return (await look(`/history/terms?${new URLSearchParams({ q: text })}`)) ?? { terms: [], problem: null };
}

export function startTerms() {
  onSearch(follow);
  follow(searched());
}

async function follow(text) {
  const mine = ++round;
  const found = await read(text);
  if (mine !== round) return;
  terms = found.terms;
  listeners.forEach((listener) => listener(terms));
}

/** A text without one of its terms. */
export function without(text, term) {
  return tidy(text.slice(0, term.start), text.slice(term.end));
}

/** The last term of a text where it is still being written: nothing stands behind it. Else undefined. */
export function unfinished(text, found) {
  const last = found.at(-1);
  return last && last.end === text.length ? last : undefined;
}

const WORDS = new Set(["", "prompt", "negative", "note"]);

/** A text whose last term is still being written, as it is searched for meanwhile: a word may go on, and what is to be left out waits. */
export function asFarAs(text, term) {
  const value = behindColon(term);
  if (term.negated || term.problem) return without(text, term);
  if (!WORDS.has(term.field) || /["*]/.test(value) || !/[\p{L}\p{N}]$/u.test(value)) return text;
  return Array.from(value).length < 2 ? without(text, term) : `${text}*`;
}

/** A text with something added at its end. */
export function withMore(text, more) {
  return tidy(text, more);
}

function tidy(...parts) {
  return parts
    .map((part) => part.trim())
    .filter(Boolean)
    .join(" ");
}

/** A value as it is written behind a colon. */
export function written(value) {
  return /^[^\s",<>=][^\s",]*$/.test(value) ? value : `"${value.replaceAll('"', "")}"`;
}

/** What stands behind the colon of a term, as it is written. */
export function behindColon(term) {
  return term.field ? term.text.slice(term.text.indexOf(":") + 1 + term.operator.length) : term.text;
}

/** The values of a term, quotes taken off. */
export function valuesOf(term) {
  return [...behindColon(term).matchAll(/"([^"]*)"?|([^\s",]+)/g)].map((match) => match[1] ?? match[2]);
}

/** The term of a field that stands for what it has, or undefined. */
export function termOf(field) {
  return terms.find((term) => term.field === field && !term.negated);
}

/** Whether a value of a field is among those that are searched for. */
export function isAsked(field, value) {
  const term = termOf(field);
  if (!term) return false;
  if (term.operator && term.operator !== "=") return holds(Number(value), term.operator, Number(term.value));
  return valuesOf(term).some((other) => other.toLowerCase() === String(value).toLowerCase());
}

function holds(number, operator, limit) {
  return { ">=": number >= limit, "<=": number <= limit, ">": number > limit, "<": number < limit }[operator] ?? false;
}

/** Searches for a value of a field, too; or for it no more. Several values of one field are alternatives. */
export function toggle(field, value) {
  const term = termOf(field);
  const text = term ? without(searched(), term) : searched();
  const asked = term && (!term.operator || term.operator === "=") ? valuesOf(term) : [];
  const same = (other) => other.toLowerCase() === String(value).toLowerCase();
  const values = asked.some(same) ? asked.filter((other) => !same(other)) : [...asked, String(value)];
  const sign = asked.length && term.operator === "=" ? "=" : "";
  search(values.length ? withMore(text, `${field}:${sign}${values.map(written).join(",")}`) : text);
}
