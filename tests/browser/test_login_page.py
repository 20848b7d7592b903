"""People in the page: the first account, the login, what a logged-out page does, and everybody's accounts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from visiting import Server, Visitor, ready

PASSWORD = "brown fox over dogs"


def open_people(page: Page) -> None:
    page.get_by_role("button", name="Settings", exact=True).first.click()
    expect(page.locator("#ez-people .ez-people-line").first).to_be_visible()


def log_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def forgive(visitor: Visitor) -> None:
    """What was refused on purpose is no trouble."""
    visitor.trouble = [line for line in visitor.trouble if "401" not in line]


@pytest.fixture
def guarded(new_server: Callable[..., Server], new_visitor: Callable[..., Visitor]) -> tuple[Server, Visitor]:
    """A server whose first account, anna's, was made in its page, and anna."""
    server = new_server()
    anna = new_visitor(server)
    page = anna.open()
    open_people(page)
    form = page.get_by_role("form", name="The first account")
    form.get_by_label("Name").fill("anna")
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Make my account").click()
    expect(page.locator("#ez-people")).to_contain_text("You are anna")
    return server, anna


def test_behind_the_login_one_finds_the_page_and_after_logout_the_login(
    guarded: tuple[Server, Visitor], new_visitor: Callable[..., Visitor]
) -> None:
    server, anna = guarded
    (page,) = anna.context.pages
    # Whoever made the first account goes on working.
    page.reload()
    expect(page.locator("#ez-people")).to_contain_text("You are anna")
    stranger = new_visitor(server)
    other = stranger.context.new_page()
    other.goto(f"{server.url}/?kept=1")
    expect(other).to_have_title("Log in · Easel")
    expect(other.get_by_label("Name")).to_be_focused()
    expect(other.locator("input[name=next]")).to_have_value("/?kept=1")
    log_in(other, "anna", "wrong words")
    expect(other.get_by_role("alert")).to_contain_text("Name or password is wrong")
    expect(other.get_by_label("Name")).to_have_value("anna")
    expect(other.get_by_label("Password")).to_be_focused()
    other.keyboard.type(PASSWORD)
    other.keyboard.press("Enter")
    ready(other)
    open_people(other)
    other.get_by_role("button", name="Log out", exact=True).click()
    expect(other).to_have_title("Log in · Easel")
    other.go_back()
    expect(other).to_have_title("Log in · Easel")
    forgive(stranger)


@pytest.mark.slow
def test_accounts_and_tokens_are_looked_after_in_the_page(guarded: tuple[Server, Visitor], new_visitor: Callable[..., Visitor]) -> None:
    server, anna = guarded
    (page,) = anna.context.pages
    people = page.locator("#ez-people")
    people.get_by_text("Add somebody").click()
    form = page.get_by_role("form", name="Add somebody")
    form.get_by_label("Name").fill("<b>ben</b>")
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Add").click()
    expect(people.get_by_label("Role of <b>ben</b>")).to_have_value("user")
    people.get_by_text("Make a token").first.click()
    token = page.get_by_role("form", name="A new token")
    token.get_by_label("What for").fill("discord")
    token.get_by_role("button", name="Make a token").click()
    secret = people.get_by_label("The new token").input_value()
    assert secret.startswith("easel_")
    answer = page.request.get(f"{server.url}/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert answer.json()["name"] == "anna"
    people.get_by_role("button", name="Take away discord").click()
    expect(people.get_by_role("button", name="Take away discord")).to_have_count(0)
    # Who is logged out elsewhere is asked to log in, and comes back to the same place.
    ben = new_visitor(server)
    other = ben.context.new_page()
    other.goto(server.url)
    log_in(other, "<b>ben</b>", PASSWORD)
    ready(other)
    open_people(other)
    expect(other.locator("#ez-people")).not_to_contain_text("Everybody")
    # The settings of all are shown to ben as they are, with nothing to change them by; those of this browser are his.
    expect(other.locator(".ez-settings-why")).to_contain_text("Administrators look after these settings")
    expect(other.locator(".ez-setting[data-name]").first).to_be_visible()
    expect(other.locator(".ez-setting[data-name]").locator("input, textarea, select, .ez-switch, [role=radio]")).to_have_count(0)
    expect(other.get_by_role("button", name="Undo", exact=True)).to_be_hidden()
    expect(other.locator("#ez-browser-language")).to_be_enabled()
    people.get_by_role("button", name="Close <b>ben</b>").click()
    expect(people.get_by_role("button", name="Open <b>ben</b>")).to_be_visible()
    other.get_by_role("button", name="Log out everywhere").click()
    expect(other).to_have_title("Log in · Easel")
    people.get_by_role("button", name="Remove <b>ben</b>").click()
    people.get_by_role("button", name="Remove <b>ben</b>").click()
    expect(people.get_by_label("Role of <b>ben</b>")).to_have_count(0)
    forgive(ben)
