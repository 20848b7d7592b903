// What happens in the studio, as it happens: first a snapshot, then every event after it, without a gap.

import { listen } from "./feed.js";
import { inOurLanguage } from "./language.js";
import { askToLogIn, checkLogin } from "./login.js";

const RETRY_MS = 1000;

/**
 * follow({snapshot(data), event(data), connection(up)}): calls back for as long as the page lives.
 * Returns a function that asks for a new snapshot.
 */
export function follow(on) {
  let seen = -1;
  let waiting = null; // events that arrive while a snapshot is on its way
  let round = 0;

  async function restart() {
    const mine = ++round;
    waiting = [];
    for (;;) {
      try {
        const response = await fetch("/api/v1/snapshot", { cache: "no-store" });
        if (response.status === 401) return askToLogIn();
        if (!response.ok) throw new Error(`snapshot: ${response.status}`);
        const snapshot = inOurLanguage(await response.json());
        if (mine !== round) return;
        const late = waiting;
        waiting = null;
        seen = snapshot.seq;
        on.snapshot(snapshot);
        on.connection(true);
        late.forEach(take);
        return;
      } catch {
        if (mine !== round) return;
        on.connection(false);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  function take(event) {
    if (event.type === "reset") restart();
    else if (waiting) waiting.push(event);
    else if (event.seq > seen) {
      seen = event.seq;
      on.event(event);
    }
  }

  connect((message) => {
    if (message.kind === "open") restart();
    else if (message.kind === "event") take(inOurLanguage(message.event));
    else {
      on.connection(false);
      checkLogin();
    }
  });
  return () => waiting ?? restart();
}

function connect(tell) {
  if (typeof SharedWorker === "undefined") return listen(tell);
  const worker = new SharedWorker(new URL("./events-worker.js", import.meta.url), { type: "module", name: "easel-events" });
  let alone = false;
  worker.onerror = () => {
    // A browser that knows shared workers, but not as modules.
    if (!alone) listen(tell);
    alone = true;
  };
  worker.port.onmessage = (message) => !alone && tell(message.data);
  addEventListener("pagehide", (event) => event.persisted || worker.port.postMessage("bye"));
}
