// LoRAs and embeddings in the text of a prompt. Pure functions: names of models come as lists, in lower case.

const TAG = /<(\w+):([^<>]+)>/g;
const LORA_KINDS = ["lora", "lyco"];
const COMMENT = /#.*$/gm;
const PULL = /\s*:\s*[-+]?(?:\d*\.\d+|\d+\.?)\s*$/; // the weight of the last part between ANDs

/** The tags of LoRAs in a prompt that are not in a comment: [{start, end, name, weight}], name in lower case. */
export function tagsIn(prompt) {
  const comments = [...prompt.matchAll(COMMENT)].map((match) => [match.index, match.index + match[0].length]);
  const commented = (at) => comments.some(([start, end]) => at >= start && at < end);
  return [...prompt.matchAll(TAG)]
    .filter((match) => LORA_KINDS.includes(match[1]) && !commented(match.index))
    .map((match) => {
      const [name, ...rest] = match[2].split(":");
      const weight = Number(rest.find((part) => !part.includes("=")) ?? 1);
      return { start: match.index, end: match.index + match[0].length, name: name.trim().toLowerCase(), weight: Number.isFinite(weight) ? weight : 1 };
    });
}

/** Where a word stands in a prompt as a word of its own: [{start, end}]. */
export function wordsIn(prompt, word) {
  const found = [];
  const text = prompt.toLowerCase();
  const isPart = (sign) => sign !== undefined && /[\p{L}\p{N}_]/u.test(sign);
  for (let at = text.indexOf(word); word && at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isPart(text[at - 1]) && !isPart(text[at + word.length])) found.push({ start: at, end: at + word.length });
  }
  return found;
}

/** A prompt with words behind it, separated by a comma; before a tag `tag` where there is one. */
export function added(prompt, { words = [], tag = "" }) {
  const { head, tail } = split(prompt);
  const text = words.filter((word) => !wordsIn(head, word.toLowerCase()).length).join(", ");
  const glue = !head || head.endsWith("\n") ? "" : head.endsWith(",") ? " " : ", ";
  const said = text ? head + glue + text : head;
  const whole = tag ? [said, tag].filter(Boolean).join(said && !/\s$/.test(said) ? " " : "") : said;
  return whole + tail;
}

// What comes behind must neither land in a comment nor behind the weight of a part.
function split(prompt) {
  const lastLine = prompt.slice(prompt.lastIndexOf("\n") + 1);
  if (lastLine.includes("#")) return { head: `${prompt}\n`, tail: "" };
  const pull = /\bAND\b/.test(prompt) ? prompt.match(PULL) : null;
  return pull ? { head: prompt.slice(0, pull.index), tail: pull[0] } : { head: prompt.trimEnd(), tail: "" };
}

/** A prompt without the stretches, and without the commas and spaces that they leave. */
export function without(prompt, stretches) {
  let text = prompt;
  for (const { start, end } of [...stretches].sort((a, b) => b.start - a.start)) {
    const before = text.slice(0, start);
    const behind = text.slice(end);
    const open = before.replace(/[^\S\n]*,?[^\S\n]*$/, "");
    const rest = behind.replace(/^[^\S\n]+/, "");
    const comma = /,[^\S\n]*$/.test(before);
    if (!rest || rest.startsWith(",")) text = open + (open ? rest : rest.replace(/^,\s*/, ""));
    else text = open + (open && !/\n$/.test(open) ? (comma ? ", " : " ") : "") + rest;
  }
  return text;
}

/** A prompt in which the tag at that place has another weight. */
export function reweighed(prompt, { start, end }, weight) {
  const head = prompt.slice(start, end).match(/^<\w+:[^<>:]+/)[0];
  return `${prompt.slice(0, start)}${head}:${weight}>${prompt.slice(end)}`;
}
