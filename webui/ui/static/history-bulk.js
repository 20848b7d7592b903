// Acts on all that a search finds, however much that is: slice by slice, so that it is said how far it is and can be stopped, and taken
// back by the Undo of what is said at its end.

import { forgetAll, startOver } from "./history-hits.js";
import { pick } from "./history-state.js";
import { t, tn } from "./language.js";
import { change } from "./rest.js";
import { toast } from "./toasts.js";

const SAID_AFTER_MS = 400; // what is done sooner needs no word of how far it is
const ours = new Set(); // tokens of acts that were made here
const listeners = new Set();

/** Whether an act was made here, by the token that is told with it. */
export function isOurs(token) {
  return ours.has(token);
}

/** Calls back after a slice, or all, was done. */
export function onBulk(listener) {
  listeners.add(listener);
}

/** All that was found, as the server is told of it. */
export function asBody({ query, newest, without }) {
  return { query, newest, without: [...without] };
}

function newToken() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Repeats `step()` until it says that it is done. step(): {n, more}, or null after an error that was told. words: what is being done.
 * Returns {n, whole: whether it came to its end}.
 */
export async function inSlices(words, step) {
  let n = 0;
  let stopped = false;
  let told = null;
  const began = performance.now();
  for (;;) {
    const answer = await step();
    if (!answer) break;
    n += answer.n;
    if (!answer.more || stopped) {
      told?.close();
      return { n, whole: !answer.more };
    }
    if (performance.now() - began < SAID_AFTER_MS) continue;
    const far = tn("{n} picture so far", "{n} pictures so far", n);
    told ??= toast({ icon: "wait", title: words, text: far, lasting: true, action: { words: t("Stop"), run: () => (stopped = true) } });
    told.say(far);
  }
  told?.close();
  return { n, whole: false };
}

/** what: {act, change} as POST /history/acts takes it. words: while it is done; done(n): the words for so many pictures. */
export async function actOnAll(all, what, words, done) {
  const undo = newToken();
  ours.add(undo);
  let below = null;
  const { n } = await inSlices(words, async () => {
    const answer = await change("/history/acts", { ...asBody(all), ...what, undo, below });
    below = answer?.next ?? null;
    return answer && { n: answer.done, more: below !== null };
  });
  seeAgain(what.act);
  if (n) toast({ icon: what.act === "trash" ? "trash" : "ok", title: done(n), undo: () => takeBack(undo, what.act) });
}

async function takeBack(undo, act) {
  const { n } = await inSlices(t("Taking it back"), async () => {
    const answer = await change(`/history/acts/${undo}/undo`);
    return answer && { n: answer.done, more: answer.more };
  });
  seeAgain(act);
  if (n) toast({ icon: "ok", title: tn("Taken back: {n} picture", "Taken back: {n} pictures", n) });
}

// What was marked is looked at again where it is in sight; what left the list, or came back into it, changes all of it.
function seeAgain(act) {
  if (act === "mark") forgetAll();
  else {
    pick([]);
    startOver();
  }
  listeners.forEach((listener) => listener());
}
