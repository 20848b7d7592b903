// What can be done on the Models page, as two tables: rows for the head of the page, rows for one model.

import { put, values } from "./fields.js";
import { language, t } from "./language.js";
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
  { icon: "restore", words: t("Refresh"), title: t("Look at the model folders again"), run: lookAgain },
  { icon: "layers", words: t("Merge"), title: t("Mix checkpoints into a new one"), run: () => openMerge() },
  { icon: "swap", words: t("Convert"), title: t("Write a model anew in other numbers"), run: () => openConvert() },
  { icon: "eject", words: t("VAE"), title: t("Put a VAE into a checkpoint, or take it out"), run: () => openVae() },
  { icon: "add", words: t("Add models"), title: t("Folders that you have, and downloads"), run: () => openAdd(), primary: true },
];

/**
 * What can be done with one model, in order: {icon, words, title, fits, run, primary}. words: text, or a function of the model.
 * fits(model, resident): whether the act is offered. The first primary one that fits is also the button on the card.
 */
export const MODEL_ACTS = [
  { icon: "play", words: t("Use"), fits: (model) => isDrawn(model) && !isInUse(model), run: useModel, primary: true },
  { icon: "add", words: t("Insert"), fits: (model) => isNamed(model) && !isInPrompt(model), run: insertModel, primary: true },
  { icon: "ok", words: t("In prompt"), title: t("Take it out of the prompt again"), fits: (model) => isNamed(model) && isInPrompt(model), run: insertModel, primary: true, on: true },
  { icon: "play", words: t("Use"), fits: (model) => model.kind === "vae" && !model.problem && !isInUse(model), run: useVae, primary: true },
  { icon: "layers", words: t("Merge"), title: t("Mix it with another checkpoint"), fits: isDrawn, run: openMerge },
  { icon: "swap", words: t("Convert"), title: t("Write it anew in other numbers"), fits: (model) => !model.problem, run: openConvert },
  { icon: "eject", words: t("VAE"), title: t("Put a VAE into it, or take its own out"), fits: isDrawn, run: openVae },
  { icon: "eject", words: t("Unload"), title: t("Let go of the weights that only this checkpoint has"), fits: (model, resident) => resident.length > 0, run: unload },
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
  toast({ icon: "ok", title: t("VAE: {name}", { name: model.name }), undo: () => put({ vae: before }) });
}

async function unload(model) {
  if (await change(`/models/${model.id}/unload`)) toast({ icon: "ok", title: t("{name} leaves memory", { name: model.name }), text: t("The next picture with it loads it again.") });
}

async function lookAgain() {
  const answer = await change("/models/refresh");
  if (answer) toast({ icon: "ok", title: answer.changed ? t("The list is up to date") : t("Nothing has changed"), text: t("{value} models.", { value: answer.total.toLocaleString(language) }) });
}
