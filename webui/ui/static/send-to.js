// Send to: a picture and what made it go to another page. What was there is kept, and one Undo brings everything back.

import { steerWith } from "./control.js";
import { clearErrors, put, snapshot } from "./fields.js";
import { t } from "./language.js";
import { ask, onReceipt } from "./link.js";
import { h } from "./markup.js";
import { toggleMenu } from "./menu.js";
import { currentPage, open } from "./pages.js";
import { button } from "./picture.js";
import { told } from "./paste.js";
import { fetched, sizeLike } from "./put-in.js";
import { openCanvas } from "./source.js";
import { errorToast, toast } from "./toasts.js";
import { draft } from "./upscale-draft.js";
import { ofHistory } from "./upscale-sources.js";

const STAYS = new Set(["seed", "variation_seed", "batch_count", "batch_size", "vae", "finishing"]);
const TARGETS = [
  { words: t("img2img"), icon: "swap", send: (image) => sendTo(image, "img2img", "img2img") },
  { words: t("Inpaint"), icon: "brush", send: (image) => sendTo(image, "inpaint", t("Inpaint")) },
  { words: t("Upscale"), icon: "enlarge", send: sendToUpscale },
  { words: t("Control"), icon: "layers", send: steerWith },
];

/** The button that opens the menu; S presses the one in sight. link: it is a link among words. */
export function sendButton(image, { link = false } = {}) {
  const run = () => toggleMenu(opener, t("Send to"), items(image));
  const opener = link ? h("button", { class: "ez-link", type: "button", title: t("Send to (S)"), onclick: run }, t("Send to")) : button("send", t("Send to"), run, { key: "S" });
  opener.classList.add("ez-send");
  opener.setAttribute("aria-haspopup", "menu");
  opener.setAttribute("aria-expanded", "false");
  return opener;
}

function items(image) {
  return TARGETS.map(({ words, icon, send }, index) => ({ words, icon, key: String(index + 1), run: () => send(image) }));
}

/** Opens the menu of the picture that is shown. False if none is. */
export function openSendMenu() {
  const opener = [...document.querySelectorAll(".ez-send")].find((other) => other.checkVisibility());
  opener?.click();
  return Boolean(opener);
}

async function sendTo(image, page, words) {
  const before = { page: currentPage(), fields: snapshot() };
  const canvas = await openCanvas(page);
  const wasEmpty = !canvas.painting;
  const found = await canvas.work(fetched(image.url, image.file));
  const draft = found && (await canvas.work(canvas.open(...found)));
  if (!found || draft === false) return;
  if (image.kind === "upscale") put({ ...(await parametersIn(image)), ...sizeLike(canvas.painting) });
  else ask("carry", { image: image.id });
  toast({
    icon: "ok",
    title: t("Sent to {words}", { words }),
    text: draft ? t("What was on the canvas is kept.") : t("With its prompt and parameters; the seed stays yours."),
    undo: () => {
      put(before.fields);
      if (draft) canvas.work(canvas.reopen(draft));
      else if (wasEmpty) canvas.close();
      open(before.page);
    },
  });
}

// What a picture was drawn by before it was upscaled, as its file tells; not what stays as it is when a picture is sent on.
async function parametersIn(image) {
  const given = await told(image.infotext);
  return Object.fromEntries(Object.entries(given ?? {}).filter(([name]) => !STAYS.has(name)));
}

// All the page needs is what the picture is called: the server has it.
function sendToUpscale(image) {
  const before = { page: currentPage(), draft: draft.snapshot() };
  open("upscale");
  draft.set({ way: "one", one: ofHistory(image) });
  toast({
    icon: "ok",
    title: t("Sent to Upscale"),
    text: before.draft.one ? t("What was there is kept.") : t("It keeps what made it in its file."),
    undo: () => {
      draft.set(before.draft);
      open(before.page);
    },
  });
}

onReceipt("carry", ({ error }) => (error ? errorToast(error) : clearErrors()));
