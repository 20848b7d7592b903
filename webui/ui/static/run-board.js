// A run of a script as it grows: its grid, zoomable, where the stage is. The column that asks stays in reach; Esc puts it away.

import { icon } from "./icons.js";
import { on } from "./jobs.js";
import { t } from "./language.js";
import { fill, h } from "./markup.js";
import { currentPage, onPage } from "./pages.js";
import { look } from "./rest.js";
import { runActs, runWords } from "./script-run.js";

const LEAST = 40; // px of a cell
const MOST = 512;
const STEP = 1.4;
const GAP = 4;

let shown = null; // {id, page, board, cell: px or null to fit, sheet}

/** Shows a run; it goes on growing while it is seen. */
export async function openRun(id) {
  closeBoard();
  const board = h("section", { class: "ez-run-board ez-html", "aria-label": t("Script"), tabindex: "-1", onkeydown: (event) => event.key === "Escape" && (event.stopPropagation(), closeBoard()) });
  shown = { id, page: currentPage(), board, cell: null, sheet: 0, from: document.activeElement };
  place();
  document.querySelector(".gradio-container").append(board);
  await draw();
  board.focus({ preventScroll: true });
}

function closeBoard() {
  if (!shown) return;
  const { board, from } = shown;
  shown = null;
  const inside = board.contains(document.activeElement);
  board.remove();
  if (inside && from?.isConnected) from.focus({ preventScroll: true });
}

// Right of the column that asks; in a narrow window above its foot.
function place() {
  if (!shown) return;
  const ask = [...document.querySelectorAll(".ez-ask")].find((column) => column.offsetParent);
  const box = ask?.getBoundingClientRect();
  const beside = box && box.right < innerWidth * 0.75;
  const foot = ask?.querySelector(".ez-foot")?.getBoundingClientRect();
  shown.board.style.setProperty("--left", beside ? `${Math.round(box.right)}px` : "0px");
  shown.board.style.setProperty("--foot", `${Math.round(foot ? innerHeight - foot.top : 0)}px`);
  shown.board.classList.toggle("is-over", !beside);
}

addEventListener("resize", () => (place(), fit()));
on("script_run", (run) => shown?.id === run.id && draw());
onPage((page) => shown && (shown.board.hidden = page !== shown.page));

let drawing = false;
let again = false;

// Pictures may come faster than they are drawn: then only the newest state is.
async function draw() {
  if (drawing) return (again = true);
  drawing = true;
  const mine = shown;
  const run = await look(`/scripts/runs/${mine.id}`);
  drawing = false;
  if (run && shown === mine) show(run);
  if (again) {
    again = false;
    if (shown) draw();
  }
}

function show(run) {
  const mine = shown;
  mine.layout = run.layout;
  const sheets = run.layout?.sheets ?? [""];
  const sheet = (at) => h("button", { type: "button", class: at === mine.sheet ? "on" : "", "aria-pressed": String(at === mine.sheet), onclick: () => ((mine.sheet = at), show(run)) }, sheets[at] || String(at + 1));
  const before = mine.board.querySelector(".ez-run-grid");
  const scrolled = before && [before.scrollLeft, before.scrollTop];
  const focused = mine.board.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  const wheel = (event) => event.ctrlKey && (event.preventDefault(), zoom(event.deltaY < 0 ? STEP : 1 / STEP));
  const grid = h("div", { class: "ez-run-grid", tabindex: "0", "aria-label": t("Pictures"), onwheel: wheel }, run.layout ? table(run, mine.sheet) : h("div", { class: "ez-run-loose" }, run.parts.map((part) => cell(part))));
  const tool = (words, name, picture, act) => h("button", { class: "ez-btn ghost s icon", type: "button", "aria-label": words, title: words, "data-does": name, onclick: act }, icon(picture));
  fill(
    mine.board,
    h(
      "div",
      { class: "row ez-run-head" },
      h("b", {}, run.title),
      h("span", { class: "dim s grow cut", role: "status" }, runWords(run)),
      sheets.length > 1 && h("div", { class: "ez-seg" }, sheets.map((_, at) => sheet(at))),
      runActs(run),
      run.kept.map((id) => h("a", { class: "ez-btn s", href: `/api/v1/images/${id}`, target: "_blank", rel: "noopener" }, t("Open the grid"))),
      tool(t("Smaller"), "smaller", "minus", () => zoom(1 / STEP)),
      tool(t("Larger"), "larger", "add", () => zoom(STEP)),
      h("button", { class: "ez-btn ghost s", type: "button", "data-does": "fit", onclick: () => ((mine.cell = null), fit()) }, t("Fit")),
      tool(t("Close (Esc)"), "close", "close", closeBoard),
    ),
    grid,
  );
  fit();
  if (scrolled) [grid.scrollLeft, grid.scrollTop] = scrolled;
  if (focused) mine.board.querySelector(`[data-does="${focused}"]`)?.focus({ preventScroll: true });
}

function zoom(by) {
  shown.cell = Math.min(Math.max(size() * by, LEAST), MOST);
  fit();
}

// The size that was chosen, else the largest at which all of it is seen.
function size() {
  if (shown.cell) return shown.cell;
  const { columns = ["", "", "", ""], rows = [""] } = shown.layout ?? {};
  const grid = shown.board.querySelector(".ez-run-grid");
  const across = (grid.clientWidth - (grid.querySelector("tbody th")?.offsetWidth ?? 0) - 2 * GAP) / columns.length - GAP;
  const down = (grid.clientHeight - (columns.some(Boolean) ? 30 : 0)) / rows.length - GAP;
  return Math.min(Math.max(shown.layout ? Math.min(across, down) : across, LEAST * 1.6), MOST);
}

function fit() {
  shown?.board.style.setProperty("--cell", `${Math.floor(size())}px`);
}

function table(run, at) {
  const { columns, rows } = run.layout;
  const byPlace = new Map(run.parts.map((part, number) => [placeOf(part, number, columns.length, rows.length).join(), part]));
  return h(
    "table",
    {},
    columns.some(Boolean) && h("thead", {}, h("tr", {}, rows.some(Boolean) && h("td", {}), columns.map((words) => h("th", { scope: "col" }, words)))),
    h("tbody", {}, rows.map((words, y) => h("tr", {}, rows.some(Boolean) && h("th", { scope: "row" }, words), columns.map((_, x) => h("td", {}, cell(byPlace.get([x, y, at].join()))))))),
  );
}

function placeOf({ at }, number, across, down) {
  if (at.length) return [at[0], at[1] ?? 0, at[2] ?? 0];
  return [number % across, Math.floor(number / across) % down, Math.floor(number / (across * down))];
}

function cell(part) {
  if (!part) return h("div", { class: "ez-run-cell" });
  const [id] = part.images;
  const words = part.error?.message ?? { waiting: "", running: "…", cancelled: "–" }[part.status] ?? "";
  return h(
    "div",
    { class: `ez-run-cell is-${part.status}`, title: [part.label, part.error?.message].filter(Boolean).join(": ") },
    id ? h("a", { href: `/api/v1/images/${id}`, target: "_blank", rel: "noopener" }, h("img", { src: `/api/v1/thumbnails/${id}`, alt: part.label, loading: "lazy" })) : h("span", { class: "dim xs cut" }, words),
  );
}
