"""A server of files on this machine, with the manners and the faults of those on the network."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """What one path answers. cut_after: bytes after which the line is cut, once; token: who may have it; location: a redirect.

    pause: seconds before each piece. ranges: whether parts are given. beginning: what those see who look at the beginning only.
    """

    data: bytes = b""
    status: int = 200
    etag: str | None = '"one"'
    cut_after: int | None = None
    cuts: int = 1
    token: str | None = None
    location: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    pause: float = 0.0
    length: bool = True
    beginning: bytes | None = None
    once: list[int] = field(default_factory=list)
    """Statuses that are answered before all else, one each time."""


@dataclass
class Asked:
    path: str
    headers: dict[str, str]


class FileServer:
    def __init__(self) -> None:
        self.paths: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.url = ""

    def clear(self) -> None:
        self.paths.clear()
        self.asked.clear()

    def json(self, path: str, data: Any, **more: Any) -> None:
        self.paths[path] = Served(json.dumps(data).encode(), etag=None, **more)

    def ranges(self, path: str) -> list[str]:
        """The ranges that were asked of a path beyond a first look at its beginning."""
        return [asked.headers.get("range", "all") for asked in self.asked if asked.path == path and not _is_peek(asked)]


def _is_peek(asked: Asked) -> bool:
    return asked.headers.get("range", "").startswith("bytes=0-")


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(path, headers)
            server.asked.append(asked)
            served = server.paths.get(self.path) or server.paths.get(path)
            if served is None:
                return self._answer(404, b"nothing", {})
            if served.once and not _is_peek(asked):
                return self._answer(served.once.pop(0), b"busy", {"Retry-After": "0"})
            if served.token is not None and headers.get("authorization") != f"Bearer {served.token}":
                return self._answer(401, b"who are you", {})
            if served.location is not None:
                return self._answer(302, b"", {"Location": served.location, **served.headers})
            return self._file(served, headers, asked)

        def _file(self, served: Served, headers: dict[str, str], asked: Asked) -> None:
            extra = dict(served.headers) | ({"ETag": served.etag} if served.etag else {})
            data, status = served.data, served.status
            if _is_peek(asked) and served.beginning is not None:
                data = served.beginning
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
            fresh = headers.get("if-range") in (None, served.etag)
            if wanted and served.ranges and fresh and status == 200:
                start, end = int(wanted[1]), int(wanted[2] or len(data) - 1)
                if start >= len(data):
                    return self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                end = min(end, len(data) - 1)
                extra["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
                data, status = data[start : end + 1], 206
            cut = served.cut_after if served.cut_after is not None and served.cuts > 0 and not _is_peek(asked) else None
            if cut is not None:
                served.cuts -= 1
            return self._answer(status, data, extra, cut, served.pause if not _is_peek(asked) else 0, served.length)

        def _answer(
            self, status: int, data: bytes, headers: dict[str, str], cut: int | None = None, pause: float = 0, length: bool = True
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if length:
                self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                for start in range(0, len(data) if cut is None else min(cut, len(data)), 1 << 14):
                    time.sleep(pause)
                    end = start + (1 << 14)
                    self.wfile.write(data[start : end if cut is None else min(end, cut)])
            except (BrokenPipeError, ConnectionResetError):
                pass

    return Handler


@contextmanager
def file_server() -> Iterator[FileServer]:
    server = FileServer()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as http:
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def eventually(check: Callable[[], Any], seconds: float = 30.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)
    return found
