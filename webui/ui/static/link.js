// The link to Python: ask by event name, hear the receipt. Fields travel with the question; Gradio carries them.

const receipts = new EventTarget();
const early = [];
let send = (...question) => early.push(question);

/** What Python told the page when it was built: {table, checkpoints, examples}. */
export const told = { table: [], checkpoints: [], examples: [] };
const ready = Promise.withResolvers?.() ?? promiseWithResolvers();
export const linked = ready.promise;

export function mount(trigger, watch, props) {
  Object.assign(told, { table: props.table, checkpoints: props.checkpoints, examples: props.examples });
  watch("value", () => {
    const receipt = JSON.parse(props.value);
    receipts.dispatchEvent(new CustomEvent(receipt.about, { detail: receipt }));
  });
  send = trigger;
  early.splice(0).forEach((question) => send(...question));
  ready.resolve();
}

/** Ask for one of the events that Python listens to (webui/ui/link.py). */
export function ask(event, data = {}) {
  send(event, data);
}

/** Hear the answers about "generate" or anything that was asked: {about, error, …}. */
export function onReceipt(about, listener) {
  receipts.addEventListener(about, (event) => listener(event.detail));
}

function promiseWithResolvers() {
  const parts = {};
  parts.promise = new Promise((resolve) => (parts.resolve = resolve));
  return parts;
}
