// What can be done with a finished picture, and what made it: the same on the stage and in the history.

import { clearErrors, put, snapshot } from "./fields.js";
import { filmed } from "./film.js";
import { icon } from "./icons.js";
import { keyNames } from "./key-names.js";
import { t, tn } from "./language.js";
import { ask, onReceipt } from "./link.js";
import { h } from "./markup.js";
import { expectJob } from "./queue.js";
import { showSource } from "./source.js";
import { tellSteps } from "./steps.js";
import { errorToast, toast } from "./toasts.js";
import { useUpscale } from "./upscale-take.js";
import { bytes, moment, nameOf, number, seconds, size, title, upscalersOf } from "./words.js";

let before = null;

/** Whether a checkpoint drew it: what was only finished (upscaled) has no seed and no steps. */
export function isDrawn(image) {
  return image.seed !== null || Boolean(image.imported);
}

/** What a picture is called where it isn't seen. */
export function spoken(image) {
  return `${nameOf(image)}, ${isDrawn(image) ? t("seed {seed}", { seed: image.seed ?? t("unknown") }) : t("upscaled")}`;
}

/** Sets every field to what made this picture, its own seed included. */
export function useParameters(image) {
  if (!isDrawn(image)) return useUpscale(image);
  before = snapshot();
  ask("use", { image: image.id });
}

onReceipt("use", async ({ error, source }) => {
  const old = before;
  if (error) return errorToast(error);
  clearErrors();
  const back = await showSource(source);
  const undo = () => {
    put(old);
    back();
  };
  toast({ icon: "ok", title: t("Parameters taken over"), text: t("With this seed Generate makes the same picture."), undo });
});

/** Makes this picture again, with a hires pass as the fields say. */
export function enlarge(image) {
  expectJob();
  ask("enlarge", { image: image.id, film: filmed() });
}

/** The button for that; null for a picture that has been through it, or that was made from another one. */
export function enlargeButton(image, options) {
  return image.hires || image.source ? null : button("enlarge", t("Hires"), () => enlarge(image), { says: t("Make this picture larger with hires fix"), ...options });
}

export function reuseSeed(image) {
  if (!isDrawn(image)) return;
  const old = snapshot().seed;
  put({ seed: image.seed });
  toast({ icon: "ok", title: t("Seed {seed}", { seed: image.seed }), text: t("Every picture now starts from this seed."), undo: () => put({ seed: old }) });
}

export async function copyPicture(image) {
  try {
    const blob = fetch(image.url).then((response) => response.blob());
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    toast({ icon: "ok", title: t("Picture copied") });
  } catch {
    toast({ icon: "bad", kind: "bad", title: t("The browser didn't let the picture be copied"), text: t("Download works.") });
  }
}

export async function copyText(text, words) {
  try {
    await navigator.clipboard.writeText(text);
    toast({ icon: "ok", title: words });
  } catch {
    toast({ icon: "bad", kind: "bad", title: t("The browser didn't let the text be copied"), text: t("Select it and press Ctrl C.") });
  }
}

export function download(image) {
  save(image.url, image.file);
}

/** Has the browser save what lies at an address; without a name it takes the one that the server says. */
export function save(address, name) {
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

/** A button with an icon; with words unless `bare`. */
export function button(name, words, run, { bare = false, key = "", kind = "", says = words } = {}) {
  const said = key ? `${says} (${keyNames(key)})` : says;
  return h(
    "button",
    { class: `ez-btn ${kind} ${bare ? "icon" : ""}`, type: "button", "aria-label": bare ? said : null, title: said, onclick: run },
    icon(name),
    bare ? null : words,
  );
}

/** The short line under a picture. */
export function facts(image) {
  if (!isDrawn(image)) return [t("Upscaled"), upscalersOf(image), size(image), seconds(image.seconds)].filter(Boolean);
  const schedule = image.schedule_type ? `, ${image.schedule_type}` : "";
  // Another program's picture may not tell all of it.
  return [
    image.seed !== null && t("Seed {seed}", { seed: image.seed }),
    image.steps && t("{steps} steps", { steps: image.steps }),
    image.sampler && `${image.sampler}${schedule}`,
    image.cfg_scale && `CFG ${number(image.cfg_scale)}`,
    size(image),
    !image.imported && seconds(image.seconds),
  ].filter(Boolean);
}

/** Everything that is known of a picture, and the text that other programs read. */
export function parameters(image) {
  const { device, dtype, attention } = image.facts ?? {};
  const where = [device, dtype, attention].filter(Boolean).join(", ");
  const drawn = isDrawn(image);
  const rows = [
    (drawn || image.negative_prompt) && [t("Negative"), image.negative_prompt || h("span", { class: "dim" }, t("None"))],
    image.checkpoint && [t("Checkpoint"), [image.checkpoint, " ", h("span", { class: "dim mono" }, image.checkpoint_hash ?? "")]],
    drawn && [t("Sampler"), [image.sampler, image.schedule_type, image.steps && t("{steps} steps", { steps: image.steps }), image.cfg_scale && `CFG ${number(image.cfg_scale)}`].filter(Boolean).join(", ")],
    image.seed !== null && [t("Seed"), image.seed],
    !drawn && image.source?.name && [t("Made of"), image.source.name],
    [t("Size"), size(image)],
    image.clip_skip > 1 && [t("Clip skip"), image.clip_skip],
    image.finishing?.length > 0 && [t("Finishing"), tellSteps(image.finishing)],
    image.facts?.faces !== undefined && [t("Faces"), image.facts.faces ? tn("{n} restored", "{n} restored", image.facts.faces) : t("None was found")],
    image.imported ? [t("Made"), t("{when} by {tool}", { when: moment(image.created_at), tool: image.imported.tool })] : [t("Made"), t("{when} in {time}{where}", { when: moment(image.created_at), time: seconds(image.seconds), where: where ? t(" on {where}", { where }) : "" })],
    image.imported && [t("Folder"), h("span", { class: "mono" }, image.imported.folder)],
    image.imported?.gone && [t("State"), h("span", { class: "bad" }, t("The file isn't there any more."))],
    [t("File"), [image.file, " ", h("span", { class: "dim" }, bytes(image.bytes))]],
  ].filter(Boolean);
  const copy = (text, words) => h("button", { class: "ez-link xs", type: "button", onclick: () => copyText(text, words) }, t("Copy"));
  const prompt = h("div", {}, h("div", { class: "ez-label" }, t("Prompt"), h("span", { class: "end" }, copy(image.prompt, t("Prompt copied")))), h("p", { class: "ez-said" }, title(image.prompt)));
  return [
    (drawn || image.prompt) && prompt,
    h("dl", { class: "ez-dl" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h(
      "div",
      {},
      h("div", { class: "ez-label" }, t("Infotext"), h("span", { class: "end" }, copy(image.infotext, t("Infotext copied")))),
      h("pre", { class: "ez-trace ez-infotext", tabindex: "0" }, image.infotext),
    ),
  ];
}
