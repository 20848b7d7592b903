// What the browser remembers. A tab keeps its own values over a reload; a new tab starts with the last ones of any tab.

const PREFIX = "easel:";

export function remember(name, value) {
  const text = JSON.stringify(value);
  for (const place of places()) {
    try {
      place.setItem(PREFIX + name, text);
    } catch {
      // Full or forbidden: nothing is remembered, everything works.
    }
  }
}

export function recall(name, otherwise = null) {
  for (const place of places()) {
    try {
      const text = place.getItem(PREFIX + name);
      if (text !== null) return JSON.parse(text);
    } catch {
      // Unreadable: as if it were not there.
    }
  }
  return otherwise;
}

function places() {
  const found = [];
  for (const name of ["sessionStorage", "localStorage"]) {
    try {
      found.push(window[name]);
    } catch {
      // Some browsers forbid even looking.
    }
  }
  return found;
}
