// What came of the jobs of a page with a canvas: drawn in place over the picture, one at a time, with a way back to before.

import { extentOf, isExtended } from "./canvas/frame.js";
import { placeOf } from "./canvas/placing.js";
import { compare, isComparing, onCompare } from "./comparing.js";
import { values } from "./fields.js";
import { icon } from "./icons.js";
import { ACTIVE, known, on } from "./jobs.js";
import { t } from "./language.js";
import { onReceipt } from "./link.js";
import { fill, h, roving } from "./markup.js";
import { button, download, spoken } from "./picture.js";
import { progressCard } from "./progress-card.js";
import { fetched, putIn } from "./put-in.js";
import { sendButton } from "./send-to.js";
import { recall, remember } from "./storage.js";
import { view } from "./viewer.js";
import { nameOf } from "./words.js";

const KEPT = 24; // of a painting
const PAINTINGS = 6; // whose results are kept: an Undo brings them back with it
const JOBS = 24;

/** The results of `page` at `element`, over its canvas. */
export function showResults(element, page, canvas) {
  const name = `made of ${page}`;
  const state = recalled(name);
  let own = { images: [], laid: null }; // of the painting that is there
  state.parts = new Set(); // jobs whose previews show a part of the picture, which can't be laid over the whole
  state.modes = new Map(); // job -> how the picture came to the size that is drawn, for its previews
  const strip = h("div", { class: "ez-strip", role: "toolbar", "aria-label": t("Results") });
  const acts = h("div", { class: "row ez-result-acts", role: "toolbar", "aria-label": t("The result"), hidden: true }); // beside what scrolls, always in sight
  const place = h("div", { class: "ez-under-way", hidden: true }); // how far the job is, where its pictures will be
  let card = null; // of the job that runs
  let loading = null; // address of the picture that is being fetched
  fill(element, strip, h("div", { class: "ez-result-side" }, acts, place));
  const stop = roving(strip, "button");
  const stopAt = roving(acts, "button");

  const keep = () => remember(name, { jobs: [...state.jobs].slice(-JOBS), frames: Object.fromEntries(Object.entries(state.frames).slice(-JOBS)), paintings: [...state.paintings].slice(-PAINTINGS) });
  const find = (id) => own.images.find((image) => image.id === id) ?? null;
  const isOwn = (job) => Boolean(canvas.painting) && [canvas.painting.id, canvas.painting.copyOf].includes(state.jobs.get(job));

  const lay = async (address, area, mode) => {
    loading = address;
    const picture = address && (await bitmap(address));
    if (loading !== address || !canvas.painting) return picture?.close?.(); // another one was chosen meanwhile
    canvas.board.lay(picture || null, picture ? (area ?? placeOf(mode, canvas.painting, picture)) : null);
  };
  const layImage = (image) => lay(image?.url ?? null, image?.area ?? null, image?.source?.resize_mode);
  const choose = (image) => {
    own.laid = image?.id ?? null;
    keep();
    layImage(image);
    draw();
  };
  const showComparing = () => {
    canvas.board.compare(isComparing());
    draw();
  };

  const draw = () => {
    element.hidden = !canvas.painting;
    if (element.hidden) return fill(strip);
    const laid = find(own.laid);
    // What is pressed here is drawn anew, and keeps the focus.
    const held = { chosen: strip.contains(document.activeElement), act: [...acts.children].indexOf(document.activeElement) };
    const before = h(
      "button",
      { class: `pic ez-wait ${laid ? "" : "on"}`, type: "button", title: t("The picture before"), "aria-label": t("The picture before"), "aria-current": laid ? null : "true", onclick: () => choose(null) },
      icon("pictures"),
    );
    fill(
      strip,
      h("h3", {}, t("Results")),
      before,
      own.images.map((image) => thumbnail(image, image.id === own.laid, () => choose(image))),
      !laid && h("span", { class: "dim s only-wide" }, own.images.length ? [t("Click one to lay it over the picture; hold "), h("kbd", {}, "\\"), t(" to see before.")] : t("What is made of it comes here.")),
    );
    stop(strip.querySelector(".on") ?? before);
    acts.hidden = !laid;
    fill(acts, laid && actions(canvas, laid, () => choose(null)));
    stopAt(acts.children[Math.max(0, held.act)]);
    if (held.chosen) strip.querySelector(".on").focus({ preventScroll: true });
    else if (held.act >= 0) acts.children[held.act]?.focus({ preventScroll: true });
  };

  const showProgress = () => {
    const job = [...known.jobs.values()].find((other) => state.jobs.has(other.id) && ACTIVE.has(other.status));
    place.hidden = !job;
    element.classList.toggle("is-idle", !job && !own.images.length);
    if (!job) {
      card = null;
      fill(place);
    } else {
      if (card?.job !== job.id) {
        card = { job: job.id, ...progressCard(job) };
        fill(place, card.element);
      }
      card.update(job);
    }
  };

  const take = (image, job) => {
    // It belongs to the picture that it was made from, whatever is on the canvas by now.
    const of = isOwn(job) ? own : state.paintings.get(state.jobs.get(job));
    if (!of || of.images.some((other) => other.id === image.id)) return;
    const made = { ...image, area: state.frames[job] ?? null };
    of.images = [made, ...of.images].slice(0, KEPT);
    of.laid = made.id;
    if (of === own) choose(made);
    else keep();
    showProgress();
  };

  for (const way of ["generate", "soon", "forever"]) {
    onReceipt(way, (receipt) => {
      if (receipt.error || receipt.page !== page) return;
      const { painting } = canvas;
      if (!painting) return;
      state.jobs.set(receipt.job, painting.id);
      const extended = canvas.hasMask && isExtended(painting.frame);
      if (extended) state.frames[receipt.job] = extentOf(painting);
      if (extended || (canvas.hasMask && values.inpaint_area === "Only masked")) state.parts.add(receipt.job);
      state.modes.set(receipt.job, values.resize_mode);
      keep();
      known.jobs.get(receipt.job)?.images.forEach((image) => take(image, receipt.job)); // a quick one may be done by now
      showProgress();
    });
  }
  on("picture", ({ job, image, live }) => {
    if (!live && job && state.jobs.has(job.id)) take(image, job.id);
  });
  on("progress", ({ job, progress }) => {
    if (!state.jobs.has(job.id)) return;
    showProgress();
    if (isOwn(job.id) && progress.preview && !state.parts.has(job.id)) lay(progress.preview, null, state.modes.get(job.id));
  });
  on("job", ({ job }) => {
    if (!state.jobs.has(job.id)) return;
    showProgress();
    // What was only foretold goes: the picture itself, or what lay there before, takes its place.
    if (isOwn(job.id) && !ACTIVE.has(job.status)) layImage(find(own.laid));
  });
  on("snapshot", () => {
    for (const job of known.jobs.values()) if (state.jobs.has(job.id)) job.images.forEach((image) => take(image, job.id));
    showProgress();
  });
  canvas.addEventListener("opened", () => {
    // Results belong to the picture that they were made from.
    const { id, copyOf } = canvas.painting;
    own = state.paintings.get(id) ?? { images: [], laid: null, ...state.paintings.get(copyOf) };
    state.paintings.delete(id);
    state.paintings.set(id, own); // the last used is the last
    keep();
    layImage(find(own.laid));
    draw();
    showProgress();
  });
  canvas.addEventListener("closed", () => {
    own = { images: [], laid: null };
    lay(null);
    draw();
  });
  onCompare(showComparing);
  showComparing();
}

/** jobs: id -> the painting that it was asked with; frames: job -> the box that it draws, where it extends the picture; paintings: id -> {images, laid}. */
function recalled(name) {
  const { jobs = [], frames = {}, paintings = [] } = recall(name, {});
  return { jobs: new Map(jobs), frames, paintings: new Map(paintings) };
}

async function bitmap(address) {
  try {
    return await createImageBitmap((await fetched(address))[0]);
  } catch {
    return null; // a preview that is gone by now, or a picture that was trashed
  }
}

function thumbnail(image, on, run) {
  return h(
    "button",
    { class: `pic ${on ? "on" : ""}`, type: "button", "aria-label": spoken(image), "aria-current": on ? "true" : null, title: nameOf(image), style: { "background-color": image.mean_colour }, onclick: run },
    h("img", { src: image.thumbnail, alt: "", loading: "lazy" }),
  );
}

function actions(canvas, image, done) {
  const go = async () => {
    const found = await canvas.work(fetched(image.url, image.file));
    if (found && (await putIn(canvas, ...found))) done();
  };
  const split = button("before", t("Compare"), () => compare(!isComparing()), { key: "C", says: t("Before and after") });
  split.setAttribute("aria-pressed", String(isComparing()));
  return [
    split,
    button("apply", t("Go on with it"), go),
    sendButton(image),
    image.film && button("film", t("Film"), () => view(image, null), { says: t("See how it came about") }),
    button("download", t("Download"), () => download(image), { bare: true }),
  ];
}
