// How numbers, times and days are written, the same everywhere.

import { language, t } from "./language.js";

/** Two digits of a duration: "0.4 s", "2.3 s", "41 s", "3 min", "1 h 5 min". */
export function seconds(value) {
  if (value < 10) return `${decimal(Math.max(0.1, value))} s`;
  if (value < 100) return `${Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "about 41 s"; nothing where it isn't known. */
export function about(value) {
  return value === null || value === undefined ? "" : t("about {time}", { time: seconds(value) });
}

export function size(image) {
  return `${image.width} × ${image.height}`;
}

export function number(value) {
  return String(Math.round(Number(value) * 100) / 100);
}

// At most one digit behind the point, which is a comma elsewhere.
function decimal(value) {
  return (Math.round(value * 10) / 10).toLocaleString(language);
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** "Today", "Yesterday", "Sunday, 3 May", and the year where it is another one. */
export function day(iso, now = new Date()) {
  const date = new Date(iso);
  const days = Math.round((startOfDay(now) - startOfDay(date)) / 86_400_000);
  if (days === 0) return t("Today");
  if (days === 1) return t("Yesterday");
  const parts = { weekday: date.toLocaleDateString(language, { weekday: "long" }), date: date.getDate(), month: date.toLocaleDateString(language, { month: "long" }) };
  const text = t("{weekday}, {date} {month}", parts);
  return date.getFullYear() === now.getFullYear() ? text : `${text} ${date.getFullYear()}`;
}

/** "today", "yesterday", "3 May", and the year where it is another one. */
export function dayAndMonth(iso, now = new Date()) {
  const name = day(iso, now);
  return name === t("Today") || name === t("Yesterday") ? name.toLowerCase() : name.replace(/^\S+, /, "");
}

export function moment(iso) {
  const date = new Date(iso);
  const time = `${date.getHours()}:${String(date.getMinutes()).padStart(2, "0")}`;
  const name = day(iso);
  return name === t("Today") || name === t("Yesterday") ? `${name.toLowerCase()} ${time}` : `${name}, ${time}`;
}

export function bytes(value) {
  if (value < 1024) return t("{value} bytes", { value });
  if (value < 1024 * 1024) return `${Math.round(value / 1024)} kB`;
  return `${decimal(value / 1024 / 1024)} MB`;
}

/** "71 GB", "1.3 GB", "200 MB". */
export function gigabytes(value) {
  const size = value / 1024 ** 3;
  if (size < 1) return `${Math.round(size * 1024)} MB`;
  return `${size < 10 ? decimal(size) : Math.round(size).toLocaleString(language)} GB`;
}

/** Of a file, whatever its size: "31 kB", "1.3 GB". */
export function fileSize(value) {
  return value < 1024 ** 2 ? bytes(value) : gigabytes(value);
}

/** What a picture or a job is called: by its prompt, or what was not drawn by the file that it was made of. */
export function nameOf(made) {
  const file = made.kind === "upscale" && !made.prompt && (made.source_name || made.source?.name || made.file);
  return file || title(made.prompt);
}

/** How a picture was enlarged: "easel-x4 and Lanczos 0.25". Empty where it was not. */
export function upscalersOf(image) {
  const step = image.finishing?.find((other) => other.step === "upscale");
  if (!step) return "";
  const blended = step.upscaler_2 !== "None" && step.upscaler_2_visibility > 0;
  return blended ? t("{upscaler} and {upscaler_2} {upscaler_2_visibility}", { upscaler: step.upscaler, upscaler_2: step.upscaler_2, upscaler_2_visibility: step.upscaler_2_visibility }) : step.upscaler;
}

/** A prompt as a name: never empty. */
export function title(prompt) {
  return prompt.trim().replace(/\s+/g, " ") || t("Without words");
}
