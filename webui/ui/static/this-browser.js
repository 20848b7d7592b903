// What belongs to a browser and not to all who use this Easel: the language and the colours of its page.

import { icon } from "./icons.js";
import { CHOSEN, LANGUAGES, chooseLanguage, t } from "./language.js";
import { h } from "./markup.js";
import { chooseTheme, chosenTheme, onTheme } from "./theme.js";

/** The part of the Settings page that everybody may change. */
export function browserPart() {
  const list = h(
    "select",
    { id: "ez-browser-language", onchange: () => chooseLanguage(list.value) },
    [["", t("As for all")], ...LANGUAGES].map(([code, name]) => h("option", { value: code, selected: code === CHOSEN }, name)),
  );
  return h(
    "section",
    { class: "ez-card", id: "ez-browser", "aria-label": t("This browser") },
    h("h2", { class: "ez-card-title" }, t("This browser")),
    line(list.id, t("Language"), t("Of the page in this browser; it is loaded anew."), h("span", { class: "ez-field ez-select" }, list, icon("down", "s"))),
    line(null, t("Theme"), t("Of the page in this browser."), themes()),
  );
}

function line(id, name, help, control) {
  return h("div", { class: "ez-setting" }, h("div", { class: "grow" }, h("label", { class: "ez-setting-name", for: id }, name), h("p", { class: "ez-hint" }, help)), h("div", { class: "ez-setting-value" }, control));
}

function themes() {
  const rows = [["", t("System")], ["light", t("Light")], ["dark", t("Dark")]];
  const buttons = rows.map(([theme, words]) => h("button", { type: "button", role: "radio", "data-theme": theme, onclick: () => chooseTheme(theme) }, words));
  const group = h("div", { class: "ez-seg", role: "radiogroup", "aria-label": t("Theme") }, buttons);
  const mark = () =>
    buttons.forEach((button) => {
      const on = button.dataset.theme === (chosenTheme() ?? "");
      button.classList.toggle("on", on);
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    });
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.findIndex((button) => button.tabIndex === 0);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    chooseTheme(next.dataset.theme);
    next.focus();
  });
  onTheme(mark);
  return group;
}
