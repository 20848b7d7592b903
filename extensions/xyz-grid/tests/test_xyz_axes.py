"""The axes of X/Y/Z grids, and what stands on them."""

import itertools

import pytest
from easel_xyz_grid.axes import NOTHING, Axis, axis_types, cell_count, cells, drawing_order, read_axis
from easel_xyz_grid.values import MOST_VALUES, numbers, split_list

from webui.errors import InvalidRequest
from webui.generation.request import Txt2Img, parse_request

TYPES = axis_types("txt2img")
FIELDS = ("x_values", "y_values", "z_values")


def axes_of(**chosen: str) -> list[Axis]:
    """Axes by id of their type, in order; missing ones are nothing."""
    pairs = [*chosen.items(), *[(NOTHING, "")] * (3 - len(chosen))]
    return [read_axis(TYPES, name, text, field) for (name, text), field in zip(pairs, FIELDS, strict=True)]


def drawn(request: dict, **chosen: str) -> list[Txt2Img]:
    """The requests of all cells, x running fastest."""
    made = cells(parse_request({"seed": 5, **request}), axes_of(**chosen), FIELDS)
    return [cell.request for cell in sorted(made, key=lambda cell: cell.place[::-1])]


@pytest.mark.parametrize(
    ("text", "whole", "expected"),
    [
        ("1, 2, 3", True, [1, 2, 3]),
        ("1-5", True, [1, 2, 3, 4, 5]),
        ("1-5 (+2)", True, [1, 3, 5]),
        ("10-5 (-3)", True, [10, 7]),
        ("5-3", True, [5, 4, 3]),
        ("1-10 [5]", True, [1, 3, 5, 7, 10]),
        ("1-10 [1]", True, [1]),
        ("0-1 [3]", False, [0.0, 0.5, 1.0]),
        ("0.1-0.5 (+0.1)", False, [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("-3--1", True, [-3, -2, -1]),
        ("-1", True, [-1]),
        ("1-3, 9\n20", True, [1, 2, 3, 9, 20]),
        (".5", False, [0.5]),
        ("7", True, [7]),
    ],
)
def test_numbers_are_lists_and_ranges(text: str, whole: bool, expected: list) -> None:
    assert numbers(text, whole=whole) == expected


@pytest.mark.parametrize("text", ["a", "1-", "1-5 (+0)", "1-5 (-1)", "1-10 [0]", "nan", "1e999999999x", "--", "1-5 (2", "inf"])
def test_what_is_no_number_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        numbers(text, whole=True)


@pytest.mark.parametrize("text", ["0-1000000000", "1-2 [1000000]", "0-1 (+0.0000001)", ",".join(["1"] * 101)])
def test_no_axis_is_endless(text: str) -> None:
    with pytest.raises(ValueError, match=str(MOST_VALUES)):
        numbers(text, whole=False)


def test_lists_may_quote() -> None:
    assert split_list('a, "b, c", d\ne f') == ["a", "b, c", "d", "e f"]


def test_axes_are_the_parameters_that_a_request_declares() -> None:
    assert {
        "steps",
        "cfg_scale",
        "sampler",
        "clip_skip",
        "eta",
        "tiling",
        "hires_scale",
        "pag_scale",
        "rng",
        "checkpoint",
        "vae",
    } <= TYPES.keys()
    assert not {"init_image", "batch_size", "controls", "regions", "extensions", "kind"} & axis_types("inpaint").keys()
    assert {"mask_blur", "denoising_strength", "masked_content"} <= axis_types("inpaint").keys()
    scalars = [name for name, info in Txt2Img.model_fields.items() if info.annotation in (int, float, bool)]
    assert [name for name in scalars if name not in TYPES] == ["batch_count", "batch_size"]


def test_every_axis_takes_its_default() -> None:
    usual = Txt2Img()
    for one in TYPES.values():
        value = getattr(usual, one.id, None)
        if value not in (None, (), "") and value is not None:
            axis = read_axis(TYPES, one.id, one.name(value), "x_values")
            made = cells(parse_request({"seed": 1}), [axis, *axes_of()[1:]], FIELDS)
            assert getattr(made[0].request, one.id) == value, one.id


def test_values_go_into_the_requests() -> None:
    made = drawn({"prompt": "a"}, steps="5, 9", cfg_scale="1-3")
    assert [(one.steps, one.cfg_scale) for one in made] == [(5, 1), (9, 1), (5, 2), (9, 2), (5, 3), (9, 3)]
    assert {one.seed for one in made} == {5}
    assert [one.sampler for one in drawn({}, sampler="k_euler_a, ddim")] == ["Euler a", "DDIM"]
    assert [one.tiling for one in drawn({}, tiling="off, x AND y".replace("AND", "and"))] == ["Off", "X and Y"]
    assert [one.hires for one in drawn({}, hires="off, on")] == [False, True]
    assert [(one.width, one.height) for one in drawn({}, size="512x768, 64x64")] == [(512, 768), (64, 64)]
    assert [one.styles for one in drawn({}, styles="None, ink + calm")] == [(), ("ink", "calm")]


def test_words_are_searched_and_replaced() -> None:
    made = drawn({"prompt": "a red fox", "negative_prompt": "red"}, prompt_sr='red, green, "blue, dark"')
    assert [(one.prompt, one.negative_prompt) for one in made] == [
        ("a red fox", "red"),
        ("a green fox", "green"),
        ("a blue, dark fox", "blue, dark"),
    ]
    with pytest.raises(InvalidRequest) as told:
        drawn({"prompt": "a red fox"}, prompt_sr="wolf, dog")
    assert told.value.field == "x_values" and "wolf" in told.value.message


def test_words_change_places() -> None:
    made = drawn({"prompt": "a cat, a dog!"}, prompt_order="cat, dog")
    assert [one.prompt for one in made] == ["a cat, a dog!", "a dog, a cat!"]


@pytest.mark.parametrize(
    ("prompt", "values", "expected"),
    [
        ("a <lora:ink:0.7>", "0.2, 1", ["a <lora:ink:0.2>", "a <lora:ink:1>"]),
        ("a <lora:ink> <lora:pop:1>", "pop: 0.5", ["a <lora:ink> <lora:pop:0.5>"]),
        ("a", "ink: 0-1 (+0.5)", ["a <lora:ink:0>", "a <lora:ink:0.5>", "a <lora:ink:1>"]),
    ],
)
def test_loras_are_weighed(prompt: str, values: str, expected: list[str]) -> None:
    assert [one.prompt for one in drawn({"prompt": prompt}, lora_weight=values)] == expected


def test_loras_take_each_others_places_and_keep_the_weights_of_another_axis() -> None:
    assert [one.prompt for one in drawn({"prompt": "a <lora:ink:0.7>"}, lora="pop, None")] == ["a <lora:pop:0.7>", "a "]
    both = drawn({"prompt": "a <lora:ink:0.7>"}, lora_weight="0.1, 0.2", lora="ink, pop")
    assert [one.prompt for one in both] == ["a <lora:ink:0.1>", "a <lora:ink:0.2>", "a <lora:pop:0.1>", "a <lora:pop:0.2>"]


def test_checkpoints_change_as_rarely_as_can_be() -> None:
    axes = axes_of(seed="1-3", checkpoint="one, two, one")
    made = cells(parse_request({}), axes, FIELDS)
    names = [cell.request.checkpoint for cell in made]
    switches = sum(one != other for one, other in itertools.pairwise(names))
    assert (cell_count(axes), len(made), switches) == (9, 9, 1)
    assert sorted(drawing_order(axes)) == sorted(cell.place for cell in made)


@pytest.mark.parametrize(
    ("axis", "values", "said"),
    [
        ("steps", "0", "Steps"),
        ("steps", "x", "Steps"),
        ("steps", "", "no values"),
        ("sampler", "none such", "sampler"),
        ("tiling", "Z", "Tiling"),
        ("what", "1", "axis"),
    ],
)
def test_bad_values_are_told_at_their_axis(axis: str, values: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        drawn({}, cfg_scale="1", **{axis: values})
    assert told.value.field == "y_values"
    assert said.casefold() in told.value.message.casefold()


def test_each_cell_may_have_its_own_seed() -> None:
    made = cells(parse_request({"seed": 10}), axes_of(steps="1, 2", cfg_scale="1, 2", clip_skip="1, 2"), FIELDS, vary_seed=True)
    assert sorted(cell.request.seed for cell in made) == list(range(10, 18))


def test_cells_are_labelled() -> None:
    labels = [cell.label for cell in cells(parse_request({"seed": 1}), axes_of(steps="5", cfg_scale="1, 1.5"), FIELDS)]
    assert labels == ["Steps: 5, CFG scale: 1", "Steps: 5, CFG scale: 1.5"]
