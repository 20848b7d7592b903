"""Two people with accounts, each in a browser of their own: what one makes isn't there for the other, and the queue alternates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from easel_page import generate, open_history, prompt
from playwright.sync_api import Page, expect
from visiting import Server, Visitor

PASSWORD = "a word that is long enough"


def ask(page: Page, method: str, path: str, body: Any = None) -> Any:
    """A program of whoever has that page: with their login, but past what the page itself would say."""
    return page.request.fetch(path, method=method, data=body)


def logged_in(visitor: Visitor, name: str) -> Page:
    answer = visitor.context.request.post(f"{visitor.url}/api/v1/login", data={"name": name, "password": PASSWORD})
    assert answer.ok, answer.text()
    return visitor.open()


def queue_of(page: Page) -> Any:
    page.locator(".ez-pill").click()
    sheet = page.locator(".ez-sheet")
    expect(sheet).to_be_visible()
    return sheet


@pytest.mark.slow
def test_neither_sees_cancels_or_deletes_the_others_and_the_queue_alternates(
    new_server: Callable[..., Server], new_visitor: Callable[..., Visitor]
) -> None:
    server = new_server()
    api = f"{server.url}/api/v1"
    keeper = new_visitor(server)
    for name, role in (("cleo", "admin"), ("anna", "user"), ("ben", "user")):
        added = keeper.context.request.post(f"{api}/people", data={"name": name, "password": PASSWORD, "role": role})
        assert added.ok, added.text()
    assert keeper.context.request.post(f"{api}/queue/pause").ok
    anna, ben = (logged_in(new_visitor(server), name) for name in ("anna", "ben"))
    for number in range(3):
        for page, word in ((anna, "apple"), (ben, "pear")):
            if page is anna or number < 2:
                generate(page, f"{word} {number}", steps=2)
                expect(page.locator(".ez-pill")).to_contain_text(f"{number + 1} job")

    # Each sees their own jobs, and of the other's how many they are.
    of_anna, of_ben = queue_of(anna), queue_of(ben)
    expect(of_anna.locator(".ez-job[data-place]")).to_have_count(3)
    expect(of_ben.locator(".ez-job[data-place]")).to_have_count(2)
    expect(of_anna).to_contain_text("2 jobs of others wait; you take turns.")
    expect(of_ben).to_contain_text("3 jobs of others wait; you take turns.")
    expect(of_anna).not_to_contain_text("pear")
    expect(of_ben).not_to_contain_text("apple")
    jobs = [job["id"] for job in ask(anna, "GET", f"{api}/queue").json()["waiting"]]
    for path, method in ((f"/jobs/{jobs[0]}", "GET"), (f"/jobs/{jobs[0]}/cancel", "POST"), (f"/jobs/{jobs[0]}/move", "POST")):
        assert ask(ben, method, api + path, {"before": None} if "move" in path else None).status == 404
    assert ask(ben, "POST", f"{api}/queue/resume").status == 409, "an administrator paused it"

    # The administrator sees whose they are, and nothing of what is in them.
    page = keeper.open()
    lines = queue_of(page).locator(".ez-person-line")
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text("anna")
    expect(lines.first).to_contain_text("3 waiting")
    expect(page.locator(".ez-sheet")).not_to_contain_text("apple")
    page.locator(".ez-sheet").get_by_role("button", name="Resume", exact=True).click()

    # They take turns, and the pictures of each come to them alone.
    for page, pictures, word, other in ((anna, 3, "apple", "pear"), (ben, 2, "pear", "apple")):
        expect(page.locator(".ez-sheet .ez-job[data-place]")).to_have_count(0)
        page.keyboard.press("Escape")
        open_history(page)
        expect(page.locator("#ez-history .ez-cell")).to_have_count(pictures)
        items = ask(page, "GET", f"{api}/history").json()["items"]
        assert all(word in item["prompt"] and other not in item["prompt"] for item in items) and len(items) == pictures
    made = {int(item["id"]): "anna" for item in ask(anna, "GET", f"{api}/history").json()["items"]}
    made |= {int(item["id"]): "ben" for item in ask(ben, "GET", f"{api}/history").json()["items"]}
    assert [made[number] for number in sorted(made)] == ["anna", "ben", "anna", "ben", "anna"]

    # And nobody deletes or opens another's picture.
    picture = str(min(made))
    assert ask(ben, "POST", f"{api}/history/trash", {"ids": [picture]}).json() == {"trashed": []}
    assert ask(ben, "GET", f"{api}/images/{picture}").status == ask(ben, "GET", f"{api}/history/{picture}").status == 404
    assert ask(anna, "GET", f"{api}/images/{picture}").ok
    expect(prompt(anna)).to_have_count(1)
