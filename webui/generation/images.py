"""Pictures that a request refers to: by the SHA-256 of their file, so that it stays small, hashable and replayable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

_HASH = re.compile(r"[0-9a-f]{64}")


class ImageReference:
    """Marks a field whose text is the SHA-256 of a picture's file."""


ImageHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$"), ImageReference()]
"""A picture of the image store or of history: 64 lower hex digits."""

OptionalImageHash = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$"), ImageReference()]
"""The same, or empty for none."""


def images_of(model: BaseModel, place: str = "") -> Iterator[tuple[str, str]]:
    """(field, hash) of each picture that a request refers to, those of its parts too, as ("controls[0].image", "9f86...")."""
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, str):
            if value and any(isinstance(mark, ImageReference) for mark in info.metadata):
                yield place + name, value
        elif isinstance(value, BaseModel):
            yield from images_of(value, f"{place}{name}.")
        elif isinstance(value, tuple):
            for index, part in enumerate(value):
                if isinstance(part, BaseModel):
                    yield from images_of(part, f"{place}{name}[{index}].")
        elif name == "extensions" and isinstance(value, dict):
            yield from _images_of_add_ons(value, place + name)


def _images_of_add_ons(extensions: Mapping[str, Mapping[str, Any]], place: str) -> Iterator[tuple[str, str]]:
    """Pictures and masks that were put into panels of add-ons, whose fields hold nothing but the hash."""
    for extension, values in extensions.items():
        for name, value in values.items():
            if isinstance(value, str) and _HASH.fullmatch(value):
                yield f"{place}.{extension}.{name}", value


def image_hashes(*requests: BaseModel) -> list[str]:
    """The hashes of all pictures that these requests refer to, each once."""
    return list(dict.fromkeys(digest for request in requests for _, digest in images_of(request)))
