// The heavier work on masks, in a thread of its own. Asked {id, work, …}, answers {id, plane}.

import { WORK } from "./mask-work.js";

addEventListener("message", ({ data: { id, work, plane, width, height, ...how } }) => {
  const result = WORK[work](plane, width, height, how);
  postMessage({ id, plane: result }, [result.buffer]);
});
