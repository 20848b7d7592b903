"""What upscales will take, told before they begin: about how long, and how much room on the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from webui.errors import EaselError, InvalidRequest
from webui.generation.finishing import UpscaleStep
from webui.generation.request import ResolvedUpscale, Upscale, explain_validation, parse_request
from webui.pictures.boxes import Size
from webui.planning.estimate import picture_work, round_duration
from webui.planning.tiles import TileAppetite, Tiling
from webui.studio import source_folder as folders
from webui.studio.batch_order import MOST_FILES, NO_PICTURE

MOST_SAMPLED = 100
"""Files of a folder whose heads are read; the others are taken to be like them."""

_BYTES_OF_PIXEL = {"png": 1.6, "jpeg": 0.5, "webp": 0.3, "avif": 0.2}
"""Of enlarged photographs, while nothing else is known."""


@dataclass(frozen=True)
class UpscalePlan:
    """pictures: how many. width, height: in px of what is made, where that is one picture. seconds: None where that isn't known yet.

    tiles: in words, empty where they aren't known yet; of many pictures those of the first.
    """

    pictures: int
    width: int | None
    height: int | None
    seconds: float | None
    bytes: int
    tiles: str = ""

    @property
    def text(self) -> str:
        """For the line below the button: "120 pictures in about 4 min, 1.1 GB of disk"."""
        size = f", {self.width} × {self.height}" if self.width else ""
        pictures = f"{'1 picture' if self.pictures == 1 else f'{self.pictures:,} pictures'}{size}"
        time = ", time not known yet" if self.seconds is None else f"{',' if size else ''} in about {round_duration(self.seconds)}"
        return f"{pictures}{time}{f', {_round_bytes(self.bytes)} of disk' if self.bytes else ''}"

    def as_dict(self) -> dict[str, Any]:
        """As page and API get it."""
        return {**asdict(self), "text": self.text}


@dataclass(frozen=True)
class Known:
    """What was seen of upscales so far. pace: of what a request works with -> seconds for a unit of its work, None where that isn't known.

    bytes_of_pixel: the same -> bytes of a file for each of its pixels. appetite: the same, and the name of an upscaler -> what its tiles
    follow from.
    """

    pace: Callable[[str], float | None]
    bytes_of_pixel: Callable[[str], float | None]
    picture_format: str
    appetite: Callable[[str, str], TileAppetite | None] = lambda _works_with, _name: None


def plan_upscales(fields: Any, known: Known) -> UpscalePlan:
    """The plan for {request, folder} or {request, sizes, total}: sizes as [width, height] in px of some of them. Raises InvalidRequest."""
    request, sizes, total = _read(fields)
    made = [upscale for size in sizes if (upscale := _resolved(request, size, alone=total == 1)) is not None]
    if not made:
        return UpscalePlan(total, None, None, None, 0)
    pixels = sum(one.finished_size[0] * one.finished_size[1] for one in made) / len(made)
    pace = known.pace(made[0].works_with)
    seconds = None if pace is None else pace * sum(map(picture_work, made)) / len(made) * total
    of_pixel = known.bytes_of_pixel(made[0].works_with) or _BYTES_OF_PIXEL[known.picture_format]
    width, height = made[0].finished_size if total == 1 else (None, None)
    return UpscalePlan(total, width, height, seconds, round(pixels * of_pixel * total), _tiles(made[0], known))


def _tiles(request: ResolvedUpscale, known: Known) -> str:
    step = next((step for step in request.finishing if isinstance(step, UpscaleStep)), None)
    appetite = known.appetite(request.works_with, step.upscaler) if step else None
    if step is None or appetite is None:
        return ""
    return appetite.told((request.picture_width, request.picture_height), Tiling(step.tile, step.overlap))


def _resolved(request: Upscale, size: Size, *, alone: bool) -> ResolvedUpscale | None:
    """The request for a picture of that size; None for one of many that would get too large: its own job will say so."""
    try:
        return ResolvedUpscale.model_validate({**request.model_dump(), "picture_width": size[0], "picture_height": size[1]})
    except ValidationError as error:
        raise explain_validation(error, ResolvedUpscale) from None
    except InvalidRequest:
        if alone:
            raise
        return None


def _read(fields: Any) -> tuple[Upscale, Sequence[Size], int]:
    folder, sizes = fields.get("folder"), fields.get("sizes")
    if set(fields) - {"request", "folder", "sizes", "total"} or (folder is None) == (sizes is None):
        raise InvalidRequest(
            "The body must be an object of request, and either folder or sizes.",
            field="folder",
            allowed="request, folder, sizes, total",
            hint="Send one of them.",
        )
    try:
        asked = fields.get("request")
        request = parse_request({**asked, "init_image": NO_PICTURE} if isinstance(asked, dict) else asked)
    except EaselError as problem:
        problem.field = f"request.{problem.field}" if problem.field else "request"
        raise
    if not isinstance(request, Upscale):
        raise InvalidRequest("Only upscales are planned here.", field="request.kind", allowed="upscale", hint="Send kind upscale.")
    return (request, *(_sampled(folder) if folder is not None else _given(sizes, fields.get("total"))))


def _sampled(folder: Any) -> tuple[Sequence[Size], int]:
    if not isinstance(folder, str):
        raise InvalidRequest("The folder must be a text.", field="folder", hint="Send its whole path.")
    found = folders.look_into(folder, "folder")
    step = max(1, len(found.names) // MOST_SAMPLED)
    sizes = []
    for name in found.names[::step]:
        try:
            sizes.append(folders.size_in(found.path, name))
        except EaselError:
            continue  # it will be named among those that failed
    return sizes, len(found.names)


def _given(sizes: Any, total: Any) -> tuple[Sequence[Size], int]:
    fits = isinstance(sizes, list) and len(sizes) <= MOST_FILES
    pairs = [(size[0], size[1]) for size in sizes if _is_size(size)] if fits else []
    if not fits or len(pairs) != len(sizes):
        raise InvalidRequest("The sizes can't be read.", field="sizes", allowed="[[width, height], ...] in px", hint="Send whole numbers.")
    total = len(pairs) if total is None else total
    if not isinstance(total, int) or isinstance(total, bool) or not max(1, len(pairs)) <= total <= MOST_FILES:
        raise InvalidRequest(
            f"The total can't be {str(total)[:20]}.",
            field="total",
            allowed=f"1 to {MOST_FILES:,}, and no less than sizes",
            hint="Leave it out.",
        )
    return pairs[:: max(1, len(pairs) // MOST_SAMPLED)], total


def _is_size(size: Any) -> bool:
    return isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)


def _round_bytes(number: int) -> str:
    """Two digits: "41 kB", "1.1 GB"."""
    size, unit = number / 1024, "kB"
    for larger in ("MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1024, larger
    return f"{size:.1f} {unit}" if size < 10 and unit != "kB" else f"{round(size):,} {unit}"
