// LoRAs and embeddings go into the prompt with a click, with their weight and trigger words, and out again.

import { put, values } from "./fields.js";
import { t } from "./language.js";
import { added, reweighed, tagsIn, without, wordsIn } from "./prompt-tags.js";
import { toast } from "./toasts.js";

const STANDARD_WEIGHT = 1;

/** Where a LoRA's tag or an embedding's word stands in the prompt: [{start, end, weight}]. */
export function placesOf(model) {
  const prompt = values.prompt ?? "";
  if (model.kind === "embedding") return wordsIn(prompt, model.prompt_name?.toLowerCase() ?? "");
  return tagsIn(prompt).filter(({ name }) => model.prompt_names.includes(name));
}

export function isInPrompt(model) {
  return placesOf(model).length > 0;
}

/** The weight that the prompt gives a LoRA; null where it isn't there. */
export function weightOf(model) {
  return placesOf(model)[0]?.weight ?? null;
}

/** Puts it into the prompt, or takes it out where it is there. */
export function insertModel(model) {
  const places = placesOf(model);
  if (places.length) return change(withoutIt(model, places), `${model.name} left the prompt`);
  if (!model.prompt_name) {
    return toast({
      icon: "info",
      title: t("{name} can't be named in a prompt", { name: model.name }),
      text: t("Its name has signs that mean something there. Rename the file") + (model.kind === "lora" && !model.hash ? t(", or wait for its hash.") : "."),
    });
  }
  const words = model.insert_words ? model.trigger_words : [];
  const lora = model.kind === "lora";
  const tag = lora ? `<lora:${model.prompt_name}:${model.weight ?? STANDARD_WEIGHT}>` : "";
  const prompt = added(values.prompt ?? "", { words: lora ? words : [model.prompt_name, ...words], tag });
  return change(prompt, `${model.name} is in the prompt`, words.length ? `With ${words.join(", ")}.` : "");
}

/** Gives a LoRA in the prompt another weight. */
export function reweigh(model, weight) {
  const [place] = placesOf(model);
  if (place && Number.isFinite(weight)) put({ prompt: reweighed(values.prompt, place, weight) });
}

function withoutIt(model, places) {
  const prompt = without(values.prompt, places);
  if (!model.insert_words || model.kind === "embedding") return prompt;
  // Its trigger words came with it, and go with it as long as they still stand together.
  const run = model.trigger_words.join(", ").toLowerCase();
  return without(prompt, wordsIn(prompt, run).slice(-1));
}

function change(prompt, title, text = "") {
  const before = values.prompt ?? "";
  put({ prompt });
  toast({ icon: "ok", title, text, undo: () => put({ prompt: before }) });
}
