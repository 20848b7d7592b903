// What can be done on the Models page, as two tables: rows for the head of the page, rows for one model.

import { put, values } from "./fields.js";
import { insertModel, isInPrompt } from "./networks.js";
import { change } from "./rest.js";
import { useCheckpoint } from "./checkpoint.js";
import { openAdd } from "./models-add.js";
import { openConvert, openMerge, openVae } from "./models-work.js";
import { toast } from "./toasts.js";

/**
 * Buttons at the head of the page, in order: {icon, words, title, run, primary}. One of them may be `primary`.
 * `run(button)` may open a sheet beside the list with `openModelSheet` of models.js.
 */
export const HEAD_ACTS = [
  { icon: "restore", words: "Refresh", title: "Look at the model folders again", run: lookAgain },
  { icon: "layers", words: "Merge", title: "Mix checkpoints into a new one", run: () => openMerge() },
  { icon: "swap", words: "Convert", title: "Write a model anew in other numbers", run: () => openConvert() },
  { icon: "eject", words: "VAE", title: "Put a VAE into a checkpoint, or take it out", run: () => openVae() },
  { icon: "add", words: "Add models", title: "Folders that you have, and downloads", run: () => openAdd(), primary: true },
];

/**
 * What can be done with one model, in order: {icon, words, title, fits, run, primary}. words: text, or a function of the model.
 * fits(model, resident): whether the act is offered. The first primary one that fits is also the button on the card.
 */
export const MODEL_ACTS = [
  { icon: "play", words: "Use", fits: (model) => isDrawn(model) && !isInUse(model), run: useModel, primary: true },
  { icon: "add", words: "Insert", fits: (model) => isNamed(model) && !isInPrompt(model), run: insertModel, primary: true },
  { icon: "ok", words: "In prompt", title: "Take it out of the prompt again", fits: (model) => isNamed(model) && isInPrompt(model), run: insertModel, primary: true, on: true },
  { icon: "play", words: "Use", fits: (model) => model.kind === "vae" && !model.problem && !isInUse(model), run: useVae, primary: true },
  { icon: "layers", words: "Merge", title: "Mix it with another checkpoint", fits: isDrawn, run: openMerge },
  { icon: "swap", words: "Convert", title: "Write it anew in other numbers", fits: (model) => !model.problem && model.form !== "gguf", run: openConvert },
  { icon: "eject", words: "VAE", title: "Put a VAE into it, or take its own out", fits: isDrawn, run: openVae },
  { icon: "eject", words: "Unload", title: "Let go of the weights that only this checkpoint has", fits: (model, resident) => resident.length > 0, run: unload },
];

/** The act on a model's card, or null. */
export function cardAct(model, resident) {
  return MODEL_ACTS.find((act) => act.primary && act.fits(model, resident)) ?? null;
}

/** Whether the fields of the page ask for this model. */
export function isInUse(model) {
  if (model.usable !== null) return values.checkpoint === model.name;
  return model.kind === "vae" && values.vae === model.name;
}

function isDrawn(model) {
  return model.usable === true;
}

function isNamed(model) {
  return ["lora", "embedding"].includes(model.kind) && !model.problem;
}

function useModel(model) {
  useCheckpoint(model.name);
  change(`/models/${model.id}/preload`);
}

function useVae(model) {
  const before = values.vae;
  put({ vae: model.name });
  toast({ icon: "ok", title: `VAE: ${model.name}`, undo: () => put({ vae: before }) });
}

async function unload(model) {
  if (await change(`/models/${model.id}/unload`)) toast({ icon: "ok", title: `${model.name} leaves memory`, text: "The next picture with it loads it again." });
}

async function lookAgain() {
  const answer = await change("/models/refresh");
  if (answer) toast({ icon: "ok", title: answer.changed ? "The list is up to date" : "Nothing has changed", text: `${answer.total.toLocaleString("en")} models.` });
}
