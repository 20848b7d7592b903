"""Asks an Easel that is already running, over its API; used by the command line."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from webui.errors import EaselError, GenerationFailed
from webui.studio.journal import ENDED

_POLL_SECONDS = 0.3
_TIMEOUT_SECONDS = 30


def _call(url: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        told = json.load(error).get("error", {})
        raise EaselError(
            told.get("message", str(error)), hint=told.get("hint", ""), field=told.get("field"), allowed=told.get("allowed")
        ) from None
    except OSError as error:
        raise EaselError(f"The Easel at {url} doesn't answer ({error}).", hint="End it, and try again.") from None


def generate_remotely(url: str, fields: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> list[tuple[str, bytes]]:
    """Submit to the Easel at `url`, wait, and fetch the pictures: (seed, PNG bytes) each."""
    job = _call(f"{url}/api/v1/jobs", fields)
    while job["status"] not in ENDED:
        time.sleep(_POLL_SECONDS)
        job = _call(f"{url}/api/v1/jobs/{job['id']}")
        if job["progress"]:
            on_event({"type": "progress", **job["progress"]})
    if job["error"]:
        raise GenerationFailed(job["error"]["message"], hint=job["error"]["hint"])
    made = []
    for image in job["images"]:
        with urllib.request.urlopen(f"{url}{image['url']}", timeout=_TIMEOUT_SECONDS) as answer:
            made.append((image["seed"], answer.read()))
    return made


class RemoteWorkshop:
    """The workshop of the Easel at `url`."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/v1"

    def models(self) -> list[dict[str, Any]]:
        """All models: kind, family, bytes, name, problem."""
        found: list[dict[str, Any]] = []
        place: int | None = 0
        while place is not None:
            page = _call(f"{self._url}/models?limit=500&offset={place}")
            found += page["items"]
            place = page["next"]
        return found

    def look(self, path: str) -> dict[str, Any]:
        """What a folder holds."""
        return _call(f"{self._url}/models/folders/look", {"path": path})

    def adopt(self, path: str) -> dict[str, Any]:
        """Use a folder in place."""
        return _call(f"{self._url}/models/folders", {"path": path})

    def look_up(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What a download would fetch."""
        return _call(f"{self._url}/workshop/look-up", fields)

    def set_token(self, host: str, token: str | None) -> None:
        """Keep or forget a token."""
        _call(f"{self._url}/workshop/tokens", {"host": host, "token": token}, "PUT")

    def do(self, fields: dict[str, Any], on_view: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Order something and wait until it has ended; Ctrl+C cancels it. Returns its last view."""
        view = _call(f"{self._url}/workshop/orders", fields)
        try:
            while view["status"] not in ENDED:
                on_view(view)
                time.sleep(_POLL_SECONDS)
                view = _call(f"{self._url}/workshop/orders/{view['id']}")
        except KeyboardInterrupt:
            _call(f"{self._url}/workshop/orders/{view['id']}/cancel", {})
            raise
        return view


class RemoteHistory:
    """History of the Easel at `url`."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/v1/history"

    def take_in(self, folder: str, watch: bool, on_view: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Import a folder and wait until that is done; Ctrl+C pauses it. Returns its last view."""
        view = _call(f"{self._url}/imports", {"folder": folder, "watch": watch})
        try:
            while view["status"] == "active":
                on_view(view)
                time.sleep(_POLL_SECONDS)
                view = _call(f"{self._url}/imports/{view['id']}")
        except KeyboardInterrupt:
            _call(f"{self._url}/imports/{view['id']}/pause", {})
            raise
        return view

    def not_taken_in(self, import_id: str) -> Iterator[dict[str, Any]]:
        """The files that are not in history, with the reason each."""
        offset, total = 0, 1
        while offset < total:
            page = _call(f"{self._url}/imports/{import_id}/files?limit=200&offset={offset}")
            yield from page["items"]
            offset, total = offset + 200, page["total"]

    def lines(self, query: str) -> Iterator[bytes]:
        """History as JSON lines, in parts."""
        address = f"{self._url}/export.jsonl?q={urllib.parse.quote(query)}"
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:
                while part := answer.read(1 << 18):
                    yield part
        except urllib.error.HTTPError as error:
            told = json.load(error).get("error", {})
            raise EaselError(told.get("message", str(error)), hint=told.get("hint", ""), field=told.get("field")) from None
