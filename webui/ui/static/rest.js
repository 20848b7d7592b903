// Questions and orders to our own REST API. What goes wrong is said in a toast.

import { inOurLanguage, t } from "./language.js";
import { askToLogIn } from "./login.js";
import { errorToast } from "./toasts.js";

/** What is said where nobody answers. */
export const UNANSWERED = { message: t("Easel doesn't answer, so nothing was changed."), hint: t("Try again when the connection is back.") };

/** Changes something. Returns the answer, or null after an error, which was told (unless its status is `but`). */
export async function change(path, body = {}, { method = "POST", but = null } = {}) {
  const options = { method, headers: { "Content-Type": "application/json" }, body: typeof body === "string" ? body : JSON.stringify(body) };
  const response = await fetch(`/api/v1${path}`, options).catch(() => null);
  const answer = response?.status === 204 ? {} : inOurLanguage(await response?.json().catch(() => null));
  if (answer && response.ok) return answer;
  if (response?.status === 401) askToLogIn();
  else if (!answer) errorToast(UNANSWERED);
  else if (response.status !== but) errorToast(answer.error);
  return null;
}

/** What stands at an address; null where it can't be had just now (the banner says why, and whoever asks asks again). */
export async function look(path) {
  const response = await fetch(`/api/v1${path}`, { cache: "no-store" }).catch(() => null);
  return response?.ok ? inOurLanguage(await response.json().catch(() => null)) : null;
}
