// What models are called: kinds, families, where they are in memory.

/** The page's tabs: id, words, the kinds in it, and whether it is shown while it is empty. */
export const TABS = [
  { id: "checkpoints", words: "Checkpoints", one: "checkpoint", kinds: ["checkpoint", "denoiser"], folder: "checkpoints", always: true },
  { id: "loras", words: "LoRA", one: "LoRA", kinds: ["lora"], folder: "loras", always: true },
  { id: "embeddings", words: "Embeddings", one: "embedding", kinds: ["embedding"], folder: "embeddings", always: true },
  { id: "vaes", words: "VAE", one: "VAE", kinds: ["vae"], folder: "vae", always: true },
  { id: "control", words: "Control", one: "model for Control", kinds: ["controlnet", "t2i_adapter", "ip_adapter", "image_encoder"], folder: "controlnet", always: true },
  { id: "upscalers", words: "Upscalers", one: "upscaler", kinds: ["upscaler"], folder: "upscalers", always: true },
  { id: "cut_out", words: "Cut-out", one: "cut-out model", kinds: ["cut_out"], folder: "cut_out" },
  { id: "text", words: "Text encoders", one: "text encoder", kinds: ["text_encoder"], folder: "text_encoders" },
  { id: "other", words: "Other", one: "other file", kinds: ["hypernetwork", "motion_module", "unknown"], folder: "hypernetworks" },
];

const KINDS = {
  checkpoint: "Checkpoint",
  denoiser: "Denoiser alone",
  vae: "VAE",
  text_encoder: "Text encoder",
  lora: "LoRA",
  embedding: "Embedding",
  controlnet: "ControlNet",
  t2i_adapter: "T2I-Adapter",
  ip_adapter: "IP-Adapter",
  image_encoder: "Image encoder",
  upscaler: "Upscaler",
  cut_out: "Cut-out model",
  hypernetwork: "Hypernetwork",
  motion_module: "Motion module",
  unknown: "Unknown",
};

const FAMILIES = {
  sd1: "SD 1",
  sd2: "SD 2",
  sdxl: "SDXL",
  sdxl_refiner: "SDXL refiner",
  sd3: "SD 3",
  flux: "FLUX",
  flux2: "FLUX.2",
  chroma: "Chroma",
  qwen_image: "Qwen-Image",
  z_image: "Z-Image",
  lumina2: "Lumina 2",
  hidream: "HiDream",
  pixart: "PixArt",
  sana: "Sana",
  kolors: "Kolors",
  auraflow: "AuraFlow",
};

const PARTS = { denoiser: "Denoiser", vae: "VAE", text_encoder: "Text", text_encoder_2: "Text 2", text_encoder_3: "Text 3", controlnet: "Control", pipeline: "Pipeline" };
const STATES = { device: ["On device", "ok"], pinned: ["Pinned", "acc"], RAM: ["In RAM", "acc"], mapped: ["In memory", "acc"] };

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
