"""Add-ons' part in saving a picture: its parameters text and name before, a word to them after; and their values in that text."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from webui import __version__
from webui.extensions.calling import Answer
from webui.extensions.offers import PictureToSave, SavedPicture
from webui.extensions.registry import ExtensionRegistry
from webui.generation.infotext import write_infotext
from webui.generation.loopback import started_from
from webui.generation.request import ResolvedRequest
from webui.studio.naming import safe_name

log = logging.getLogger(__name__)

NAME_BYTES = 150
HOOKS = ("before_save", "after_save", "infotext_fields")

_KEY = re.compile(r"[\w .-]{1,60}")
_NEEDS_QUOTES = re.compile(r'[,:\n"]')


class AddOnSaving:
    """Calls `before_save` and `after_save`. fields: every InfotextField there is. May be called from any thread."""

    def __init__(self, extensions: ExtensionRegistry, fields: Callable[[], Sequence[Answer]]) -> None:
        self._extensions = extensions
        self._fields = fields

    def before(
        self, picture: Image.Image, request: ResolvedRequest, number: int, path: str, facts: Mapping[str, Any]
    ) -> PictureToSave | None:
        """The picture as add-ons want it saved; None where none has anything to do with it. path: that was planned for it."""
        written = self._written(request)
        if not written and not self._extensions.has("before_save"):
            return None
        seed = request.image_seeds[number]
        infotext = write_infotext(request.alone(number, started_from(facts)), seed, __version__) + written
        name = PurePosixPath(path).stem
        wanted = PictureToSave(picture, request, number, infotext, {}, name)
        wanted = self._extensions.chain("before_save", "picture", PictureToSave, wanted)
        name = safe_name(wanted.name, NAME_BYTES) or name
        texts = {str(key)[:60]: str(text)[:20_000] for key, text in wanted.texts.items()}
        return PictureToSave(picture, request, number, str(wanted.infotext), texts, name)

    def after(self, identifier: int, path: Path, sha256: bytes, request: ResolvedRequest, number: int) -> None:
        """The picture is saved."""
        if self._extensions.has("after_save"):
            self._extensions.notify("after_save", picture=SavedPicture(str(identifier), path, sha256.hex(), request, number))

    def notes(self) -> list[str]:
        """What failed since, in words."""
        return list(dict.fromkeys(str(fault) for fault in self._extensions.take_faults(*HOOKS)))

    # values in the parameters text

    def _written(self, request: ResolvedRequest) -> str:
        parts = []
        for answer in self._fields() if request.extensions else ():
            values = request.extensions.get(answer.extension)
            if values is None or not _KEY.fullmatch(answer.value.key):
                continue
            text = self._extensions.call(answer.extension, "infotext_fields", lambda one=answer.value, values=values: one.write(values))
            if text:
                plain = str(text).replace('"', "'").replace("\n", " ")
                parts.append(f'{answer.value.key}: "{plain}"' if _NEEDS_QUOTES.search(plain) else f"{answer.value.key}: {plain}")
        return "".join(f", {part}" for part in parts)

    def read(self, told: dict[str, Any]) -> dict[str, Any]:
        """An answer about a picture's parameters in which what add-ons know of has come to its place."""
        fields = {answer.value.key.casefold(): answer for answer in self._fields()}
        left, values = [], {name: dict(given) for name, given in told["fields"].get("extensions", {}).items()}
        for entry in told["unmapped"]:
            answer = fields.get(str(entry["key"]).casefold())
            if answer is None:
                left.append(entry)
                continue
            read = answer.value.read
            text = str(entry["value"]).strip('"')
            found = self._extensions.call(answer.extension, "infotext_fields", lambda read=read, text=text: dict(read(text)))
            if found is None:
                left.append(entry)
            else:
                values[answer.extension] = {**values.get(answer.extension, {}), **found}
        fields_told = {**told["fields"], "extensions": values} if values else told["fields"]
        return {**told, "fields": fields_told, "unmapped": left}
