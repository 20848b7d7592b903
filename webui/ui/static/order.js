// A job is ordered: what it starts from is brought to the server, then the fields are read there. While nobody answers the order waits.

import { filmed } from "./film.js";
import { known, on } from "./jobs.js";
import { t } from "./language.js";
import { ask } from "./link.js";
import { currentPage } from "./pages.js";
import { panelsArrived } from "./panels.js";
import { chosenScript } from "./script-section.js";
import { expectJob, forgetJob } from "./queue.js";
import { settled } from "./regions.js";
import { sourceOf } from "./source.js";
import { errorToast, toast } from "./toasts.js";

let waiting = []; // {way, page}: ordered while nobody answered

/** way: "generate", "soon" or "forever". */
export function order(way) {
  const page = currentPage();
  if (way !== "generate") expectJob(); // a click on Generate is counted before Gradio tells of it
  return known.connected ? bring(way, page) : keep(way, page);
}

async function bring(way, page) {
  try {
    await settled();
    await panelsArrived();
    ask(way, { page, film: filmed(), source: await sourceOf(page), script: way === "forever" ? null : chosenScript(page) });
  } catch (error) {
    forgetJob();
    errorToast({ message: error.message, hint: error.hint ?? t("Try again.") });
  }
}

function keep(way, page) {
  const kept = { way, page };
  waiting.push(kept);
  toast({
    icon: "wait",
    title: t("Easel doesn't answer just now"),
    text: t("What you asked for is kept, and made when the connection is back."),
    undo: () => {
      waiting = waiting.filter((other) => other !== kept);
      forgetJob();
    },
  });
}

on("connection", async (up) => {
  if (!up) return;
  for (const { way, page } of waiting.splice(0)) await bring(way, page);
});
