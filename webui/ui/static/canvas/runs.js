// Run-length coding of 32-bit words, fast enough to be done in the middle of everything: a stroke changes little of a tile, and alike.
// Coded: headers, each count * 2 + kind; kind 0 is followed by one word that repeats count times, kind 1 by count words.

const LEAST_RUN = 3;

let coded = new Uint32Array(0); // room to code in, kept from one call to the next

/** The words, coded. */
export function pack(words) {
  const most = words.length + Math.ceil(words.length / LEAST_RUN) + 2;
  if (coded.length < most) coded = new Uint32Array(most);
  let size = 0;
  let literal = 0; // where the words begin that don't repeat
  const flush = (end) => {
    if (end === literal) return;
    coded[size++] = (end - literal) * 2 + 1;
    coded.set(words.subarray(literal, end), size);
    size += end - literal;
  };
  for (let at = 0; at < words.length; ) {
    let end = at + 1;
    while (end < words.length && words[end] === words[at]) end++;
    if (end - at >= LEAST_RUN) {
      flush(at);
      coded[size++] = (end - at) * 2;
      coded[size++] = words[at];
      literal = end;
    }
    at = end;
  }
  flush(words.length);
  return coded.slice(0, size);
}

/** Exclusive-ors the coded words into `words`: done twice, everything is as it was; into zeros, it decodes. */
export function mixIn(coded, words) {
  let at = 0;
  for (let next = 0; next < coded.length; ) {
    const header = coded[next++];
    const count = header >>> 1;
    if (header & 1) for (let index = 0; index < count; index++) words[at++] ^= coded[next++];
    else {
      const word = coded[next++];
      if (word) for (let index = 0; index < count; index++) words[at++] ^= word;
      else at += count;
    }
  }
}

/** The same bytes, four at a time. */
export function wordsOf(bytes) {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
