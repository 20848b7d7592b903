// Lists of add-ons: the one that comes with Easel, and those that were added. Their words are strangers' words, shown as text.

import { load } from "./extensions-known.js";
import { openStage } from "./extensions-sheet.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { change, look } from "./rest.js";
import { errorToast, toast } from "./toasts.js";

let words = "";

export async function drawAvailable(place, { allowed }) {
  const answer = await look("/extensions/available");
  if (!answer) return;
  const entries = h("ul", { class: "ez-card ez-ext-list", "aria-label": t("Add-ons that could be installed") });
  const show = () => {
    const found = answer.items.filter((entry) => `${entry.id} ${entry.title} ${entry.description} ${entry.author} ${entry.tags.join(" ")}`.toLowerCase().includes(words.toLowerCase()));
    fill(entries, found.length ? found.map((entry) => row(entry, allowed)) : h("li", { class: "ez-empty" }, h("p", {}, answer.items.length ? t("None is called that.") : t("The lists are empty."))));
  };
  const search = h("input", { type: "search", placeholder: t("Name or what it does"), "aria-label": t("Search the lists"), value: words, oninput: () => ((words = search.value), show()) });
  show();
  fill(place, h("label", { class: "ez-field ez-ext-search" }, icon("search"), search), entries, lists(answer.indexes, allowed));
}

function row(entry, allowed) {
  return h(
    "li",
    { class: "ez-ext", "data-id": entry.id },
    h("span", { class: "ico" }, icon("layers")),
    h(
      "div",
      { class: "ez-ext-what" },
      h("div", { class: "row wrap" }, h("b", {}, entry.title || entry.id), h("span", { class: "dim s num" }, entry.version)),
      h("p", { class: "s" }, entry.description),
      h("div", { class: "row wrap ez-ext-facts" }, h("span", { class: "dim xs cut" }, [entry.author, entry.source, entry.index_name].filter(Boolean).join(" · "))),
    ),
    h("button", { class: "ez-btn s", type: "button", "data-does": "look", disabled: !allowed, onclick: () => stage(entry) }, t("Look")),
  );
}

async function stage(entry) {
  const view = await change("/extensions/listed", { index: entry.index, id: entry.id });
  if (view) openStage(view.id, view);
}

function lists(indexes, allowed) {
  const address = h("input", { type: "text", autocomplete: "off", spellcheck: "false", placeholder: t("https://…/index.json, or a path"), "aria-label": t("Address of a list") });
  const add = async () => {
    if (!address.value.trim()) return address.focus();
    if (await change("/extensions/indexes", { address: address.value.trim() })) load();
  };
  const refresh = async () => {
    const answer = await change("/extensions/indexes/refresh");
    const failed = Object.values(answer?.problems ?? {});
    if (failed.length) errorToast({ message: failed[0], hint: "" });
    else if (answer) toast({ icon: "ok", title: t("The lists are as they are now") });
    load();
  };
  const remove = (index) => change(`/extensions/indexes?address=${encodeURIComponent(index.address)}`, "", { method: "DELETE" }).then(load);
  return h(
    "section",
    { class: "ez-ext-lists" },
    h("h2", { class: "ez-label" }, t("Lists")),
    h("ul", {}, indexes.map((index) => h("li", { class: "row" }, h("span", { class: "grow cut s", title: index.address }, index.shipped ? t("Comes with Easel") : `${index.name || t("List")}: ${index.address}`), index.problem ? h("span", { class: "ez-badge bad", title: index.problem }, t("Can't be read")) : h("span", { class: "dim s num" }, index.count), !index.shipped && h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": t("Remove the list {name}", { name: index.name }), onclick: () => remove(index) }, icon("close"))))),
    h("div", { class: "row wrap" }, h("label", { class: "ez-field grow" }, address), h("button", { class: "ez-btn", type: "button", disabled: !allowed, onclick: add }, t("Add list")), h("button", { class: "ez-btn", type: "button", onclick: refresh }, icon("repeat"), t("Fetch anew"))),
    h("p", { class: "ez-hint" }, t("A list is a file that names add-ons. Nobody has checked what stands in it; addresses are asked only when you press a button.")),
  );
}
