// Which finished picture is on the stage, for those that the stage itself needs: they can't import it, for scripts that import each
// other in a circle start or fail by which of them the browser happens to have first.

let find = () => null;

/** The finished picture on the stage, or null. */
export function shownPicture() {
  return find();
}

/** The stage says how to find it. */
export function showsPicture(how) {
  find = how;
}
