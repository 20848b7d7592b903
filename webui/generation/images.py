"""Pictures that a request refers to: by the SHA-256 of their file, so that it stays small, hashable and replayable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, Field


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


def image_hashes(*requests: BaseModel) -> list[str]:
    """The hashes of all pictures that these requests refer to, each once."""
    return list(dict.fromkeys(digest for request in requests for _, digest in images_of(request)))
