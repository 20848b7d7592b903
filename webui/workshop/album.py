"""Folders of pictures to learn from, as the page shows them; and those of Easel's own, for pictures that come through the page."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from webui.catalog.header import readable
from webui.durable import write_durably
from webui.errors import Conflict, InvalidRequest, NotFound
from webui.pictures.decoding import check_picture, read_rgb
from webui.studio.naming import safe_name
from webui.training.pictures import MOST_BYTES, look_into, picture_path
from webui.training.recipe import MOST_PICTURES

FOLDER = "training-pictures"
"""Below the data folder."""

_SIDE = 320
_NAME_BYTES = 120


class Album:
    """May be called from any thread."""

    def __init__(self, data_dir: Path) -> None:
        self._own = data_dir / FOLDER

    def look(self, folder: str) -> dict[str, Any]:
        """The pictures in a folder. Raises InvalidRequest, also where there are none."""
        found = look_into(folder)
        return {
            "folder": readable(str(found.path)),
            "items": [{**vars(picture), "name": readable(picture.name)} for picture in found.pictures],
            "rounds": sum(picture.repeats for picture in found.pictures),
        }

    def thumbnail(self, folder: str, name: str) -> bytes:
        """A small WebP of one of them. Raises InvalidRequest, NotFound."""
        path = picture_path(folder, name)
        try:
            picture = read_rgb(path.read_bytes() if path.stat().st_size <= MOST_BYTES else b"")
        except OSError as error:
            raise NotFound(f"{path.name} can't be read: {error.strerror or error}.", field="name", hint="Look again.") from None
        picture.thumbnail((_SIDE, _SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=82)
        return buffer.getvalue()

    def add(self, name: str, file: str, data: bytes) -> Path:
        """Put a picture into a folder of Easel's own; the same one again changes nothing. Returns the folder.

        Raises InvalidRequest, TooLarge, Conflict where another one has its name.
        """
        stem, of = safe_name(Path(file).stem, _NAME_BYTES), safe_name(name, _NAME_BYTES)
        if not of:
            raise InvalidRequest("The set of pictures needs a name.", field="set", hint="Call it as the LoRA will be called.")
        kind = check_picture(data).media_type.removeprefix("image/")
        folder = self._own / of
        if folder.is_dir() and sum(1 for _ in folder.iterdir()) >= 2 * MOST_PICTURES:
            raise Conflict("The set holds too many pictures.", field="set", allowed=f"at most {MOST_PICTURES:,}", hint="Begin another.")
        path = folder / f"{stem or 'picture'}.{kind}"
        try:
            write_durably(path, data, replace=False)
        except FileExistsError:
            if path.read_bytes() != data:
                raise Conflict(
                    f"There is another {path.name} in this set.", field="name", hint="Give the picture another name, or begin another set."
                ) from None
        return folder
