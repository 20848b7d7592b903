// The steps that a finishing chain can have, as the server declares them, and what is said of one in a few words.

import { on } from "./jobs.js";
import { inside, t, tn } from "./language.js";
import { linked } from "./link.js";
import { look } from "./rest.js";

const MOST_NAMED = 3; // in one line

let declared = []; // {step, label, help, last, fields: [{name, label, help, kind, default, …}]}
let most = 1;
const listeners = new Set();

linked.then(load);
on("catalog", load); // models come and go

async function load() {
  const found = await look("/finishing");
  if (!found) return;
  declared = found.steps.map(translated);
  most = found.most;
  listeners.forEach((listener) => listener());
}

// The server declares words in English; the page tells them in its own language.
function translated(entry) {
  const fields = entry.fields?.map(translated);
  return { ...entry, label: t(entry.label), help: entry.help && t(entry.help), ...(fields && { fields }) };
}

/** Calls back whenever what can be chosen has changed, and at once if it is known already. */
export function onSteps(listener) {
  listeners.add(listener);
  if (declared.length) listener();
}

/** All kinds of steps, in the order in which they are offered. */
export function allSteps() {
  return declared;
}

export function mostSteps() {
  return most;
}

/** What is declared of a kind of step; undefined for one that this server doesn't know. */
export function kindOf(step) {
  return declared.find((kind) => kind.step === step.step);
}

/** A new step of that kind, as usual. */
export function freshStep(kind) {
  return { step: kind.step, ...Object.fromEntries(kind.fields.map(({ name, default: usual }) => [name, usual])) };
}

/** Whether a field says anything, as the others of its step stand. */
export function counts(field, step) {
  return Object.entries(field.only_for ?? {}).every(([name, values]) => values.includes(step[name]));
}

/** Name of a step: "Sharpen". */
export function nameOf(step) {
  return kindOf(step)?.label ?? step.step;
}

/** What a step does, after its name: what is always told of it, and all that isn't as usual. */
export function wordsOf(step) {
  const fields = (kindOf(step)?.fields ?? []).filter((field) => counts(field, step));
  return fields
    .filter((field) => field.told || step[field.name] !== field.default)
    .map((field) => said(field, step[field.name]))
    .filter(Boolean)
    .join(", ");
}

function said(field, value) {
  if (field.kind === "switch") return value ? field.label : t("not {label}", { label: field.label.toLowerCase() });
  if (field.kind === "number") return `${value}${field.unit ? ` ${field.unit === "times" ? "×" : field.unit}` : ""}`;
  return String(value);
}

/** Steps with what they do: "Sharpen 0.5 · Resize Fit, 1024 px". */
export function tellSteps(steps) {
  return steps.map((step) => [nameOf(step), wordsOf(step)].filter(Boolean).join(" ")).join(" · ");
}

/** Whether two chains, each as JSON, are the same steps. Hashes and what this server doesn't know of are left out of account. */
export function isSameChain(one, other) {
  return meant(one) === meant(other);
}

function meant(text) {
  return JSON.stringify(listed(text).map((step) => [step.step, kindOf(step)?.fields.map(({ name, default: usual }) => step[name] ?? usual) ?? step]));
}

/** The steps of a chain that is JSON; none where it can't be read. */
export function listed(text) {
  try {
    return JSON.parse(text || "[]");
  } catch {
    return [];
  }
}

/** A chain as a closed section says it: "Upscale, Sharpen, Format", or "5 steps". */
export function tellChain(text) {
  const names = listed(text).map(nameOf);
  return names.length > MOST_NAMED ? tn("{n} step", "{n} steps", names.length) : names.join(", ");
}
