// The files of a batch as a list in which only what is in sight is drawn: a folder may hold thousands.

import { icon } from "./icons.js";
import { known } from "./jobs.js";
import { t } from "./language.js";
import { h } from "./markup.js";
import { look } from "./rest.js";
import { seconds, size } from "./words.js";

const ROW = 48; // px, as in upscale.css
const PAGE = 60;
const LOOK_MS = 400; // least time between two looks
const STILL_MS = 8000; // so long the list stays where somebody scrolled it to
const SETTLED = new Set(["done", "failed"]);

/** {element, show, filter, choose, step}. chosen(file) hears which one is looked at, changed(file) that what is known of it is new. */
export function fileList(chosen, changed) {
  const room = h("div", { class: "ez-up-room" });
  const element = h("div", { class: "ez-up-files", role: "listbox", "aria-label": t("Files"), tabindex: "-1" }, room);
  const rows = new Map(); // number in the list -> its element
  let batch = null;
  let state = ""; // only files that are so
  let total = 0;
  let pages = new Map(); // number of a part -> {items, settled}
  let marked = null; // number of the chosen one within its batch
  let told = null; // what was known of it last
  let stop = 0; // row at which Tab enters
  let lookedAt = 0;
  let timer = null;
  let last = Promise.resolve(); // the look that is under way
  let scrolledAt = -Infinity;
  let following = false; // the list is being scrolled by itself

  element.addEventListener("scroll", () => {
    if (!following) scrolledAt = performance.now();
    following = false;
    draw();
    loadSoon();
  });
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const many = Math.max(1, Math.floor(element.clientHeight / ROW) - 1);
    const to = { ArrowDown: stop + 1, ArrowUp: stop - 1, PageDown: stop + many, PageUp: stop - many, Home: 0, End: total - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    go(to);
  });
  new ResizeObserver(() => {
    draw();
    loadSoon();
  }).observe(element);

  const at = (index) => pages.get(Math.floor(index / PAGE))?.items[index % PAGE] ?? null;

  function go(index) {
    stop = Math.max(0, Math.min(total - 1, index));
    scrolledAt = performance.now();
    reveal(stop);
    draw();
    rows.get(stop)?.focus({ preventScroll: true });
    const file = at(stop);
    if (file) choose(file);
  }

  function reveal(index) {
    const top = index * ROW;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW - element.clientHeight;
  }

  function choose(file) {
    marked = file.number;
    told = file;
    draw();
    chosen(file);
  }

  function show(next) {
    const other = next.id !== batch?.id;
    batch = next;
    if (other) startOver();
    else loadSoon();
    if (state === "") total = batch.total;
    follow();
    draw();
  }

  function startOver() {
    pages = new Map();
    rows.forEach((row) => row.remove());
    rows.clear();
    marked = null;
    stop = 0;
    total = state === "failed" ? batch.failed : batch.total;
    element.scrollTop = 0;
    load();
  }

  function filter(wanted) {
    if (state === wanted) return;
    state = wanted;
    startOver();
    draw();
  }

  // What is being made stays in sight, unless somebody looks elsewhere.
  function follow() {
    const now = batch.now[0];
    if (!now || state || element.contains(document.activeElement) || performance.now() - scrolledAt < STILL_MS) return;
    const wanted = Math.max(0, Math.min(now.number - 2, total - Math.floor(element.clientHeight / ROW))) * ROW;
    if (Math.abs(element.scrollTop - wanted) < 1) return;
    following = true;
    element.scrollTop = wanted;
  }

  function inSight() {
    const first = Math.max(0, Math.floor(element.scrollTop / ROW) - 2);
    return [first, Math.min(total, Math.ceil((element.scrollTop + element.clientHeight) / ROW) + 2)];
  }

  function draw() {
    if (!batch) return;
    room.style.height = `${total * ROW}px`;
    const [first, end] = inSight();
    const focused = [...rows].find(([, row]) => row === document.activeElement)?.[0];
    for (const [index, row] of rows) {
      if ((index >= first && index < end) || index === focused) continue;
      row.remove();
      rows.delete(index);
    }
    for (let index = first; index < end; index++) {
      const file = at(index);
      const key = keyOf(file, index);
      const old = rows.get(index);
      if (old?.dataset.key === key) continue;
      const row = rowOf(file, index, key);
      if (old) old.replaceWith(row);
      else place(row, index);
      rows.set(index, row);
      if (index === focused) row.focus({ preventScroll: true });
    }
  }

  // In the order of the list, for those who are read it.
  function place(row, index) {
    const later = [...rows].filter(([other]) => other > index).sort(([one], [other]) => one - other)[0];
    if (later) room.insertBefore(row, later[1]);
    else room.append(row);
  }

  function keyOf(file, index) {
    if (!file) return `${index}`;
    const progress = file.state === "running" ? known.jobs.get(file.job)?.progress : null;
    return JSON.stringify([file.number, file.state, file.image, file.width, file.error?.message, progress?.step, progress?.steps, file.number === marked, index === stop]);
  }

  function rowOf(file, index, key) {
    const dims = file ? dimensions(file) : "";
    return h(
      "div",
      {
        class: `ez-up-file ${file && file.number === marked ? "on" : ""}`,
        role: "option",
        tabindex: index === stop ? "0" : "-1",
        "aria-selected": String(Boolean(file) && file.number === marked),
        "aria-setsize": String(total),
        "aria-posinset": String(index + 1),
        "data-key": key,
        "data-number": file ? String(file.number) : null,
        title: file?.error ? `${file.error.message} ${file.error.hint}` : (file?.name ?? null),
        style: { top: `${index * ROW}px` },
        onclick: () => file && go(index),
      },
      file && thumbnail(file),
      h("span", { class: "cut grow s" }, file?.name ?? "…"),
      file?.error ? h("span", { class: "dim s cut only-wide ez-up-why" }, file.error.message) : h("span", { class: "dim s num only-wide" }, dims),
      h("span", { class: "ez-up-state" }, file && badge(file)),
    );
  }

  function loadSoon() {
    if (timer || !batch) return;
    timer = setTimeout(
      () => {
        timer = null;
        load();
      },
      Math.max(0, lookedAt + LOOK_MS - performance.now()),
    );
  }

  // One look after the other: an answer that was on its way for long must not take the place of a newer one.
  function load() {
    last = last.then(loadNow, loadNow);
  }

  // A part whose files have all come to their end isn't asked for again.
  async function loadNow() {
    lookedAt = performance.now();
    const [first, end] = inSight();
    const { id } = batch;
    const mine = pages;
    const wanted = [];
    for (let part = Math.floor(first / PAGE); part * PAGE < Math.max(end, 1); part++) if (!mine.get(part)?.settled) wanted.push(part);
    await Promise.all(
      wanted.map(async (part) => {
        const answer = await look(`/batches/${id}/files?offset=${part * PAGE}&limit=${PAGE}${state ? `&state=${state}` : ""}`);
        if (!answer || mine !== pages) return;
        mine.set(part, { items: answer.items, settled: answer.items.length > 0 && answer.items.every((file) => SETTLED.has(file.state)) });
        total = answer.total;
      }),
    );
    if (mine !== pages) return;
    const before = told;
    told = marked === null ? null : (wanted.flatMap((part) => mine.get(part)?.items ?? []).find((file) => file.number === marked) ?? before);
    if (told && before?.number === told.number && (before.state !== told.state || before.image !== told.image)) changed(told);
    draw();
  }

  return {
    element,
    show,
    filter,
    redraw: draw,
    /** Looks at the one before (-1) or behind (1) the one that is looked at. */
    step: (direction) => go(stop + direction),
    forget() {
      marked = null;
      draw();
    },
    get chosen() {
      return marked;
    },
  };
}

function thumbnail(file) {
  if (file.state === "failed" && !file.image) return h("span", { class: "pic ez-up-none" }, icon("bad", "s"));
  const picture = h("img", { class: "pic", src: file.thumbnail, alt: "", loading: "lazy", onerror: () => picture.replaceWith(h("span", { class: "pic ez-up-none" }, icon("pictures", "s"))) });
  return picture;
}

function dimensions(file) {
  const before = file.width && size(file);
  const after = file.to_width && `${file.to_width} × ${file.to_height}`;
  return [before, after].filter(Boolean).join(" → ");
}

// A file without a job could not be used; what is allowed is said of one that holds no picture.
function failureWords({ job, error }) {
  if (job || !error) return t("Failed");
  if (error.code === "too_large") return t("Too large");
  return error.allowed ? t("Not a picture") : t("Can't be used");
}

function badge(file) {
  if (file.state === "done") return h("span", { class: "ez-badge ok" }, file.seconds === null ? t("Done") : t("Done, {seconds}", { seconds: seconds(file.seconds) }));
  if (file.state === "failed") return h("span", { class: "ez-badge bad" }, failureWords(file));
  if (file.state === "cancelled") return h("span", { class: "ez-badge" }, t("Not made"));
  if (file.state === "waiting") return h("span", { class: "dim s" }, t("Waiting"));
  const progress = known.jobs.get(file.job)?.progress;
  return h("span", { class: "ez-badge acc num" }, progress?.steps > 1 ? t("Tile {value} of {steps}", { value: Math.min(progress.step + 1, progress.steps), steps: progress.steps }) : t("At work"));
}
