// In the detail of a picture: whether it comes out again when it is replayed, where it came from, and what was made of it.

import { choose, compareThese } from "./history-state.js";
import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { inside, language, t, tn } from "./language.js";
import { fill, h, roving } from "./markup.js";
import { change, look } from "./rest.js";
import { select } from "./select.js";
import { toast } from "./toasts.js";
import { dayAndMonth, moment, title } from "./words.js";

const STRIP = 3; // pictures of the strip beside how many more there are
const waiting = new Map(); // job -> id of the picture that it replays, until it has ended

const shown = { replays: null, family: null }; // what is drawn now, so that news find it

on("replay", ({ image }) => shown.replays?.id === image && shown.replays.draw());
on("picture", ({ live }) => !live && shown.family?.draw());
on("job", ({ job }) => {
  if (!waiting.has(job.id) || ["waiting", "running"].includes(job.status)) return;
  const image = waiting.get(job.id);
  waiting.delete(job.id);
  if (job.status === "failed") toast({ icon: "bad", kind: "bad", title: t("The replay failed"), text: job.error?.message ?? "" });
  if (shown.replays?.id === image) shown.replays.draw();
});

function isOurs(image) {
  return !image.tool || image.tool === "Easel";
}

// ---- replays

/** "Replayed: identical, 3 May, same 262,144 pixels", and the button for it. Null for a picture of another program. */
export function replayLine(image) {
  if (!isOurs(image)) return null;
  const line = h("div", { class: "ez-replay", role: "status" });
  let round = 0;
  const draw = async () => {
    const mine = ++round;
    const answer = await look(`/history/${image.id}/replays`);
    if (shown.replays?.line !== line || mine !== round) return;
    const busy = [...waiting.values()].includes(image.id);
    fill(line, verdict(answer?.items[0], busy, () => replay(image, draw)));
  };
  shown.replays = { id: image.id, line, draw };
  fill(line, verdict(null, false, () => replay(image, draw)));
  draw();
  return line;
}

async function replay(image, draw, { branch = false } = {}) {
  const job = await change(`/history/${image.id}/replay`, { branch });
  if (job) waiting.set(job.id, image.id);
  draw?.();
}

const VERDICTS = {
  identical: { kind: "ok", icon: "shield", words: () => t("Replayed: identical"), more: (proof) => t("same {pixels} pixels", { pixels: proof.pixels.toLocaleString(language) }) },
  close: { kind: "warn", icon: "shield", words: (proof) => t("Replayed: within {largest} of 255", { largest: proof.largest }), more: differing },
  different: { kind: "bad", icon: "bad", words: () => t("Replayed: different"), more: differing },
};

function differing(proof) {
  if (proof.largest === null) return t("another size");
  return t("{differing} of {pixels} pixels differ", { differing: proof.differing.toLocaleString(language), pixels: proof.pixels.toLocaleString(language) });
}

function verdict(proof, busy, run) {
  const again = h("button", { class: "ez-link xs end", type: "button", title: t("Make it again and compare, pixel by pixel"), onclick: run }, t("Replay"));
  const last = busy ? h("span", { class: "xs dim end" }, t("Replaying")) : again;
  if (!proof) return h("div", { class: "row wrap" }, h("span", { class: "xs dim" }, t("Replay proves that it comes out again.")), last);
  const told = VERDICTS[proof.verdict];
  const when = h("span", { class: "xs dim", title: moment(proof.created_at) }, `${dayAndMonth(proof.created_at)}, ${told.more(proof)}`);
  return [
    h("div", { class: "row wrap" }, h("span", { class: `ez-badge ${told.kind}` }, icon(told.icon, "s"), told.words(proof)), when, last),
    proof.verdict !== "identical" && causes(proof),
  ];
}

function causes(proof) {
  const both = proof.made && h("button", { class: "ez-link xs", type: "button", onclick: () => compareThese([proof.of, proof.made]) }, t("Compare both"));
  if (!proof.changes.length) return h("p", { class: "xs mid" }, t("No fact that Easel keeps has changed. "), both);
  const rows = proof.changes.map(({ label, before, after }) => [h("dt", {}, label), h("dd", {}, before || after ? [before, " → ", after] : t("other words"))]);
  return [h("dl", { class: "ez-dl ez-replay-causes", "aria-label": t("What has changed") }, rows), both];
}

// ---- lineage

/** Where it came from and what came of it, as a strip that opens to a tree. Empty for a picture that stands alone. */
export function lineageStrip(image) {
  const place = h("div", { class: "ez-family", hidden: true });
  let open = null; // "tree", or "change" with what is changed
  let round = 0; // an answer that was on its way for long must not take the place of a newer one
  const draw = async () => {
    const mine = ++round;
    const family = await look(`/history/${image.id}/lineage`);
    if (shown.family?.place !== place || !family || mine !== round) return;
    const alone = !family.links.length;
    place.hidden = alone && !isOurs(image);
    const show = (what) => {
      open = open === what ? null : what;
      redraw();
    };
    const redraw = () => {
      const focused = place.contains(document.activeElement) && document.activeElement.dataset.act;
      fill(place, parts(image, family, open, show));
      if (focused) place.querySelector(`[data-act="${focused}"]`)?.focus({ preventScroll: true });
    };
    redraw();
  };
  shown.family = { place, draw };
  draw();
  return place;
}

function parts(image, family, open, show) {
  const path = lineOf(family, image.id);
  const steps = branchOf(family, image.id);
  const act = (name, words, more = {}) =>
    h("button", { class: "ez-link xs", type: "button", "data-act": name, "aria-expanded": String(open === name), onclick: () => show(name), ...more }, words);
  const alone = !family.links.length;
  return [
    h("div", { class: "ez-label" }, t("Lineage"), h("span", { class: "end row" }, isOurs(image) && act("change", t("Change…")), !alone && act("tree", t("Tree")))),
    alone ? open !== "change" && h("p", { class: "xs dim" }, t("Made from words alone; nothing was made of it yet.")) : strip(path, family, image.id),
    open === "tree" && tree(image, family),
    open === "change" && changeForm(image, family, steps, () => show("change")),
  ];
}

// The way from its first ancestor over it to the newest of what came of it, by the pictures that drawing went on from.
function lineOf({ nodes, links }, id) {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const of = (link) => !["mask", "control"].includes(link.relation);
  const up = [];
  for (let at = id; at && !up.includes(at); at = links.find((link) => link.image === at && of(link))?.source) up.unshift(at);
  const down = [];
  for (let at = id; at && !down.includes(at); at = links.findLast((link) => link.source === at && of(link))?.image) down.push(at);
  return [...up, ...down.slice(1)].map((one) => known.get(one)).filter(Boolean);
}

// The pictures that it was made from step by step, itself last; without those that were put in from elsewhere.
function branchOf({ nodes, links }, id) {
  const steps = [];
  for (let at = id; at && !steps.includes(at); ) {
    steps.unshift(at);
    at = links.find((link) => link.image === at && ["init", "upscale"].includes(link.relation))?.source;
  }
  const known = new Map(nodes.map((node) => [node.id, node]));
  return steps.map((one) => known.get(one)).filter((node) => node?.kind);
}

function strip(path, family, id) {
  const here = Math.max(0, path.findIndex((node) => node.id === id));
  const from = Math.max(0, Math.min(here - 1, path.length - STRIP));
  const seen = path.slice(from, from + STRIP);
  const more = family.nodes.length - seen.length;
  const list = h("div", { class: "ez-lineage", role: "group", "aria-label": t("Lineage") });
  seen.forEach((node, index) => list.append(...(index ? [icon("next")] : []), figure(node, node.id === id)));
  if (more) list.append(h("span", { class: "ez-badge", title: t("{count} more in the tree", { count: tn("{n} picture", "{n} pictures", more) }) }, `+${more}${family.whole ? "" : t(" or more")}`));
  return list;
}

function figure(node, isHere) {
  return h(
    "button",
    { class: `ez-kin ${isHere ? "on" : ""}`, type: "button", "aria-current": isHere ? "true" : null, title: spoken(node), disabled: !node.kind, onclick: () => openPicture(node.id) },
    h("span", { class: "pic", style: { "background-color": node.mean_colour } }, h("img", { src: node.thumbnail, alt: "", loading: "lazy" })),
    h("span", { class: "cut" }, node.made_by),
  );
}

function spoken(node) {
  return [node.made_by, node.prompt && title(node.prompt), node.created_at && moment(node.created_at), node.trashed && t("in the trash")].filter(Boolean).join(", ");
}

async function openPicture(id) {
  const image = await look(`/history/${id}`);
  if (image) choose(image);
}

const RELATIONS = { init: "", upscale: "", mask: t("as a mask"), control: t("as control"), variation: t("changed"), replay: t("replayed"), hires: t("with hires"), script: t("by an add-on") };

function tree(image, family) {
  const known = new Map(family.nodes.map((node) => [node.id, node]));
  const drawn = new Set();
  // Each picture once, below the first one that it was made from.
  const branch = (node, relation) => {
    drawn.add(node.id);
    const inner = family.links.filter((link) => link.source === node.id).map((link) => !drawn.has(link.image) && known.has(link.image) && branch(known.get(link.image), link.relation)).filter(Boolean);
    return h("li", { role: "none" }, row(node, relation, node.id === image.id), inner.length > 0 && h("ul", { role: "group" }, inner));
  };
  const targets = new Set(family.links.map((link) => link.image));
  const roots = family.nodes.filter((node) => !targets.has(node.id));
  const list = h("ul", { class: "ez-tree", role: "tree", "aria-label": t("Lineage") });
  fill(list, roots.map((node) => !drawn.has(node.id) && branch(node)), family.nodes.filter((node) => !drawn.has(node.id)).map((node) => branch(node)));
  roving(list, '[role="treeitem"]', { rows: true })(list.querySelector('[aria-selected="true"]'));
  return [
    list,
    !family.whole && h("p", { class: "xs dim" }, t("There are more than are shown.")),
    branchOf(family, image.id).length > 1 &&
      isOurs(image) &&
      h("button", { class: "ez-link xs", type: "button", title: t("Make every step again and compare each"), onclick: () => replay(image, shown.replays?.draw, { branch: true }) }, t("Replay the whole branch")),
  ];
}

function row(node, relation, isHere) {
  const words = [RELATIONS[relation], node.created_at && moment(node.created_at), node.trashed && t("in the trash")].filter(Boolean).join(", ");
  return h(
    "button",
    { class: "ez-tree-row", type: "button", role: "treeitem", "aria-selected": String(isHere), tabindex: isHere ? "0" : "-1", title: spoken(node), disabled: !node.kind, onclick: () => openPicture(node.id) },
    h("span", { class: "pic", style: { "background-color": node.mean_colour } }, h("img", { src: node.thumbnail, alt: "", loading: "lazy" })),
    h("span", { class: "grow cut" }, node.made_by),
    h("span", { class: "xs dim cut" }, words),
  );
}

// ---- one thing changed

const FIELDS = {
  prompt: { label: t("Prompt"), kind: "words" },
  negative_prompt: { label: t("Negative prompt"), kind: "words" },
  seed: { label: t("Seed"), kind: "seed" },
  steps: { label: t("Steps"), kind: "number" },
  cfg_scale: { label: t("CFG scale"), kind: "number" },
  denoising_strength: { label: t("Denoising strength"), kind: "number", only: ["img2img", "inpaint"] },
  sampler: { label: t("Sampler"), kind: "text" },
  schedule_type: { label: t("Schedule"), kind: "text" },
  checkpoint: { label: t("Checkpoint"), kind: "text" },
};

// Which step, which of its fields, and its new value; all after it is made again.
function changeForm(image, family, steps, done) {
  const drawn = steps.filter((node) => node.kind !== "upscale");
  if (!drawn.length) return h("p", { class: "xs dim" }, t("Nothing in it was drawn here, so there is nothing to change."));
  let step = drawn.at(-1);
  let field = "prompt";
  let values = {};
  const form = h("form", { class: "ez-change" });
  const input = () => form.querySelector("[name=value]");
  const draw = () => {
    const names = Object.entries(FIELDS).filter(([, { only }]) => !only || only.includes(step.kind));
    if (!names.some(([name]) => name === field)) field = "prompt";
    const pick = (node) => {
      step = drawn.find((other) => other.id === node);
      load();
    };
    const number = steps.length - steps.indexOf(step) - 1;
    fill(
      form,
      drawn.length > 1 && select(t("Of"), {}, step.id, drawn.map((node, index) => [node.id, `${index + 1}. ${node.made_by}`]), pick),
      select(t("What"), {}, field, names.map(([name, { label }]) => [name, label]), (name) => {
        field = name;
        draw();
      }),
      h("label", { class: "is-wide" }, h("span", { class: "ez-label" }, t("New value")), control(field, values[field] ?? "")),
      h(
        "div",
        { class: "row is-wide" },
        h("span", { class: "xs dim grow" }, number > 0 ? t("{count} made again from it.", { count: tn("{n} later step", "{n} later steps", number) }) : t("Everything else stays as it was.")),
        h("button", { class: "ez-btn s", type: "submit" }, t("Make it")),
      ),
    );
  };
  const load = async () => {
    values = (step.id === image.id ? image : await look(`/history/${step.id}`)) ?? {};
    draw();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input().value.trim();
    const value = FIELDS[field].kind === "number" ? Number(text) : FIELDS[field].kind === "seed" ? Number(text || -1) : text;
    const job = await change(`/history/${image.id}/branch`, { change: { [field]: value }, at: step.id });
    if (!job) return;
    toast({ icon: "ok", title: t("{label} changed", { label: FIELDS[field].label }), text: t("The pictures appear here as they are made.") });
    done();
  });
  draw();
  load();
  return form;
}

function control(field, value) {
  const { kind, label } = FIELDS[field];
  const more = { name: "value", "aria-label": t("New {label}", { label: inside(label) }), class: "ez-field" };
  if (kind === "words") {
    const area = h("textarea", { ...more, rows: "3" });
    area.value = value;
    return area;
  }
  const options = kind === "number" ? { type: "number", step: "any" } : { type: "text", inputmode: kind === "seed" ? "numeric" : null };
  const line = h("input", { ...more, ...options });
  line.value = value;
  return line;
}

