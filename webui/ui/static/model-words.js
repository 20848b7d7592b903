// What models are called: kinds, families, where they are in memory.

import { t } from "./language.js";

/** The page's tabs: id, words, the kinds in it, and whether it is shown while it is empty. */
export const TABS = [
  { id: "checkpoints", words: t("Checkpoints"), one: t("checkpoint"), kinds: ["checkpoint", "denoiser"], folder: "checkpoints", always: true },
  { id: "loras", words: t("LoRA"), one: "LoRA", kinds: ["lora"], folder: "loras", always: true },
  { id: "embeddings", words: t("Embeddings"), one: "embedding", kinds: ["embedding"], folder: "embeddings", always: true },
  { id: "vaes", words: t("VAE"), one: "VAE", kinds: ["vae"], folder: "vae", always: true },
  { id: "control", words: t("Control"), one: t("model for Control"), kinds: ["controlnet", "t2i_adapter", "ip_adapter", "image_encoder"], folder: "controlnet", always: true },
  { id: "upscalers", words: t("Upscalers"), one: t("upscaler"), kinds: ["upscaler"], folder: "upscalers", always: true },
  { id: "face_restorers", words: t("Face restorers"), one: t("face restorer"), kinds: ["face_restorer"], folder: "face_restorers" },
  { id: "cut_out", words: t("Cut-out"), one: t("cut-out model"), kinds: ["cut_out"], folder: "cut_out" },
  { id: "text", words: t("Text encoders"), one: t("text encoder"), kinds: ["text_encoder"], folder: "text_encoders" },
  { id: "other", words: t("Other"), one: t("other file"), kinds: ["hypernetwork", "motion_module", "unknown"], folder: "hypernetworks" },
];

const KINDS = {
  checkpoint: t("Checkpoint"),
  denoiser: t("Denoiser alone"),
  vae: "VAE",
  text_encoder: t("Text encoder"),
  lora: "LoRA",
  embedding: t("Embedding"),
  controlnet: "ControlNet",
  t2i_adapter: "T2I-Adapter",
  ip_adapter: "IP-Adapter",
  image_encoder: t("Image encoder"),
  upscaler: t("Upscaler"),
  face_restorer: t("Face restorer"),
  cut_out: t("Cut-out model"),
  hypernetwork: t("Hypernetwork"),
  motion_module: t("Motion module"),
  unknown: t("Unknown"),
};

const FAMILIES = {
  sd1: "SD 1",
  sd2: "SD 2",
  sdxl: "SDXL",
  sdxl_refiner: t("SDXL refiner"),
  sd3: "SD 3",
  flux: "FLUX",
  flux2: "FLUX.2",
  chroma: t("Chroma"),
  qwen_image: "Qwen-Image",
  z_image: "Z-Image",
  lumina2: "Lumina 2",
  hidream: "HiDream",
  pixart: "PixArt",
  sana: t("Sana"),
  kolors: t("Kolors"),
  auraflow: "AuraFlow",
};

const PARTS = { denoiser: t("Denoiser"), vae: "VAE", text_encoder: t("Text"), text_encoder_2: "Text 2", text_encoder_3: "Text 3", controlnet: t("Control"), pipeline: t("Pipeline") };
const STATES = { device: [t("On device"), "ok"], pinned: [t("Pinned"), "acc"], RAM: [t("In RAM"), "acc"], mapped: [t("In memory"), "acc"] };

export function kindWords(kind) {
  return KINDS[kind] ?? kind;
}

export function familyWords(family) {
  return FAMILIES[family] ?? family;
}

/** "SD 3.5 medium", "SD 1, inpaint", "FLUX dev, GGUF". */
export function familyOf(model) {
  const { family, version, variant, form } = model;
  const name = family === "sd3" && version.startsWith("3.5") ? `SD ${version.replace("-", " ")}` : [familyWords(family), family === "flux" && version].filter(Boolean).join(" ");
  const upscaler = model.kind === "upscaler" ? version : "";
  return [name || upscaler, variant && variant !== "base" && variant, form === "gguf" && "GGUF"].filter(Boolean).join(", ");
}

/** Of a part of a checkpoint: "Denoiser", "Text". */
export function partWords(kind) {
  return PARTS[kind] ?? kind;
}

/** Where something is: words, and the colour of their badge. */
export function stateWords(state) {
  return STATES[state] ?? [state, ""];
}
