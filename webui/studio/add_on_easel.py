"""One add-on's way to the studio: what `webui.extensions.easel.Easel` promises, over the studio's own methods."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from webui.generation.prompt.styles import Style
from webui.generation.request import GenerationRequest
from webui.people import Person, Scope

MOST_OF_HISTORY = 500


@dataclass(frozen=True)
class StyleShelf:
    """The styles of the studio. save: a style, and the name of the one whose place it takes, or None."""

    all: Callable[[], list[Style]]
    save: Callable[[Style, str | None], Style]
    delete: Callable[[str], Style]
    order: Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class StudioDoor:
    """What add-ons may ask of the studio, each for somebody.

    complete: fields -> request. submit: a request -> the job's id. wait: a job's id -> the ended job as the API tells of it.
    search: words, at most so many -> pictures as the API tells of them. file: id or content hash -> the picture's file.
    infotext: id or content hash -> parameters text. keep: bytes of a picture -> content hash. models: of a kind.
    settings: an add-on's own. styles: those of the studio.
    """

    complete: Callable[[Mapping[str, Any], Person], GenerationRequest]
    submit: Callable[[GenerationRequest, Person], str]
    wait: Callable[[str, Person], dict[str, Any]]
    search: Callable[[str, int, Person], list[dict[str, Any]]]
    file: Callable[[str, Person], Path]
    infotext: Callable[[str, Person], str]
    keep: Callable[[bytes, Person], str]
    models: Callable[[str], list[dict[str, Any]]]
    settings: Callable[[str], Any]
    styles: StyleShelf


def as_bytes(picture: Image.Image) -> bytes:
    """A picture as PNG, for the image store."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


class AddOnEasel:
    """See `webui.extensions.easel.Easel`."""

    def __init__(self, identifier: str, person: Person, door: StudioDoor, data_dir: Path) -> None:
        self.id = identifier
        self.person = person
        self._door = door
        self._data_dir = data_dir
        self.log = logging.getLogger(f"add-on.{identifier}")

    @property
    def settings(self) -> Any:
        """The values of its section in Settings; None where it has none."""
        return self._door.settings(self.id)

    @property
    def folder(self) -> Path:
        """Its own folder in the data folder."""
        folder = self._data_dir / "add-ons" / self.id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def need_admin(self) -> None:
        """Raise NotAllowed unless who asks is an administrator."""
        self.person.need(Scope.ADMIN)

    def request(self, fields: Mapping[str, Any]) -> GenerationRequest:
        """A request from fields as the API takes them. Raises InvalidRequest."""
        return self._door.complete(fields, self.person)

    def submit(self, request: GenerationRequest) -> str:
        """Have it drawn; returns the job's id at once. Raises QueueFull."""
        self.person.need(Scope.GENERATE)
        return self._door.submit(request, self.person)

    def wait(self, job: str) -> dict[str, Any]:
        """The job once it has ended."""
        return self._door.wait(job, self.person)

    def history(self, query: str = "", limit: int = 50) -> list[dict[str, Any]]:
        """The newest pictures that a search finds."""
        return self._door.search(query, min(max(limit, 1), MOST_OF_HISTORY), self.person)

    def picture(self, image: str) -> Image.Image:
        """A picture by its id or its content hash. Raises NotFound."""
        with Image.open(self._door.file(image, self.person)) as picture:
            picture.load()
            return picture.copy()

    def infotext(self, image: str) -> str:
        """The parameters text of a picture. Raises NotFound."""
        return self._door.infotext(image, self.person)

    def keep(self, picture: Image.Image) -> str:
        """Put a picture into the image store; returns its content hash."""
        return self._door.keep(as_bytes(picture), self.person)

    def models(self, kind: str) -> list[dict[str, Any]]:
        """The model files of a kind."""
        return self._door.models(kind)

    def styles(self) -> list[Style]:
        """All styles, in order."""
        return self._door.styles.all()

    def save_style(self, style: Style, was: str | None = None) -> Style:
        """Write a style down. Raises InvalidRequest, NotFound or Conflict."""
        self.person.need(Scope.GENERATE)
        return self._door.styles.save(style, was)

    def delete_style(self, name: str) -> Style:
        """Take a style away, and return it. Raises NotFound."""
        self.person.need(Scope.GENERATE)
        return self._door.styles.delete(name)

    def order_styles(self, names: Sequence[str]) -> None:
        """Put styles into that order; those that aren't named keep their places."""
        self.person.need(Scope.GENERATE)
        self._door.styles.order(names)
