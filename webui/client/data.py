"""What models.py and operations.py stand on: the base of all models, and how an operation hands over what it asks."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from enum import Enum
from typing import Any, Final, Literal, Protocol, get_args, get_origin
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict


class Data(BaseModel):
    """Something that is sent or answered. What a newer Easel answers besides is kept, too."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, protected_namespaces=())

    def model_post_init(self, _context: Any) -> None:
        """A field that can have one value only, such as `kind`, is always sent."""
        for name, field in type(self).model_fields.items():
            if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
                self.model_fields_set.add(name)

    def as_json(self) -> dict[str, Any]:
        """What is sent: the fields that were given, so that the others are what Easel or the checkpoint has as usual."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Unset(Enum):
    """The type of UNSET."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""In place of a value that is left out, where None means something else."""


class Ask(Protocol):
    """Sends one question and returns its answer as that type. Raises what webui.client.errors has."""

    def __call__(
        self,
        method: str,
        path: str,
        answer: Any,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        """Ask."""
        ...


class AsyncAsk(Protocol):
    """The same, to be awaited."""

    def __call__(
        self,
        method: str,
        path: str,
        answer: Any,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Awaitable[Any]:
        """Ask."""
        ...


def path_of(path: str, **values: Any) -> str:
    """A path with its values put in, each safe as one part of it."""
    return path.format(**{name: quote(str(value), safe="") for name, value in values.items()})


def only_given(**fields: Any) -> dict[str, Any]:
    """The fields that were given a value."""
    return {name: value for name, value in fields.items() if value is not UNSET}
