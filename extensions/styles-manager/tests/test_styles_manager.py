"""Styles, as an add-on."""

from typing import Any

import pytest
from easel_styles_manager import web
from PIL import Image

from webui.errors import InvalidRequest, NotFound
from webui.extensions import Choices
from webui.extensions.components import buttons_of, fields_of
from webui.testing import AddOnStudio


@pytest.fixture
def easel(studio: AddOnStudio) -> Any:
    """The add-on's way to a studio with three styles."""
    easel = studio.studio.easel("styles-manager")
    for name in ("ink", "calm", "loud"):
        web.save_style({"name": name, "prompt": f"{name} words"}, easel)
    return easel


def names(easel: Any) -> list[str]:
    return [one.name for one in easel.styles()]


def test_a_style_is_written_opened_renamed_and_deleted(easel: Any) -> None:
    told = web.open_style({"chosen": "calm"}, easel)
    assert (told["chosen"], told["prompt"]) == (Choices([web.NEW, "ink", "calm", "loud"], "calm"), "calm words")
    told = web.save_style({**told, "chosen": "calm", "name": "very calm", "negative_prompt": "noise"}, easel)
    assert names(easel) == ["ink", "very calm", "loud"] and "**very calm**" in told["list"]
    assert web.open_style({"chosen": "very calm"}, easel)["negative_prompt"] == "noise"
    assert web.delete_style({"chosen": "very calm"}, easel)["chosen"].value == web.NEW
    assert web.open_style({"chosen": web.NEW}, easel)["prompt"] == ""
    assert names(easel) == ["ink", "loud"]
    for act in (web.open_style, web.delete_style, web.move_up):
        with pytest.raises(NotFound):
            act({"chosen": "very calm"}, easel)
    with pytest.raises(InvalidRequest):
        web.save_style({"name": "", "prompt": "a"}, easel)


def test_styles_are_put_in_order(easel: Any) -> None:
    web.move_up({"chosen": "loud"}, easel)
    assert names(easel) == ["ink", "loud", "calm"]
    web.move_down({"chosen": "ink"}, easel)
    assert names(easel) == ["loud", "ink", "calm"]
    web.move_up({"chosen": "loud"}, easel)
    assert names(easel) == ["loud", "ink", "calm"]
    web.sort_all({}, easel)
    assert names(easel) == ["calm", "ink", "loud"]


def test_each_style_may_have_a_picture(easel: Any) -> None:
    digest = easel.keep(Image.new("RGB", (8, 8), "red"))
    told = web.save_style({"chosen": "ink", "name": "ink", "prompt": "a", "picture": digest}, easel)
    assert told["shelf"] == [{"image": digest, "label": "ink"}]
    assert web.open_style({"chosen": "ink"}, easel)["picture"] == digest
    told = web.save_style({"chosen": "ink", "name": "pen", "prompt": "a", "picture": digest}, easel)
    assert [one["label"] for one in told["shelf"]] == ["pen"]
    assert web.save_style({"chosen": "pen", "name": "pen", "prompt": "a", "picture": ""}, easel)["shelf"] == []
    (easel.folder / web.PICTURES).write_text("[broken")
    assert web.shown(easel)["shelf"] == []


def test_a_styles_csv_is_taken_over(easel: Any) -> None:
    text = '\ufeffname,prompt,negative_prompt\nink,other,\n"-- mine --",,\nnew,"a, {prompt}",grey\n" bad",x,\n'
    told = web.take_over({"csv": text}, easel)
    assert "There already: ink" in told["told"] and "Not usable: bad" in told["told"]
    assert [(one.name, one.prompt) for one in easel.styles()] == [
        ("ink", "ink words"),
        ("calm", "calm words"),
        ("loud", "loud words"),
        ("new", "a, {prompt}"),
    ]
    web.take_over({"csv": text, "replace": True}, easel)
    assert easel.styles()[0].prompt == "other"
    with pytest.raises(InvalidRequest):
        web.take_over({"csv": "just words"}, easel)


def test_the_page_calls_what_is_there(easel: Any) -> None:
    content = web.tab().content
    assert {"chosen", "name", "prompt", "negative_prompt", "picture", "csv", "replace"} == set(fields_of(content))
    assert set(buttons_of(content)) == {"up", "down", "save", "delete", "sort", "take_over"}
    assert "1\\. " not in web.show({}, easel)["list"] and web.show({}, easel)["list"].startswith("1. **ink**")
