// Picking a checkpoint takes over the values it draws best with; one click brings the old ones back.

import { onChange, put, snapshot, values } from "./fields.js";
import { known, on } from "./jobs.js";
import { t } from "./language.js";
import { ask, linked, onReceipt, told } from "./link.js";
import { whenThere } from "./markup.js";
import { isSameChain, listed, tellSteps } from "./steps.js";
import { toast } from "./toasts.js";

let beforeChange = {};
let taken = null; // Gradio may report one pick twice

onChange((changed, before) => {
  if (changed.includes("checkpoint")) {
    beforeChange = before;
    if (values.checkpoint !== taken) taken = null;
  }
  showWorker();
});

/** What a checkpoint draws best with, by field name. */
export function defaultsOf(name) {
  return told.checkpoints.find((entry) => entry.name === name)?.defaults ?? {};
}

/** The finishing chain that its pictures usually have, as the field holds it. */
export function chainOf(name) {
  return told.checkpoints.find((entry) => entry.name === name)?.finishing ?? "[]";
}

/** Called by Gradio when the user picked another one; the change itself may have been reported already, or not yet. */
export function picked(name) {
  if (name === taken) return;
  taken = name;
  takeDefaults(name, values.checkpoint === name ? beforeChange : snapshot());
}

/** Switches to a checkpoint, as if it were picked. */
export function useCheckpoint(name) {
  if (values.checkpoint === name) return;
  taken = name;
  const before = snapshot();
  put({ checkpoint: name });
  takeDefaults(name, before);
}

function takeDefaults(name, before) {
  const defaults = defaultsOf(name);
  if (before.checkpoint === name) return;
  // A chain that somebody has changed is theirs, whatever draws.
  const chain = isSameChain(before.finishing, chainOf(before.checkpoint)) ? chainOf(name) : before.finishing;
  put({ ...defaults, finishing: chain });
  const said = [Object.keys(defaults).length > 0 && t("Size, steps, CFG scale and sampler are now the ones it draws best with."), newChain(before.finishing, chain)];
  toast({ icon: "ok", title: t("Drawing with {name}", { name }), text: said.filter(Boolean).join(" "), undo: () => put(before) });
}

function newChain(before, after) {
  if (isSameChain(before, after)) return "";
  const steps = tellSteps(listed(after));
  return steps ? t("Its pictures are finished by {steps}.", { steps }) : t("Nothing is done to its pictures at the end.");
}

on("catalog", () => ask("catalog"));
linked.then(() => ask("catalog")); // what the page was built with may be days old
onReceipt("catalog", ({ checkpoints }) => checkpoints && (told.checkpoints = checkpoints));

/** A dot at the picker says whether the worker is ready. */
function showWorker() {
  whenThere("#ez-field-checkpoint", mark);
}

function mark(picker) {
  const { state, device, dtype, message } = known.worker;
  const words = { starting: t("Starting the worker"), ready: t("Ready on {device}, {dtype}", { device, dtype }), lost: t("The worker stopped and is being restarted") };
  picker.dataset.worker = state;
  picker.title = t("Checkpoint: {value}. {value2}.", { value: values.checkpoint ?? t("none"), value2: message || words[state] || state });
}
on("worker", showWorker);
on("snapshot", showWorker);
linked.then(showWorker); // the snapshot may be here before the picker is
