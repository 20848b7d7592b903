// One connection to the event stream that mends itself. Used by the worker that all tabs share, or by a page of its own.

const RETRY_MS = 1000;

/** Tells {kind: "open"}, {kind: "lost"} and {kind: "event", event} for as long as the caller lives. */
export function listen(tell) {
  // A new connection each time, not EventSource's own retry: after an outage every page takes a new snapshot anyway,
  // and a restarted server may not know the numbers of the old one.
  const source = new EventSource("/api/v1/events");
  source.onopen = () => tell({ kind: "open" });
  source.onmessage = (message) => tell({ kind: "event", event: JSON.parse(message.data) });
  source.onerror = () => {
    source.close();
    tell({ kind: "lost" });
    setTimeout(() => listen(tell), RETRY_MS);
  };
}
