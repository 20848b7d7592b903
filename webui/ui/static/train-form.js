// What to learn and how: the fields that the server tells of, in the order that people need them.

import { onChange, values } from "./fields.js";
import { icon } from "./icons.js";
import { t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { labelled, select, submit } from "./models-work.js";
import { look } from "./rest.js";
import { recall, remember } from "./storage.js";
import { on } from "./jobs.js";

const USUAL = ["model", "name", "trigger", ["steps", "rank"], ["learning_rate", "batch_size"], "previews", ["preview_every", "resolution"]];
const RARE = [["alpha", "seed"], "flip", "buckets", ["caption_dropout", "min_snr"], "text_encoder", "text_encoder_rate", ["learning_schedule", "warmup"], ["clip_skip", "save_every"]];
const EXPLAINED = new Set(["model", "name", "trigger", "previews", "flip", "buckets", "text_encoder"]); // the others say it in their titles
const KINDS = ["checkpoint", "denoiser"];
const FAMILIES = ["sd1", "sd2", "sdxl"];
const NEVER = { folder: 1, captions: 1, kind: 1 };

/** Fills the ask column. draft: of the pictures. started(order) is called once a run was taken. */
export function trainForm(place, schema, draft, started) {
  const kept = recall("train", {});
  const fields = {};
  for (const [name, about] of Object.entries(schema.properties)) if (!NEVER[name]) fields[name] = fieldOf(name, about, kept[name]);
  const row = (names) => (Array.isArray(names) ? h("div", { class: "two" }, names.map((name) => fields[name].element)) : fields[names].element);
  const go = h("button", { class: "ez-btn primary l", type: "submit", "data-does": "train" }, icon("layers"), t("Train"));
  const hint = h("p", { class: "ez-hint", role: "status" });
  const details = h("details", { class: "ez-train-details" }, h("summary", {}, t("Details")), RARE.map(row));
  const form = h("form", { class: "ez-train-form", novalidate: true, "aria-label": t("Train") }, h("div", { class: "ez-scroll" }, USUAL.map(row), details), h("div", { class: "ez-foot" }, go, hint));
  const asked = () => ({ ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value()])), folder: draft.folder, captions: draft.captions });
  const say = () => {
    fields.resolution.explain(fields.resolution.value() === 0 ? t("0 is what the checkpoint was trained on.") : "");
    const pictures = draft.found?.rounds ?? 0;
    go.disabled = !pictures || Boolean(draft.busy);
    const each = pictures ? (fields.steps.value() * fields.batch_size.value()) / pictures : 0;
    hint.textContent = pictures ? t("{count}, each seen {often}. Pictures that you draw meanwhile go first.", { count: tn("{n} picture", "{n} pictures", draft.found.items.length), often: Math.round(each) ? tn("about {n} time", "about {n} times", Math.round(each)) : t("less than once") }) : t("Choose pictures first.");
  };
  form.addEventListener("input", () => {
    const { folder: _, captions: __, ...rest } = asked();
    remember("train", rest);
    say();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    // What is wrong with the pictures is said beside them.
    const order = await submit({ kind: "train", ...asked() }, { ...fields, folder: pictureField(draft), captions: pictureField(draft) });
    say();
    if (order) return started(order);
    const wrong = details.querySelector("[aria-invalid=true], .ez-hint.bad");
    if (!wrong) return;
    details.open = true;
    wrong.focus();
  });
  draft.addEventListener("change", say);
  fill(place, form);
  checkpoints(fields.model);
  say();
}

function pictureField(draft) {
  return {
    control: document.getElementById("ez-train-folder"),
    complain(error) {
      draft.error = error;
      draft.dispatchEvent(new Event("change"));
    },
  };
}

function fieldOf(name, about, kept) {
  const id = `ez-train-${name}`;
  const value = kept ?? (name === "model" ? "" : about.default);
  if (about.type === "boolean") return switchOf(id, about, value);
  const control = controlOf(name, about, value, id);
  const field = labelled(id, about.unit ? `${about.title} (${about.unit})` : about.title, EXPLAINED.has(name) ? about.description : "", control);
  field.element.title = EXPLAINED.has(name) ? "" : about.description;
  if (about.type === "integer" || about.type === "number") {
    const text = field.value;
    field.value = () => (text() === "" || Number.isNaN(Number(text())) ? text() : Number(text()));
  }
  if (about.type === "array") {
    const text = field.value;
    field.value = () => text().split("\n").map((line) => line.trim()).filter(Boolean);
  }
  return field;
}

function controlOf(name, about, value, id) {
  if (about.enum) return select(about.enum, value, (word) => word[0].toUpperCase() + word.slice(1));
  if (about.type === "array") {
    const area = h("textarea", { rows: 2, spellcheck: "false", placeholder: t("The first picture's caption") });
    area.value = (value ?? []).join("\n");
    return h("div", { class: "ez-field area" }, area);
  }
  const number = about.type === "integer" || about.type === "number";
  const list = name === "model" ? h("datalist", { id: `${id}-names` }) : null;
  const more = number ? { inputmode: "decimal" } : { maxlength: about.maxLength, list: list?.id };
  return h("div", { class: "ez-field" }, h("input", { type: "text", value: String(value ?? ""), autocomplete: "off", spellcheck: "false", ...more }), list);
}

function switchOf(id, about, value) {
  let on = Boolean(value);
  const hint = h("p", { class: "ez-hint", id: `${id}-hint` }, about.description);
  const control = h("button", { class: "ez-switch", type: "button", role: "switch", id, "aria-describedby": hint.id }, h("i"), about.title);
  const draw = () => {
    control.classList.toggle("on", on);
    control.setAttribute("aria-checked", String(on));
  };
  control.addEventListener("click", () => {
    on = !on;
    draw();
    control.dispatchEvent(new Event("input", { bubbles: true }));
  });
  draw();
  const complain = (error) => {
    hint.classList.toggle("bad", Boolean(error));
    hint.textContent = error ? [error.message, error.hint].filter(Boolean).join(" ") : about.description;
  };
  return { element: h("div", {}, control, hint), control, value: () => on, complain };
}

// Checkpoints that can be trained on; the one that is drawn with is filled in.
async function checkpoints(field) {
  const list = field.element.querySelector("datalist");
  const load = async () => {
    const query = new URLSearchParams({ limit: 500, sort: "name" });
    for (const kind of KINDS) query.append("kind", kind);
    const answer = await look(`/models?${query}`);
    const fit = (answer?.items ?? []).filter((model) => !model.problem && FAMILIES.includes(model.family));
    fill(list, fit.map((model) => h("option", { value: model.name })));
  };
  const take = () => field.control.value || (field.control.value = values.checkpoint ?? "");
  onChange((names) => names.includes("checkpoint") && take());
  on("catalog", load);
  take();
  await load();
}
