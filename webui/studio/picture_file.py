"""One picture as a file: encoded with its recipe inside, named without overwriting, read back, thumbnailed."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from webui import __version__
from webui.durable import clear_parts, write_durably
from webui.errors import InvalidRequest, NotFound
from webui.generation.infotext import PNG_TEXT_KEY, write_infotext
from webui.generation.request import ResolvedRequest, dump_request, load_resolved

OWN_TEXT_KEY = "easel"
_OWN_FORM = 1
_NUMBER = re.compile(r"(\d{5,})-")
_THUMBNAIL_SIDE = 384


@dataclass(frozen=True)
class PictureFile:
    """What is recorded of one picture. rgb was encoded to `data`; sha256 and mean_colour describe it."""

    data: bytes
    sha256: bytes
    width: int
    height: int
    seed: int
    mean_colour: str
    facts: dict[str, Any]


def mean_colour(picture: Image.Image) -> str:
    """The picture's mean colour as #rrggbb: the ground while its thumbnail loads."""
    pixel = picture.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return "#{:02x}{:02x}{:02x}".format(*pixel)


def encode(picture: Image.Image, request: ResolvedRequest, index: int, facts: dict[str, Any]) -> PictureFile:
    """Encode as PNG with two text chunks: A1111's `parameters`, and `easel`, the whole resolved request as JSON."""
    seed = request.image_seeds[index]
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(PNG_TEXT_KEY, write_infotext(request, seed, __version__))
    own = {"version": _OWN_FORM, "request": json.loads(dump_request(request)), "image": index, "facts": facts, "program": __version__}
    chunks.add_itxt(OWN_TEXT_KEY, json.dumps(own, ensure_ascii=False))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=chunks)
    data = buffer.getvalue()
    return PictureFile(data, hashlib.sha256(data).digest(), picture.width, picture.height, seed, mean_colour(picture), facts)


def read_back(path: Path) -> PictureFile:
    """The record of a file that `encode` made.

    Raises InvalidRequest when the file is damaged or was not made by Easel.
    """
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            own = json.loads(picture.info[OWN_TEXT_KEY])
            request = load_resolved(json.dumps(own["request"]))
            seed = request.image_seeds[int(own["image"])]
            return PictureFile(
                data, hashlib.sha256(data).digest(), picture.width, picture.height, seed, mean_colour(picture), dict(own.get("facts", {}))
            )
    except (OSError, ValueError, KeyError, TypeError, IndexError, SyntaxError) as error:
        raise InvalidRequest(f"{path.name} is not a whole picture made by Easel ({type(error).__name__}).") from None


class PictureFolder:
    """The outputs folder: A1111's layout, numbers that never overwrite, thumbnails by content hash."""

    def __init__(self, outputs_dir: Path, cache_dir: Path) -> None:
        self._outputs = outputs_dir
        self._thumbnails = cache_dir / "thumbnails"
        self._next_number: dict[Path, int] = {}
        self._lock = threading.Lock()

    def plan(self, request: ResolvedRequest, images: tuple[int, ...], reserved: set[str]) -> dict[int, str]:
        """A fresh relative path for each picture: `txt2img-images/2026-11-22/00012-<seed>.png`.

        reserved: relative paths already promised to other jobs.
        """
        folder = Path(f"{request.kind}-images") / datetime.now().strftime("%Y-%m-%d")
        with self._lock:
            number = self._next_number.get(folder)
            if number is None:
                names = {path.name for path in (self._outputs / folder).glob("*")} if (self._outputs / folder).is_dir() else set()
                names |= {Path(path).name for path in reserved if Path(path).parent == folder}
                number = 1 + max((int(match[1]) for match in map(_NUMBER.match, names) if match), default=-1)
            self._next_number[folder] = number + len(images)
        return {
            image: (folder / f"{number + offset:05}-{request.image_seeds[image]}.png").as_posix() for offset, image in enumerate(images)
        }

    def write(self, relative: str, data: bytes) -> None:
        """Write a planned picture durably. Raises OSError, a full disk among them."""
        write_durably(self._outputs / relative, data)

    def path(self, relative: str) -> Path:
        """Where a recorded picture lies. Raises NotFound when it is gone."""
        path = self._outputs / relative
        if not path.is_file():
            raise NotFound("The picture's file is no longer there.", code="image_not_found", hint=f"It was outputs/{relative}.")
        return path

    def exists(self, relative: str) -> bool:
        """Whether that picture was written whole (files get their name only when complete)."""
        return (self._outputs / relative).is_file()

    def clear_part(self, relative: str) -> None:
        """Remove what a crash left of a picture that was being written."""
        clear_parts(self._outputs / relative)

    def thumbnail(self, relative: str, sha256: bytes) -> Path:
        """A WebP of at most 384 px, made once per content."""
        name = sha256.hex()
        target = self._thumbnails / name[:2] / f"{name}.webp"
        if not target.exists():
            with Image.open(self.path(relative)) as picture:
                small = picture.convert("RGB")
                small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=85, method=4)
            write_durably(target, buffer.getvalue())
        return target
