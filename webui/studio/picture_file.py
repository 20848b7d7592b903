"""One picture as a file: encoded with its recipe inside, named without overwriting, read back, thumbnailed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from PIL import Image

from webui import __version__
from webui.durable import clear_parts, write_durably
from webui.errors import GenerationFailed, InvalidRequest, NotFound
from webui.generation.infotext import write_infotext
from webui.generation.loopback import STARTED_FROM, started_from
from webui.generation.request import ResolvedRequest, dump_request, load_resolved
from webui.pictures.decoding import as_rgb
from webui.pictures.looks import look_of
from webui.studio import picture_format
from webui.studio.carried import NOTHING, Carried
from webui.studio.naming import PATH_BYTES, OutputStyle, Subject, place
from webui.studio.picture_format import FORMATS, PNG, by_suffix
from webui.studio.source_folder import SUFFIXES

DEFAULT_STYLE = OutputStyle()
INFOTEXT = "infotext"
"""The fact that is a picture's parameters text, where that says more than its request does."""
LONGEST_PATH = 259 if os.name == "nt" else 4000
"""Characters (Windows, unless told otherwise) or bytes that the system takes as a path, with some to spare."""

_OWN_FORM = 1
_FACTS_ROOM = 8192
_PART_ROOM = 40
_THUMBNAIL_SIDE = 384
_SIDECAR_SUFFIX = {"text": ".txt", "json": ".json"}
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, SyntaxError, RuntimeError, Image.DecompressionBombError)
_LONGEST_SUFFIX = max(len(suffix) for suffix in (*_SIDECAR_SUFFIX.values(), *(form.suffix for form in FORMATS.values())))


@dataclass(frozen=True)
class PictureFile:
    """What is recorded of one picture, encoded to `data`; sha256, mean_colour and look describe it.

    seed: None where it wasn't drawn. look: `webui.pictures.looks.look_of`.
    """

    data: bytes
    sha256: bytes
    width: int
    height: int
    seed: int | None
    mean_colour: str
    look: int
    facts: dict[str, Any]


def mean_colour(picture: Image.Image) -> str:
    """The picture's mean colour as #rrggbb: the ground while its thumbnail loads."""
    pixel = as_rgb(picture).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return "#{:02x}{:02x}{:02x}".format(*pixel)


def _record(request: ResolvedRequest, index: int, facts: dict[str, Any]) -> dict[str, Any]:
    return {"version": _OWN_FORM, "request": json.loads(dump_request(request)), "image": index, "facts": facts, "program": __version__}


def _texts(request: ResolvedRequest, index: int, facts: dict[str, Any], source: dict[str, Any] | None = None) -> tuple[str, str]:
    """What goes into a file: the infotext, and our own record. source: what that says of the source of the picture."""
    infotext = facts.get(INFOTEXT) or write_infotext(request.alone(index, started_from(facts)), request.image_seeds[index], __version__)
    return infotext, json.dumps(_record(request, index, facts) | (source or {}), ensure_ascii=False)


def suffix_for(request: ResolvedRequest, style: OutputStyle, carried: Carried = NOTHING) -> str:
    """Suffix of the format of the request's chain, else of the style.

    It is ".png" where size or words of the request have no room in that, or Pillow can't write it. carried: what goes over from its source.
    """
    form = FORMATS[style.finished_by(request.finishing).format]
    fits = (
        form.available
        and max(request.finished_size) <= form.longest_side
        and picture_format.text_size(*_texts(request, 0, {}, carried.in_record(texts=form.exif)), carried) + _FACTS_ROOM <= form.text_bytes
    )
    return form.suffix if fits else PNG.suffix


def encode(
    picture: Image.Image,
    request: ResolvedRequest,
    index: int,
    facts: dict[str, Any],
    suffix: str = PNG.suffix,
    quality: int = DEFAULT_STYLE.quality,
    carried: Carried = NOTHING,
) -> PictureFile:
    """Encode in the format of that suffix, with A1111's infotext (or that of the facts) and the whole resolved request inside.

    quality: 1 to 100, of all but PNG. carried: what goes over from its source. Facts that have no room are left out of the file.
    Raises GenerationFailed for a picture that the format can't hold.
    """
    form = by_suffix(suffix)
    source = carried.in_record(texts=form.exif)
    texts = _texts(request, index, facts, source)
    if picture_format.text_size(*texts, carried) > form.text_bytes:
        texts = _texts(request, index, {STARTED_FROM: facts[STARTED_FROM]} if STARTED_FROM in facts else {}, source)
    try:
        data = picture_format.save(picture, form, *texts, quality, carried)
    except (ValueError, OSError) as error:
        raise GenerationFailed(
            f"The picture can't be saved as {form.name.upper()}: {error}.",
            field="picture_format",
            allowed=", ".join(FORMATS),
            hint="Choose png, which takes every picture.",
        ) from None
    return _describe(data, picture, request.image_seeds[index], facts)


def _describe(data: bytes, picture: Image.Image, seed: int | None, facts: dict[str, Any]) -> PictureFile:
    return PictureFile(
        data, hashlib.sha256(data).digest(), picture.width, picture.height, seed, mean_colour(picture), look_of(picture), facts
    )


def read_back(path: Path) -> PictureFile:
    """The record of a file that `encode` made, in any of its formats.

    Raises InvalidRequest when the file is damaged or was not made by Easel.
    """
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            own = json.loads(picture_format.read_own(picture))
            request = load_resolved(json.dumps(own["request"]))
            return _describe(data, picture, request.image_seeds[int(own["image"])], dict(own.get("facts", {})))
    except _UNREADABLE:
        raise InvalidRequest(f"{path.name} is not a whole picture made by Easel.", hint="Choose another file.") from None


@dataclass(frozen=True)
class _Series:
    """Files that are numbered together in a folder. top: ending of the folder's name; mark: what stands before the number."""

    top: str
    mark: str
    digits: int

    def number_of(self, name: str) -> int | None:
        # Longer numbers are other programs' dates and seeds.
        match = re.match(rf"{self.mark}(\d{{{self.digits},7}})(?!\d)", name)
        return int(match[1]) if match else None

    def numbered(self, number: int) -> str:
        return f"{self.mark}{number:0{self.digits}}"

    @property
    def most_bytes(self) -> int:
        return len(self.mark) + 7 + len("-") + _LONGEST_SUFFIX


_PICTURES = _Series("images", "", 5)
_GRIDS = _Series("grids", "grid-", 4)


def _local_now() -> datetime:
    return datetime.now().astimezone()


class PictureFolder:
    """The outputs folder: A1111's layout, numbers that never overwrite, thumbnails by content hash. For any thread."""

    def __init__(
        self, outputs_dir: Path, cache_dir: Path, *, longest_path: int = LONGEST_PATH, now: Callable[[], datetime] = _local_now
    ) -> None:
        self._outputs = outputs_dir
        self._thumbnails = cache_dir / "thumbnails"
        self._path_bytes = min(PATH_BYTES, longest_path - len(os.fsencode(outputs_dir)) - 1 - _PART_ROOM)
        self._now = now
        self._next_number: dict[str, int] = {}
        self._scanned: set[str] = set()
        self._lock = threading.Lock()

    # --- Names ---

    def plan(
        self,
        request: ResolvedRequest,
        images: tuple[int, ...],
        reserved: Collection[str],
        style: OutputStyle = DEFAULT_STYLE,
        wanted: str | None = None,
        carried: Carried = NOTHING,
        below: str = "",
    ) -> dict[int, str]:
        """A fresh relative path for each picture: `txt2img-images/2026-11-22/00012-<seed>.png`.

        below: a folder in which all of it lies.

        reserved: relative paths already promised to other jobs. wanted: relative path without an ending that is taken instead;
        further pictures of the job get a number behind it, and so does one whose name is taken. carried: what goes over from its source.
        """
        moment, suffix = self._now(), suffix_for(request, style, carried)
        if wanted is not None:
            wanted = _within(below, wanted)
            taken = {path.casefold() for path in reserved}
            return {image: self._as_wanted(f"{wanted}-{image + 1}" if image else wanted, suffix, taken) for image in images}
        return {image: self._fresh(_PICTURES, Subject(request, image, moment), reserved, style, suffix, below) for image in images}

    def plan_grid(self, request: ResolvedRequest, reserved: Collection[str], style: OutputStyle = DEFAULT_STYLE, below: str = "") -> str:
        """A fresh relative path for the job's grid: `txt2img-grids/2026-11-22/grid-0003-<seed>.png`. below: as in `plan`."""
        return self._fresh(_GRIDS, Subject(request, 0, self._now()), reserved, style, suffix_for(request, style), below)

    def _fresh(self, series: _Series, subject: Subject, reserved: Collection[str], style: OutputStyle, suffix: str, below: str) -> str:
        top = _within(below, f"{subject.request.kind}-{series.top}")
        where = place(top, style, subject, number_bytes=series.most_bytes, path_bytes=self._path_bytes)
        number = self._take_number(where.folder, series, reserved)
        return where.numbered(series.numbered(number), suffix)

    def _as_wanted(self, wanted: str, suffix: str, taken: set[str]) -> str:
        number, relative = 1, f"{wanted}{suffix}"
        while relative.casefold() in taken or self.exists(relative):
            number += 1
            relative = f"{wanted} ({number}){suffix}"
        taken.add(relative.casefold())
        return relative

    def _take_number(self, folder: PurePosixPath, series: _Series, reserved: Collection[str]) -> int:
        # Folders that differ in capitals only are one on Windows and macOS, so they share their numbers everywhere.
        key = folder.as_posix().casefold()
        with self._lock:
            number = self._next_number.get(key, 0)
            if folder.as_posix() not in self._scanned:
                names = (*self._names_in(folder), *_names_below(reserved, key))
                number = max(number, 1 + max((n for n in map(series.number_of, names) if n is not None), default=-1))
                self._scanned.add(folder.as_posix())
            self._next_number[key] = number + 1
        return number

    def _names_in(self, folder: PurePosixPath) -> list[str]:
        try:
            return [path.name for path in (self._outputs / folder).iterdir()]
        except OSError:
            # No folder yet, or one that can't be used: writing says so, with the cause.
            return []

    # --- Files ---

    def _locate(self, relative: str) -> Path:
        """Where that file lies, or would. Raises NotFound for anything outside the pictures folder."""
        path = Path(os.path.normpath(self._outputs / relative))
        if not path.is_relative_to(os.path.normpath(self._outputs)):
            raise NotFound("There is no such picture.", code="image_not_found", hint="Pictures lie in the pictures folder only.")
        return path

    def write(self, relative: str, data: bytes) -> None:
        """Write a planned picture durably. May be repeated with the same data.

        Raises FileExistsError when another program has put a file there (plan it again), OSError, a full disk among them.
        """
        path = self._locate(relative)
        try:
            write_durably(path, data, replace=False)
        except FileExistsError:
            # Our own, where the try before got as far as the name and failed after it.
            if path.is_file() and path.read_bytes() == data:
                return
            with self._lock:
                self._scanned.discard(PurePosixPath(relative).parent.as_posix())
            raise

    def path(self, relative: str) -> Path:
        """Where a recorded picture lies: of an imported one the whole path is recorded. Raises NotFound when it is gone."""
        if is_imported(relative):
            return _imported(relative)
        path = self._locate(relative)
        # A link could lead to any file of this machine; Easel never makes one.
        if path.is_symlink() or not path.is_file():
            raise NotFound("The picture's file is no longer there.", code="image_not_found", hint=f"It was outputs/{relative}.")
        return path

    def exists(self, relative: str) -> bool:
        """Whether that picture was written whole (files get their name only when complete)."""
        return self._locate(relative).is_file()

    def clear_part(self, relative: str) -> None:
        """Remove what a crash left of a picture that was being written, and of the files beside it."""
        picture = self._locate(relative)
        for path in (picture, *_possible_sidecars(picture)):
            clear_parts(path)

    def write_sidecar(self, relative: str, request: ResolvedRequest, index: int, facts: dict[str, Any], style: OutputStyle) -> None:
        """Write the parameters beside a picture as the style asks: nothing, infotext, or JSON. May be repeated. Raises OSError."""
        if style.sidecar == "none":
            return
        infotext, _ = _texts(request, index, facts)
        record = {"file": PurePosixPath(relative).name, "seed": request.image_seeds[index], "infotext": infotext}
        record |= _record(request, index, facts)
        content = infotext if style.sidecar == "text" else json.dumps(record, ensure_ascii=False, indent=2)
        write_durably(self._locate(relative).with_suffix(_SIDECAR_SUFFIX[style.sidecar]), f"{content}\n".encode())

    def sidecars(self, relative: str) -> list[Path]:
        """The files with parameters that lie beside a picture."""
        return [path for path in _possible_sidecars(self._locate(relative)) if path.is_file()]

    def remove(self, relative: str, sha256: bytes | None = None) -> int:
        """Delete a picture, what lies beside it and, given its content's hash, its thumbnail. Returns the bytes of its file.

        Nothing happens where it is gone already. Raises OSError, NotFound for anything outside the pictures folder.
        """
        path = self._locate(relative)
        beside = self.sidecars(relative)
        freed = path.stat().st_size if path.is_file() else 0
        for file in (path, *beside, *(() if sha256 is None else (self._thumbnail_path(sha256),))):
            file.unlink(missing_ok=True)
        return freed

    def _thumbnail_path(self, sha256: bytes) -> Path:
        name = sha256.hex()
        return self._thumbnails / name[:2] / f"{name}.webp"

    def thumbnail(self, relative: str, sha256: bytes) -> Path:
        """A WebP of at most 384 px, made once per content."""
        target = self._thumbnail_path(sha256)
        if not target.exists():
            with Image.open(self.path(relative)) as picture:
                small = as_rgb(picture)
                small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=85, method=4)
            write_durably(target, buffer.getvalue())
        return target


def is_imported(recorded: str) -> bool:
    """Whether a picture lies where another program keeps it."""
    return PurePath(recorded).is_absolute()


def _imported(recorded: str) -> Path:
    path = Path(recorded)
    # Whatever a row may say, only pictures are given out.
    if path.suffix.casefold() not in SUFFIXES:
        raise NotFound("The picture's file is no longer there.", code="picture_gone", hint="It has no picture's name.")
    try:
        # What lay there when it was imported was a file, with no links on the way: a link that came later would lead elsewhere.
        if path.is_file() and path.resolve(strict=True) == path:
            return path
    except (OSError, RuntimeError):
        pass
    raise NotFound(
        "The picture's file is no longer there.", code="picture_gone", hint=f"It was {recorded}; import its new folder to find it again."
    )


def _names_below(paths: Collection[str], folder: str) -> Iterator[str]:
    """Names of the paths that lie in that folder, told without regard to capitals."""
    for path in paths:
        parent, _, name = path.rpartition("/")
        if parent.casefold() == folder:
            yield name


def _within(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _possible_sidecars(picture: Path) -> list[Path]:
    return [picture.with_suffix(suffix) for suffix in _SIDECAR_SUFFIX.values()]
