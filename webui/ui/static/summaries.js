// A closed section says what is in it, and stays open over a reload if it was.

import { SIDES } from "./canvas/frame.js";
import { onChange, row, values, whenRestored } from "./fields.js";
import { t, tn } from "./language.js";
import { whenThere } from "./markup.js";
import { canvasOf, whenCanvas } from "./source.js";
import { onSteps, tellChain } from "./steps.js";
import { recall, remember } from "./storage.js";

const DETAILS = [
  ["batch_size", "batch"],
  ["clip_skip", t("clip skip")],
  ["attention"],
  ["weight_storage", "weights"],
  ...["eta", "eta_ddim", "sigma_churn", "sigma_noise", "sigma_tmin", "sigma_tmax", "rho", "beta_alpha", "beta_beta"].map((name) => [name, name.replaceAll("_", " ")]),
  ["sigma_min", "from"],
  ["sigma_max", "to"],
  ["discard_next_to_last", t("one level less")],
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
  ["mask_weight", t("mask weight")],
  ["noise_multiplier", "noise ×"],
  ["extra_noise", t("extra noise")],
  ["exact_steps", t("all steps")],
  ["color_correction", t("colours kept")],
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
    if (values.emphasis !== undefined && values.emphasis !== row("emphasis")?.default) parts.push(t("emphasis {emphasis}", { emphasis: values.emphasis.toLowerCase() }));
    if (differs("comma_backtrack")) parts.push(t("backtrack {comma_backtrack}", { comma_backtrack: values.comma_backtrack }));
    if (values.pad_conds) parts.push(t("padded"));
    if (values.old_prompt_editing) parts.push(t("old timelines"));
    return parts.join(", ");
  },
  "ez-acc-hires": () => {
    if (!values.hires) return "";
    const given = [values.hires_width, values.hires_height].map(Number);
    const size = given.some(Boolean) ? given.map((side) => side || t("auto")).join(" × ") : `${values.hires_scale} ×`;
    return [size, values.hires_upscaler, t("strength {denoising_strength}", { denoising_strength: values.denoising_strength }), told(HIRES), ["hires_prompt", "hires_negative_prompt"].some(differs) && t("own words")].filter(Boolean).join(", ");
  },
  "ez-acc-source": () => told(SOURCE),
  "ez-acc-extend": () => {
    const frame = canvasOf("inpaint")?.painting?.frame;
    const sides = frame ? SIDES.filter((side) => frame[side]).map((side) => `${side} ${frame[side]}`) : [];
    return [...sides, sides.length && told(EXTENSION)].filter(Boolean).join(", ");
  },
  "ez-acc-soft": () => (values.soft_inpainting ? told(SOFT) || t("On") : ""),
  "ez-acc-loopback": () =>
    differs("loops") ? t("{loops} loops, {source_denoising_strength} to {final_denoising_strength}{differs}", { loops: values.loops, source_denoising_strength: values.source_denoising_strength, final_denoising_strength: values.final_denoising_strength, differs: differs("denoising_curve") ? `, ${values.denoising_curve.toLowerCase()}` : "" }) : "",
  "ez-acc-tiles": () =>
    differs("tiled_drawing") ? [values.tiled_drawing, differs("tiled_scale") && `${values.tiled_scale} ×`, differs("tiled_upscaler") && values.tiled_upscaler, t("tiles {drawn_tile}", { drawn_tile: values.drawn_tile })].filter(Boolean).join(", ") : "",
  "ez-acc-refiner": () => {
    if (!differs("refiner")) return "";
    return [values.refiner, t("at {refiner_switch_at}", { refiner_switch_at: values.refiner_switch_at }), values.refiner_by_steps && t("of the steps"), differs("hires_refiner") && values.hires_refiner].filter(Boolean).join(", ");
  },
  "ez-acc-variation": () => {
    const parts = [];
    if (Number(values.variation_strength)) parts.push(t("{variation_strength} of {variation_seed}", { variation_strength: values.variation_strength, variation_seed: values.variation_seed || t("random") }));
    if (values.seed_resize_from) parts.push(t("from {seed_resize_from}", { seed_resize_from: values.seed_resize_from }));
    return parts.join(", ");
  },
  "ez-acc-guidance": () => [told(GUIDANCE), FREEU.some(differs) && "FreeU"].filter(Boolean).join(", "),
  "ez-acc-control": () => controlled(values.controls).join(", "),
  "ez-acc-regions": () => divided(values.regions),
  "ez-acc-finishing": () => tellChain(values.finishing),
};
const USUAL = { "ez-acc-hires": t("Off"), "ez-acc-refiner": t("Off"), "ez-acc-source": t("Default"), "ez-acc-extend": t("Off"), "ez-acc-soft": t("Off"), "ez-acc-loopback": t("Off"), "ez-acc-tiles": t("Off"), "ez-acc-sampling": t("Default"), "ez-acc-prompt": t("Default"), "ez-acc-variation": t("Off"), "ez-acc-guidance": t("Default"), "ez-acc-control": t("Off"), "ez-acc-regions": t("None"), "ez-acc-finishing": t("None") };

/** How many parts of the picture have prompts of their own. */
function divided(text) {
  const count = listed(text).length;
  return count ? tn("{n} region", "{n} regions", count) : "";
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
