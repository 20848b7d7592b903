// Two tabs must not keep the same painting: the first that comes has it.

const PATIENCE_MS = 500; // a reloaded page waits for its old self to be gone

/** True if the name is this page's own, until it is closed. Where the browser has no locks, it always is. */
export function claim(name) {
  if (!navigator.locks) return Promise.resolve(true);
  if (held.has(name)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const keep = () => {
      held.add(name);
      resolve(true);
      return new Promise(() => {}); // never let go
    };
    navigator.locks.request(name, { signal: AbortSignal.timeout(PATIENCE_MS) }, keep).catch(() => resolve(false));
  });
}

const held = new Set();
