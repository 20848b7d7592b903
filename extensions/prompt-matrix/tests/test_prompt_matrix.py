"""Prompt matrix, as an add-on."""

import pytest
from easel_prompt_matrix import web
from easel_prompt_matrix.matrix import alternatives, combinations, parts_of

from webui.errors import InvalidRequest
from webui.generation.request import Txt2Img
from webui.testing import AddOnStudio, play

SCRIPT = web.job_scripts()


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a street | at night|in the rain", ("a street", "at night", "in the rain")),
        ("a [cat|dog] {x|y} | (b|c:1.2) | <lora:ink:1>", ("a [cat|dog] {x|y}", "(b|c:1.2)", "<lora:ink:1>")),
        ("a \\| b", ("a \\| b",)),
        ("a ) | b", ("a )", "b")),
        ("", ("",)),
        ("| a", ("", "a")),
    ],
)
def test_parts_stand_between_strokes(prompt: str, parts: tuple[str, ...]) -> None:
    assert parts_of(prompt) == parts


def test_every_combination_is_drawn_once() -> None:
    matrix = combinations(("a", "b", "c", "d"))
    assert sorted(one.prompt for one in matrix.variants) == ["a", "a, b", "a, b, c", "a, b, c, d", "a, b, d", "a, c", "a, c, d", "a, d"]
    assert (len(matrix.columns), len(matrix.rows)) == (4, 2)
    assert matrix.columns == ("–", "b", "c", "b + c") and matrix.rows == ("–", "d")
    assert all(one.label == "none of them" or one.prompt == "a, " + one.label.replace(" + ", ", ") for one in matrix.variants)
    assert combinations(("a", "b"), " ", first_last=True).variants[1].prompt == "b a"
    assert [one.prompt for one in alternatives(("a", "b", "c")).variants] == ["a, b", "a, c"]


def test_the_script_draws_them_on_one_seed_and_keeps_the_grid() -> None:
    request = {"prompt": "a street | at night | in the rain", "batch_count": 3}
    played = play(SCRIPT, request, {})
    assert sorted(one.prompt for one in played.requests) == [
        "a street",
        "a street, at night",
        "a street, at night, in the rain",
        "a street, in the rain",
    ]  # type: ignore[union-attr]
    assert len({one.seed for one in played.requests}) == 1 and {one.picture_count for one in played.requests} == {1}  # type: ignore[union-attr]
    assert len(played.kept) == 1
    assert len({one.seed for one in play(SCRIPT, request, {"vary_seed": True}).requests}) == 4  # type: ignore[union-attr]
    one_way = play(SCRIPT, {"negative_prompt": "x | y | z"}, {"text": "Negative prompt", "way": "One at a time", "separator": "Spaces"})
    assert [one.negative_prompt for one in one_way.requests] == ["x y", "x z"]  # type: ignore[union-attr]
    assert play(SCRIPT, request, fails=range(4)).kept == []


@pytest.mark.parametrize("prompt", ["", "a fox", "a" + " | b" * 9])
def test_what_is_no_matrix_is_told(prompt: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        play(SCRIPT, {"prompt": prompt})
    assert told.value.field == "prompt" and told.value.hint


def test_the_cost_is_known_before() -> None:
    assert SCRIPT.count and SCRIPT.count(Txt2Img(prompt="a|b|c|d"), {}) == 8


def test_it_is_loaded_as_an_add_on(studio: AddOnStudio) -> None:
    assert studio.studio.extensions.names() == ["prompt-matrix"]
