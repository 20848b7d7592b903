"""The queue in the page: its order and times, what can be done to each job, what lasts as a banner, and thousands of jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from easel_page import expect_picture, field, no_sideways_scroll, prompt, stage_picture
from playwright.sync_api import Browser, Locator, Page, Route, expect
from visiting import Server, Visitor

HOSTILE = '<img src=x onerror="document.title=1"><script>alert(1)</script>"]\'</b>'
SMALL = {"width": 64, "height": 64, "steps": 2}
NEVER_FREE_MB = 1_000_000
MOST_ROWS = 160  # three blocks of fifty, what runs, what ended


class Line:
    """The queue of a server by program, and as a page shows it."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self._api = f"{server.url}/api/v1"

    def post(self, path: str, body: object = None, method: str = "POST") -> Any:
        answer = self.page.request.fetch(self._api + path, method=method, data={} if body is None else body)
        assert answer.ok, answer.text()
        return answer.json()

    def get(self, path: str) -> Any:
        return self.page.request.get(self._api + path).json()

    def add(self, *prompts: str, priority: int = 0, **fields: object) -> list[str]:
        return [self.post(f"/jobs?priority={priority}", SMALL | {"prompt": words} | fields)["id"] for words in prompts]

    def prompts(self) -> list[str]:
        return [job["prompt"] for job in self.get("/queue")["waiting"]]

    def open(self) -> Locator:
        self.page.locator(".ez-pill").click()
        expect(self.sheet).to_be_visible()
        return self.sheet

    @property
    def sheet(self) -> Locator:
        return self.page.locator(".ez-sheet")

    def job(self, words: str) -> Locator:
        """The first one of that prompt: what runs and waits stands before what ended, and the last one ended first."""
        return self.sheet.locator(".ez-job", has=self.page.get_by_text(words, exact=True)).first

    def menu(self, words: str, entry: str) -> None:
        self.job(words).get_by_role("button", name="More").click()
        self.page.get_by_role("menu").get_by_role("menuitem", name=entry).or_(
            self.page.get_by_role("menu").get_by_role("menuitemradio", name=entry)
        ).click()

    def undo(self) -> None:
        self.page.locator(".ez-toast").last.get_by_role("button", name="Undo").click()

    def expect_order(self, *prompts: str) -> None:
        expect(self.sheet.locator(".ez-job[data-place] > .cut:first-of-type, .ez-job[data-place] > .cut[title]:not(.num)")).to_have_text(
            list(prompts)
        )

    def expect_focus(self, words: str) -> None:
        expect(self.job(words)).to_be_focused()


@pytest.fixture(scope="module")
def watcher(browser: Browser, server: Server) -> Iterator[Visitor]:
    """One page for all of these tests, which takes a second or two to open."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    visitor = Visitor(context, server.url)
    visitor.open()
    yield visitor
    visitor.leave()
    context.close()


@pytest.fixture
def line(watcher: Visitor, server: Server) -> Iterator[Line]:
    """A paused queue; empty and running again at the end, the sheet and all messages closed."""
    page = watcher.context.pages[0]
    line = Line(page, server)
    line.post("/queue/pause")
    yield line
    line.post("/queue/clear")
    line.post("/queue/resume")
    page.evaluate("document.querySelectorAll('.ez-sheet [aria-label^=Close], .ez-toast [aria-label=Close]').forEach(one => one.click())")
    expect(page.locator(".ez-pill")).to_have_text("Queue")
    expect(page.locator(".ez-banner")).to_have_count(0)
    assert not watcher.trouble


def test_the_plan_shows_groups_places_times_and_hostile_words_as_text(line: Line) -> None:
    page = line.page
    line.add("known pace", checkpoint="easel-emoji")
    line.post("/queue/resume")
    expect_picture(page, "known pace")
    line.post("/queue/pause")
    emoji, small = {"checkpoint": "easel-emoji"}, {"checkpoint": "small"}
    line.add(HOSTILE, "second", **emoji, batch_count=3)
    line.add("ink", **small)
    line.add("overtakes", **emoji)
    line.add("urgent", priority=7, **emoji)
    sheet = line.open()
    line.expect_order("urgent", HOSTILE, "second", "overtakes", "ink")
    expect(sheet.locator(".ez-head")).to_contain_text("Paused, 5 jobs")
    groups = sheet.locator("[role=listitem]:has([data-place]) .ez-group")
    expect(groups).to_have_text(["Next on easel-emoji", "Then switch to small"])
    expect(line.job("urgent")).to_contain_text("Priority 7")
    expect(line.job("second")).to_contain_text(re.compile(r"3 pictures, about \d"))
    assert page.locator(".ez-sheet img[src=x], .ez-sheet script").count() == 0
    line.post("/queue/resume")
    expect(sheet.locator(".ez-job[data-place]")).to_have_count(0)
    assert page.locator(".ez-toast img").count() == 0
    expect(page).to_have_title("Easel")


@pytest.mark.slow
def test_times_are_told_while_it_runs(line: Line) -> None:
    line.add("teacher")
    line.post("/queue/resume")
    expect_picture(line.page, "teacher")
    line.add("long", steps=150, batch_count=4)
    line.add("after it", "and then")
    sheet = line.open()
    running = sheet.locator("section", has=line.page.get_by_text("Running", exact=True))
    expect(running.locator(".ez-job")).to_contain_text(re.compile(r"long.*[12] of 4, [\d.]+ s left", re.DOTALL))
    expect(line.job("after it")).to_contain_text(re.compile(r"1 picture, starts in about [\d.]+ s"))
    expect(sheet.locator(".ez-head")).to_contain_text(re.compile(r"3 jobs, about [\d.]+ s"))
    line.job("long").get_by_role("button", name="Interrupt").click()
    expect(line.job("long")).to_contain_text("Interrupted, ")
    expect(line.job("and then")).to_contain_text("Done, 1 picture")


def test_a_job_moves_by_keyboard_menu_and_mouse_and_keeps_the_focus(line: Line) -> None:
    page = line.page
    line.add("one", "two", "three", "four")
    line.open()
    line.expect_order("one", "two", "three", "four")
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("Tab")
    line.expect_focus("one")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+ArrowDown")
    line.expect_order("one", "three", "two", "four")
    line.expect_focus("two")
    page.keyboard.press("Control+Home")
    line.expect_order("two", "one", "three", "four")
    line.expect_focus("two")
    expect(page.locator(".ez-toast")).to_have_count(1)
    line.undo()
    line.expect_order("one", "two", "three", "four")
    line.menu("four", "Move up")
    line.expect_order("one", "two", "four", "three")
    line.menu("four", "Move to the top")
    line.expect_order("four", "one", "two", "three")
    line.job("four").drag_to(line.job("two"), target_position={"x": 40, "y": 55})
    line.expect_order("one", "two", "four", "three")
    assert line.prompts() == ["one", "two", "four", "three"]


def test_moving_keeps_a_priority_where_it_can(line: Line) -> None:
    line.add("high", "high too", priority=5)
    line.add("low")
    line.open()
    line.expect_order("high", "high too", "low")
    line.menu("high", "Move down")
    line.expect_order("high too", "high", "low")
    expect(line.job("high")).to_contain_text("High priority")
    line.menu("high", "Move down")
    line.expect_order("high too", "low", "high")
    expect(line.job("high")).not_to_contain_text("priority")
    line.undo()
    line.expect_order("high", "high too", "low")
    expect(line.job("high")).to_contain_text("High priority")


def test_priority_duplicate_cancel_and_their_undo(line: Line) -> None:
    page = line.page
    line.add("one", "two", "three")
    line.open()
    line.menu("three", "High priority")
    line.expect_order("three", "one", "two")
    line.undo()
    line.expect_order("one", "two", "three")
    line.menu("one", "Duplicate")
    line.expect_order("one", "two", "three", "one")
    line.undo()
    line.expect_order("one", "two", "three")
    line.job("two").focus()
    page.keyboard.press("Delete")
    line.expect_order("one", "three")
    line.expect_focus("three")
    expect(line.job("two")).to_contain_text("Cancelled")
    line.undo()
    line.expect_order("one", "two", "three")
    line.job("one").get_by_role("button", name="Cancel").click()
    line.expect_order("two", "three")
    expect(line.job("two").get_by_role("button", name="Cancel")).to_be_focused()
    page.locator(".ez-toast").last.get_by_role("button", name="Close").click()
    line.job("one").get_by_role("button", name="Restore").click()
    line.expect_order("one", "two", "three")


def test_a_waiting_job_is_edited_in_the_fields_and_keeps_its_place(line: Line) -> None:
    page = line.page
    line.add("first", "second", "third", seed=7, steps=9)
    prompt(page).fill("my draft")
    line.open()
    line.job("second").focus()
    page.keyboard.press("e")
    expect(prompt(page)).to_have_value("second")
    expect(field(page, "steps")).to_have_value("9")
    expect(line.job("second")).to_contain_text("In the fields")
    page.reload()
    expect(page.locator("#ez-standing")).to_contain_text("Editing second")
    prompt(page).fill("better")
    field(page, "seed").fill("nonsense")
    page.get_by_role("button", name="Save to queue").click()
    expect(page.locator("#ez-field-seed [role=alert]")).to_contain_text("nonsense")
    field(page, "seed").fill("11")
    page.get_by_role("button", name="Save to queue").click()
    expect(prompt(page)).to_have_value("my draft")
    expect(page.locator("#ez-standing")).to_be_hidden()
    assert line.prompts() == ["first", "better", "third"]
    line.open()
    line.expect_order("first", "better", "third")
    line.undo()
    line.expect_order("first", "second", "third")
    line.menu("third", "Edit")
    expect(prompt(page)).to_have_value("third")
    prompt(page).fill("changed my mind")
    page.get_by_role("button", name="Leave").click()
    expect(prompt(page)).to_have_value("my draft")
    assert line.prompts() == ["first", "second", "third"]


@pytest.mark.slow
def test_a_job_that_begins_while_it_is_edited_leaves_the_fields_as_they_are(line: Line) -> None:
    page = line.page
    line.add("too late")
    prompt(page).fill("my draft")
    line.open()
    line.menu("too late", "Edit")
    expect(page.locator("#ez-standing")).to_contain_text("Editing too late")
    line.post("/queue/resume")
    expect(page.locator(".ez-toast", has_text="The job waits no longer")).to_be_visible()
    expect(page.locator("#ez-standing")).to_be_hidden()
    expect(prompt(page)).to_have_value("too late")
    line.undo()
    expect(prompt(page)).to_have_value("my draft")


def test_clear_has_a_way_back_and_pause_says_so_on_every_page(line: Line) -> None:
    page = line.page
    line.add(*"abcde")
    banner = page.locator(".ez-banner[data-code=paused]")
    expect(banner).to_contain_text("The queue is paused.")
    expect(banner).to_have_attribute("role", "status")
    expect(page.locator(".ez-pill")).to_contain_text("5 jobs")
    expect(page.locator(".ez-progress")).to_have_count(0)
    line.open()
    line.sheet.get_by_role("button", name="Clear queue").click()
    expect(line.sheet.locator(".ez-job[data-place]")).to_have_count(0)
    expect(page.locator(".ez-toast")).to_contain_text("5 jobs cancelled")
    line.undo()
    line.expect_order(*"abcde")
    line.sheet.get_by_role("button", name="Resume").click()
    expect(banner).to_have_count(0)
    expect_picture(page, "e")
    line.sheet.get_by_role("button", name="Pause").click()
    expect(banner).to_be_visible()
    banner.get_by_role("button", name="Resume").click()
    expect(banner).to_have_count(0)


@pytest.mark.slow
def test_generate_forever_goes_on_until_it_is_ended(line: Line) -> None:
    page = line.page

    def choose(words: str) -> None:
        page.locator("#ez-ways button").click()
        page.get_by_role("menuitem", name=words).click()

    line.post("/queue/resume")
    standing = page.locator("#ez-standing")
    prompt(page).fill("on and on")
    field(page, "steps").fill("30")
    choose("Generate forever")
    expect(standing).to_contain_text("Forever")
    first = page.locator("#ez-stage .ez-strip .pic").first
    expect(first).to_be_visible()
    expect(page.locator("#ez-stage .ez-strip .pic[aria-label^='on and on']").nth(1)).to_be_visible()
    expect(page.locator(".ez-pill")).to_contain_text("1 job")
    expect(page.get_by_role("button", name="Other ways to generate; forever is on")).to_be_visible()
    page.locator(".ez-progress").get_by_role("button", name="Interrupt").click()
    expect(standing).to_be_hidden()
    expect(page.locator(".ez-progress")).to_have_count(0)
    choose("Generate forever")
    expect(standing).to_be_visible()
    choose("End forever")
    expect(standing).to_be_hidden()
    expect_picture(page, "on and on")


def test_generate_next_goes_before_all_that_waits(line: Line) -> None:
    page = line.page
    line.add("a", "b")
    prompt(page).fill("at once")
    page.locator("#ez-ways button").press("Enter")
    expect(page.get_by_role("menuitem", name="Generate next")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".ez-pill")).to_contain_text("3 jobs")
    line.open()
    line.expect_order("at once", "a", "b")


@contextmanager
def unwritable_pictures(server: Server) -> Iterator[None]:
    """A file stands where the folder of the pictures should be: no room, no waiting helps."""
    folder = Path(server.folder, "data", "outputs", "txt2img-images")
    folder.mkdir(parents=True, exist_ok=True)
    away = folder.rename(folder.with_name("away"))
    folder.write_text("in the way")
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


def test_a_failed_job_says_why_and_offers_a_way_on(line: Line, server: Server) -> None:
    page = line.page
    line.add("can't be kept", steps=5)
    with unwritable_pictures(server):
        line.post("/queue/resume")
        toast = page.locator(".ez-toast[role=alert]")
        expect(toast).to_contain_text("Failed: can't be kept")
        expect(toast).to_contain_text("Not a directory")
        line.open()
        failed = line.job("can't be kept")
        expect(failed).to_contain_text(re.compile("Failed, 0 of 1 picture.*Not a directory.*Check the folder.*Try again", re.DOTALL))
        expect(toast.get_by_role("button", name="Try again")).to_be_visible()
        line.menu("can't be kept", "Use parameters")
        expect(prompt(page)).to_have_value("can't be kept")
        expect(field(page, "steps")).to_have_value("5")
    failed.get_by_role("button", name="Try again").click()
    expect(failed).to_contain_text("Done, 1 picture")


def test_a_full_disk_is_told_until_there_is_room(line: Line) -> None:
    page = line.page
    banner = page.locator(".ez-banner[data-code=storage]")
    line.post("/settings", {"values": {"disk_reserve_mb": NEVER_FREE_MB}}, "PATCH")
    try:
        line.add("held back")
        line.post("/queue/resume")
        expect(banner).to_contain_text("The disk is almost full")
        expect(banner).to_have_attribute("role", "alert")
        expect(banner.get_by_role("button", name="Show folder")).to_be_visible()
        for top in (page.locator("#ez-stage"), page.locator(".ez-ask")):
            box, below = top.bounding_box(), banner.bounding_box()
            assert box and below and box["y"] >= below["y"] + below["height"], "the page makes room"
    finally:
        line.post("/settings", {"values": {"disk_reserve_mb": None}}, "PATCH")
    expect(banner).to_have_count(0)
    expect_picture(page, "held back")


@pytest.mark.slow
def test_notices_the_worker_and_notes_of_a_job_are_shown_as_text(line: Line) -> None:
    """What a server tells only in rare faults, told by the snapshot of this one."""
    page = line.page
    line.add("noted")

    def told(route: Route) -> None:
        snapshot = route.fetch().json()
        for job in snapshot["jobs"]:
            job["notes"] = [f"Drawn again in full precision. {HOSTILE}"]
        snapshot["queue"]["paused"] = False
        notice = {"code": "settings_damaged", "message": HOSTILE, "hint": "Mend it.", "kind": "bad"}
        safe = {"code": "safe_mode", "message": "Safe mode: add-ons are off.", "hint": "", "kind": "wait"}
        snapshot |= {"notices": [notice, safe], "worker": {"state": "lost", "device": "", "dtype": "", "message": "The engine ended."}}
        route.fulfill(json=snapshot)

    page.route("**/api/v1/snapshot", told)
    page.reload()
    banners = page.locator(".ez-banner")
    expect(banners).to_have_count(3)
    expect(banners.first).to_contain_text(HOSTILE)
    expect(banners.nth(2)).to_contain_text("The engine ended.")
    assert banners.evaluate_all("all => all.map(one => one.getAttribute('role'))") == ["alert", "status", "status"]
    line.open()
    expect(line.job("noted")).to_contain_text(f"Drawn again in full precision. {HOSTILE}")
    banners.first.get_by_role("button", name="Settings").click()
    expect(page.locator("#ez-settings .ez-setting").first).to_be_visible()
    page.unroute("**/api/v1/snapshot")
    page.goto(f"{page.url.partition('#')[0]}#txt2img")
    page.reload()
    expect(banners).to_have_count(1)


@pytest.mark.slow
def test_two_thousand_waiting_jobs_are_a_few_rows(line: Line) -> None:
    page = line.page
    for start in (0, 1000):
        line.post("/jobs/batch", {"requests": [SMALL | {"prompt": f"number {start + one}"} for one in range(1000)]})
    expect(page.locator(".ez-pill")).to_contain_text("2,000 jobs")
    sheet = line.open()
    rows, scroller = sheet.locator(".ez-job"), sheet.locator(".ez-sheet-body")
    expect(line.job("number 0")).to_be_visible()
    assert rows.count() <= MOST_ROWS
    height = scroller.evaluate("element => element.scrollHeight")
    scroller.evaluate("element => element.scrollTo(0, element.scrollHeight / 2)")
    expect(sheet.locator(".ez-job[data-place='1000']")).to_be_attached()
    scroller.evaluate("element => element.scrollTo(0, element.querySelector('[aria-label=Waiting]').offsetHeight - 300)")
    expect(line.job("number 1999")).to_be_attached()
    assert rows.count() <= MOST_ROWS
    assert scroller.evaluate("element => element.scrollHeight") == pytest.approx(height, rel=0.2)
    expect(line.job("number 1999").locator("..")).to_have_attribute("aria-setsize", "2000")
    line.menu("number 1999", "Move to the top")
    expect(page.locator(".ez-toast")).to_contain_text("Moved to the top")
    assert line.prompts()[:2] == ["number 1999", "number 0"]
    scroller.evaluate("element => element.scrollTo(0, 0)")
    expect(sheet.locator(".ez-job[data-place='0']")).to_contain_text("number 1999")
    assert rows.count() <= MOST_ROWS


@pytest.mark.parametrize("width", [420, pytest.param(1100, marks=pytest.mark.slow)])
def test_the_sheet_and_the_banners_fit_narrow_windows(new_visitor: Callable[..., Visitor], server: Server, width: int) -> None:
    page = new_visitor(server, viewport={"width": width, "height": 800}, color_scheme="dark").open()
    line = Line(page, server)
    line.post("/queue/pause")
    try:
        line.add("a rather long prompt that can't be shown in one line of a narrow window at all, I think", priority=5)
        expect(page.locator(".ez-banner")).to_be_visible()
        assert no_sideways_scroll(page)
        line.open()
        expect(line.sheet.locator(".ez-job[data-place]")).to_have_count(1)
        assert no_sideways_scroll(page)
        line.sheet.get_by_role("button", name="More").first.click()
        menu = page.get_by_role("menu").bounding_box()
        assert menu and menu["x"] >= 0 and menu["x"] + menu["width"] <= width
        page.keyboard.press("Escape")
        expect(page.get_by_role("menu")).to_have_count(0)
        expect(line.sheet).to_be_visible()
        page.keyboard.press("Escape")
        expect(line.sheet).to_be_hidden()
        line.open()
        line.sheet.locator(".ez-job[data-place]").focus()
        page.keyboard.press("e")
        expect(page.locator("#ez-standing")).to_contain_text("Editing a rather long prompt")
        expect(line.sheet).to_be_visible(visible=width > 760)
        page.locator("#ez-ways button").click()
        assert no_sideways_scroll(page)
    finally:
        line.post("/queue/clear")
        line.post("/queue/resume")
    expect(stage_picture(page).or_(page.locator(".ez-welcome"))).to_be_visible()
