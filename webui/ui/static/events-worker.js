// Shared by all tabs of the browser: holds the one event stream, because a browser opens at most six connections to a host.

import { listen } from "./feed.js";

const tabs = new Set();
let state = null;

function tell(message) {
  if (message.kind !== "event") state = message;
  for (const tab of tabs) tab.postMessage(message);
}

self.onconnect = (event) => {
  const tab = event.ports[0];
  tab.onmessage = () => tabs.delete(tab); // the only thing a tab ever says is that it goes
  tabs.add(tab);
  if (state) tab.postMessage(state);
  else if (tabs.size === 1) listen(tell);
};
