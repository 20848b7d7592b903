// A page that an add-on declares.

import { addOns, callAddOn } from "./add-ons.js";
import { Elements } from "./elements.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { currentPage, onPage } from "./pages.js";
import { recall, remember } from "./storage.js";

export async function mount(element, { extension, place: key }) {
  const about = (await addOns).tabs.find((tab) => tab.extension === extension && tab.key === key);
  if (!about) return fill(element, h("p", { class: "ez-empty" }, t("This add-on's page isn't here any more. Reload the page.")));
  const kept = `add-on ${extension} ${key}`;
  const changed = (name, calls) => {
    remember(kept, elements.values);
    if (calls) callAddOn(about, name, elements.values, take, wrong);
  };
  const take = (given) => {
    elements.set(given);
    remember(kept, elements.values);
  };
  const wrong = (error) => elements.complainOf(error);
  const pressed = (button) => {
    elements.clear();
    return callAddOn(about, button.name, elements.values, take, wrong);
  };
  const elements = new Elements(about.content, { changed, pressed });
  const before = recall(kept, {});
  elements.set(Object.fromEntries(Object.entries(before).filter(([name]) => name in elements.values)));
  const opened = () => currentPage() === about.page && callAddOn(about, "opened:", elements.values, take, wrong);
  if (about.opens) {
    onPage(opened);
    opened();
  }
  return fill(element, h("main", { class: "ez-plain ez-add-on-page ez-html", "aria-label": about.title }, h("h1", { class: "ez-title" }, about.title), elements.element));
}
