// What the keyboard does to the words of a prompt. Functions on text and selection that change nothing.

const STEP = 0.1;
const NETWORK_STEP = 0.05;
const MOST = 10;

/**
 * Text with the weight at the selection changed by one step up (1) or down (-1).
 * Returns {start, end, text, selectStart, selectEnd}: what to put in place of start..end, and what is selected then; null where nothing is.
 */
export function weighed(value, start, end, direction) {
  return network(value, start, direction) ?? bracket(value, start, end, direction) ?? word(value, start, end, direction);
}

function rounded(number) {
  return Math.min(MOST, Math.max(-MOST, Math.round(number * 100) / 100));
}

function network(value, at, direction) {
  for (const match of value.matchAll(/<\w+:[^<>:]+(:([+-]?[\d.]+))?[^<>]*>/g)) {
    if (match.index > at || match.index + match[0].length < at) continue;
    const weight = rounded(Number(match[2] ?? 1) + direction * NETWORK_STEP);
    const head = match[0].match(/^<\w+:[^<>:]+/)[0];
    const start = match.index + head.length;
    return { start, end: start + (match[1] ?? "").length, text: `:${weight}`, selectStart: at, selectEnd: at };
  }
  return null;
}

/** The innermost round brackets around the selection: {open, close}, or null. */
export function around(value, start, end) {
  let depth = 0;
  for (let open = start - 1; open >= 0; open -= 1) {
    if (value[open - 1] === "\\") continue;
    if (value[open] === ")") depth += 1;
    else if (value[open] === "(" && depth-- === 0) {
      const close = partner(value, open);
      return close !== null && close >= end ? { open, close } : null;
    }
  }
  return null;
}

const PAIRS = { "(": ")", "[": "]", "<": ">" };

/** Where the bracket at `at` is closed, or opened; null for none. */
export function partner(value, at) {
  const opening = PAIRS[value[at]];
  const mark = value[at];
  const other = opening ?? Object.keys(PAIRS).find((key) => PAIRS[key] === mark);
  if (!other || value[at - 1] === "\\") return null;
  const way = opening ? 1 : -1;
  let depth = 0;
  for (let place = at; place >= 0 && place < value.length; place += way) {
    if (value[place - 1] === "\\") continue;
    if (value[place] === mark) depth += 1;
    else if (value[place] === other && --depth === 0) return place;
  }
  return null;
}

function bracket(value, start, end, direction) {
  const found = around(value, start, end);
  if (!found) return null;
  const { open, close } = found;
  const inside = value.slice(open + 1, close);
  const number = inside.match(/\s*:\s*([+-]?[\d.]+)\s*$/);
  const words = number ? inside.slice(0, -number[0].length) : inside;
  const weight = rounded(Number(number?.[1] ?? 1.1) + direction * STEP);
  if (!Number.isFinite(weight)) return null;
  const text = weight === 1 ? words : `(${words}:${weight})`;
  const from = weight === 1 ? open : open + 1;
  return { start: open, end: close + 1, text, selectStart: from, selectEnd: from + words.length };
}

function word(value, start, end, direction) {
  if (start === end) {
    const edge = /[\s,.()[\]<>:|\\]/;
    while (start > 0 && !edge.test(value[start - 1])) start -= 1;
    while (end < value.length && !edge.test(value[end])) end += 1;
  } else {
    while (start < end && /\s/.test(value[start])) start += 1;
    while (end > start && /\s/.test(value[end - 1])) end -= 1;
  }
  if (start === end) return null;
  const words = value.slice(start, end);
  return { start, end, text: `(${words}:${rounded(1 + direction * STEP)})`, selectStart: start + 1, selectEnd: start + 1 + words.length };
}

/**
 * A completion written at the caret: {start, end, text}, as `weighed` has it. What stands behind the caret and belongs to the same tag
 * or wildcard goes, but a tag keeps the weights that it has.
 */
export function written(value, start, caret, { kind, insert }) {
  const after = value.slice(caret);
  if (kind === "lora") {
    const rest = after.match(/^[^<>:,\n]*(:[^<>\n]*)?>/);
    const text = rest?.[1] ? `${insert.replace(/:[^:]*$/, "")}${rest[1]}>` : insert;
    return { start, end: caret + (rest?.[0].length ?? 0), text };
  }
  const rest = kind === "wildcard" ? after.match(/^[\w/-]*?__/) : null;
  return { start, end: caret + (rest?.[0].length ?? 0), text: insert };
}

const SHAPE = ["fontFamily", "fontSize", "fontWeight", "fontStyle", "letterSpacing", "lineHeight", "textIndent", "tabSize", "wordSpacing"];
const FRAME = ["boxSizing", "width", "borderWidth", "borderStyle", "padding", "direction", "textAlign", "overflowWrap", "wordBreak"];

/** Where the caret of a text area is on the screen: {left, top, bottom} of its line. No browser tells, so the text is laid out again. */
export function caretBox(area) {
  const mirror = document.createElement("div");
  const style = getComputedStyle(area);
  for (const name of [...SHAPE, ...FRAME]) mirror.style[name] = style[name];
  Object.assign(mirror.style, { position: "fixed", top: 0, left: 0, visibility: "hidden", whiteSpace: "pre-wrap", overflow: "hidden" });
  const caret = document.createElement("span");
  caret.textContent = "\u200b";
  mirror.append(area.value.slice(0, area.selectionStart), caret, area.value.slice(area.selectionStart));
  document.body.append(mirror);
  const { left, top, bottom } = caret.getBoundingClientRect();
  mirror.remove();
  const box = area.getBoundingClientRect();
  const shown = (y) => Math.min(box.bottom, Math.max(box.top, y));
  return { left: box.left + left - area.scrollLeft, top: shown(box.top + top - area.scrollTop), bottom: shown(box.top + bottom - area.scrollTop) };
}
