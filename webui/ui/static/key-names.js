// Names of keys as they stand on the keyboards of the page's language: "Ctrl Shift Z".

import { t } from "./language.js";

const NAMES = {
  Ctrl: t("Ctrl"),
  Shift: t("Shift"),
  Del: t("Del"),
  Space: t("Space"),
  Enter: t("Enter"),
  Home: t("Home"),
  Left: t("Left"),
  Right: t("Right"),
  Up: t("Up"),
  Down: t("Down"),
  // Words between them.
  to: t("to"),
  then: t("then"),
  or: t("or"),
  and: t("and"),
  a: t("a"),
  click: t("click"),
  wheel: t("wheel"),
  held: t("held"),
};
const WORD = /[A-Za-z]{2,}|\ba\b/g;

/** Keys as English tells them, in the page's language. */
export function keyNames(keys) {
  return keys.replace(WORD, (word) => NAMES[word] ?? word);
}
