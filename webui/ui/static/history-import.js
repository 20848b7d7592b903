// The Import view of History: folders of other programs' pictures, how far each is, and what could not be taken in.

import { icon } from "./icons.js";
import { act, allImports, forget, importFolder, keepWatch, onImports } from "./imports.js";
import { inOurLanguage, language, t, tn } from "./language.js";
import { fill, h } from "./markup.js";
import { look } from "./rest.js";
import { fileSize, moment, seconds } from "./words.js";

const LOOK_MS = 500; // after the last key
const AT_ONCE = 60;

const PLACES = [
  ["AUTOMATIC1111, Forge", "stable-diffusion-webui/outputs"],
  ["ComfyUI", "ComfyUI/output"],
  ["InvokeAI", "invokeai/outputs/images"],
  ["SD.Next", "automatic/outputs"],
  ["Fooocus", "Fooocus/outputs"],
];

/** Fills the view. */
export function mountImport(element) {
  const list = h("div", { class: "ez-imports", role: "list", "aria-label": t("Imports") });
  const rows = new Map(); // id -> row
  const draw = () => {
    const all = allImports();
    for (const [id] of rows) if (!all.some((entry) => entry.id === id)) rows.delete(id);
    const wanted = all.map((entry) => {
      if (!rows.has(entry.id)) rows.set(entry.id, row(entry));
      rows.get(entry.id).show(entry);
      return rows.get(entry.id).element;
    });
    // Rows that stay are not touched: the keyboard may be in one of them.
    const none = !wanted.length && list.querySelector(".ez-import-places");
    const same = none || (wanted.length > 0 && wanted.length === list.children.length && wanted.every((child, at) => child === list.children[at]));
    if (!same) fill(list, wanted.length ? wanted : places());
  };
  fill(element, h("div", { class: "ez-import" }, form(), list, exported()));
  onImports(draw);
  draw();
}

function form() {
  let timer = null;
  let asked = 0;
  const said = h("p", { class: "ez-hint", role: "status" }, t("The folder and all folders in it. Pictures stay where they are; nothing is moved or changed."));
  const usual = said.textContent;
  const field = h("input", { type: "text", id: "ez-import-folder", spellcheck: "false", autocomplete: "off", placeholder: t("/home/me/stable-diffusion-webui/outputs"), oninput: () => later() });
  const box = h("div", { class: "ez-field" }, icon("folder", "s dim"), field);
  const eye = watchSwitch(t("Keep an eye on it: what comes later is taken in, too"), () => eye.show(!eye.on));
  const go = h("button", { class: "ez-btn primary", type: "submit", disabled: true }, t("Import"));

  const say = (words, bad = false) => {
    said.textContent = words;
    said.classList.toggle("bad", bad);
    box.classList.toggle("bad", bad);
  };
  const later = () => {
    clearTimeout(timer);
    go.disabled = !field.value.trim();
    say(usual);
    if (field.value.trim()) timer = setTimeout(peek, LOOK_MS);
  };
  const peek = async () => {
    const mine = ++asked;
    const response = await fetch("/api/v1/history/imports/look", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ folder: field.value }) }).catch(() => null);
    const answer = inOurLanguage(await response?.json().catch(() => null));
    if (mine !== asked || !answer) return;
    if (!response.ok) say(`${answer.error.message} ${answer.error.hint}`, true);
    else say(t(answer.more ? "More than {count}, {amount}. They stay where they are." : "{count}, {amount}. They stay where they are.", { count: tn("{n} picture", "{n} pictures", answer.pictures), amount: fileSize(answer.bytes) }));
  };
  return h(
    "form",
    {
      class: "ez-card ez-import-form",
      onsubmit: async (event) => {
        event.preventDefault();
        clearTimeout(timer);
        asked += 1;
        go.disabled = true;
        if (await importFolder(field.value, eye.on)) {
          field.value = "";
          eye.show(false);
          say(usual);
        } else {
          peek();
          go.disabled = !field.value.trim();
        }
      },
    },
    h("label", { class: "ez-label", for: "ez-import-folder" }, t("Folder of another program on Easel's machine")),
    h("div", { class: "row wrap ez-import-line" }, box, go),
    said,
    eye.element,
  );
}

function watchSwitch(words, onclick) {
  const element = h("button", { class: "ez-switch", type: "button", role: "switch", "aria-checked": "false", onclick }, h("i"), words);
  const shown = {
    element,
    on: false,
    show(on) {
      shown.on = on;
      element.classList.toggle("on", on);
      element.setAttribute("aria-checked", String(on));
    },
  };
  return shown;
}

function places() {
  return h(
    "div",
    { class: "ez-import-places" },
    h("p", {}, t("Bring what you made elsewhere: it stands in History with all its parameters, to be searched, compared and made again.")),
    h("dl", { class: "ez-dl" }, PLACES.map(([program, path]) => [h("dt", {}, program), h("dd", { class: "mono" }, path)])),
  );
}

function exported() {
  return h(
    "section",
    { class: "ez-import-export", "aria-labelledby": "ez-export-title" },
    h("h2", { class: "ez-import-title", id: "ez-export-title" }, t("Export")),
    h("p", { class: "mid s" }, t("Everything that History knows, one line of JSON for each picture: parameters, marks, tags, and where its file lies.")),
    h("a", { class: "ez-btn s", href: "/api/v1/history/export.jsonl", download: "" }, icon("download"), t("Download JSON lines")),
  );
}

const STATUS = {
  paused: () => t("Paused"),
  cancelled: () => t("Cancelled; what was taken in stays"),
  failed: () => t("The folder can't be read"),
  done: (entry) => (entry.watched ? t("Up to date, and watched") : t("Done {when}", { when: moment(entry.ended_at) })),
  active: (entry) => {
    if (entry.looking) return t("Looking through the folder: {count} so far", { count: tn("{n} picture", "{n} pictures", entry.total) });
    return entry.seconds_left === null ? t("Reading") : t("Reading, about {time} left", { time: seconds(Math.max(1, entry.seconds_left)) });
  },
};

const ACTS = {
  active: [["pause", "pause", t("Pause")], ["cancel", "close", t("Cancel")]],
  paused: [["resume", "play", t("Resume")], ["cancel", "close", t("Cancel")]],
  cancelled: [["resume", "play", t("Resume")]],
  done: [["resume", "restore", t("Look again")]],
  failed: [["resume", "restore", t("Look again")]],
};

function row(first) {
  let entry = first;
  let open = false;
  const title = h("b", { class: "mono cut", title: first.folder }, first.folder);
  const status = h("span", { class: "mid s num", role: "status" });
  const bar = h("div", { class: "ez-bar", role: "progressbar", "aria-label": t("Import"), "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
  const counts = h("p", { class: "s num ez-import-counts" });
  const acts = h("span", { class: "row end" });
  const trouble = h("p", { class: "ez-note bad", role: "alert", hidden: true });
  const eye = watchSwitch(t("Keep an eye on it"), () => keepWatch(entry, !entry.watched));
  const why = h("div", { class: "ez-import-why", hidden: true });
  const more = h("button", { class: "ez-link s", type: "button", "aria-expanded": "false", onclick: () => toggle() });
  const element = h(
    "div",
    { class: "ez-card ez-import-row", role: "listitem", "data-id": first.id },
    h("div", { class: "row" }, icon("folder", "dim"), title, acts),
    status,
    bar,
    counts,
    trouble,
    h("div", { class: "row wrap" }, eye.element, h("span", { class: "end" }, more)),
    why,
  );

  const toggle = () => {
    open = !open;
    more.setAttribute("aria-expanded", String(open));
    why.hidden = !open;
    if (open) list(why, entry);
    words();
  };
  const words = () => {
    const missed = entry.counts.foreign + entry.counts.broken;
    more.hidden = !missed;
    more.textContent = open ? t("Hide them") : t("{count} not taken in", { count: tn("{n} file", "{n} files", missed) });
    if (!missed && open) toggle();
  };
  const drawActs = () => {
    const key = entry.status;
    if (acts.dataset.key === key) return;
    const held = acts.contains(document.activeElement);
    acts.dataset.key = key;
    const buttons = ACTS[entry.status].map(([what, drawing, said]) => h("button", { class: "ez-btn s", type: "button", "data-act": what, onclick: () => act(entry, what) }, icon(drawing), said));
    const resting = ["done", "cancelled", "failed"].includes(entry.status);
    fill(acts, buttons, resting && h("button", { class: "ez-btn ghost s icon", type: "button", "data-act": "forget", title: t("Forget this folder; its pictures stay in History"), "aria-label": t("Forget this folder; its pictures stay in History"), onclick: () => forget(entry) }, icon("close")));
    if (held) acts.querySelector("button")?.focus({ preventScroll: true });
  };

  return {
    element,
    show(now) {
      const missed = entry.counts.foreign + entry.counts.broken;
      entry = now;
      status.textContent = STATUS[entry.status](entry);
      const read = entry.total - entry.counts.waiting;
      const share = entry.total ? (read / entry.total) * 100 : 0;
      bar.hidden = ["done", "failed"].includes(entry.status) || entry.looking;
      bar.setAttribute("aria-valuenow", String(Math.floor(share)));
      bar.firstElementChild.style.setProperty("--v", `${share}%`);
      fill(counts, countWords(entry));
      trouble.hidden = !entry.error;
      if (entry.error) fill(trouble, icon("bad"), h("span", {}, entry.error.message, " ", entry.error.hint));
      eye.show(entry.watched);
      drawActs();
      words();
      if (open && missed !== entry.counts.foreign + entry.counts.broken) list(why, entry);
    },
  };
}

function countWords({ counts, total }) {
  const parts = [
    [counts.imported, t("in History"), "ok"],
    [counts.double, t("there already"), ""],
    [counts.foreign, t("without parameters"), ""],
    [counts.broken, t("could not be read"), "bad"],
  ];
  const told = parts.filter(([number]) => number).map(([number, words, kind]) => h("span", { class: kind }, `${number.toLocaleString(language)} ${words}`));
  return [h("span", { class: "dim" }, tn("{n} picture", "{n} pictures", total)), ...told];
}

async function list(place, entry, offset = 0) {
  const answer = await look(`/history/imports/${entry.id}/files?offset=${offset}&limit=${AT_ONCE}`);
  if (!answer) return;
  const items = answer.items.map((file) =>
    h("li", {}, h("span", { class: "mono cut", title: file.path }, file.path), h("span", { class: `s ${file.state === "broken" ? "bad" : "mid"}`, title: file.hint }, file.reason)),
  );
  const ul = offset ? place.querySelector("ul") : h("ul", { "aria-label": t("Not taken in") });
  ul.append(...items);
  const next = offset + AT_ONCE;
  const more = next < answer.total && h("button", { class: "ez-link s", type: "button", onclick: () => list(place, entry, next) }, `${tn("{n} more", "{n} more", answer.total - next)}`);
  fill(place, ul, more);
}
