"""The command line's `history`: import folders of other programs, export as JSON lines."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from webui.errors import Conflict, InvalidRequest
from webui.logs import log_to_console
from webui.people import Person
from webui.remote import RemoteHistory
from webui.settings import Settings, load_settings
from webui.tokens import TokenStore

_POLL_SECONDS = 0.3

ForPerson = Annotated[str, typer.Option("--person", help="Whose history it is, by name; left out: the household's.")]
DataDir = Annotated[Path | None, typer.Option(help=Settings.model_fields["data_dir"].description)]

history_cli = typer.Typer(no_args_is_help=True, help="Bring pictures of other programs into history, and take it out.")


class Desk(Protocol):
    """Where imports are done: in this process, or by the Easel that runs already."""

    def take_in(self, folder: str, watch: bool, on_view: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Import a folder and wait until that is done; Ctrl+C pauses it. Returns its last view."""
        ...

    def not_taken_in(self, import_id: str) -> Iterator[dict[str, Any]]:
        """The files that are not in history, with the reason each."""
        ...

    def lines(self, query: str) -> Iterator[bytes]:
        """History as JSON lines, in parts."""
        ...


class _OwnDesk:
    """Imports in this process, on a data folder that nobody else works on."""

    def __init__(self, studio: Any) -> None:
        self._studio = studio

    def take_in(self, folder: str, watch: bool, on_view: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        imports = self._studio.imports
        view = imports.submit(folder, watch=watch)
        worker = threading.Thread(target=imports.do, args=(view["id"],), name="import")
        worker.start()
        try:
            while worker.is_alive():
                on_view(imports.one(view["id"]))
                worker.join(_POLL_SECONDS)
        except KeyboardInterrupt:
            imports.pause(view["id"])
            worker.join()
            raise
        return imports.one(view["id"])

    def not_taken_in(self, import_id: str) -> Iterator[dict[str, Any]]:
        yield from self._studio.imports.files(import_id, 0, 1_000_000)["items"]

    def lines(self, query: str) -> Iterator[bytes]:
        return self._studio.exports.lines(query)


def _own(person: str) -> Callable[[Any], Desk]:
    def of(studio: Any) -> Desk:
        if not person:
            return _OwnDesk(studio)
        account = studio.people.named(person)
        return _OwnDesk(studio.of(Person(account.id, account.name, account.role)))

    return of


def _running(person: str) -> Callable[[str, str | None], Desk]:
    def at(url: str, key: str | None) -> Desk:
        if person:
            raise Conflict(
                f"Easel runs already at {url}, and acts for the household there.",
                field="person",
                hint=f"Log in there as {person}, or end it for as long as this takes.",
            )
        return RemoteHistory(url, key)

    return at


@contextmanager
def _desk(data_dir: Path | None, person: str) -> Iterator[Desk]:
    settings = load_settings(data_dir=data_dir)
    log_to_console("warning", TokenStore(settings.data_dir).secrets)
    from webui.app import own_or_running

    with own_or_running(settings, _own(person), _running(person)) as found:
        yield found


@history_cli.command("import")
def take_in(
    folder: Annotated[Path, typer.Argument(help="Where another program keeps its pictures; all folders in it are looked through.")],
    watch: Annotated[bool, typer.Option("--watch", help="Keep an eye on it while Easel runs: what comes later is taken in, too.")] = False,
    person: ForPerson = "",
    data_dir: DataDir = None,
) -> None:
    """Take the pictures of a folder into history, where they lie. Nothing there is moved or changed.

    Run again it goes on where it stopped, and takes nothing in twice. Exit code 1 when the folder can't be read.
    """
    with _desk(data_dir, person) as desk:
        view = desk.take_in(str(folder.expanduser().absolute()), watch, _show)
        _clear()
        counts = view["counts"]
        print(f"{counts['imported']:8,}  in history")
        for state, words in (("double", "there already"), ("foreign", "without parameters"), ("broken", "could not be read")):
            if counts[state]:
                print(f"{counts[state]:8,}  {words}")
        if view["error"]:
            raise InvalidRequest(view["error"]["message"], field="folder", hint=view["error"]["hint"])
        for file in desk.not_taken_in(view["id"]):
            print(f"{file['path']}: {file['reason']}", file=sys.stderr)


@history_cli.command()
def export(
    out: Annotated[Path, typer.Option(help="Where the lines go; - for the terminal.")] = Path("easel-history.jsonl"),
    query: Annotated[str, typer.Option(help="Only pictures that this search finds, as on the History page.")] = "",
    person: ForPerson = "",
    data_dir: DataDir = None,
) -> None:
    """Write history as JSON lines: one object for each picture, with its parameters, marks and request."""
    with _desk(data_dir, person) as desk:
        parts = desk.lines(query)
        if str(out) == "-":
            for part in parts:
                sys.stdout.buffer.write(part)
            return
        try:
            # Nothing is overwritten: "x" refuses a name that is taken.
            with open(out, "xb") as file:
                for part in parts:
                    file.write(part)
        except FileExistsError:
            raise InvalidRequest(f"{out} is there already.", field="out", hint="Choose another name.") from None
        except OSError as error:
            raise InvalidRequest(f"{out} can't be written: {error.strerror}.", field="out", hint="Check its folder.") from None
        print(out)


def _show(view: dict[str, Any]) -> None:
    if sys.stderr.isatty():
        read = view["total"] - view["counts"]["waiting"]
        words = f"{view['total']:,} pictures so far" if view["looking"] else f"{read:,} of {view['total']:,} read"
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
