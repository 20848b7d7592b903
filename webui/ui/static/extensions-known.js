// What the server told last about the add-ons; the scripts of the Extensions page share it.

import { look } from "./rest.js";

let view = null;
let draw = () => {};

export function known() {
  return view;
}

/** Has the page drawn after each answer: with true, or with false where there was none. */
export function onKnown(run) {
  draw = run;
}

/** Asks the server again. */
export async function load() {
  const answer = await look("/extensions");
  if (answer) view = answer;
  draw(Boolean(answer));
}
