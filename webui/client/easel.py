"""An Easel that runs, to be asked: Easel waits for each answer, AsyncEasel is awaited. Both do the same."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from httpx_sse import ServerSentEvent, aconnect_sse, connect_sse

from webui.client import wire
from webui.client.errors import JobFailed, TookTooLong
from webui.client.models import Image, Img2Img, Inpaint, Job, StoredImage, Txt2Img, Upscale
from webui.client.operations import AsyncOperations, Operations

USUAL_ADDRESS = "http://127.0.0.1:7860"
ENDED = ("done", "failed", "cancelled")
_SILENCE_SECONDS = 60.0
"""A stream says something every 15 s; after so long without a word it is taken as lost."""
_RECONNECTS = 5
_RETRY_SECONDS = 1.0

AnyRequest = Txt2Img | Img2Img | Inpaint | Upscale


@dataclass(frozen=True)
class Event:
    """Something that happened. number: go on after it with `after=`. type: `job`, `progress`, `picture`, `note` and so on."""

    number: int
    type: str
    data: Mapping[str, Any]

    @property
    def job(self) -> Job | None:
        """The job as it is now, of an event of type `job`."""
        return wire.model(Job, self.data.get("job"))

    @property
    def image(self) -> Image | None:
        """The picture that was finished, of an event of type `picture`."""
        return wire.model(Image, self.data.get("image"))

    @property
    def fraction(self) -> float | None:
        """How much is done, 0 to 1, of an event of type `progress`."""
        value = self.data.get("fraction")
        return float(value) if isinstance(value, int | float) else None


class Easel(Operations):
    """A running Easel. Use it with `with`, or close it; not from several threads at once.

    Every operation of the API is there by its group (`easel.jobs.submit`, `easel.history.history`), and raises what
    webui.client.errors has.
    """

    def __init__(self, url: str = USUAL_ADDRESS, token: str | None = None, *, timeout: float = 60.0) -> None:
        """token: a bearer token made under Settings, where this Easel has logins. timeout: seconds for one answer."""
        self.url = url.rstrip("/")
        self._http = httpx.Client(**wire.options(url, token, timeout))
        super().__init__(self._ask)

    @classmethod
    def from_environment(cls, *, timeout: float = 60.0) -> Self:
        """The Easel that EASEL_URL and EASEL_TOKEN name; without them the one on this machine."""
        return cls(os.environ.get("EASEL_URL") or USUAL_ADDRESS, os.environ.get("EASEL_TOKEN") or None, timeout=timeout)

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
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
        try:
            response = self._http.request(**wire.question(method, path, query, headers, body, content_type))
        except httpx.TransportError as error:
            raise wire.unreachable(self.url, error) from error
        return wire.read(response, answer)

    def put_in(self, picture: bytes | Path | str) -> StoredImage:
        """Upload a picture (its bytes, or a file's path); requests refer to it by its `sha256`."""
        data = _bytes_of(picture)
        return self.pictures.upload(data, content_type=wire.content_type_of(data))

    def make(self, request: AnyRequest, *, timeout: float | None = None, on_event: Callable[[Event], None] | None = None) -> Job:
        """Submit a request and wait until it has ended; the pictures are in the job's `images`. Raises as `wait` does."""
        return self.wait(self.jobs.submit(request), timeout=timeout, on_event=on_event)

    def wait(self, job: Job | str, *, timeout: float | None = None, on_event: Callable[[Event], None] | None = None) -> Job:
        """Wait until a job has ended. timeout: seconds; None: as long as it takes. on_event: called with what happens on the way.

        Raises JobFailed when it ended without its pictures, TookTooLong.
        """
        identifier = job if isinstance(job, str) else job.id
        until = None if timeout is None else time.monotonic() + timeout
        for event in self.follow(identifier, until=until):
            if on_event is not None:
                on_event(event)
        return _finished(self.jobs.job(identifier))

    def follow(self, job: Job | str, *, until: float | None = None) -> Iterator[Event]:
        """What happens to one job, beginning with its present state and ending with its end.

        until: a moment of time.monotonic(), after which TookTooLong is raised.
        """
        identifier = job if isinstance(job, str) else job.id
        for event in self._stream(f"/api/v1/jobs/{identifier}/events", None, until):
            yield event
            if _ends(event):
                return

    def events(self, after: int | None = None) -> Iterator[Event]:
        """Everything that happens, without an end; from now on, or after the event of that number. A lost connection is made anew."""
        yield from self._stream("/api/v1/events", after, None)

    def _stream(self, path: str, after: int | None, until: float | None) -> Iterator[Event]:
        failures = 0
        while True:
            try:
                headers = {} if after is None else {"Last-Event-ID": str(after)}
                with connect_sse(self._http, "GET", path, headers=headers, timeout=_patience(until)) as source:
                    if source.response.status_code >= 400:
                        source.response.read()
                        raise wire.refused(source.response)
                    for told in source.iter_sse():
                        failures = 0
                        if event := _event(told):
                            after = event.number
                            yield event
                        _hurry(until)
            except httpx.TransportError as error:
                _hurry(until)
                failures += 1
                if failures > _RECONNECTS:
                    raise wire.unreachable(self.url, error) from error
            _hurry(until)
            time.sleep(_RETRY_SECONDS)

    def picture(self, image: Image | str) -> bytes:
        """A picture's file, as it lies on Easel's disk with all its parameters."""
        return self.pictures.image(image if isinstance(image, str) else image.id)

    def save(self, image: Image, target: Path | str) -> Path:
        """Keep a picture's file at `target`: a file, or a folder, where it keeps its name."""
        return _write(image, self.picture(image), Path(target))


class AsyncEasel(AsyncOperations):
    """A running Easel, to be awaited. Use it with `async with`, or close it."""

    def __init__(self, url: str = USUAL_ADDRESS, token: str | None = None, *, timeout: float = 60.0) -> None:
        """token: a bearer token made under Settings, where this Easel has logins. timeout: seconds for one answer."""
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(**wire.options(url, token, timeout))
        super().__init__(self._ask)

    @classmethod
    def from_environment(cls, *, timeout: float = 60.0) -> Self:
        """The Easel that EASEL_URL and EASEL_TOKEN name; without them the one on this machine."""
        return cls(os.environ.get("EASEL_URL") or USUAL_ADDRESS, os.environ.get("EASEL_TOKEN") or None, timeout=timeout)

    async def close(self) -> None:
        """End the connection."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(
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
        try:
            response = await self._http.request(**wire.question(method, path, query, headers, body, content_type))
        except httpx.TransportError as error:
            raise wire.unreachable(self.url, error) from error
        return wire.read(response, answer)

    async def put_in(self, picture: bytes | Path | str) -> StoredImage:
        """Upload a picture (its bytes, or a file's path); requests refer to it by its `sha256`."""
        data = await asyncio.to_thread(_bytes_of, picture)
        return await self.pictures.upload(data, content_type=wire.content_type_of(data))

    async def make(self, request: AnyRequest, *, timeout: float | None = None, on_event: Callable[[Event], None] | None = None) -> Job:
        """Submit a request and wait until it has ended; the pictures are in the job's `images`. Raises as `wait` does."""
        return await self.wait(await self.jobs.submit(request), timeout=timeout, on_event=on_event)

    async def wait(self, job: Job | str, *, timeout: float | None = None, on_event: Callable[[Event], None] | None = None) -> Job:
        """Wait until a job has ended. timeout: seconds; None: as long as it takes. on_event: called with what happens on the way.

        Raises JobFailed when it ended without its pictures, TookTooLong.
        """
        identifier = job if isinstance(job, str) else job.id
        until = None if timeout is None else time.monotonic() + timeout
        async for event in self.follow(identifier, until=until):
            if on_event is not None:
                on_event(event)
        return _finished(await self.jobs.job(identifier))

    async def follow(self, job: Job | str, *, until: float | None = None) -> AsyncIterator[Event]:
        """What happens to one job, beginning with its present state and ending with its end.

        until: a moment of time.monotonic(), after which TookTooLong is raised.
        """
        identifier = job if isinstance(job, str) else job.id
        async for event in self._stream(f"/api/v1/jobs/{identifier}/events", None, until):
            yield event
            if _ends(event):
                return

    async def events(self, after: int | None = None) -> AsyncIterator[Event]:
        """Everything that happens, without an end; from now on, or after the event of that number. A lost connection is made anew."""
        async for event in self._stream("/api/v1/events", after, None):
            yield event

    async def _stream(self, path: str, after: int | None, until: float | None) -> AsyncIterator[Event]:
        failures = 0
        while True:
            try:
                headers = {} if after is None else {"Last-Event-ID": str(after)}
                async with aconnect_sse(self._http, "GET", path, headers=headers, timeout=_patience(until)) as source:
                    if source.response.status_code >= 400:
                        await source.response.aread()
                        raise wire.refused(source.response)
                    async for told in source.aiter_sse():
                        failures = 0
                        if event := _event(told):
                            after = event.number
                            yield event
                        _hurry(until)
            except httpx.TransportError as error:
                _hurry(until)
                failures += 1
                if failures > _RECONNECTS:
                    raise wire.unreachable(self.url, error) from error
            _hurry(until)
            await asyncio.sleep(_RETRY_SECONDS)

    async def picture(self, image: Image | str) -> bytes:
        """A picture's file, as it lies on Easel's disk with all its parameters."""
        return await self.pictures.image(image if isinstance(image, str) else image.id)

    async def save(self, image: Image, target: Path | str) -> Path:
        """Keep a picture's file at `target`: a file, or a folder, where it keeps its name."""
        return await asyncio.to_thread(_write, image, await self.picture(image), Path(target))


def _event(told: ServerSentEvent) -> Event | None:
    data = wire.event_data(told.data)
    return None if data is None else Event(int(data.get("seq", 0)), str(data.get("type", "")), data)


def _ends(event: Event) -> bool:
    job = event.data.get("job")
    return event.type == "job" and isinstance(job, dict) and job.get("status") in ENDED


def _patience(until: float | None) -> float:
    return _SILENCE_SECONDS if until is None else max(0.1, min(_SILENCE_SECONDS, until - time.monotonic()))


def _hurry(until: float | None) -> None:
    if until is not None and time.monotonic() >= until:
        raise TookTooLong("The job has not ended yet.", code="took_too_long", hint="Wait for it again, or cancel it.")


def _finished(job: Job) -> Job:
    if job.status == "done":
        return job
    if job.error is not None:
        problem = JobFailed(job.error.message, code=job.error.code, hint=job.error.hint, field=job.error.field, allowed=job.error.allowed)
    else:
        problem = JobFailed("The job was cancelled.", code="cancelled")
    problem.job = job.id
    raise problem


def _bytes_of(picture: bytes | Path | str) -> bytes:
    return picture if isinstance(picture, bytes) else Path(picture).read_bytes()


def _write(image: Image, data: bytes, target: Path) -> Path:
    if target.is_dir():
        target /= Path(image.file).name
    target.write_bytes(data)
    return target
