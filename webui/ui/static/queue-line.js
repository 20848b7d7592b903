// What waits, in blocks: only those in sight are fetched and drawn, so ten thousand jobs cost as little as ten.

import { t } from "./language.js";
import { h } from "./markup.js";
import { look } from "./rest.js";

const BLOCK = 50;
const ROW_HEIGHT = 61; // px, until a block was drawn once
const AHEAD = "600px"; // fetched before it comes into sight

/**
 * element: the list. resize(total): so many jobs wait. show(jobs): what the first of them are, where that is known already.
 * load(): fetch what is in sight. `draw(block, rows)` fills a block; rows: [{job, place, before}], before: the job in front of it.
 */
export function queueLine(scroller, draw) {
  const element = h("div", { role: "list", "aria-label": t("Waiting") });
  const blocks = [];
  const watch = new IntersectionObserver((entries) => entries.forEach(seen), { root: scroller, rootMargin: AHEAD });
  let total = 0;

  function seen({ target, isIntersecting }) {
    const block = blocks.find((one) => one.element === target);
    if (!block) return;
    block.near = isIntersecting;
    if (isIntersecting) fetchBlock(block);
    // Whoever stands in it with the keyboard or drags something out of it keeps it.
    else if (!target.contains(document.activeElement) && !target.querySelector(".dragged")) empty(block);
  }

  function empty(block) {
    if (!block.drawn) return;
    block.element.style.height = `${block.element.offsetHeight}px`;
    block.element.replaceChildren();
    block.drawn = false;
  }

  async function fetchBlock(block) {
    const turn = ++block.turn;
    const start = block.index * BLOCK;
    // The job in front of the block's first one tells whether a new group begins here.
    const lead = start ? 1 : 0;
    const page = await look(`/queue?offset=${start - lead}&limit=${BLOCK + lead}`);
    if (page && turn === block.turn && block.element.isConnected && block.near) put(block, page.waiting, lead, page.running.at(-1));
  }

  function put(block, jobs, lead, running) {
    const start = block.index * BLOCK;
    const rows = jobs.map((job, at) => ({ job, place: start + at - lead, before: jobs[at - 1] ?? (start ? null : (running ?? null)) }));
    draw(block.element, rows.slice(lead).filter(({ job }) => !job.live));
    block.element.style.height = "";
    block.drawn = true;
  }

  function resize(wanted) {
    total = wanted;
    const number = Math.ceil(total / BLOCK);
    while (blocks.length > number) {
      const block = blocks.pop();
      watch.unobserve(block.element);
      block.element.remove();
    }
    while (blocks.length < number) {
      const index = blocks.length;
      const rows = Math.min(BLOCK, total - index * BLOCK);
      const block = { index, element: h("div", { role: "presentation", style: { height: `${rows * ROW_HEIGHT}px` } }), near: index === 0, drawn: false, turn: 0 };
      blocks.push(block);
      element.append(block.element);
      watch.observe(block.element);
    }
    element.hidden = !total;
  }

  return {
    element,
    resize,
    show: (jobs, running) => blocks.length && put(blocks[0], jobs.slice(0, BLOCK), 0, running),
    load: () => Promise.all(blocks.filter((block) => block.near).map(fetchBlock)),
    total: () => total,
    end: () => watch.disconnect(),
  };
}
