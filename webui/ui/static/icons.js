// Line drawings on a 16 px square, by what they mean.

import { shape } from "./markup.js";

const PATHS = {
  apply: ["M6 5 2.8 8 6 11M3 8h6.5c2.5 0 3.7 1.5 3.7 4"],
  bad: ["M8 2.5 14.3 13H1.7ZM8 6.5v3M8 11.3h.01"],
  close: ["m4 4 8 8M12 4l-8 8"],
  copy: ["M7 5.5h5a1.5 1.5 0 0 1 1.5 1.5v5a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.5 12V7A1.5 1.5 0 0 1 7 5.5Z", "M10.5 3.5v-.2a.8.8 0 0 0-.8-.8H3.3a.8.8 0 0 0-.8.8v6.4c0 .4.4.8.8.8h.2"],
  download: ["M8 2.5V10M4.8 7 8 10.2 11.2 7M3 13.3h10"],
  full: ["M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9"],
  grid: ["M3 2.5h3.5V7H2.5V3ZM9 2.5h4.5V7H9ZM2.5 9H7v4.5H2.5ZM9 9h4.5v4.5H9Z"],
  info: ["M8 2.3a5.7 5.7 0 1 1 0 11.4A5.7 5.7 0 0 1 8 2.3ZM8 7.3v3.6M8 5.1h.01"],
  interrupt: ["M5 4h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1Z"],
  keys: ["M2.5 4h11a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1ZM4.5 7h.01M7 7h.01M9.5 7h.01M12 7h.01M5 9.7h6"],
  moon: ["M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5Z"],
  next: ["M6.5 4 10 8l-3.5 4"],
  ok: ["m3.5 8.5 3 3 6-7"],
  pictures: ["M3.5 3h9A1.5 1.5 0 0 1 14 4.5v7a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 2 11.5v-7A1.5 1.5 0 0 1 3.5 3Z", "m2.5 11 3.3-3.3 2.7 2.7 2-2 3 3M10.5 6h.01"],
  plan: ["M9 1.8 3.5 9H8l-1 5.2L12.5 7H8Z"],
  previous: ["M9.5 4 6 8l3.5 4"],
  seed: ["M3 8a5 5 0 0 1 8.5-3.5L13 6M13 3v3h-3M13 8a5 5 0 0 1-8.5 3.5L3 10M3 13v-3h3"],
  skip: ["m4 3.5 6 4.5-6 4.5ZM12 3.5v9"],
  sun: ["M8 5.3a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4ZM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9"],
  wait: ["M8 2.3a5.7 5.7 0 1 1 0 11.4A5.7 5.7 0 0 1 8 2.3ZM8 4.8V8l2.2 1.5"],
};

/** A new drawing; size "s" is 14 px, "l" 20 px. */
export function icon(name, size = "") {
  const lines = PATHS[name].map((d) => shape("path", { d }));
  return shape("svg", { class: `i ${size}`.trim(), viewBox: "0 0 16 16", "aria-hidden": "true" }, ...lines);
}
