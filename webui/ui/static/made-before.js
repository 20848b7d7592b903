// "You made exactly this on 3 May": the picture of history that a click would make once more, offered in its place.

import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { choosePicture, open } from "./pages.js";
import { dayAndMonth } from "./words.js";

/** Returns {element, tell}: tell({made, pictures, images}) as POST /duplicates answers; null: nothing was made before. */
export function madeBefore() {
  const element = h("div", { class: "ez-made-before", hidden: true, role: "status" });
  return { element, tell: (told) => tell(element, told) };
}

function tell(element, told) {
  element.hidden = !told?.made;
  if (element.hidden) return fill(element);
  const [image] = told.images;
  const when = dayAndMonth(image.created_at);
  const words = told.made === told.pictures ? t("You made exactly this {when}", { when: said(when) }) : t("You made {made} of these {pictures} {when}", { made: told.made, pictures: told.pictures, when: said(when) });
  const show = () => {
    choosePicture("history", image.id);
    open("history");
  };
  fill(element, h("img", { src: image.thumbnail, alt: "" }), h("span", { class: "grow" }, words), h("button", { class: "ez-link xs", type: "button", onclick: show }, t("Show")));
}

function said(when) {
  return /^[a-z]/.test(when) ? when : t("on {when}", { when });
}
