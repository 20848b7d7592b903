// What the browser remembers. A tab keeps its own values over a reload; a new tab starts with the last ones of any tab.

const PREFIX = "easel:";

/** `everywhere`: one value for all tabs, at once. */
export function remember(name, value, { everywhere = false } = {}) {
  const text = JSON.stringify(value);
  for (const place of places(everywhere)) {
    try {
      place.setItem(PREFIX + name, text);
    } catch {
      // Full or forbidden: nothing is remembered, everything works.
    }
  }
}

export function recall(name, otherwise = null, { everywhere = false } = {}) {
  for (const place of places(everywhere)) {
    try {
      const text = place.getItem(PREFIX + name);
      if (text !== null) return JSON.parse(text);
    } catch {
      // Unreadable: as if it were not there.
    }
  }
  return otherwise;
}

function places(everywhere) {
  const found = [];
  for (const name of everywhere ? ["localStorage"] : ["sessionStorage", "localStorage"]) {
    try {
      found.push(window[name]);
    } catch {
      // Some browsers forbid even looking.
    }
  }
  return found;
}
