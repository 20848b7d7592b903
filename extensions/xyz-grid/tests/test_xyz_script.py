"""X/Y/Z grid, as an add-on."""

import json

import pytest
from easel_xyz_grid import web
from easel_xyz_grid.axes import axis_types

from webui.errors import InvalidRequest
from webui.extensions import Choice
from webui.extensions.components import DRAWING_PAGES, fields_of
from webui.testing import play

SCRIPT = web.job_scripts()
REQUEST = {"prompt": "a red fox", "seed": 7}


def test_every_combination_is_drawn_and_the_grid_kept_with_its_numbers() -> None:
    played = play(SCRIPT, REQUEST, {"x_axis": "Steps", "x_values": "5, 9", "y_axis": "CFG scale", "y_values": "1-3"})
    assert [(one.steps, one.cfg_scale) for one in played.requests] == [(steps, cfg) for steps in (5, 9) for cfg in (1, 2, 3)]
    assert played.parts[0].label == "Steps: 5, CFG scale: 1"
    assert played.laid_out == (("Steps: 5", "Steps: 9"), ("CFG scale: 1", "CFG scale: 2", "CFG scale: 3"), ("",))
    assert [part.at for part in played.parts[:2]] == [(0, 0, 0), (0, 1, 0)]
    (grid,) = played.kept
    told = json.loads(grid.texts["xyz-grid"])
    assert told["x"] == {"axis": "Steps", "values": ["5", "9"]} and told["y"]["values"] == ["1", "2", "3"]
    assert sorted((cell["x"], cell["y"]) for cell in told["cells"]) == [(x, y) for x in range(2) for y in range(3)]
    assert grid.image.width > 2 * 16 and grid.image.height > 3 * 16


def test_there_is_a_grid_for_each_value_along_z() -> None:
    values = {"x_axis": "Seed", "x_values": "1-2", "z_axis": "Prompt S/R", "z_values": "red, green, blue"}
    played = play(SCRIPT, REQUEST, values)
    assert len(played.parts) == 6 and len(played.kept) == 3
    assert {one.prompt for one in played.requests} == {"a red fox", "a green fox", "a blue fox"}
    assert [json.loads(one.texts["xyz-grid"])["z_index"] for one in played.kept] == [0, 1, 2]


def test_a_random_seed_is_one_for_all_cells() -> None:
    played = play(SCRIPT, {"prompt": "a"}, {"x_axis": "Steps", "x_values": "5, 9"})
    (seed,) = {one.seed for one in played.requests}
    assert seed >= 0
    apart = play(SCRIPT, {"prompt": "a"}, {"x_axis": "Steps", "x_values": "5, 9", "vary_seed": True})
    assert len({one.seed for one in apart.requests}) == 2


def test_cells_that_fail_leave_a_hole() -> None:
    values = {"x_axis": "Steps", "x_values": "1-4"}
    assert len(json.loads(play(SCRIPT, REQUEST, values, fails=[1, 2]).kept[0].texts["xyz-grid"])["cells"]) == 2
    assert play(SCRIPT, REQUEST, values, fails=range(4)).kept == []
    assert play(SCRIPT, REQUEST, values | {"draw_grid": False}).kept == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "x_axis"),
        ({"x_axis": "Steps", "x_values": "900"}, "x_values"),
        ({"x_axis": "Steps", "x_values": "1", "y_axis": "Moon", "y_values": "1"}, "y_values"),
        ({"x_axis": "Steps", "x_values": "1", "y_axis": "Steps", "y_values": "1"}, "x_axis"),
        ({"x_axis": "Seed", "x_values": "1-100", "y_axis": "Steps", "y_values": "1-100"}, "x_values"),
        ({"x_axis": "Mask blur", "x_values": "1"}, "x_values"),
    ],
)
def test_what_cannot_be_drawn_is_told_before(values: dict, field: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        play(SCRIPT, REQUEST, values)
    assert told.value.field == field


def test_the_cost_is_known_before() -> None:
    assert SCRIPT.count is not None
    values = {"x_axis": "Steps", "x_values": "1-6", "y_axis": "Sampler", "y_values": "Euler, DDIM", "z_axis": "Seed", "z_values": "1-2"}
    assert SCRIPT.count(play(SCRIPT, REQUEST, values).requests[0], values) == 24


def test_every_axis_can_be_chosen_by_its_label() -> None:
    chosen = fields_of(SCRIPT.content)["x_axis"]
    assert isinstance(chosen, Choice)
    for kind in DRAWING_PAGES:
        labels = [one.label for one in axis_types(kind).values()]
        assert len(set(labels)) == len(labels)
        assert set(labels) <= set(chosen.choices)
