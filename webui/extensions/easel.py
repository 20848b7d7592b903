"""What an add-on can ask of Easel while it runs: the object that callbacks, scripts and `started` are given."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from webui.generation.prompt.styles import Style
from webui.generation.request import GenerationRequest
from webui.people import Person

if TYPE_CHECKING:
    from PIL.Image import Image


class Easel(Protocol):
    """One add-on's way to the studio, for one person. May be used from any thread."""

    @property
    def id(self) -> str:
        """The add-on's own id."""
        ...

    @property
    def settings(self) -> Any:
        """The values of the add-on's section in Settings, as its own pydantic model; None where it has no section."""
        ...

    @property
    def person(self) -> Person:
        """Who asks; the household in `started`."""
        ...

    @property
    def folder(self) -> Path:
        """A folder for the add-on's own data, which is kept when it is updated."""
        ...

    @property
    def log(self) -> logging.Logger:
        """Where it may write to; the log says its name."""
        ...

    def need_admin(self) -> None:
        """Raise NotAllowed unless who asks is an administrator."""
        ...

    def request(self, fields: Mapping[str, Any]) -> GenerationRequest:
        """A request from fields as the API takes them. Raises InvalidRequest."""
        ...

    def submit(self, request: GenerationRequest) -> str:
        """Have it drawn; returns the job's id at once. Raises QueueFull."""
        ...

    def wait(self, job: str) -> dict[str, Any]:
        """The job as the API tells of it, once it has ended."""
        ...

    def history(self, query: str = "", limit: int = 50) -> list[dict[str, Any]]:
        """The newest pictures of who asks that a search finds, as the API tells of them."""
        ...

    def picture(self, image: str) -> Image:
        """A picture by its id in history or by its content hash. Raises NotFound."""
        ...

    def infotext(self, image: str) -> str:
        """The parameters text of a picture; empty where it has none. Raises NotFound."""
        ...

    def keep(self, picture: Image) -> str:
        """Put a picture into the image store; returns its content hash."""
        ...

    def models(self, kind: str) -> list[dict[str, Any]]:
        """The model files of a kind: name, path, family."""
        ...

    def styles(self) -> list[Style]:
        """All styles, in order."""
        ...

    def save_style(self, style: Style, was: str | None = None) -> Style:
        """Write a style down, in the place of the one called `was`, else of its own name. Raises InvalidRequest, NotFound or Conflict."""
        ...

    def delete_style(self, name: str) -> Style:
        """Take a style away, and return it. Raises NotFound."""
        ...

    def order_styles(self, names: Sequence[str]) -> None:
        """Put styles into that order; those that aren't named keep their places."""
        ...


class Script(Protocol):
    """What a job script is given beside request and values."""

    @property
    def random(self) -> random.Random:
        """Chance that is the same whenever this run's script is run again."""
        ...

    @property
    def easel(self) -> Easel:
        """The add-on's way to the studio, for the person whose run it is."""
        ...

    def tell(self, words: str) -> None:
        """What the script is at, in a few words, for its progress card."""
        ...

    def lay_out(self, columns: Sequence[str], rows: Sequence[str] = ("",), sheets: Sequence[str] = ("",)) -> None:
        """Name the columns, rows and sheets of the grid in which its parts stand (`Part.at`), so that it is seen while it grows."""
        ...
