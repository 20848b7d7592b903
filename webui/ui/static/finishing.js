// The section Finishing of the pages that draw: the chain of their requests.

import { Chain } from "./chain.js";
import { listField } from "./list-field.js";
import { fill, h } from "./markup.js";

export function mount(element) {
  const place = h("div");
  fill(element, place);
  const chain = new Chain(place, { key: "finishing", changed: () => field.send() });
  const field = listField("finishing", { ready: () => chain.value(), adopt: (steps) => chain.adopt(steps) });
  field.begin();
}
