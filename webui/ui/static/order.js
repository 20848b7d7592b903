// A job is ordered: what it starts from is brought to the server, then the fields are read there.

import { filmed } from "./film.js";
import { ask } from "./link.js";
import { currentPage } from "./pages.js";
import { expectJob, forgetJob } from "./queue.js";
import { settled } from "./regions.js";
import { sourceOf } from "./source.js";
import { errorToast } from "./toasts.js";

/** way: "generate", "soon" or "forever". */
export async function order(way) {
  const page = currentPage();
  if (way !== "generate") expectJob(); // a click on Generate is counted before Gradio tells of it
  try {
    await settled();
    ask(way, { page, film: filmed(), source: await sourceOf(page) });
  } catch (error) {
    forgetJob();
    errorToast({ message: error.message, hint: error.hint ?? "Try again." });
  }
}
