// A menu at a button: arrow keys inside, Esc or a click elsewhere closes it, the focus goes back to where it came from.

import { icon } from "./icons.js";
import { keyNames } from "./key-names.js";
import { fill, h } from "./markup.js";

const GAP = 4; // px between button and menu, and to the window's edge

let place = null;
let opener = null;
let back = null;

export function mountMenu(element) {
  place = element;
  document.addEventListener("pointerdown", (event) => !place.hidden && !place.contains(event.target) && !opener.contains(event.target) && closeMenu());
  addEventListener("resize", closeMenu);
  place.addEventListener("keydown", onKey);
  place.addEventListener("focusout", (event) => event.relatedTarget && !place.contains(event.relatedTarget) && closeMenu({ refocus: false }));
}

/**
 * Opens a menu at `button`; pressed again, the button closes it.
 * items: {words, run, icon, key, kind, checked} (checked: one of a few, true for the chosen one), or null for a line between.
 * `home()` gives the element that takes the focus where the button is gone by then.
 */
export function toggleMenu(button, label, items, home = () => null) {
  if (opener === button) return closeMenu();
  closeMenu({ refocus: false });
  opener = button;
  back = home;
  fill(place, h("div", { role: "menu", "aria-label": label, class: "ez-menu" }, items.filter((item) => item !== false).map(entry)));
  place.hidden = false;
  button.setAttribute("aria-expanded", "true");
  put(place.firstElementChild, button.getBoundingClientRect());
  place.querySelector('[aria-checked="true"], button').focus({ preventScroll: true });
}

/** False if none was open. */
export function closeMenu({ refocus = true } = {}) {
  if (!opener) return false;
  const button = opener;
  opener = null;
  place.hidden = true;
  fill(place);
  button.setAttribute("aria-expanded", "false");
  if (refocus) (button.isConnected ? button : back())?.focus({ preventScroll: true });
  return true;
}

function entry(item) {
  if (!item) return h("div", { role: "separator" });
  const radio = item.checked !== undefined;
  return h(
    "button",
    {
      type: "button",
      role: radio ? "menuitemradio" : "menuitem",
      "aria-checked": radio ? String(item.checked) : null,
      class: item.kind ?? "",
      tabindex: "-1",
      "data-key": item.key,
      onclick: () => {
        closeMenu();
        item.run();
      },
    },
    radio && !item.checked ? h("span", { class: "ez-no-icon" }) : icon(radio ? "ok" : item.icon),
    h("span", { class: "grow" }, item.words),
    item.key && h("kbd", {}, keyNames(item.key)),
  );
}

// Below the button, its right edge at the button's; above, or further left or right, where there is no room.
function put(menu, at) {
  const below = at.bottom + GAP + menu.offsetHeight <= innerHeight - GAP;
  const top = below ? at.bottom + GAP : Math.max(GAP, at.top - GAP - menu.offsetHeight);
  const left = Math.min(Math.max(GAP, at.right - menu.offsetWidth), innerWidth - menu.offsetWidth - GAP);
  menu.style.top = `${top}px`;
  menu.style.left = `${left}px`;
}

function onKey(event) {
  const items = [...place.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  const named = items.find((item) => item.dataset.key === event.key);
  if (to !== undefined) items.at(to % items.length).focus();
  else if (named) named.click();
  else if (event.key === "Escape" || event.key === "Tab") closeMenu();
  else if (event.key.length > 1 || event.ctrlKey || event.metaKey || event.altKey || event.key === " ") return;
  event.preventDefault();
  event.stopPropagation();
}
