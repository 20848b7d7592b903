// A small place to paint a mask for an add-on: white where it is, over a picture or over nothing.

import { icon } from "./icons.js";
import { t } from "./language.js";
import { h } from "./markup.js";
import { errorToast } from "./toasts.js";
import { addressOf, upload } from "./uploads.js";

const SIDE = 1024; // px of the longer side where no picture says its size
const FAINT = "rgb(255 64 129 / 0.55)";

/**
 * Opens the painter. under: address of the picture beneath, or ""; width, height: of what is painted on where there is none. before: hash of
 * the mask so far. Returns a hash, "" for an empty mask, null for given up.
 */
export async function paintMask({ title, under, width, height, before }) {
  const picture = under ? await loaded(under).catch(() => null) : null;
  const canvas = h("canvas", { class: "ez-painter", tabindex: "0", role: "img", "aria-label": t("{title}: paint with the pointer", { title }) });
  const scale = SIDE / Math.max(width, height);
  // A small picture is painted on in finer pixels than its own, so that the brush is round.
  const finer = picture ? Math.ceil(SIDE / 2 / Math.max(picture.naturalWidth, picture.naturalHeight)) : 1;
  canvas.width = picture ? picture.naturalWidth * finer : Math.round(width * scale);
  canvas.height = picture ? picture.naturalHeight * finer : Math.round(height * scale);
  if (picture) canvas.style.backgroundImage = `url("${under}")`;
  const ink = canvas.getContext("2d", { willReadFrequently: true });
  if (before) await lay(ink, before).catch(() => {});
  const size = h("input", { type: "range", min: 4, max: 200, step: 2, value: 48, "aria-label": t("Brush size") });
  const rub = h("button", { class: "ez-btn s", type: "button", "aria-pressed": "false", onclick: () => rub.setAttribute("aria-pressed", String(rub.getAttribute("aria-pressed") !== "true")) }, icon("eraser"), t("Erase"));
  const empty = h("button", { class: "ez-btn s", type: "button", onclick: () => ink.clearRect(0, 0, canvas.width, canvas.height) }, t("Clear"));
  paints(canvas, ink, () => ({ width: Number(size.value) * (canvas.width / canvas.clientWidth || 1), erase: rub.getAttribute("aria-pressed") === "true" }));
  return new Promise((answered) => {
    const end = (value) => {
      dialog.close();
      dialog.remove();
      answered(value);
    };
    const keep = async () => {
      try {
        end(await sent(canvas, ink));
      } catch (problem) {
        errorToast(problem);
      }
    };
    const dialog = h(
      "dialog",
      { class: "ez-paint-dialog ez-html", "aria-label": title, oncancel: (event) => (event.preventDefault(), end(null)) },
      h("div", { class: "row" }, h("b", {}, title), size, rub, empty),
      canvas,
      h("div", { class: "row" }, h("button", { class: "ez-btn primary", type: "button", onclick: keep }, t("Keep")), h("button", { class: "ez-btn ghost", type: "button", onclick: () => end(null) }, t("Cancel"))),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

function paints(canvas, ink, how) {
  let last = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  const stroke = (to) => {
    const { width, erase } = how();
    ink.globalCompositeOperation = erase ? "destination-out" : "source-over";
    Object.assign(ink, { lineWidth: width, lineCap: "round", lineJoin: "round", strokeStyle: "#ff4081" });
    ink.beginPath();
    ink.moveTo(...last);
    ink.lineTo(...to);
    ink.stroke();
    last = to;
  };
  canvas.style.setProperty("--ink", FAINT);
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    stroke(last);
  });
  canvas.addEventListener("pointermove", (event) => last && stroke(at(event)));
  canvas.addEventListener("lostpointercapture", () => (last = null));
}

function loaded(address) {
  const picture = new Image();
  picture.src = address;
  return picture.decode().then(() => picture);
}

// A mask of before: what is bright in it is painted.
async function lay(ink, hash) {
  const { width, height } = ink.canvas;
  ink.drawImage(await loaded(addressOf(hash)), 0, 0, width, height);
  const pixels = ink.getImageData(0, 0, width, height);
  for (let place = 0; place < pixels.data.length; place += 4) {
    const bright = pixels.data[place] > 127;
    pixels.data.set([255, 64, 129, bright ? 255 : 0], place);
  }
  ink.putImageData(pixels, 0, 0);
}

async function sent(canvas, ink) {
  const { width, height } = canvas;
  const pixels = ink.getImageData(0, 0, width, height);
  let any = false;
  for (let place = 0; place < pixels.data.length; place += 4) {
    const value = pixels.data[place + 3] > 127 ? 255 : 0;
    any ||= value > 0;
    pixels.data.set([value, value, value, 255], place);
  }
  if (!any) return "";
  const plain = h("canvas", {});
  Object.assign(plain, { width, height });
  plain.getContext("2d").putImageData(pixels, 0, 0);
  return upload(await new Promise((made) => plain.toBlob(made, "image/png")));
}
