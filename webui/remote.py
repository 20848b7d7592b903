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


class _Api:
    """The API of the Easel at `url`. key: what it asks of commands on its machine where people have accounts."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    def call(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
        """Ask for JSON. path: below /api/v1."""
        data = None if body is None else json.dumps(body).encode()
        request = self._request(f"/api/v1{path}", data, method)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise _told(error) from None
        except OSError as error:
            raise EaselError(f"The Easel at {self._url} doesn't answer ({error}).", hint="End it, and try again.") from None

    def parts(self, path: str, size: int = 1 << 18) -> Iterator[bytes]:
        """The bytes at a whole path."""
        try:
            with urllib.request.urlopen(self._request(path), timeout=_TIMEOUT_SECONDS) as answer:
                while part := answer.read(size):
                    yield part
        except urllib.error.HTTPError as error:
            raise _told(error) from None

    def _request(self, path: str, data: bytes | None = None, method: str | None = None) -> urllib.request.Request:
        headers = {"Content-Type": "application/json", **self._headers}
        return urllib.request.Request(f"{self._url}{path}", data=data, headers=headers, method=method)


def _told(error: urllib.error.HTTPError) -> EaselError:
    told = json.load(error).get("error", {})
    return EaselError(told.get("message", str(error)), hint=told.get("hint", ""), field=told.get("field"), allowed=told.get("allowed"))


def generate_remotely(
    url: str, fields: dict[str, Any], on_event: Callable[[dict[str, Any]], None], key: str | None = None
) -> list[tuple[str, bytes]]:
    """Submit to the Easel at `url`, wait, and fetch the pictures: (seed, PNG bytes) each. key: as commands on its machine have it."""
    api = _Api(url, key)
    job = api.call("/jobs", fields)
    while job["status"] not in ENDED:
        time.sleep(_POLL_SECONDS)
        job = api.call(f"/jobs/{job['id']}")
        if job["progress"]:
            on_event({"type": "progress", **job["progress"]})
    if job["error"]:
        raise GenerationFailed(job["error"]["message"], hint=job["error"]["hint"])
    return [(image["seed"], b"".join(api.parts(image["url"]))) for image in job["images"]]


class RemoteWorkshop:
    """The workshop of the Easel at `url`."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._api = _Api(url, key)

    def models(self) -> list[dict[str, Any]]:
        """All models: kind, family, bytes, name, problem."""
        found: list[dict[str, Any]] = []
        place: int | None = 0
        while place is not None:
            page = self._api.call(f"/models?limit=500&offset={place}")
            found += page["items"]
            place = page["next"]
        return found

    def look(self, path: str) -> dict[str, Any]:
        """What a folder holds."""
        return self._api.call("/models/folders/look", {"path": path})

    def adopt(self, path: str) -> dict[str, Any]:
        """Use a folder in place."""
        return self._api.call("/models/folders", {"path": path})

    def look_up(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What a download would fetch."""
        return self._api.call("/workshop/look-up", fields)

    def set_token(self, host: str, token: str | None) -> None:
        """Keep or forget a token."""
        self._api.call("/workshop/tokens", {"host": host, "token": token}, "PUT")

    def do(self, fields: dict[str, Any], on_view: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Order something and wait until it has ended; Ctrl+C cancels it. Returns its last view."""
        view = self._api.call("/workshop/orders", fields)
        try:
            while view["status"] not in ENDED:
                on_view(view)
                time.sleep(_POLL_SECONDS)
                view = self._api.call(f"/workshop/orders/{view['id']}")
        except KeyboardInterrupt:
            self._api.call(f"/workshop/orders/{view['id']}/cancel", {})
            raise
        return view


class RemoteHistory:
    """History of the Easel at `url`."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._api = _Api(url, key)

    def take_in(self, folder: str, watch: bool, on_view: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Import a folder and wait until that is done; Ctrl+C pauses it. Returns its last view."""
        view = self._api.call("/history/imports", {"folder": folder, "watch": watch})
        try:
            while view["status"] == "active":
                on_view(view)
                time.sleep(_POLL_SECONDS)
                view = self._api.call(f"/history/imports/{view['id']}")
        except KeyboardInterrupt:
            self._api.call(f"/history/imports/{view['id']}/pause", {})
            raise
        return view

    def not_taken_in(self, import_id: str) -> Iterator[dict[str, Any]]:
        """The files that are not in history, with the reason each."""
        offset, total = 0, 1
        while offset < total:
            page = self._api.call(f"/history/imports/{import_id}/files?limit=200&offset={offset}")
            yield from page["items"]
            offset, total = offset + 200, page["total"]

    def lines(self, query: str) -> Iterator[bytes]:
        """History as JSON lines, in parts."""
        yield from self._api.parts(f"/api/v1/history/export.jsonl?q={urllib.parse.quote(query)}")
