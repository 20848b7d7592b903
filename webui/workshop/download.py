"""Fetches one file: goes on where it was cut, checks room, length, checksum and content, and only then gives it its name."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from webui.catalog.header import SNIFFED, format_of, read_header, sniff
from webui.catalog.pickles import inspect_pickle
from webui.durable import PART_SUFFIX, rename_to_new
from webui.errors import CheckpointUnusable, Conflict, DataUnusable, DiskFull, EaselError, InvalidRequest
from webui.workshop.fetching import Answer, DownloadFailed, Fetcher, Hiccup, checked_url
from webui.workshop.plan import ROOM_LEFT, check_room, readable_size
from webui.workshop.process import Cancelled
from webui.workshop.sources import FOLDER_OF, Offer

BACK_OFF = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before it is tried again after a cut line, while nothing more comes; after the last one it is given up."""

_LONGEST_WAIT = 60.0
_LOOK_AT_DISK = 64 * 1024**2
_HASHED = 1 << 22


class TooLong(DownloadFailed):
    """More bytes than were told, or than the settings allow."""

    code = "download_too_large"


@dataclass(frozen=True)
class Fetched:
    """What was fetched before, and what tells that the server still has the same: kept with the order."""

    url: str = ""
    part: str = ""
    target: str = ""
    size: int | None = None
    sha256: str = ""
    validator: str = ""

    @classmethod
    def stored(cls, state: Mapping[str, Any]) -> Fetched:
        """From an order's state."""
        return cls(**{name: state[name] for name in cls.__dataclass_fields__ if name in state})

    def as_state(self) -> dict[str, Any]:
        """As an order keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class Told:
    """Whom a download tells. stage: words, the whole length (0 where nobody knows it), and how much is there; keep: the state."""

    stage: Callable[[str, int, int], None]
    place: Callable[[int], None]
    keep: Callable[[Mapping[str, Any]], None]


def aim(offer: Offer, models: Path, order: int) -> Fetched:
    """Where an offer goes. Raises InvalidRequest where nobody knows what it is, Conflict where there is a file of that name."""
    if not offer.url:
        names = ", ".join(choice.name for choice in offer.choices[:20])
        raise InvalidRequest("There are several files to choose from.", field="file", allowed=names, hint="Say which one.")
    if not offer.folder:
        raise InvalidRequest(
            f"Nobody tells what {offer.name} is.", field="folder", allowed=", ".join(FOLDER_OF), hint="Say what kind of model it is."
        )
    target = models / offer.folder / offer.name
    require_free(target)
    part = target.with_name(f"{target.name}.{order}{PART_SUFFIX}")
    return Fetched(offer.url, str(part), str(target), offer.size, offer.sha256)


def require_free(target: Path) -> None:
    """Raise Conflict when there is something by that name."""
    if target.exists():
        raise Conflict(
            f"There is a {target.parent.name}/{target.name} already.", field="name", hint="Choose another name; nothing is overwritten."
        )


@contextmanager
def told_in_words(target: Path) -> Iterator[None]:
    """What goes wrong with the disk, as EaselError."""
    try:
        yield
    except FileExistsError:
        raise Conflict(f"There is a {target.name} already.", field="name", hint="Move it away, then resume.") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull("The disk is full.", hint="Make room, then resume: what came so far stays.") from None
        raise DataUnusable(f"{target.name} can't be written: {error.strerror or error}.", hint="Check the folder's rights.") from None


def require_limit(name: str, size: int | None, limit: int) -> None:
    """Raise TooLong for more bytes than the settings allow."""
    if size is not None and size > limit:
        raise TooLong(
            f"{name} is {readable_size(size)} long.",
            allowed=f"at most {readable_size(limit)}",
            hint="Raise the largest download in Settings, then resume.",
        )


class Transfer:
    """One file on its way from its server to its place."""

    def __init__(
        self, fetcher: Fetcher, aimed: Fetched, told: Told, cancelled: threading.Event, limit: int, *, is_model: bool = True
    ) -> None:
        """aimed: where it goes, and what came before. limit: most bytes, by the settings. is_model: whether it must hold weights."""
        self._fetcher = fetcher
        self._file = aimed
        self._told = told
        self._cancelled = cancelled
        self._limit = limit
        self._is_model = is_model
        self._part, self._target = Path(aimed.part), Path(aimed.target)

    def run(self) -> Path:
        """Fetch it, and give it its name. Raises EaselError (what came so far stays, unless it is wrong), or Cancelled."""
        with told_in_words(self._target):
            require_limit(self._target.name, self._file.size, self._limit)
            self._part.parent.mkdir(parents=True, exist_ok=True)
            if not self._is_complete():
                self._fetch()
            self._check()
            rename_to_new(self._part, self._target)
        return self._target

    def _is_complete(self) -> bool:
        return self._part.exists() and self._file.size is not None and self._part.stat().st_size == self._file.size

    # fetching

    def _fetch(self) -> None:
        tries = 0
        while True:
            before = self._there()
            try:
                self._fetch_on(before)
                return
            except Hiccup as hiccup:
                tries = 0 if self._there() > before else tries + 1
                if tries > len(BACK_OFF):
                    raise DownloadFailed(f"{hiccup}.", hint="Check the network, then resume: what came so far stays.") from None
                pause = BACK_OFF[max(0, tries - 1)] if hiccup.seconds is None else min(hiccup.seconds, _LONGEST_WAIT)
                self._told.stage(f"{hiccup}; trying again", self._file.size or 0, self._there())
                if self._cancelled.wait(pause):
                    raise Cancelled from None

    def _there(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _fetch_on(self, there: int) -> None:
        """From where it stands to the end. Raises Hiccup when it was cut."""
        # Without anything that tells this file from a later one, the two would be glued together.
        if there and not self._file.validator and not self._file.sha256:
            there = 0
        headers = {"range": f"bytes={there}-"} if there else {}
        if there and self._file.validator:
            headers["if-range"] = self._file.validator
        with self._fetcher.open(checked_url(self._file.url), headers) as answer:
            if answer.response.status_code == 416 and there and answer.size == there:
                return  # that was all of it
            if answer.response.status_code == 416:
                self._part.unlink(missing_ok=True)
                raise Hiccup("The file there is another one by now", 0.0)
            if answer.response.status_code == 206 and answer.start != there:
                raise DownloadFailed(
                    "The server sent another part of the file than was asked for.", hint="Remove the order and begin anew."
                )
            if answer.response.status_code == 200:
                there = 0
            self._note(answer)
            check_room(self._part.parent, (self._file.size or 0) - there, f"The rest of {self._target.name}")
            self._told.stage("Downloading", self._file.size or 0, there)
            self._receive(answer, there)

    def _note(self, answer: Answer) -> None:
        size = answer.size if answer.size is not None else self._file.size
        require_limit(self._target.name, size, self._limit)
        known = {**asdict(self._file), "size": size, "validator": answer.validator, "sha256": self._file.sha256 or answer.sha256}
        if known != asdict(self._file):
            self._file = Fetched(**known)
            self._told.keep(self._file.as_state())

    def _receive(self, answer: Answer, there: int) -> None:
        place = there
        with open(self._part, "r+b" if self._part.exists() else "wb") as file:
            file.truncate(there)
            file.seek(there)
            head = b"" if there else bytearray()
            looked = place
            for block in answer.blocks():
                file.write(block)
                place += len(block)
                if isinstance(head, bytearray):
                    head += block
                    if len(head) >= SNIFFED:
                        self._refuse_at_once(bytes(head))
                        head = b""
                self._told.place(place)
                if self._cancelled.is_set():
                    break
                self._require_length(place)
                if place - looked > _LOOK_AT_DISK:
                    looked = place
                    self._require_room()
            _to_disk(file)
        if self._cancelled.is_set():
            raise Cancelled
        if self._file.size is not None and place < self._file.size:
            raise Hiccup("The line was cut")

    def _refuse_at_once(self, head: bytes) -> None:
        """Nobody waits for gigabytes of a login page."""
        if not self._is_model:
            return
        try:
            format_of(head[:SNIFFED], self._target.name)
        except EaselError:
            self._part.unlink(missing_ok=True)
            raise

    def _require_length(self, place: int) -> None:
        most = self._limit if self._file.size is None else self._file.size
        if place > most:
            self._part.unlink(missing_ok=True)
            raise TooLong(
                f"More comes than the {readable_size(most)} that are expected.",
                hint="Check the address, or raise the largest download in Settings.",
            )

    def _require_room(self) -> None:
        if shutil.disk_usage(self._part.parent).free < ROOM_LEFT:
            raise DiskFull("The disk is almost full.", hint="Make room, then resume: what came so far stays.")

    # checking

    def _check(self) -> None:
        size = self._there()
        self._told.stage("Checking", size, 0)
        digest = self._digest()
        if self._file.sha256 and digest != self._file.sha256:
            self._part.unlink(missing_ok=True)
            raise DownloadFailed(
                f"{self._target.name} has the checksum {digest}, and {self._file.sha256} was expected; it was removed.",
                hint="Check the address and the checksum, then resume to fetch it anew.",
                code="wrong_checksum",
            )
        if not self._is_model:
            return
        try:
            if sniff(self._part) == "pickle":
                # By the child that runs nothing in it; it is opened that way later on, too.
                if not inspect_pickle(self._part).header.tensors:
                    raise CheckpointUnusable(f"{self._part.name} can't be read: it holds no weights.", hint="Get another copy.")
            else:
                read_header(self._part)
        except EaselError as problem:
            self._part.unlink(missing_ok=True)
            problem.message = problem.message.replace(self._part.name, self._target.name)
            raise

    def _digest(self) -> str:
        digest, place = hashlib.sha256(), 0
        with open(self._part, "rb") as file:
            while block := file.read(_HASHED):
                digest.update(block)
                place += len(block)
                self._told.place(place)
                if self._cancelled.is_set():
                    raise Cancelled
        return digest.hexdigest()


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
