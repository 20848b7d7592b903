// A grid of thousands of cards of which only those in sight are drawn. One stop for Tab, arrow keys inside.

import { h } from "./markup.js";

const PAGE = 60; // cards that are fetched at a time
const BEYOND = 500; // px above and below the window that are drawn, too
const GAP = 12;

/**
 * fetchPage(offset, limit) -> {items, total} or null; cardOf(item, index) -> its element, which takes the focus.
 * onKey(event, item): keys that are none of the grid's own. onTotal(total): after each answer.
 */
export function createGrid({ label, fetchPage, cardOf, onKey, onTotal }) {
  const element = h("div", { class: "ez-virtual", role: "list", "aria-label": label });
  const nodes = new Map(); // index -> element
  let pages = new Map(); // number of the page -> its items, or null while they are on their way
  let total = null;
  let turn = 0;
  let active = 0; // the index of the card that Tab stops at
  let size = { least: 216, picture: 0.625, body: 106 };
  let shape = { columns: 1, width: 0, height: 0 };

  const itemAt = (index) => pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null;

  function measure() {
    const room = element.clientWidth;
    const columns = Math.max(1, Math.floor((room + GAP) / (Math.min(size.least, room) + GAP)));
    const width = (room - GAP * (columns - 1)) / columns;
    shape = { columns, width, height: Math.round(width * size.picture) + size.body };
    element.style.height = `${total ? Math.ceil(total / columns) * (shape.height + GAP) - GAP : 0}px`;
  }

  function inSight() {
    const top = element.getBoundingClientRect().top;
    const row = shape.height + GAP;
    const first = Math.max(0, Math.floor((-top - BEYOND) / row)) * shape.columns;
    const last = Math.ceil((innerHeight - top + BEYOND) / row) * shape.columns;
    return [Math.min(first, total), Math.min(Math.max(last, 0), total)];
  }

  function draw() {
    if (!element.clientWidth || total === null) return; // on a page that isn't shown
    const [first, last] = inSight();
    const focused = element.contains(document.activeElement);
    for (const [index, node] of nodes) {
      if ((index < first || index >= last) && !(focused && index === active)) {
        node.remove();
        nodes.delete(index);
      }
    }
    for (let index = first; index < last; index += 1) {
      if (!nodes.has(index)) add(index);
      if (!itemAt(index)) fetchAround(index);
    }
  }

  function add(index) {
    const item = itemAt(index);
    const node = item ? cardOf(item, index) : h("article", { class: "ez-card ez-model is-coming", role: "listitem", "aria-busy": "true" });
    node.dataset.index = String(index);
    node.tabIndex = index === active ? 0 : -1;
    node.setAttribute("aria-setsize", String(total));
    node.setAttribute("aria-posinset", String(index + 1));
    place(node, index);
    nodes.set(index, node);
    // In order, so that what reads the page aloud has them one after the other.
    const next = [...element.children].find((other) => Number(other.dataset.index) > index);
    element.insertBefore(node, next ?? null);
    return node;
  }

  function place(node, index) {
    const column = index % shape.columns;
    node.style.left = `${column * (shape.width + GAP)}px`;
    node.style.top = `${Math.floor(index / shape.columns) * (shape.height + GAP)}px`;
    node.style.width = `${shape.width}px`;
    node.style.height = `${shape.height}px`;
  }

  function replace(index) {
    const old = nodes.get(index);
    if (!old) return;
    const does = old.contains(document.activeElement) ? (document.activeElement.dataset.does ?? "") : null;
    old.remove();
    nodes.delete(index);
    const node = add(index);
    if (does !== null) (does ? (node.querySelector(`[data-does="${does}"]`) ?? node) : node).focus({ preventScroll: true });
  }

  async function fetchAround(index) {
    const number = Math.floor(index / PAGE);
    if (pages.has(number)) return;
    pages.set(number, null);
    await take(number);
  }

  async function take(number) {
    const mine = turn;
    const answer = await fetchPage(number * PAGE, PAGE);
    if (mine !== turn) return;
    if (!answer) return pages.delete(number); // the banner says that the connection is gone; the next look asks again
    const before = pages.get(number);
    pages.set(number, answer.items);
    if (answer.total !== total) {
      total = answer.total;
      active = Math.min(active, Math.max(0, total - 1));
      for (const [at, node] of nodes) if (at >= total) (node.remove(), nodes.delete(at));
      measure();
      onTotal(total);
    }
    answer.items.forEach((item, offset) => {
      const same = before && JSON.stringify(before[offset]) === JSON.stringify(item);
      if (!same) replace(number * PAGE + offset);
    });
    draw();
  }

  /** Another question: begins at the top. */
  async function load() {
    turn += 1;
    pages = new Map([[0, null]]);
    active = 0;
    await take(0);
  }

  /** The same question once more, because something changed: nothing moves but what is another. */
  async function refresh() {
    if (total === null) return load();
    const shown = new Set([...nodes.keys()].map((index) => Math.floor(index / PAGE)).concat(0));
    turn += 1;
    pages = new Map([...pages].filter(([number]) => shown.has(number)));
    await Promise.all([...shown].map(take));
  }

  /** Draws the cards in sight anew: what they say depends on more than their items. */
  function redraw() {
    [...nodes.keys()].forEach(replace);
  }

  function focus(index) {
    if (!total) return;
    const to = Math.min(Math.max(index, 0), total - 1);
    const old = nodes.get(active);
    if (old) old.tabIndex = -1;
    active = to;
    const node = nodes.get(to) ?? add(to);
    node.tabIndex = 0;
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
    draw();
  }

  function step(key) {
    const { columns, height } = shape;
    const rows = Math.max(1, Math.floor(innerHeight / (height + GAP)) - 1);
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: rows * columns, PageUp: -rows * columns }[key];
    if (key === "Home") return 0;
    if (key === "End") return total - 1;
    if (by === undefined) return null;
    const to = active + by;
    // Up and down stay in their column; in the last row there may be none below.
    if (Math.abs(by) >= columns && columns > 1 && (to < 0 || (to >= total && Math.floor(active / columns) === Math.floor((total - 1) / columns)))) return active;
    return to;
  }

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !event.target.dataset.index) return;
    const to = step(event.key);
    if (to !== null) focus(to);
    else if (!onKey(event, itemAt(active))) return;
    event.preventDefault();
    event.stopPropagation();
  });
  element.addEventListener("focusin", (event) => {
    const index = Number(event.target.closest("[data-index]")?.dataset.index);
    if (!Number.isInteger(index) || index === active) return;
    const old = nodes.get(active);
    if (old) old.tabIndex = -1;
    active = index;
    nodes.get(active).tabIndex = 0;
  });

  let asked = 0;
  const drawSoon = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
  // Which of them scrolls depends on the width of the window.
  addEventListener("scroll", drawSoon, { capture: true, passive: true });
  new ResizeObserver(() => {
    // More or fewer columns move everything; the card one was at stays in sight.
    const node = nodes.get(active);
    const box = node?.getBoundingClientRect();
    const seen = box && box.bottom > 0 && box.top < innerHeight;
    measure();
    nodes.forEach(place);
    if (seen) node.scrollIntoView({ block: "nearest" });
    drawSoon();
  }).observe(element);

  return {
    element,
    load,
    refresh,
    redraw,
    focus,
    resize(asWanted) {
      size = asWanted;
      measure();
      redraw();
      draw();
    },
    /** An item is another one now. */
    put(item) {
      const index = this.indexOf(item.id);
      if (index < 0) return;
      pages.get(Math.floor(index / PAGE))[index % PAGE] = item;
      replace(index);
    },
    /** The index of the item with that id, or -1 where it is not known. */
    indexOf(id) {
      for (const [number, items] of pages) {
        const at = items?.findIndex((item) => item.id === id) ?? -1;
        if (at >= 0) return number * PAGE + at;
      }
      return -1;
    },
    get total() {
      return total;
    },
  };
}
