// A file of settings that somebody chose: what it would change is shown first, every bad line with its reason, and nothing half applied.

import { icon } from "./icons.js";
import { inOurLanguage, t, tn } from "./language.js";
import { h } from "./markup.js";
import { UNANSWERED } from "./rest.js";
import { closeSheet, showSheet } from "./sheet.js";
import { errorToast, toast } from "./toasts.js";

const NAME = "settings-import";
const MOST_BYTES = 1_000_000;

/** An order to /settings…: its answer, with `error` and `status` where it was refused; null where nobody answers, which was told. */
export async function sendSettings(path, body, method) {
  const options = { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`/api/v1/settings${path}`, options).catch(() => null);
  const answer = inOurLanguage(await response?.json().catch(() => null));
  if (!answer) {
    errorToast(UNANSWERED);
    return null;
  }
  return response.ok ? answer : { ...answer, status: response.status };
}

/** file: as it was chosen; words(entry, value): how a value is told; find(name): a setting; take(answer): shows all settings anew. */
export async function importSettings(file, { revision, words, find, take }) {
  if (file.size > MOST_BYTES) {
    errorToast({ message: t("{name} is too large for a file of settings.", { name: file.name }), hint: t("Choose a file that Export has made.") });
    return;
  }
  const text = await file.text();
  const found = await sendSettings("/import", { text, apply: false }, "POST");
  if (!found) return;
  if (found.error?.problems) return showProblems(file.name, found.error.problems);
  if (found.error) return errorToast(found.error);
  showChanges(file.name, found, words, find, async () => {
    const done = await sendSettings("/import", { text, revision }, "POST");
    if (!done) return;
    if (done.error) return errorToast(done.error);
    closeSheet();
    take(done.settings);
    toast({ icon: "ok", title: tn("{n} setting is changed", "{n} settings are changed", done.changes.length), undo: () => undoImport(done.settings.revision, take) });
  });
}

async function undoImport(revision, take) {
  const answer = await sendSettings("/undo", { revision }, "POST");
  if (!answer) return;
  if (answer.error) errorToast(answer.error);
  else take(answer);
}

function showProblems(name, problems) {
  const head = h("p", { class: "ez-hint bad", role: "alert" }, tn("{n} line of {name} can't be used, so nothing was changed.", "{n} lines of {name} can't be used, so nothing was changed.", problems.length, { name }));
  showSheet(NAME, t("Import settings"), h("div", { class: "ez-sheet-body ez-settings-import" }, head, lines(problems, "bad")));
}

function showChanges(name, found, words, find, run) {
  const head = found.changes.length ? tn("{name} changes {n} setting.", "{name} changes {n} settings.", found.changes.length, { name }) : t("{name} changes nothing: everything is as it says already.", { name });
  const rows = found.changes.map((change) => {
    const entry = find(change.name);
    return h("li", {}, h("b", {}, t(change.label)), h("span", { class: "mid" }, `${words(entry, change.before)} → ${words(entry, change.after)}`));
  });
  const go = found.changes.length > 0 && h("button", { class: "ez-btn", type: "button", onclick: run }, icon("apply", "s"), t("Import"));
  const left = found.left_out.length > 0 && [h("p", { class: "ez-hint" }, t("Left out:")), lines(found.left_out, "")];
  showSheet(NAME, t("Import settings"), h("div", { class: "ez-sheet-body ez-settings-import" }, h("p", {}, head), h("ul", {}, rows), left, go));
}

function lines(problems, kind) {
  return h(
    "ol",
    { class: "ez-settings-lines" },
    problems.map(({ line, name, message, hint }) =>
      h("li", {}, h("span", { class: `ez-badge ${kind}` }, t("Line {line}", { line })), h("span", { class: "grow" }, name && h("b", { class: "mono" }, name), h("span", {}, message), hint && h("span", { class: "mid" }, hint))),
    ),
  );
}
