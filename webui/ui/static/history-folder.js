// Copies pictures into a folder on Easel's machine, each with what made it beside it: a sheet that asks where.

import { asBody, inSlices } from "./history-bulk.js";
import { icon } from "./icons.js";
import { t, tn } from "./language.js";
import { h } from "./markup.js";
import { change } from "./rest.js";
import { closeSheet, showSheet } from "./sheet.js";
import { recall, remember } from "./storage.js";
import { toast } from "./toasts.js";

const AT_ONCE = 100; // pictures of one request, where they are told by their ids

/** meant: ids, or all that was found. */
export function askForFolder(meant) {
  const field = h("input", { type: "text", id: "ez-export-folder", spellcheck: "false", autocomplete: "off", required: true, placeholder: t("/home/me/pictures"), value: recall("export folder", "") });
  const sidecars = h("input", { type: "checkbox", id: "ez-export-sidecars", checked: recall("export sidecars", true) });
  const form = h(
    "form",
    {
      class: "ez-scroll ez-export-form",
      onsubmit: (event) => {
        event.preventDefault();
        const folder = field.value.trim();
        if (!folder) return field.focus();
        remember("export folder", folder);
        remember("export sidecars", sidecars.checked);
        closeSheet();
        copyInto(meant, folder, sidecars.checked);
      },
    },
    h("label", { class: "b s", for: "ez-export-folder" }, t("Folder")),
    h("div", { class: "ez-field" }, icon("folder", "s dim"), field),
    h("p", { class: "ez-hint" }, t("The whole path of a folder on the machine that Easel runs on. It is made where it isn't there; nothing in it is overwritten, and what lies there already isn't copied again.")),
    h("label", { class: "row s", for: "ez-export-sidecars" }, sidecars, t("Parameters beside each picture (.txt and .json)")),
    h("button", { class: "ez-btn primary", type: "submit" }, icon("download"), t("Copy")),
  );
  showSheet("export", t("Copy into a folder"), form);
  field.focus();
}

async function copyInto(meant, folder, sidecars) {
  const told = { written: 0, there: 0, gone: 0, folder };
  const add = (answer) => {
    for (const name of ["written", "there", "gone"]) told[name] += answer[name];
    told.folder = answer.folder;
    return answer.written + answer.there + answer.gone;
  };
  const copy = (body) => change("/history/exports/folder", { ...body, folder, sidecars });
  let at = 0;
  let below = null;
  const step = Array.isArray(meant)
    ? async () => {
        const answer = await copy({ ids: meant.slice(at, at + AT_ONCE) });
        at += AT_ONCE;
        return answer && { n: add(answer), more: at < meant.length };
      }
    : async () => {
        const answer = await copy({ found: asBody(meant), below });
        below = answer?.next ?? null;
        return answer && { n: add(answer), more: below !== null };
      };
  const { n } = await inSlices(t("Copying into a folder"), step);
  if (!n) return;
  const rest = [
    told.there && tn("{n} picture lay there already.", "{n} pictures lay there already.", told.there),
    told.gone && tn("{n} picture's file is gone.", "{n} pictures' files are gone.", told.gone),
  ].filter(Boolean);
  toast({ icon: "ok", title: tn("{n} picture copied", "{n} pictures copied", told.written), text: [t("To {folder}.", { folder: told.folder }), ...rest].join(" ") });
}
