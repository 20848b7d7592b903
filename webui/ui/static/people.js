// People, on the Settings page: oneself with one's password and tokens, and for administrators everybody's accounts.

import { icon } from "./icons.js";
import { t, tn } from "./language.js";
import { askToLogIn } from "./login.js";
import { fill, h } from "./markup.js";
import { currentPage, onPage } from "./pages.js";
import { change, look } from "./rest.js";
import { toast } from "./toasts.js";

const ROLES = { admin: t("Administrator"), user: t("User") };
const SCOPES = { read: t("look"), generate: t("make pictures"), admin: t("administer") };
const DAY = { day: "numeric", month: "short", year: "numeric" };

let place = null;
let me = null;
let people = [];
let tokens = [];
let shown = null; // a token that was just made: nobody can be told again
let editing = null; // the id of whoever gets a new password

/** The part of the page; it fills itself whenever the page is shown. */
export function peoplePart() {
  place = h("section", { class: "ez-card", id: "ez-people", "aria-label": t("People") });
  onPage((page) => page === "settings" && load());
  if (currentPage() === "settings") load();
  return place;
}

async function load() {
  const told = await look("/me");
  if (!told) return;
  me = told;
  [people, tokens] = await Promise.all([me.role === "admin" && me.accounts ? items("/people") : [], me.id ? items("/me/tokens") : []]);
  draw();
}

async function items(path) {
  return (await look(path))?.items ?? [];
}

function draw() {
  const parts = me.accounts ? [own(), me.id && tokenList(), me.role === "admin" && everybody()] : [household()];
  fill(place, h("h2", { class: "ez-card-title" }, t("People")), parts);
}

function line(title, hint, ...more) {
  return h("div", { class: "ez-people-line" }, h("div", { class: "grow" }, h("div", { class: "ez-setting-name" }, title), hint && h("p", { class: "ez-hint" }, hint)), ...more);
}

function button(words, run, { kind = "", name = null, label = null } = {}) {
  return h("button", { class: `ez-btn s ${kind}`, type: "button", onclick: run, "aria-label": label }, name && icon(name, "s"), words);
}

function field(label, name, options = {}) {
  return h("label", { class: "ez-people-field" }, h("span", {}, label), h("span", { class: "ez-field" }, h("input", { name, required: true, ...options })));
}

function password(label, name = "password", { old = false } = {}) {
  const kind = old ? { autocomplete: "current-password" } : { autocomplete: "new-password", minlength: 8 };
  return field(label, name, { type: "password", maxlength: 256, ...kind });
}

/** A form whose fields are handed to `run`; it is emptied when that returns true. */
function form(label, fields, words, run) {
  const element = h("form", { class: "ez-people-form", "aria-label": label }, fields, h("button", { class: "ez-btn s primary", type: "submit" }, words));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const send = element.querySelector("[type=submit]");
    send.disabled = true;
    if (await run(new FormData(element))) element.reset();
    send.disabled = false;
  });
  return element;
}

function household() {
  return line(
    t("Nobody has an account"),
    t("Easel is open to whoever is at this machine. With the first account, yours, everybody is asked to log in, and others can use Easel over the network."),
    form(t("The first account"), [field(t("Name"), "name", { autocomplete: "username", maxlength: 64 }), password(t("Password"))], t("Make my account"), async (given) => {
      const made = await change("/people", { name: given.get("name"), password: given.get("password") });
      if (!made) return false;
      toast({ title: t("You are {name} now", { name: made.name }), text: t("Easel asks everybody to log in from now on."), icon: "ok" });
      await load();
      return true;
    }),
  );
}

function own() {
  if (!me.id) return line(t("The household"), t("This page is open without an account."));
  const acts = h("div", { class: "row" }, button(t("Log out"), logOut), button(t("Log out everywhere"), logOutEverywhere));
  const fields = [password(t("Password so far"), "old", { old: true }), password(t("New password"), "new")];
  const changed = form(t("Change my password"), fields, t("Change password"), async (given) => {
    const done = await change("/me/password", { old: given.get("old"), new: given.get("new") }, { method: "PUT" });
    if (done) toast({ title: t("Your password is changed"), text: t("Other browsers are logged out."), icon: "ok" });
    return done;
  });
  return [line(t("You are {name}", { name: me.name }), ROLES[me.role], acts), h("details", { class: "ez-people-more" }, h("summary", {}, t("Change my password")), changed)];
}

async function logOut() {
  if (await change("/logout")) location.assign("/login");
}

async function logOutEverywhere() {
  if (await change("/me/logout-everywhere")) askToLogIn();
}

function tokenList() {
  const kinds = Object.keys(SCOPES).filter((scope) => scope !== "admin" || me.role === "admin");
  const boxes = h(
    "fieldset",
    { class: "ez-people-scopes" },
    h("legend", {}, t("It may")),
    kinds.map((scope) => h("label", {}, h("input", { type: "checkbox", name: "scopes", value: scope, checked: scope !== "admin" }), SCOPES[scope])),
  );
  const made = form(t("A new token"), [field(t("What for"), "name", { maxlength: 64 }), boxes], t("Make a token"), async (given) => {
    const token = await change("/me/tokens", { name: given.get("name"), scopes: given.getAll("scopes") });
    if (!token) return false;
    shown = token.token;
    await load();
    place.querySelector(".ez-people-token input").select();
    return true;
  });
  return [
    line(t("Tokens"), t("For programs: sent as Authorization: Bearer, or as the password beside your name.")),
    tokens.map((token) =>
      line(
        token.name,
        t("May {scope}. Made {when}, {used}.", { scope: token.scopes.map((scope) => SCOPES[scope]).join(", "), when: day(token.created), used: token.used ? t("last used {when}", { when: day(token.used) }) : t("never used") }),
        button(t("Take away"), () => takeAway(token), { kind: "danger", label: t("Take away {name}", { name: token.name }) }),
      ),
    ),
    shown && freshToken(),
    h("details", { class: "ez-people-more" }, h("summary", {}, t("Make a token")), made),
  ];
}

function freshToken() {
  const input = h("input", { class: "mono", readonly: true, value: shown, "aria-label": t("The new token") });
  const copy = async () => {
    input.select();
    await navigator.clipboard?.writeText(shown).catch(() => null);
    toast({ title: t("The token is copied"), icon: "ok" });
  };
  return h(
    "div",
    { class: "ez-people-token", role: "status" },
    h("p", {}, t("This is the token. Copy it now: it is not shown again.")),
    h("div", { class: "row" }, h("span", { class: "ez-field grow" }, input), button(t("Copy"), copy, { name: "copy" })),
  );
}

async function takeAway(token) {
  if (!(await change(`/me/tokens/${token.id}`, {}, { method: "DELETE" }))) return;
  toast({ title: t("{name} opens nothing any more", { name: token.name }), icon: "ok" });
  load();
}

function everybody() {
  const role = h("label", { class: "ez-people-field" }, h("span", {}, t("Role")), h("select", { name: "role", class: "ez-people-role" }, roles("user")));
  const fields = [field(t("Name"), "name", { autocomplete: "off", maxlength: 64 }), password(t("Password")), role];
  const added = form(t("Add somebody"), fields, t("Add"), async (given) => {
    const made = await change("/people", { name: given.get("name"), password: given.get("password"), role: given.get("role") });
    if (made) toast({ title: t("{name} may come in", { name: made.name }), icon: "ok" });
    await load();
    return made;
  });
  return [
    line(t("Everybody"), t("Administrators look after models, add-ons, settings and people.")),
    people.map(somebody),
    h("details", { class: "ez-people-more" }, h("summary", {}, t("Add somebody")), added),
  ];
}

function roles(chosen) {
  return Object.entries(ROLES).map(([role, words]) => h("option", { value: role, selected: role === chosen }, words));
}

function somebody(one) {
  const facts = [one.disabled && t("Closed"), !one.has_password && t("no password"), t("since {when}", { when: day(one.created) }), one.logins && t("logged in {logins}×", { logins: one.logins }), one.tokens && tn("{n} token", "{n} tokens", one.tokens)];
  const select = h("select", { class: "ez-people-role", "aria-label": t("Role of {name}", { name: one.name }), onchange: () => set(one, { role: select.value }) }, roles(one.role));
  const acts = [
    select,
    button(one.disabled ? t("Open") : t("Close"), () => set(one, { disabled: !one.disabled }), { label: `${one.disabled ? t("Open") : t("Close")} ${one.name}` }),
    button(t("New password"), () => edit(one), { label: t("New password for {name}", { name: one.name }) }),
    button(t("Remove"), () => remove(one), { kind: "danger", label: t("Remove {name}", { name: one.name }) }),
  ];
  const row = line(one.name, facts.filter(Boolean).join(", "), h("div", { class: "row ez-people-acts" }, acts));
  if (editing !== one.id) return row;
  const asked = form(t("A new password for {name}", { name: one.name }), [password(t("New password"))], t("Set"), async (given) => {
    const done = await set(one, { password: given.get("password") });
    if (done) toast({ title: t("{name} has a new password", { name: one.name }), text: t("They are logged out everywhere."), icon: "ok" });
    return done;
  });
  return [row, h("div", { class: "ez-people-more" }, asked)];
}

function edit(one) {
  editing = editing === one.id ? null : one.id;
  draw();
  place.querySelector(`form[aria-label="A new password for ${CSS.escape(one.name)}"] input`)?.focus();
}

async function set(one, values) {
  const done = await change(`/people/${one.id}`, values, { method: "PATCH" });
  if (done) editing = null;
  await load();
  return done;
}

async function remove(one) {
  // Who is gone can't be brought back with the same password: asked once more, in the place of the button.
  const asked = place.querySelector(`[aria-label="Remove ${CSS.escape(one.name)}"]`);
  if (asked.dataset.sure !== "yes") {
    asked.dataset.sure = "yes";
    asked.textContent = t("Remove for good?");
    asked.addEventListener("blur", () => asked.isConnected && draw(), { once: true });
    return;
  }
  if (!(await change(`/people/${one.id}`, {}, { method: "DELETE" }))) return;
  toast({ title: t("{name} may not come in any more", { name: one.name }), icon: "ok" });
  load();
}

function day(moment) {
  return new Date(moment).toLocaleDateString([], DAY);
}
