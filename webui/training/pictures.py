"""The pictures to learn from: a folder of them with captions, in plain form or in kohya's; and the sizes that they are brought to."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath

from PIL import Image, ImageOps

from webui.errors import EaselError, InvalidRequest
from webui.generation.parameter import MAX_PROMPT_CHARACTERS, storable
from webui.named_paths import whole_path
from webui.pictures.decoding import ACCEPTED, MOST_MEGAPIXELS, read_rgb, upright_size
from webui.training.recipe import MOST_PICTURES, Train

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".gif", ".bmp"))
CAPTION_SUFFIXES = (".txt", ".caption")
LEAST_PICTURES = 3
"""With fewer nothing is learned but these pictures themselves."""
MOST_REPEATS = 1_000
MOST_BYTES = 200_000_000

_REPEATED = re.compile(r"(\d{1,4})_(.*)")
_NUMBER = re.compile(r"(\d+)")
_CAPTION_BYTES = 4 * MAX_PROMPT_CHARACTERS
_MOST_STRETCH = 2.0
"""Longer side against the side of the square, of the longest bucket."""

Size = tuple[int, int]


@dataclass(frozen=True)
class TrainingPicture:
    """One picture. name: its path in the folder, with slashes. width, height: in pixels, as it is looked at; 0 where it can't be read.

    repeats: how often it is taken in one round. problem: why it can't be used, in one sentence.
    """

    name: str
    caption: str
    width: int
    height: int
    repeats: int = 1
    problem: str = ""

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.width, self.height


@dataclass(frozen=True)
class PictureSet:
    """The pictures of a folder, as people count them."""

    path: Path
    pictures: tuple[TrainingPicture, ...]

    def captioned(self, captions: Mapping[str, str]) -> PictureSet:
        """With other captions for some. Raises InvalidRequest for pictures that are not there."""
        names = {picture.name for picture in self.pictures}
        unknown = next((name for name in captions if name not in names), None)
        if unknown is not None:
            raise InvalidRequest(
                f"There is no picture {unknown[:80]!r} in the folder.", field="captions", hint="Look at the folder again, then caption it."
            )
        return replace(self, pictures=tuple(replace(one, caption=captions.get(one.name, one.caption)) for one in self.pictures))


def look_into(text: str, field: str = "folder") -> PictureSet:
    """The pictures in a folder and in the kohya-like folders (NUMBER_name) in it. Raises InvalidRequest, also where there are none.

    Only their beginnings are read; one that is no picture says so in its `problem`.
    """
    path = whole_path(text, field, "my pictures")
    try:
        repeated = sorted(
            entry for entry in path.iterdir() if entry.is_dir() and not entry.is_symlink() and _REPEATED.fullmatch(entry.name)
        )
        found = list(_of_folder(path, path))
        for folder in repeated:
            found += _of_folder(folder, path)
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidRequest(f"There is no folder {path}.", field=field, hint="Check its spelling.") from None
    except OSError as error:
        raise InvalidRequest(f"{path} can't be looked into: {error.strerror or error}.", field=field, hint="Check its rights.") from None
    if not found:
        raise InvalidRequest(f"There is no picture in {path}.", field=field, allowed=ACCEPTED, hint="Name the folder that they lie in.")
    if len(found) > MOST_PICTURES:
        raise InvalidRequest(f"{path} holds too many pictures.", field=field, allowed=f"at most {MOST_PICTURES:,}", hint="Pick fewer.")
    return PictureSet(path, tuple(found))


def picture_path(text: str, name: str, field: str = "folder") -> Path:
    """The file of a picture that `look_into` told of. Raises InvalidRequest for names that it never tells."""
    path, parts = whole_path(text, field, "my pictures"), PurePosixPath(name).parts
    file = path.joinpath(*parts)
    try:
        in_folder = len(parts) == 1 or (len(parts) == 2 and _REPEATED.fullmatch(parts[0]) and not file.parent.is_symlink())
        plain = file.suffix.casefold() in SUFFIXES and not file.is_symlink() and file.is_file()
    except (OSError, ValueError):
        in_folder = plain = False
    if not in_folder or not plain:
        raise InvalidRequest("There is no such picture in the folder.", field="name", hint="Look at the folder again.")
    return file


def _of_folder(folder: Path, root: Path) -> Iterator[TrainingPicture]:
    repeated = _REPEATED.fullmatch(folder.name)
    repeats = min(MOST_REPEATS, max(1, int(repeated[1]))) if repeated else 1
    named = repeated[2].strip() if repeated else ""
    with os.scandir(folder) as entries:
        names = {entry.name for entry in entries if entry.is_file(follow_symlinks=False) and not entry.name.startswith(".")}
    pictures = [name for name in names if PurePath(name).suffix.casefold() in SUFFIXES and storable(name) == name]
    for name in sorted(pictures, key=_as_counted):
        relative = (folder / name).relative_to(root).as_posix()
        caption = next((_caption(folder / beside) for end in CAPTION_SUFFIXES if (beside := PurePath(name).stem + end) in names), named)
        try:
            width, height = upright_size(folder / name)
            problem = "" if width * height <= MOST_MEGAPIXELS * 1_000_000 else f"It has more than {MOST_MEGAPIXELS} megapixels."
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            width, height, problem = 0, 0, "It is no picture that can be read."
        yield TrainingPicture(relative, caption, width, height, repeats, problem)


def _caption(path: Path) -> str:
    with open(path, "rb") as file:
        text = file.read(_CAPTION_BYTES).decode("utf-8-sig", "replace")
    return " ".join(storable(text).split())[:MAX_PROMPT_CHARACTERS]


def _as_counted(name: str) -> tuple[list[str | int], str]:
    # Digits stand at odd places, so numbers are compared with numbers: 10 comes after 2.
    return [int(part) if at % 2 else part for at, part in enumerate(_NUMBER.split(name.casefold()))], name


def pictures_for(recipe: Train) -> PictureSet:
    """The pictures of an order with their captions. Raises InvalidRequest where one can't be used, or they are too few."""
    found = look_into(recipe.folder).captioned(recipe.captions)
    broken = next((picture for picture in found.pictures if picture.problem), None)
    if broken is not None:
        raise InvalidRequest(
            f"{broken.name} can't be learned from. {broken.problem}",
            field="folder",
            allowed=ACCEPTED,
            hint="Repair it, or move it elsewhere.",
        )
    if len(found.pictures) < LEAST_PICTURES:
        count = f"{len(found.pictures)} picture" + ("s" if len(found.pictures) > 1 else "")
        raise InvalidRequest(
            f"{count} in {found.path} are too few to learn from.", field="folder", allowed=f"at least {LEAST_PICTURES}", hint="Add some."
        )
    return found


def full_caption(trigger: str, caption: str) -> str:
    """What a picture is called in training: the trigger word, then its caption."""
    if not trigger or caption.casefold().startswith(trigger.casefold()):
        return caption
    return f"{trigger}, {caption}" if caption else trigger


def bucket_sizes(resolution: int) -> tuple[Size, ...]:
    """Sizes of about resolution x resolution pixels, never more, from upright to lying; in steps of 64 px (32 px below 512)."""
    step = 64 if resolution >= 512 else 32
    widths = range(step, int(resolution * _MOST_STRETCH) + 1, step)
    heights = {width: resolution**2 // width // step * step for width in widths}
    sizes = {(width, min(height, int(resolution * _MOST_STRETCH) // step * step)) for width, height in heights.items() if height}
    return tuple(sorted({*sizes, (resolution, resolution)}))


def bucket_of(size: Size, resolution: int, buckets: Sequence[Size]) -> Size:
    """The size whose shape is nearest to that of a picture; of two the larger."""
    shape = math.log(size[0] / size[1])
    return min(buckets, key=lambda bucket: (abs(math.log(bucket[0] / bucket[1]) - shape), -bucket[0] * bucket[1]))


def read_fitting(path: Path, size: Size) -> Image.Image:
    """RGB pixels of a picture, brought to a size: scaled until it covers that, what stands out is cut off on both sides.

    Raises InvalidRequest for one that can't be read.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidRequest("Its file is too large.")
        return ImageOps.fit(read_rgb(path.read_bytes()), size, Image.Resampling.LANCZOS)
    except OSError as error:
        raise InvalidRequest(f"{path.name} can't be read: {error.strerror or error}.", field="folder", hint="Put it back.") from None
    except EaselError as error:
        raise InvalidRequest(
            f"{path.name} can't be learned from: {error.message}", field="folder", hint="Repair it, or move it elsewhere."
        ) from None
