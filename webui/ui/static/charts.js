// Charts by Observable Plot, which is fetched when the first one is drawn. Its marks wear our tokens, so themes change by themselves.

let plot = null;

/** Observable Plot. */
export async function plotting() {
  plot ??= import("./vendor/d3-7.9.2.min.js").then(() => import("./vendor/plot-0.6.17.min.js"));
  await plot;
  return globalThis.Plot;
}

const PREFIX = "#find=";

/** The address of a mark that searches for something. */
export function findLink(query) {
  return PREFIX + encodeURIComponent(query);
}

/**
 * An element in which `draw(width)` gives a chart of that width, or null; drawn anew when the width changes.
 * follow(query): called when a mark with a `findLink` is chosen, by pointer or keyboard.
 */
export function chart(draw, follow) {
  const element = document.createElement("div");
  element.className = "ez-chart";
  let width = 0;
  const redraw = () => {
    const drawn = draw(width);
    element.replaceChildren(...(drawn ? [drawn] : []));
  };
  element.redraw = () => width && redraw();
  element.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    const address = link?.getAttribute("href") ?? link?.getAttributeNS("http://www.w3.org/1999/xlink", "href");
    if (!address?.startsWith(PREFIX)) return;
    event.preventDefault();
    follow(decodeURIComponent(address.slice(PREFIX.length)));
  });
  new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (!now || now === width) return;
    width = now;
    redraw();
  }).observe(element);
  return element;
}
