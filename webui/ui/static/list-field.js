// A field that holds a list as JSON, which a part of the page of its own edits.

import { onChange, put, values } from "./fields.js";

/**
 * The field called `name`. `ready()` is the list as a request gets it; `adopt(list)` is called when others have set the field:
 * parameters of a picture, a paste, an Undo, a reload.
 */
export function listField(name, { ready, adopt }) {
  let sent = null; // as it was set last
  let coming = []; // set here and not reported yet: a report that comes late must not undo what was changed since
  const arrivals = []; // those who wait until the field holds what was sent

  onChange((names) => {
    if (names.includes(name)) take();
    if ((values[name] || "[]") === (sent ?? values[name] ?? "[]")) arrivals.splice(0).forEach((arrived) => arrived());
  });

  function take() {
    const text = values[name];
    const own = coming.indexOf(text);
    coming = coming.slice(own + 1);
    if (own >= 0 || text === sent) return;
    sent = text;
    coming = [];
    const list = parsed(text);
    if (JSON.stringify(list) !== JSON.stringify(ready())) adopt(list);
  }

  return {
    /** Takes what the field holds already, for a part of the page that is drawn later than the fields. */
    begin() {
      if (values[name] !== undefined) take();
    },
    /** Sets the field to what is ready now. */
    send() {
      const text = JSON.stringify(ready());
      if (text === (sent ?? "[]")) return;
      sent = text;
      coming.push(text);
      put({ [name]: text });
    },
    /** Until the field holds what was sent. */
    async arrived() {
      if (sent !== null && values[name] !== sent) await new Promise((arrived) => arrivals.push(arrived));
    },
  };
}

function parsed(text) {
  try {
    return JSON.parse(text || "[]");
  } catch {
    return [];
  }
}
