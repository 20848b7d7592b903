// Builds elements. Text always becomes text nodes: a prompt can never turn into markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * h("button", {class: "ez-btn", onclick: go, "aria-label": "Copy"}, icon, "Copy")
 * Properties: "on…" functions listen, `style` is an object, true/false set or leave out an attribute.
 * Children: nodes, strings, numbers, arrays of them; null and false are left out.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...flat(children));
  return element;
}

/** Replaces what is in `element`. */
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

function flat(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

/** An SVG element: shape("path", {d: "M0 0h4"}). */
export function shape(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Calls back with the element as soon as Gradio has drawn it. wanted: a selector, or a function that finds it. */
export function whenThere(wanted, then) {
  const find = typeof wanted === "function" ? wanted : () => document.querySelector(wanted);
  const found = find();
  if (found) return then(found);
  const observer = new MutationObserver(() => {
    const element = find();
    if (!element) return;
    observer.disconnect();
    then(element);
  });
  observer.observe(document.body, { childList: true, subtree: true });
}

/** One stop for Tab, arrow keys inside (roving tabindex). Returns a function that makes an item the stop. */
export function roving(container, items, { rows = false } = {}) {
  const all = () => [...container.querySelectorAll(items)];
  const stop = (chosen) => all().forEach((item) => (item.tabIndex = item === chosen ? 0 : -1));
  container.addEventListener("keydown", (event) => {
    const list = all();
    const at = list.indexOf(document.activeElement);
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const to = neighbour(list, at, event.key, rows);
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    stop(list[to]);
    list[to].focus();
  });
  container.addEventListener("focusin", (event) => {
    const item = event.target.closest(items);
    if (item) stop(item);
  });
  return stop;
}

function neighbour(list, at, key, rows) {
  const last = list.length - 1;
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key === "ArrowRight") return Math.min(last, at + 1);
  if (key === "ArrowLeft") return Math.max(0, at - 1);
  if (rows && (key === "ArrowDown" || key === "ArrowUp")) return vertical(list, at, key === "ArrowDown" ? 1 : -1);
  return null;
}

// The nearest item in the next row that has one: rows may end early, and a heading may stand between them.
function vertical(list, at, direction) {
  const from = list[at].getBoundingClientRect();
  let best = null;
  for (let index = at + direction; index >= 0 && index < list.length; index += direction) {
    const box = list[index].getBoundingClientRect();
    if (Math.abs(box.top - from.top) < 4) continue;
    if (best && Math.abs(box.top - best.top) >= 4) break;
    const distance = Math.abs(box.left - from.left);
    if (!best || distance < best.distance) best = { index, top: box.top, distance };
  }
  return best ? best.index : null;
}
