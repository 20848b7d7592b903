"""What is done with pictures on the History page: marks, the trash, several at once, comparing, looking closely, dragging."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable

import pytest
from easel_page import cell, field, make, no_sideways_scroll, prompt, search_for
from playwright.sync_api import Locator, Page, expect
from visiting import Server, Visitor


def cells(page: Page) -> Locator:
    return page.locator("#ez-history .ez-cell")


def detail(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Picture")


def bar(page: Page) -> Locator:
    return page.get_by_role("toolbar", name="Picked pictures")


def undo(page: Page, words: str) -> None:
    page.locator(".ez-toast", has_text=words).get_by_role("button", name="Undo").click()


def found(page: Page, words: str, pictures: int) -> list[str]:
    """Makes pictures and searches for them. Their ids, newest first: as they stand in the grid."""
    ids = make(page, words, pictures=pictures)[::-1]
    search_for(page, words)
    expect(cells(page)).to_have_count(pictures)
    return ids


@pytest.mark.slow
def test_marks_are_kept(page: Page, visitor: Visitor) -> None:
    [picture] = found(page, "echidna", 1)
    cell(page, picture).click()
    page.keyboard.press("f")
    expect(cell(page, picture).locator(".fav")).to_be_visible()
    page.keyboard.press("Shift+4")
    stars = detail(page).get_by_role("radiogroup", name="Rated 4 of 5")
    expect(stars).to_be_visible()
    detail(page).get_by_role("button", name="Add tag").click()
    detail(page).get_by_label("Tag", exact=True).fill("spiky")
    page.keyboard.press("Enter")
    expect(detail(page).locator(".ez-tag")).to_have_text("spiky")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        detail(page).get_by_label("Note").fill("for the wall")
        detail(page).get_by_label("Note").blur()
    again = visitor.context.new_page()
    again.goto(f"{visitor.url}/#history/{picture}")
    expect(detail(again).get_by_role("radiogroup", name="Rated 4 of 5")).to_be_visible()
    expect(detail(again).get_by_role("button", name="Favourite (F)")).to_have_attribute("aria-pressed", "true")
    expect(detail(again).locator(".ez-tag")).to_have_text("spiky")
    expect(detail(again).get_by_label("Note")).to_have_value("for the wall")
    detail(again).get_by_role("radio", name="4 of 5").click()
    expect(detail(again).get_by_role("radiogroup", name="Not rated")).to_be_visible()
    again.get_by_role("button", name="Take tag spiky off").click()
    expect(detail(again).locator(".ez-tag")).to_have_count(0)


def test_marks_reach_every_open_page(visitor: Visitor) -> None:
    here, there = visitor.open(), visitor.open()
    [picture] = found(here, "galah", 1)
    search_for(there, "galah")
    expect(cell(there, picture)).to_be_visible()
    cell(here, picture).click()
    here.keyboard.press("f")
    expect(cell(there, picture).locator(".fav")).to_be_visible()
    here.keyboard.press("Delete")
    expect(cell(there, picture)).to_have_count(0)


@pytest.mark.slow
def test_the_trash_gives_back_what_it_took_and_asks_before_it_is_emptied(page: Page) -> None:
    first, second, third = found(page, "kookaburra", 3)
    cell(page, first).click()
    page.keyboard.press("Delete")
    expect(cell(page, first)).to_have_count(0)
    expect(cell(page, second)).to_have_class(re.compile(r"\bsel\b"))
    undo(page, "1 picture in the trash")
    expect(cells(page)).to_have_count(3)
    expect(cells(page).first).to_have_attribute("data-id", first)
    for picture in (second, third):
        cell(page, picture).click()
        page.keyboard.press("Delete")
        expect(cell(page, picture)).to_have_count(0)
    page.get_by_role("navigation", name="Filters").get_by_role("button", name="Trash").click()
    expect(cell(page, second)).to_be_visible()
    cell(page, second).click()
    detail(page).get_by_role("button", name="Restore").click()
    expect(cell(page, second)).to_have_count(0)
    page.get_by_role("button", name="Empty trash").click()
    page.get_by_role("button", name="Keep").click()
    expect(cell(page, third)).to_be_visible()
    page.get_by_role("button", name="Empty trash").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("#ez-history")).to_contain_text("The trash is empty.")
    search_for(page, "kookaburra")
    expect(cells(page)).to_have_count(2)


def test_several_are_picked_and_changed_together(page: Page) -> None:
    ids = found(page, "cockatoo", 4)
    cell(page, ids[0]).click(modifiers=["ControlOrMeta"])
    cell(page, ids[2]).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("3 picked")
    expect(page.locator("#ez-history .ez-cell[aria-pressed=true]")).to_have_count(3)
    cell(page, ids[1]).click(modifiers=["ControlOrMeta"])
    expect(bar(page)).to_contain_text("2 picked")
    page.keyboard.press("ControlOrMeta+a")
    expect(bar(page)).to_contain_text("4 picked")
    bar(page).get_by_role("button", name="Favourite").click()
    expect(page.locator("#ez-history .ez-cell .fav")).to_have_count(4)
    undo(page, "Favourite: 4 pictures")
    expect(page.locator("#ez-history .ez-cell .fav")).to_have_count(0)
    bar(page).get_by_role("button", name="Add tag").click()
    page.get_by_label("Tag", exact=True).fill("white")
    page.keyboard.press("Enter")
    expect(page.locator(".ez-toast", has_text='4 pictures tagged "white"')).to_be_visible()
    bar(page).get_by_role("button", name="Rate").click()
    expect(page.get_by_role("menu", name="Rating")).to_be_visible()
    page.keyboard.press("3")
    expect(page.locator(".ez-toast", has_text="Rated 3 of 5: 4 pictures")).to_be_visible()
    bar(page).get_by_role("button", name="Trash").click()
    expect(cells(page)).to_have_count(0)
    expect(bar(page)).to_be_hidden()
    undo(page, "4 pictures in the trash")
    expect(cells(page)).to_have_count(4)


@pytest.mark.slow
def test_picked_pictures_are_exported(page: Page) -> None:
    ids = found(page, "corella", 2)
    for picture in ids:
        cell(page, picture).click(modifiers=["ControlOrMeta"])
    for entry, per_picture in (("Zip with parameters beside each picture", 3), ("Zip of the pictures alone", 1)):
        bar(page).get_by_role("button", name="Export").click()
        with page.expect_download() as started:
            page.get_by_role("menuitem", name=entry).click()
        with zipfile.ZipFile(started.value.path()) as made:
            names = made.namelist()
            assert made.testzip() is None
        assert len(names) == 2 * per_picture and sum(name.endswith(".png") for name in names) == 2
        assert re.fullmatch(r"easel-pictures-[\d-]+\.zip", started.value.suggested_filename)


@pytest.mark.slow
def test_the_keyboard_picks_and_lets_go(page: Page) -> None:
    ids = found(page, "lorikeet", 3)
    cell(page, ids[0]).click()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(bar(page)).to_contain_text("3 picked")
    page.keyboard.press("Shift+ArrowLeft")
    expect(bar(page)).to_contain_text("2 picked")
    page.keyboard.press("Control+ ")
    expect(bar(page)).to_contain_text("1 picked")
    page.keyboard.press("Escape")
    expect(bar(page)).to_be_hidden()
    expect(cell(page, ids[1])).to_have_class(re.compile(r"\bsel\b"))
    page.keyboard.press("End")
    expect(cell(page, ids[2])).to_be_focused()
    page.keyboard.press("Home")
    expect(cell(page, ids[0])).to_be_focused()


@pytest.mark.slow
def test_picked_pictures_are_compared_and_scaled_together(page: Page) -> None:
    ids = found(page, "magpie", 3)
    for picture in ids:
        cell(page, picture).click(modifiers=["ControlOrMeta"])
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Compare three pictures")).to_be_visible()
    panes = page.locator(".ez-pane")
    expect(panes).to_have_count(3)
    pictures = page.locator(".ez-pane img")
    expect(pictures.nth(2)).to_have_attribute("style", re.compile("width"))
    widths = "panes => panes.map(pane => Math.round(pane.querySelector('img').getBoundingClientRect().width))"
    fitting = panes.evaluate_all(widths)
    panes.first.hover()
    page.mouse.wheel(0, -300)
    for number, width in enumerate(fitting):
        scaled = f"pane => pane.getBoundingClientRect().width > {width * 1.2}"
        assert pictures.nth(number).evaluate(scaled)
    panes.nth(1).focus()
    page.keyboard.press("0")
    assert panes.evaluate_all(widths) == fitting
    page.get_by_role("button", name=re.compile("^Back to")).click()
    expect(cell(page, ids[0])).to_be_visible()


def test_the_viewer_steps_through_what_was_found_and_marks_it(page: Page) -> None:
    ids = found(page, "rosella", 3)
    cell(page, ids[0]).click()
    page.keyboard.press(" ")
    shown = page.locator(".ez-viewer > img")
    expect(shown).to_have_attribute("src", re.compile(f"{ids[0]}$"))
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_attribute("src", re.compile(f"{ids[1]}$"))
    page.keyboard.press("f")
    expect(page.locator(".ez-view-marks")).to_have_attribute("aria-label", "Favourite")
    page.keyboard.press("Delete")
    expect(shown).to_have_attribute("src", re.compile(f"{ids[2]}$"))
    page.keyboard.press("Escape")
    expect(cell(page, ids[1])).to_have_count(0)
    undo(page, "1 picture in the trash")
    expect(cell(page, ids[1]).locator(".fav")).to_be_visible()


@pytest.mark.slow
def test_a_picture_is_dragged_out_as_its_file(page: Page) -> None:
    [picture] = found(page, "emu", 1)
    carried = cell(page, picture).evaluate(
        """element => {
            const dataTransfer = new DataTransfer();
            element.dispatchEvent(new DragEvent('dragstart', {dataTransfer, bubbles: true}));
            return Object.fromEntries([...dataTransfer.types].map((type) => [type, dataTransfer.getData(type)]));
        }"""
    )
    address = f"{page.evaluate('location.origin')}/api/v1/images/{picture}"
    assert carried["text/uri-list"] == address
    assert re.fullmatch(rf"image/png:\d+-\d+\.png:{re.escape(address)}", carried["downloadurl"])


@pytest.mark.slow
def test_a_picture_that_is_dropped_opens_with_its_parameters(page: Page) -> None:
    [picture] = found(page, "cassowary in a hat", 1)
    prompt_before = page.evaluate("document.querySelector('#ez-field-prompt textarea').value")
    page.locator("#ez-history .ez-stage").evaluate(
        """async (stage, id) => {
            const blob = await (await fetch(`/api/v1/images/${id}`)).blob();
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([blob], 'mine.png', {type: 'image/png'}));
            stage.dispatchEvent(new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true}));
        }""",
        picture,
    )
    expect(prompt(page)).to_be_visible()
    expect(prompt(page)).to_have_value("cassowary in a hat")
    expect(field(page, "steps")).to_have_value("1")
    undo(page, "Parameters taken over")
    expect(cell(page, picture)).to_be_visible()
    assert page.evaluate("document.querySelector('#ez-field-prompt textarea').value") == prompt_before


@pytest.mark.slow
def test_the_size_of_thumbnails_is_remembered(page: Page, visitor: Visitor) -> None:
    found(page, "plover", 2)
    width = "cell => cell.getBoundingClientRect().width"
    before = cells(page).first.evaluate(width)
    page.get_by_role("slider", name="Thumbnail size").fill("280")
    assert cells(page).first.evaluate(width) > before * 1.4
    again = visitor.context.new_page()
    again.goto(f"{visitor.url}/#history?plover")
    expect(cells(again)).to_have_count(2)
    assert cells(again).first.evaluate(width) > before * 1.4


@pytest.mark.slow
def test_in_a_narrow_window_filters_and_detail_are_sheets(server: Server, new_visitor: Callable[..., Visitor]) -> None:
    page = new_visitor(server, viewport={"width": 420, "height": 900}, has_touch=True).open()
    [picture] = make(page, "currawong")
    page.goto(page.url.split("#")[0] + "#history?currawong")
    page.reload()
    expect(cell(page, picture)).to_be_visible()
    assert no_sideways_scroll(page)
    page.get_by_role("button", name="Filters").click()
    filters = page.get_by_role("navigation", name="Filters")
    expect(filters).to_be_in_viewport()
    filters.get_by_role("button", name="All pictures").click()
    expect(filters).to_be_hidden()
    expect(page).to_have_url(re.compile("#history$"))
    cell(page, picture).click()
    expect(detail(page)).to_be_in_viewport()
    expect(detail(page)).to_contain_text("currawong")
    detail(page).get_by_role("button", name="Close").click()
    expect(detail(page)).to_be_hidden()


@pytest.mark.slow
def test_a_second_picture_is_chosen_to_compare_with(page: Page) -> None:
    ids = found(page, "galah", 3)
    cell(page, ids[0]).click()
    detail(page).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Compare with").click()
    asking = page.locator(".ez-second")
    expect(asking).to_contain_text("Click the picture to compare with")
    page.keyboard.press("Escape")
    expect(asking).to_be_hidden()
    detail(page).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Compare with").click()
    cell(page, ids[2]).click()
    expect(page.locator(".ez-pair-stage .ez-pane")).to_have_count(2)
    expect(asking).to_be_hidden()


@pytest.mark.slow
def test_what_comes_while_one_looks_further_down_moves_nothing(page: Page, visitor: Visitor) -> None:
    make(page, "cockatiel", pictures=90)
    search_for(page, "cockatiel")
    expect(page.locator(".ez-history-tools [role=status]")).to_contain_text("90 of ")
    expect(page.locator("#ez-history .ez-cell").nth(30)).to_be_attached()
    page.evaluate("document.querySelector('#ez-history .ez-shelf').scrollTop = 300")
    pill = page.locator(".ez-new-above")
    seen = page.locator("#ez-history .ez-cell").nth(20)
    identifier, before = seen.get_attribute("data-id"), seen.bounding_box()
    other = visitor.open("/#txt2img")
    make(other, "cockatiel new", pictures=3)
    expect(pill).to_have_text("3 new pictures")
    now = cell(page, str(identifier)).bounding_box()
    assert before is not None and now is not None and abs(now["y"] - before["y"]) < 2
    pill.click()
    expect(pill).to_be_hidden()
    expect(page.locator("#ez-history .ez-cell").first).to_have_attribute("title", "cockatiel new")
