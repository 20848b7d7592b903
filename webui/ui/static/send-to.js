// Send to: a picture and what made it go to another page. What was there is kept, and one Undo brings everything back.

import { steerWith } from "./control.js";
import { clearErrors, put, snapshot } from "./fields.js";
import { ask, onReceipt } from "./link.js";
import { toggleMenu } from "./menu.js";
import { currentPage, open } from "./pages.js";
import { button } from "./picture.js";
import { fetched } from "./put-in.js";
import { openCanvas } from "./source.js";
import { errorToast, toast } from "./toasts.js";

const TARGETS = [
  { words: "img2img", icon: "swap", send: (image) => sendTo(image, "img2img", "img2img") },
  { words: "Inpaint", icon: "brush", send: (image) => sendTo(image, "inpaint", "Inpaint") },
  { words: "Control", icon: "layers", send: steerWith },
];

/** The button that opens the menu; S presses the one in sight. */
export function sendButton(image) {
  const opener = button("send", "Send to", () => toggleMenu(opener, "Send to", items(image)), { key: "S" });
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
  const found = await canvas.work(fetched(image.url, image.file));
  const draft = found && (await canvas.work(canvas.open(...found)));
  if (!found || draft === false) return;
  ask("carry", { image: image.id });
  toast({
    icon: "ok",
    title: `Sent to ${words}`,
    text: draft ? "What was on the canvas is kept." : "With its prompt and parameters; the seed stays yours.",
    undo: () => {
      put(before.fields);
      if (draft) canvas.work(canvas.reopen(draft));
      open(before.page);
    },
  });
}

onReceipt("carry", ({ error }) => (error ? errorToast(error) : clearErrors()));
