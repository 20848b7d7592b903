"""Lists of add-ons: one comes with Easel, others are added by hand. What stands in them is hostile text until proven otherwise."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webui.durable import write_durably
from webui.errors import EaselError, InvalidRequest, NotFound
from webui.extensions.install.git import FetchFailed
from webui.extensions.install.sources import Source, check_address, leads_here, open_line, parse_source
from webui.extensions.install.store import Store
from webui.guarded_network import BlockedAddress
from webui.settings import PROGRAM_ROOT

SHIPPED = PROGRAM_ROOT / "extensions" / "index.json"
_MOST_BYTES = 1024 * 1024
_MOST_INDEXES = 20


class Entry(BaseModel):
    """One add-on of a list. source: as it is typed into the page; a relative path only in a list on this machine."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)
    title: str = Field("", max_length=80)
    description: str = Field("", max_length=400)
    author: str = Field("", max_length=80)
    version: str = Field("", max_length=40)
    source: str = Field(max_length=500)
    ref: str = Field("", max_length=200)
    tags: tuple[str, ...] = Field((), max_length=10)


class IndexFile(BaseModel):
    """A list: {"version": 1, "name": "…", "add_ons": […]}."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: int = Field(ge=1, le=1)
    name: str = Field("", max_length=80)
    add_ons: tuple[Entry, ...] = Field(max_length=5000)


@dataclass(frozen=True)
class Index:
    """One list. address: URL or path. content: None where it can't be read, for the reason that problem gives."""

    address: str
    content: IndexFile | None
    problem: str = ""


class Indexes:
    """The lists of one data folder. Addresses are asked only when somebody presses a button; what came is kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()

    def all(self) -> list[dict[str, Any]]:
        """Each list as page and API get it, without its entries."""
        return [
            {
                "address": index.address,
                "name": index.content.name if index.content else "",
                "count": len(index.content.add_ons) if index.content else 0,
                "problem": index.problem or None,
                "shipped": index.address == str(SHIPPED),
            }
            for index in self._read()
        ]

    def entries(self) -> list[dict[str, Any]]:
        """All entries of all lists."""
        return [
            {**entry.model_dump(mode="json"), "index": index.address, "index_name": index.content.name}
            for index in self._read()
            if index.content is not None
            for entry in index.content.add_ons
        ]

    def add(self, address: str) -> None:
        """Use a list from now on: it is fetched now. Raises InvalidRequest, FetchFailed."""
        address = address.strip()
        if "://" in address:
            check_address(address)
            self._fetch(address)
        else:
            path = Path(address).expanduser()
            if not path.is_absolute():
                raise InvalidRequest("Name the whole path of a list.", field="address", hint="Or an https address of one.")
            address = str(path)
            _parsed(_bytes_of(path))
        now = self._store.read().indexes
        if address not in now:
            if len(now) >= _MOST_INDEXES:
                raise InvalidRequest(f"There are {_MOST_INDEXES} lists already.", field="address", hint="Remove one first.")
            self._store.set_indexes([*now, address])

    def remove(self, address: str) -> None:
        """Use a list no more. Raises NotFound."""
        now = self._store.read().indexes
        if address not in now:
            raise NotFound("This list isn't in use.", hint="The one that comes with Easel stays.")
        self._store.set_indexes([one for one in now if one != address])
        self._kept(address).unlink(missing_ok=True)

    def refresh(self) -> dict[str, str]:
        """Fetch all lists anew. Returns what could not be fetched: address -> why."""
        problems = {}
        for address in self._store.read().indexes:
            if "://" in address:
                try:
                    self._fetch(address)
                except EaselError as error:
                    problems[address] = str(error)
        return problems

    def source_of(self, address: str, identifier: str) -> Source:
        """Where an entry's add-on comes from. Raises NotFound, InvalidRequest."""
        index = next((one for one in self._read() if one.address == address and one.content is not None), None)
        entry = next((one for one in index.content.add_ons if one.id == identifier), None) if index and index.content else None
        if entry is None:
            raise NotFound("This add-on isn't in the list any more.", hint="Look at the list again.")
        local = "://" not in address
        if local and not Path(entry.source).is_absolute() and "://" not in entry.source and (Path(address).parent / entry.source).exists():
            return parse_source(str((Path(address).parent / entry.source).resolve()))
        source = parse_source(entry.source, entry.ref)
        if not local and Path(source.address).is_absolute():
            raise InvalidRequest("A list from elsewhere can't name files of this machine.", field="source", hint="Tell whoever keeps it.")
        return source

    def _read(self) -> list[Index]:
        return [self._one(address) for address in (str(SHIPPED), *self._store.read().indexes)]

    def _one(self, address: str) -> Index:
        path = self._kept(address) if "://" in address else Path(address)
        try:
            return Index(address, _parsed(_bytes_of(path)))
        except EaselError as error:
            return Index(address, None, error.message)

    def _kept(self, address: str) -> Path:
        return self._store.folder / "indexes" / f"{hashlib.sha256(address.encode()).hexdigest()[:24]}.json"

    def _fetch(self, address: str) -> None:
        try:
            with open_line() as line, line.stream("GET", check_address(address)) as answer:
                answer.raise_for_status()
                data = b""
                for part in answer.iter_bytes(1 << 16):
                    data += part
                    if len(data) > _MOST_BYTES:
                        raise _too_long()
        except BlockedAddress as blocked:
            raise leads_here(str(blocked)) from None
        except httpx.HTTPError as error:
            raise FetchFailed(
                f"{address} could not be fetched: {error}.", field="address", hint="Check the address and the network."
            ) from None
        _parsed(data)
        write_durably(self._kept(address), data)


def _bytes_of(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"The list can't be read: {error.strerror}.", field="address", hint="Check its path.") from None
    if len(data) > _MOST_BYTES:
        raise _too_long()
    return data


def _too_long() -> InvalidRequest:
    return InvalidRequest("The list is longer than 1 MB.", field="address", hint="Ask whoever keeps it for a shorter one.")


def _parsed(data: bytes) -> IndexFile:
    try:
        return IndexFile.model_validate(json.loads(data))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidRequest(f"The list can't be used: {where}: {first['msg']}.", field="address", hint="Tell whoever keeps it.") from None
    except (ValueError, RecursionError):
        raise InvalidRequest("This is no list of add-ons: it is no JSON.", field="address", hint="Check the address.") from None
