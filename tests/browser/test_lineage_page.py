"""Lineage, replays, branches and comparing two pictures on the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from easel_page import cell, expect_picture, field, generate, no_sideways_scroll, open_history, prompt
from playwright.sync_api import Locator, Page, expect
from visiting import Server, Visitor

_ASK = """async ([requests]) => {
    const images = [];
    for (const request of requests) {
        const body = {steps: 1, width: 64, height: 64, ...request};
        if (request.from !== undefined) body.init_image = images[request.from].sha256;
        delete body.from;
        const upscale = body.kind === 'upscale';
        if (upscale) for (const name of ['steps', 'width', 'height']) delete body[name];
        const headers = {'Content-Type': 'application/json'};
        const sent = await fetch('/api/v1/jobs', {method: 'POST', headers, body: JSON.stringify(body)});
        const {id} = await sent.json();
        for (;;) {
            const job = await (await fetch(`/api/v1/jobs/${id}`, {cache: 'no-store'})).json();
            if (job.status === 'done') { images.push(job.images[0]); break; }
            await new Promise((resolve) => setTimeout(resolve, 30));
        }
    }
    return images;
}"""


def made(page: Page, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    """Makes pictures one after the other; `from` is the number of the one that another starts from."""
    return page.evaluate(_ASK, [list(requests)])


def detail(page: Page) -> Locator:
    return page.locator("#ez-history .ez-side")


def show(page: Page, image: dict[str, Any]) -> Locator:
    open_history(page)
    cell(page, image["id"]).click()
    return detail(page)


def branch(page: Page, words: str) -> list[dict[str, Any]]:
    upscale = {"kind": "upscale", "from": 1, "finishing": [{"step": "upscale", "scale": 2}]}
    return made(page, {"prompt": words, "seed": 5}, {"kind": "img2img", "prompt": f"{words} painted", "seed": 6, "from": 0}, upscale)


def test_a_replay_says_that_it_is_identical_and_is_remembered(page: Page) -> None:
    (image,) = made(page, {"prompt": "proved", "seed": 5})
    side = show(page, image)
    side.get_by_role("button", name="Replay", exact=True).click()
    expect(side.locator(".ez-replay")).to_contain_text("Replayed: identical")
    expect(side.locator(".ez-replay")).to_contain_text("today, same 4,096 pixels")
    page.reload()
    expect(detail(page).locator(".ez-replay")).to_contain_text("Replayed: identical")


def test_the_strip_and_the_tree_lead_through_a_family(page: Page) -> None:
    first, second, third = branch(page, "a family")
    side = show(page, second)
    strip = side.get_by_role("group", name="Lineage")
    expect(strip.locator(".ez-kin")).to_have_text(["txt2img", "img2img", "Upscale 2 ×"])
    expect(strip.locator('[aria-current="true"]')).to_have_text("img2img")
    strip.get_by_role("button", name="Upscale").click()
    expect(page).to_have_url(re.compile(f"{third['id']}$"))
    side.get_by_role("button", name="Tree").click()
    rows = side.get_by_role("treeitem")
    expect(rows).to_have_count(3)
    expect(side.locator('[role="treeitem"][aria-selected="true"]')).to_contain_text("Upscale 2 ×")
    side.locator('[role="treeitem"][aria-selected="true"]').focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{first['id']}$"))


@pytest.mark.slow
def test_a_whole_branch_is_replayed_from_the_tree(page: Page) -> None:
    *_, third = branch(page, "a branch")
    side = show(page, third)
    side.get_by_role("button", name="Tree").click()
    side.get_by_role("button", name="Replay the whole branch").click()
    expect(side.locator(".ez-replay")).to_contain_text("Replayed: identical")


@pytest.mark.slow
def test_one_thing_is_changed_in_the_first_step_of_a_branch(page: Page) -> None:
    first, _, third = branch(page, "a change")
    side = show(page, third)
    side.get_by_role("button", name="Change…").click()
    form = side.locator("form.ez-change")
    form.get_by_label("Of").select_option(first["id"])
    expect(form).to_contain_text("2 later steps made again from it")
    form.get_by_label("What").select_option("seed")
    expect(form.get_by_label("New seed")).to_have_value("5")
    form.get_by_label("New seed").fill("77")
    form.get_by_role("button", name="Make it").click()
    newest = page.locator("#ez-history .ez-cell").first
    expect(newest).not_to_have_attribute("data-id", third["id"])
    side.get_by_role("button", name="Tree").click()
    expect(side.get_by_role("treeitem")).to_have_count(6)


@pytest.mark.slow
def test_a_wrong_value_is_refused_in_words(visitor: Visitor) -> None:
    page = visitor.open()
    (image,) = made(page, {"prompt": "a refusal"})
    side = show(page, image)
    side.get_by_role("button", name="Change…").click()
    side.get_by_label("What").select_option("steps")
    side.get_by_label("New steps").fill("4000")
    side.get_by_role("button", name="Make it").click()
    expect(page.locator(".ez-toast")).to_contain_text("Steps can't be 4000")
    assert all("422" in trouble for trouble in visitor.trouble)
    visitor.trouble.clear()


def compare(page: Page, *images: dict[str, Any]) -> None:
    open_history(page)
    for image in images:
        cell(page, image["id"]).click(modifiers=["Control"])
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("heading", name="Compare two pictures")).to_be_visible()


@pytest.mark.slow
def test_two_pictures_are_compared_in_four_ways(page: Page) -> None:
    a, b = made(
        page,
        {"prompt": "a sleepy fox, render", "seed": 5, "cfg_scale": 5},
        {"prompt": "a happy fox, (render:1.2)", "seed": 5, "cfg_scale": 6},
    )
    compare(page, a, b)
    card = page.locator(".ez-pair-card").first
    expect(card.locator("del")).to_have_text("sleepy")
    expect(card.locator("ins")).to_have_text("happy")
    expect(card.locator("mark")).to_have_text("(render: 1.0 → 1.2)")
    expect(card).to_contain_text("1 reweighted")
    table = page.locator(".ez-pair-card table")
    expect(table.locator("tr.ch")).to_have_text(["CFG scale56"])
    expect(table.locator("tr")).not_to_have_count(2)
    page.get_by_label("Only differences").check()
    expect(table.locator("tr")).to_have_count(2)
    expect(page.locator(".ez-pair-told")).to_contain_text("Pixels changed:")
    expect(page.locator(".ez-pair-stage .ez-pane")).to_have_count(2)
    page.get_by_role("radio", name="Slider").click()
    expect(page.locator(".ez-pair-stage .ez-split")).to_be_visible()
    page.get_by_role("radio", name="Flicker").click()
    lamp = page.locator(".ez-pair-stage .ez-badge")
    expect(lamp).to_have_text("A")  # motion is reduced, so it waits
    page.get_by_role("button", name="Other one").click()
    expect(lamp).to_have_text("B")
    page.get_by_role("radio", name="Difference").click()
    expect(page.get_by_role("img", name="Where A and B differ")).to_be_visible()
    page.get_by_role("slider", name="Strength").press("Home")
    expect(page.locator(".ez-pair-strength")).to_contain_text("as it is")
    page.get_by_role("radio", name="Side by side").click()
    page.get_by_label("Only differences").uncheck()


@pytest.mark.slow
def test_a_is_made_again_with_one_change_of_b(page: Page) -> None:
    a, b = made(page, {"prompt": "one of two", "seed": 5, "cfg_scale": 5}, {"prompt": "one of two", "seed": 8, "cfg_scale": 6})
    compare(page, a, b)
    page.get_by_role("button", name="Replay A with one change of B…").click()
    page.get_by_role("menuitem", name="CFG scale: 6").click()
    expect(page.locator(".ez-toast")).to_contain_text("B's CFG scale")
    page.get_by_role("button", name="Back to").click()
    page.locator("#ez-history .ez-cell").first.click()
    expect(detail(page)).to_contain_text("CFG 6")
    expect(detail(page).get_by_role("group", name="Lineage").locator(".ez-kin")).to_have_count(2)


def test_generate_says_that_exactly_this_was_made(page: Page) -> None:
    field(page, "seed").fill("1234")
    generate(page, "twice the same", steps=2)
    expect_picture(page, "twice the same")
    told = page.locator(".ez-made-before")
    expect(told).to_contain_text("You made exactly this today")
    prompt(page).fill("something new")
    expect(told).to_be_hidden()
    prompt(page).fill("twice the same")
    told.get_by_role("button", name="Show").click()
    expect(detail(page)).to_contain_text("twice the same")


@pytest.mark.slow
def test_it_fits_a_narrow_window(new_visitor: Callable[..., Visitor], server: Server) -> None:
    page = new_visitor(server, viewport={"width": 420, "height": 900}).open()
    pictures = branch(page, "narrow")
    side = show(page, pictures[1])
    side.get_by_role("button", name="Tree").click()
    expect(side.get_by_role("treeitem").first).to_be_visible()
    assert no_sideways_scroll(page)
