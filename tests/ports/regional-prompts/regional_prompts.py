"""The idea of regional prompt add-ons: "sky ADDCOL sea ADDCOL beach" draws columns side by side, in shares as 1,2,1."""

from __future__ import annotations

import itertools
import re
from typing import Any

from PIL import Image

from webui.errors import InvalidRequest
from webui.extensions import Checkbox, Choice, Panel, Text, hookimpl
from webui.extensions.easel import Easel
from webui.generation.regions import MOST_REGIONS, Region

ID = "regional-prompts"
_SPLIT = re.compile(r"\bADD(?:COL|ROW)\b|\bBREAK\b")


class Here:
    """The way to Easel, once it is at work."""

    easel: Easel


@hookimpl
def started(easel: Easel) -> None:
    Here.easel = easel


@hookimpl
def panel() -> Panel:
    return Panel(
        "Regional prompts",
        [
            Checkbox(name="enabled", label="On"),
            Choice(name="way", label="Divide into", choices=("Columns", "Rows")),
            Text(name="shares", label="Shares", default="1,1", placeholder="1,2,1"),
            Checkbox(name="common", label="First part is for all of it"),
        ],
        switch="enabled",
    )


def boxes(shares: list[float], size: tuple[int, int], rows: bool) -> list[tuple[int, int, int, int]]:
    """A box for each share, which together fill the picture."""
    side = size[1] if rows else size[0]
    edges = [round(side * part / sum(shares)) for part in itertools.accumulate([0.0, *shares])]
    return [(0, start, size[0], end) if rows else (start, 0, end, size[1]) for start, end in itertools.pairwise(edges)]


@hookimpl
def prepare(request: Any) -> Any | None:
    values = request.extensions.get(ID, {})
    if not values.get("enabled") or not hasattr(request, "regions"):
        return None
    parts = [part.strip(" ,\n") for part in _SPLIT.split(request.prompt)]
    common = parts.pop(0) if values.get("common") else ""
    try:
        shares = [float(share) for share in values.get("shares", "1,1").split(",")]
    except ValueError:
        raise InvalidRequest("Shares are numbers.", field=f"extensions.{ID}.shares", allowed="as 1,2,1", hint="Write them so.") from None
    if len(parts) < 2:
        return None
    shares = (shares + [1.0] * len(parts))[: len(parts)]
    size, regions = (request.width, request.height), []
    for part, box in zip(parts[:MOST_REGIONS], boxes(shares, size, values.get("way") == "Rows"), strict=False):
        mask = Image.new("L", size)
        mask.paste(255, box)
        regions.append(Region(prompt=", ".join(filter(None, (common, part))), mask=Here.easel.keep(mask)))
    return request.model_copy(update={"prompt": ", ".join(filter(None, (common, *parts))), "regions": tuple(regions)})
