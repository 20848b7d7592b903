// Where one is logged out, there is nothing to see here: the login page, and then back to this very place.

let leaving = false;

/** Goes to the login page. What stands in the fields is kept by the browser. */
export function askToLogIn() {
  if (leaving) return;
  leaving = true;
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
}

/** Looks whether the connection is gone because one is logged out. */
export async function checkLogin() {
  const response = await fetch("/api/v1/me", { cache: "no-store" }).catch(() => null);
  if (response?.status === 401) askToLogIn();
}
