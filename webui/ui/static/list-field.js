// A field that holds a list (or an object) as JSON, which a part of the page of its own edits.

import { onChange, put, values } from "./fields.js";

/**
 * The field called `name`. `ready()` is the list as a request gets it; `adopt(list)` is called when others have set the field:
 * parameters of a picture, a paste, an Undo, a reload. empty: what stands there at first.
 */
export function listField(name, { ready, adopt, empty = "[]" }) {
  let sent = null; // as it was set last
  let coming = []; // set here and not reported yet: a report that comes late must not undo what was changed since
  const arrivals = []; // those who wait until the field holds what was sent

  onChange((names) => {
    if (names.includes(name)) take();
    if ((values[name] || empty) === (sent ?? values[name] ?? empty)) arrivals.splice(0).forEach((arrived) => arrived());
  });

  function take() {
    const text = values[name];
    const own = coming.indexOf(text);
    coming = coming.slice(own + 1);
    if (own >= 0 || text === sent) return;
    sent = text;
    coming = [];
    const list = parsed(text, empty);
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
      if (text === (sent ?? empty)) return;
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

function parsed(text, empty) {
  try {
    return JSON.parse(text || empty);
  } catch {
    return JSON.parse(empty);
  }
}
