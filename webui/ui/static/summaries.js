// A closed section says what is in it, and stays open over a reload if it was.

import { SIDES } from "./canvas/frame.js";
import { onChange, row, values, whenRestored } from "./fields.js";
import { whenThere } from "./markup.js";
import { canvasOf, whenCanvas } from "./source.js";
import { onSteps, tellChain } from "./steps.js";
import { recall, remember } from "./storage.js";

const DETAILS = [
  ["batch_size", "batch"],
  ["clip_skip", "clip skip"],
  ["attention"],
  ["weight_storage", "weights"],
  ...["eta", "eta_ddim", "sigma_churn", "sigma_noise", "sigma_tmin", "sigma_tmax", "rho", "beta_alpha", "beta_beta"].map((name) => [name, name.replaceAll("_", " ")]),
  ["sigma_min", "from"],
  ["sigma_max", "to"],
  ["discard_next_to_last", "one level less"],
  ["rng", "noise"],
  ["seed_delta", "delta"],
  ["tiling", "tiling"],
];
const HIRES = [
  ["hires_steps", "steps"],
  ["hires_cfg_scale", "CFG"],
  ["hires_checkpoint"],
  ["hires_sampler"],
  ["hires_schedule_type"],
];
const GUIDANCE = [
  ["cfg_rescale", "rescale"],
  ["pag_scale", "perturbed"],
  ["guidance_from", "from"],
  ["guidance_to", "to"],
  ["mimic_scale", "mimic"],
  ["threshold_percentile", "percentile"],
];
const SOURCE = [
  ["mask_mode"],
  ["mask_weight", "mask weight"],
  ["noise_multiplier", "noise ×"],
  ["extra_noise", "extra noise"],
  ["exact_steps", "all steps"],
  ["color_correction", "colours kept"],
];
const SOFT = [
  ["soft_schedule_bias", "bias"],
  ["soft_preservation", "preservation"],
  ["soft_contrast_boost", "boost"],
  ["soft_mask_influence", "influence"],
  ["soft_difference_threshold", "threshold"],
  ["soft_difference_contrast", "contrast"],
];
const EXTENSION = [
  ["extend_overlap", "overlap"],
  ["extend_rounds", "rounds"],
];
const FREEU = ["freeu_b1", "freeu_b2", "freeu_s1", "freeu_s2"];

const SECTIONS = {
  "ez-acc-sampling": () => told(DETAILS),
  "ez-acc-prompt": () => {
    const parts = [];
    if (values.emphasis !== undefined && values.emphasis !== row("emphasis")?.default) parts.push(`emphasis ${values.emphasis.toLowerCase()}`);
    if (differs("comma_backtrack")) parts.push(`backtrack ${values.comma_backtrack}`);
    if (values.pad_conds) parts.push("padded");
    if (values.old_prompt_editing) parts.push("old timelines");
    return parts.join(", ");
  },
  "ez-acc-hires": () => {
    if (!values.hires) return "";
    const given = [values.hires_width, values.hires_height].map(Number);
    const size = given.some(Boolean) ? given.map((side) => side || "auto").join(" × ") : `${values.hires_scale} ×`;
    return [size, values.hires_upscaler, `strength ${values.denoising_strength}`, told(HIRES), ["hires_prompt", "hires_negative_prompt"].some(differs) && "own words"].filter(Boolean).join(", ");
  },
  "ez-acc-source": () => told(SOURCE),
  "ez-acc-extend": () => {
    const frame = canvasOf("inpaint")?.painting?.frame;
    const sides = frame ? SIDES.filter((side) => frame[side]).map((side) => `${side} ${frame[side]}`) : [];
    return [...sides, sides.length && told(EXTENSION)].filter(Boolean).join(", ");
  },
  "ez-acc-soft": () => (values.soft_inpainting ? told(SOFT) || "On" : ""),
  "ez-acc-loopback": () =>
    differs("loops") ? `${values.loops} loops, ${values.source_denoising_strength} to ${values.final_denoising_strength}${differs("denoising_curve") ? `, ${values.denoising_curve.toLowerCase()}` : ""}` : "",
  "ez-acc-tiles": () =>
    differs("tiled_drawing") ? [values.tiled_drawing, differs("tiled_scale") && `${values.tiled_scale} ×`, differs("tiled_upscaler") && values.tiled_upscaler, `tiles ${values.drawn_tile}`].filter(Boolean).join(", ") : "",
  "ez-acc-refiner": () => {
    if (!differs("refiner")) return "";
    return [values.refiner, `at ${values.refiner_switch_at}`, values.refiner_by_steps && "of the steps", differs("hires_refiner") && values.hires_refiner].filter(Boolean).join(", ");
  },
  "ez-acc-variation": () => {
    const parts = [];
    if (Number(values.variation_strength)) parts.push(`${values.variation_strength} of ${values.variation_seed || "random"}`);
    if (values.seed_resize_from) parts.push(`from ${values.seed_resize_from}`);
    return parts.join(", ");
  },
  "ez-acc-guidance": () => [told(GUIDANCE), FREEU.some(differs) && "FreeU"].filter(Boolean).join(", "),
  "ez-acc-control": () => controlled(values.controls).join(", "),
  "ez-acc-regions": () => divided(values.regions),
  "ez-acc-finishing": () => tellChain(values.finishing),
  "ez-acc-dynamic": () => (values.dynamic_prompts ? "On" : ""),
};
const USUAL = { "ez-acc-hires": "Off", "ez-acc-refiner": "Off", "ez-acc-source": "Default", "ez-acc-extend": "Off", "ez-acc-soft": "Off", "ez-acc-loopback": "Off", "ez-acc-tiles": "Off", "ez-acc-sampling": "Default", "ez-acc-prompt": "Default", "ez-acc-variation": "Off", "ez-acc-guidance": "Default", "ez-acc-control": "Off", "ez-acc-regions": "None", "ez-acc-finishing": "None", "ez-acc-dynamic": "Off" };

/** How many parts of the picture have prompts of their own. */
function divided(text) {
  const count = listed(text).length;
  return count === 1 ? "1 region" : count ? `${count} regions` : "";
}

/** The models that pictures steer through. */
function controlled(text) {
  return listed(text).map(({ model, weight }) => (weight === 1 ? model : `${model} ${weight}`));
}

function listed(text) {
  try {
    return JSON.parse(text || "[]");
  } catch {
    return [];
  }
}

/** What differs of some fields, in their order; a word before the value, none for what speaks for itself. */
function told(fields) {
  return fields
    .filter(([name]) => differs(name))
    .map(([name, word]) => (values[name] === true ? word : [word, values[name]].filter((part) => part !== undefined).join(" ")))
    .join(", ");
}

function differs(name) {
  const value = values[name];
  const usual = row(name)?.default;
  if (value === undefined || value === null || usual === undefined) return false;
  return typeof usual === "number" ? Number(value) !== usual : value !== usual;
}

function show() {
  for (const [id, summary] of Object.entries(SECTIONS)) whenThere(`#${id} > button.label-wrap`, (head) => mark(head, summary() || null, USUAL[id]));
}

function mark(head, words, usual) {
  head.dataset.sum = words ?? usual;
  if (words) head.dataset.on = "";
  else delete head.dataset.on;
  head.setAttribute("aria-expanded", String(isOpen(head)));
}

function isOpen(head) {
  return head.classList.contains("open");
}

export function startSummaries() {
  const open = new Set(recall("open", []));
  for (const id of Object.keys(SECTIONS)) {
    whenThere(`#${id} > button.label-wrap`, (head) => {
      // Opened earlier it would be drawn while what was remembered is on its way, and show what is usual.
      whenRestored.then(() => open.has(id) && !isOpen(head) && head.click());
      new MutationObserver(() => {
        if (isOpen(head) === open.has(id)) return;
        if (isOpen(head)) open.add(id);
        else open.delete(id);
        remember("open", [...open]);
        show();
      }).observe(head, { attributeFilter: ["class"] });
    });
  }
  onChange(show);
  onSteps(show);
  whenCanvas("inpaint").then((canvas) => {
    canvas.watch("frame", show);
    canvas.addEventListener("closed", show);
  });
  show();
}
