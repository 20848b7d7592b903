// The page's own start: everything that doesn't wait for Gradio to draw a piece.

import "./add-ons.js";
import { startAsk } from "./ask.js";
import { explain } from "./fields.js";
import { start } from "./jobs.js";
import { startKeys } from "./keys.js";
import { linked } from "./link.js";
import { startPages } from "./pages.js";
import { startSummaries } from "./summaries.js";
import { startSwitches } from "./switches.js";
import { startTheme } from "./theme.js";

startTheme();
startAsk();
startPages();
startKeys();
start();
linked.then(() => {
  explain();
  startSummaries();
  startSwitches();
});
