// One training run: how far it is, the curve of its losses, and what it draws by now.

import { useCheckpoint } from "./checkpoint.js";
import { values } from "./fields.js";
import { icon } from "./icons.js";
import { language, t } from "./language.js";
import { fill, h, shape } from "./markup.js";
import { insertModel, isInPrompt } from "./networks.js";
import { open } from "./pages.js";
import { change, look } from "./rest.js";
import { lossWords, runWords } from "./train-words.js";

const STATES = { waiting: [t("Waits"), ""], running: [t("Running"), "acc"], done: [t("Done"), "ok"], cancelled: [t("Stopped"), "warn"], failed: [t("Failed"), "bad"] };
const HEIGHT = 180;
const EDGE = { left: 44, right: 8, top: 10, bottom: 22 };

/** A run as {id, element, update(run), progressed(order)}. */
export function runView(first) {
  const { id } = first.order;
  const head = h("div", { class: "row wrap ez-train-head" });
  const progress = h("div", { class: "ez-train-progress" });
  const notes = h("div", { class: "col" });
  const curve = h("figure", { class: "ez-card ez-train-curve" });
  const samples = h("div", { class: "ez-train-samples" });
  const said = h("p", { class: "ez-voice", role: "status" });
  let drawn = { order: "", losses: 0, samples: "" };

  function drawHead(order) {
    const key = `${order.status} ${order.name}`;
    if (drawn.order === key) return;
    drawn.order = key;
    const [words, tone] = STATES[order.status];
    const focused = head.contains(document.activeElement) ? document.activeElement.dataset.does : null;
    fill(head, h("h2", { class: "ez-train-name cut", title: order.name }, order.name), h("span", { class: `ez-badge ${tone}` }, words), h("span", { class: "row end" }, acts(order)));
    if (focused) (head.querySelector(`[data-does="${focused}"]`) ?? head.querySelector("button"))?.focus({ preventScroll: true });
    said.textContent = `${order.name}: ${words}`;
    const wrong = order.error && [order.error.message, order.error.hint].filter(Boolean).join(" ");
    fill(notes, wrong && h("p", { class: "bad s" }, wrong), order.notes.map((note) => h("p", { class: "mid s" }, note)), order.result && h("p", { class: "mid s" }, t("models/{file}", { file: order.result.file })));
  }

  function drawProgress(order, loss) {
    const { progress: far, asked, status } = order;
    const share = status === "done" ? 1 : far?.total ? far.done / far.total : 0;
    const facts = [runWords(order), loss !== null && loss !== undefined && t("loss {loss}", { loss: lossWords(loss) }), t("rank {rank}", { rank: asked.rank }), t("learning rate {learning_rate}", { learning_rate: asked.learning_rate }), t("on {model}", { model: asked.model })];
    fill(
      progress,
      status === "running" && h("div", { class: "ez-bar", role: "progressbar", "aria-label": order.name, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(share * 100) }, h("i", { style: { "--v": `${share * 100}%` } })),
      h("p", { class: "row wrap s mid num" }, facts.filter(Boolean).map((fact) => h("span", {}, fact))),
    );
  }

  let last = null;
  return {
    id,
    element: h("div", { class: "ez-train-one" }, head, progress, notes, curve, samples, said),
    update(run) {
      last = run;
      drawHead(run.order);
      drawProgress(run.order, run.loss);
      const end = run.losses.at(-1)?.step ?? 0;
      if (drawn.losses !== `${end} ${run.losses.length}`) {
        drawn.losses = `${end} ${run.losses.length}`;
        drawCurve(curve, run.losses, run.order.asked.steps);
      }
      const names = run.samples.map(({ name }) => name).join();
      if (drawn.samples !== names) {
        drawn.samples = names;
        drawSamples(samples, run);
      }
    },
    progressed(order) {
      drawHead(order);
      drawProgress(order, last?.loss);
    },
  };
}

function acts(order) {
  const button = (does, picture, words, run, more = "") => h("button", { class: `ez-btn ${more}`, type: "button", "data-does": `${does}-run`, onclick: run }, icon(picture), words);
  const to = (what) => () => change(`/workshop/orders/${order.id}/${what}`);
  if (["waiting", "running"].includes(order.status)) return button("stop", "pause", t("Stop"), to("cancel"));
  const remove = button("remove", "trash", t("Remove"), () => change(`/workshop/orders/${order.id}`, {}, { method: "DELETE" }), "ghost");
  if (order.status === "done") return [button("try", "play", t("Try it"), () => tryIt(order), "primary"), remove];
  return [button("resume", "play", t("Resume"), to("resume"), "primary"), remove];
}

// To txt2img, with the checkpoint that it was trained on, its trigger word and itself in the prompt.
async function tryIt(order) {
  const model = await look(`/models/${order.result.model}`);
  if (!model) return;
  open("txt2img");
  if (values.checkpoint !== order.asked.model) useCheckpoint(order.asked.model);
  if (!isInPrompt(model)) insertModel(model);
}

// ---- the curve

function drawCurve(place, losses, steps) {
  if (losses.length < 2) return fill(place, h("p", { class: "ez-hint" }, t("The curve of losses begins after a few steps.")));
  // As wide as there is room, so that its words stay as large as all others.
  const width = Math.max(280, (place.clientWidth || 672) - 32);
  const numbers = losses.map(({ loss }) => loss);
  const [low, high] = bounds(numbers);
  const x = (step) => EDGE.left + (step / steps) * (width - EDGE.left - EDGE.right);
  const y = (loss) => EDGE.top + (1 - (loss - low) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const line = losses.map(({ step, loss }, at) => `${at ? "L" : "M"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
  const levels = [low, (low + high) / 2, high];
  const text = (words, at, more) => {
    const element = shape("text", { ...at, ...more });
    element.textContent = words;
    return element;
  };
  fill(
    place,
    h("figcaption", { class: "row s" }, h("b", {}, t("Loss")), h("span", { class: "dim xs" }, t("smoothed; it need not fall far for pictures to change"))),
    shape(
      "svg",
      { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": t("Loss from {numbers} to {numbers2} after {step} of {steps} steps", { numbers: lossWords(numbers[0]), numbers2: lossWords(numbers.at(-1)), step: losses.at(-1).step, steps }) },
      ...levels.flatMap((level) => [shape("path", { class: "grid", d: `M${EDGE.left} ${y(level)}H${width - EDGE.right}` }), text(lossWords(level), { x: EDGE.left - 6, y: y(level) + 4 }, { "text-anchor": "end" })]),
      text("0", { x: EDGE.left, y: HEIGHT - 6 }, { "text-anchor": "start" }),
      text(t("{steps} steps", { steps: steps.toLocaleString(language) }), { x: width - EDGE.right, y: HEIGHT - 6 }, { "text-anchor": "end" }),
      shape("path", { class: "line", d: line }),
    ),
  );
}

function bounds(numbers) {
  const low = Math.min(...numbers);
  const high = Math.max(...numbers);
  const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  return [Math.max(0, low - room), high + room];
}

// ---- previews

function drawSamples(place, { order, samples }) {
  const prompts = [...new Set(samples.map(({ prompt }) => prompt))];
  const said = order.asked.previews;
  fill(
    place,
    prompts.map((prompt) => {
      const strip = h(
        "ul",
        { class: "ez-train-strip", tabindex: "0", "aria-label": t("Previews: {value}", { value: said[prompt] ?? t("the first caption") }) },
        samples
          .filter((sample) => sample.prompt === prompt)
          .map(({ step, name }) => {
            const address = `/api/v1/training/runs/${order.id}/samples/${name}`;
            const words = step ? t("{step} steps", { step: step.toLocaleString(language) }) : t("Before");
            return h("li", {}, h("a", { href: address, target: "_blank", rel: "noopener" }, h("img", { src: address, alt: t("After {step} steps", { step }), loading: "lazy" })), h("span", { class: "xs dim num" }, words));
          }),
      );
      requestAnimationFrame(() => (strip.scrollLeft = strip.scrollWidth));
      return h("div", {}, h("div", { class: "ez-label" }, said[prompt] ?? t("The first picture's caption")), strip);
    }),
  );
}
