"""The script "X/Y/Z grid": a picture for each combination of values, and the grid of them with labels, kept with its numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from easel_xyz_grid.axes import NOTHING, Axis, AxisType, Cell, axis_types, cell_count, cells, read_axis
from webui.errors import InvalidRequest
from webui.extensions import Checkbox, Choice, JobScript, Kept, Made, MadePicture, Part, Row, ScriptRun, Text, hookimpl
from webui.extensions.components import DRAWING_PAGES, Element
from webui.extensions.easel import Script
from webui.generation.request import MAX_SEED, RANDOM_SEED, DrawnRequest
from webui.generation.resolve import LAST_RANDOM_SEED
from webui.pictures.labelled_grid import labelled_grid

MOST_CELLS = 1000
NO_AXIS = "Nothing"

_LETTERS = ("x", "y", "z")
_VALUES = tuple(f"{letter}_values" for letter in _LETTERS)
_OTHER_NAMES = {
    "prompt s/r": "prompt_sr",
    "checkpoint name": "checkpoint",
    "schedule type": "schedule_type",
    "var. seed": "variation_seed",
    "var. strength": "variation_strength",
    "denoising": "denoising_strength",
    "sigma churn": "sigma_churn",
    "sigma min": "sigma_tmin",
    "sigma max": "sigma_tmax",
    "sigma noise": "sigma_noise",
    "hires upscaler": "hires_upscaler",
    "hires sampler": "hires_sampler",
    "refiner checkpoint": "refiner",
    "refiner switch at": "refiner_switch_at",
    "rng source": "rng",
}
"""AUTOMATIC1111's names of axes where they are others."""


def _labels() -> tuple[str, ...]:
    """What can be chosen as an axis, on any page; what most people vary comes first."""
    return (NO_AXIS, *dict.fromkeys(one.label for kind in DRAWING_PAGES for one in axis_types(kind).values()))


def _find(types: Mapping[str, AxisType], name: str) -> str:
    """The id of an axis by label, id or AUTOMATIC1111's name; the name itself where there is none."""
    wanted = name.strip().casefold()
    if wanted in ("", NO_AXIS.casefold(), NOTHING):
        return NOTHING
    known = {one.label.casefold(): one.id for one in types.values()} | {one: one for one in types}
    return known.get(wanted) or _OTHER_NAMES.get(wanted, name)


@dataclass(frozen=True)
class Plan:
    """A grid as it will be drawn: its axes, and all cells in drawing order."""

    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, and grids."""
        across, down, deep = (len(axis.values) for axis in self.axes)
        return across, down, deep


def _axes(request: DrawnRequest, values: Mapping[str, Any]) -> tuple[Axis, ...]:
    types = axis_types(request.kind)
    axes = tuple(
        read_axis(types, _find(types, str(values.get(f"{letter}_axis") or "")), str(values.get(name) or ""), name)
        for letter, name in zip(_LETTERS, _VALUES, strict=True)
    )
    count = cell_count(axes)
    if count > MOST_CELLS:
        raise InvalidRequest(
            f"The grid has {count:,} pictures.", field="x_values", allowed=f"at most {MOST_CELLS:,}", hint="Take values away."
        )
    used = [axis.type.id for axis in axes if axis.type.id != NOTHING]
    if not used:
        raise InvalidRequest("The grid has no axis.", field="x_axis", hint="Choose what varies along X.")
    twice = next((one for number, one in enumerate(used) if one in used[:number] and one != "prompt_sr"), None)
    if twice is not None:
        raise InvalidRequest(
            f"{types[twice].label} is on two axes.", field=f"{_LETTERS[used.index(twice)]}_axis", hint="Choose another on one of them."
        )
    return axes


def plan(request: DrawnRequest, values: Mapping[str, Any]) -> Plan:
    """What will be drawn. Raises InvalidRequest that names the field at fault."""
    axes = _axes(request, values)
    return Plan(axes, tuple(cells(request, axes, _VALUES, vary_seed=bool(values.get("vary_seed")))))


def check(request: DrawnRequest, values: Mapping[str, Any]) -> None:
    """Raises InvalidRequest where the grid can't be drawn."""
    plan(request, values)


def count(request: DrawnRequest, values: Mapping[str, Any]) -> int:
    """How many pictures the grid has."""
    return cell_count(_axes(request, values))


def run(request: DrawnRequest, values: Mapping[str, Any], script: Script) -> ScriptRun:
    """Have every cell drawn, then keep the grid; one for each value along Z."""
    if request.seed == RANDOM_SEED:  # one for all cells, or they could not be compared
        request = request.model_copy(update={"seed": script.random.randint(0, min(LAST_RANDOM_SEED, MAX_SEED))})
    planned = plan(request, values)
    script.lay_out(*(axis.labels() for axis in planned.axes))
    made: Sequence[Made] = yield [Part(cell.request, cell.label, cell.place) for cell in planned.cells]
    if not values.get("draw_grid", True):
        return None
    pictures = {cell.place: one.pictures[0] for cell, one in zip(planned.cells, made, strict=True) if one.pictures}
    return list(_grids(planned, pictures)) if pictures else None


def _grids(planned: Plan, pictures: Mapping[tuple[int, int, int], MadePicture]) -> Iterator[Kept]:
    across, down, deep = planned.shape
    labels = [axis.labels() for axis in planned.axes]
    size = _largest(pictures)
    for z in range(deep):
        rows = [[_opener(pictures.get((x, y, z))) for x in range(across)] for y in range(down)]
        if any(picture is not None for row in rows for picture in row):
            columns = labels[0] if any(labels[0]) else ()
            beside = labels[1] if any(labels[1]) else ()
            grid = labelled_grid(rows, size, columns=columns, rows=beside, title=labels[2][z])
            yield Kept(grid, "xyz-grid", texts={"xyz-grid": _told(planned, pictures, z)})


def _opener(picture: MadePicture | None) -> Any:
    return None if picture is None else picture.open


def _largest(pictures: Mapping[tuple[int, int, int], MadePicture]) -> tuple[int, int]:
    sizes = [picture.open().size for picture in pictures.values()]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _told(planned: Plan, pictures: Mapping[tuple[int, int, int], MadePicture], z: int) -> str:
    """What the grid's file says of it: each axis with its values, and which picture stands where."""
    axes = {
        letter: {"axis": axis.type.label, "values": [axis.type.name(value) for value in axis.values]}
        for letter, axis in zip(_LETTERS, planned.axes, strict=True)
        if axis.type.id != NOTHING
    }
    standing = [{"x": x, "y": y, "picture": picture.id} for (x, y, at), picture in sorted(pictures.items()) if at == z]
    return json.dumps({**axes, "z_index": z, "cells": standing}, ensure_ascii=False)


def _axis_fields(letter: str, default: str) -> Row:
    upper = letter.upper()
    return Row(
        [
            Choice(name=f"{letter}_axis", label=f"{upper} axis", choices=_labels(), default=default),
            Text(
                name=f"{letter}_values",
                label=f"{upper} values",
                lines=1,
                placeholder="1, 2, 3   1-5 (+2)   1-10 [5]",
                help="Values between commas, or one a line; numbers also as ranges: 1-5, 1-5 (+2), or 1-10 [5] for five of them.",
            ),
        ]
    )


def _content() -> list[Element]:
    return [
        _axis_fields("x", "Steps"),
        _axis_fields("y", NO_AXIS),
        _axis_fields("z", NO_AXIS),
        Row(
            [
                Checkbox(
                    name="vary_seed", label="A seed for each cell", help="Else all cells have one seed, so that they can be compared."
                ),
                Checkbox(
                    name="draw_grid", label="Keep the grid", default=True, help="A picture of all cells with labels, besides the cells."
                ),
            ]
        ),
    ]


@hookimpl
def job_scripts() -> JobScript:
    """The grid."""
    return JobScript(
        "X/Y/Z grid",
        _content(),
        run,
        help="One picture for each combination of values along up to three axes. Checkpoints change as rarely as can be.",
        key="grid",
        count=count,
        check=check,
    )
