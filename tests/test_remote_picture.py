"""Pictures by address: what is never asked, and what an answer may cost."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from webui.errors import InvalidRequest
from webui.guarded_network import is_nobodys_own, is_public, look_up
from webui.remote_picture import Bounds, fetch_picture, is_address
from webui.settings import Settings, load_settings


@pytest.fixture
def on(tmp_path: Any) -> Settings:
    return load_settings(data_dir=tmp_path, remote_pictures=True)


class Site:
    """A server in the internet, as far as the tests go: names lead to it, and each connection gets the next answer."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answers: list[bytes | Callable[[socket.socket], None]] = []
        self.asked: list[bytes] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                request = b""
                while b"\r\n\r\n" not in request and (part := connection.recv(4096)):
                    request += part
                self.asked.append(request)
                answer = self.answers.pop(0)
                with suppress(OSError):  # the other side may have seen enough
                    answer(connection) if callable(answer) else connection.sendall(answer)

    def close(self) -> None:
        self.listener.close()


@pytest.fixture
def site() -> Iterator[Site]:
    with closing(Site()) as server:
        yield server


def ok(body: bytes, *more: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), b"Connection: close", *more, b"", b""]) + body


def moved(where: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def fetched(settings: Settings, site: Site, path: str = "/a.png", **how: Any) -> bytes:
    """As if the site were a public one: its own address passes, all others are judged as always."""
    lookup = how.pop("lookup", lambda host, port: ["127.0.0.1"] if host == "site.example" else look_up(host, port))
    asked: list[str] = []

    def allowed(address: Any) -> bool:
        asked.append(str(address))
        return is_public(address) or (str(address) == "127.0.0.1" and how.get("site_counts", True) and len(asked) <= how.get("times", 99))

    given = {name: value for name, value in how.items() if name not in ("site_counts", "times")}
    return fetch_picture(f"http://site.example:{site.port}{path}", settings, allowed=allowed, lookup=lookup, **given)


def refused(code: str, action: Callable[[], Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        action()
    assert (caught.value.code, caught.value.status) == (code, 422)
    return caught.value


def test_off_means_off(tmp_path: Any) -> None:
    settings = load_settings(data_dir=tmp_path)
    error = refused("image_url_not_allowed", lambda: fetch_picture("https://example.com/a.png", settings, field="init_images"))
    assert error.field == "init_images"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://localhost:7860/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
    ],
)
def test_this_machine_and_its_networks_are_never_asked(on: Settings, url: str) -> None:
    refused("blocked_address", lambda: fetch_picture(url, on))


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://example.com/", "ftp://example.com/a", "https://me:secret@example.com/", "https:///a", "http://"],
)
def test_only_plain_http_addresses_are_addresses(on: Settings, url: str) -> None:
    assert "secret" not in str(refused("image_url_not_allowed", lambda: fetch_picture(url, on)))


def test_a_picture_comes_from_the_judged_address_by_its_name(on: Settings, site: Site) -> None:
    site.answers = [ok(b"picture")]
    assert fetched(on, site) == b"picture"
    assert f"Host: site.example:{site.port}".encode() in site.asked[0]


def test_each_redirect_is_judged_again(on: Settings, site: Site) -> None:
    site.answers = [moved("/b.png"), ok(b"picture")]
    assert fetched(on, site) == b"picture"
    for there in ("http://127.0.0.2/secret", "http://169.254.169.254/", "//[::1]:1/"):
        site.answers = [moved(there)]
        refused("blocked_address", lambda: fetched(on, site))
    site.answers = [moved("file:///etc/passwd")]
    refused("image_url_not_allowed", lambda: fetched(on, site))
    site.answers = [moved("/again")] * 6
    assert "without end" in str(refused("image_url_failed", lambda: fetched(on, site)))


def test_a_name_that_changes_its_address_leads_nowhere_else(on: Settings, site: Site) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.3"]])
    looked: list[str] = []

    def flipping(host: str, port: int) -> list[str]:
        looked.append(host)
        return next(answers)

    site.answers = [ok(b"picture")]
    # Looked up once: what was judged is what is connected to.
    assert fetched(on, site, lookup=flipping) == b"picture"
    assert looked == ["site.example"]
    site.answers = []
    refused("blocked_address", lambda: fetched(on, site, lookup=flipping))
    # A public address beside a private one doesn't help.
    refused("blocked_address", lambda: fetched(on, site, lookup=lambda *_: ["93.184.216.34", "10.0.0.1"]))


def test_nothing_larger_than_the_bounds_is_read(on: Settings, site: Site) -> None:
    small = Bounds(most_bytes=1000)
    site.answers = [ok(b"x" * 1001), b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000]
    for _ in range(3):
        refused("too_large", lambda: fetched(on, site, bounds=small))


def test_what_dribbles_is_given_up(on: Settings, site: Site) -> None:
    def dribble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"x")
            time.sleep(0.02)

    site.answers = [dribble, lambda connection: connection.recv(1)]
    refused("timeout", lambda: fetched(on, site, bounds=Bounds(total=0.2)))
    refused("timeout", lambda: fetched(on, site, bounds=Bounds(read=0.2)))


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"nonsense\r\n\r\n", b"", ok(b"x", b"Content-Encoding: gzip")]
)
def test_other_answers_are_told_in_words(on: Settings, site: Site, answer: bytes) -> None:
    site.answers = [answer]
    error = refused("image_url_failed", lambda: fetched(on, site, path="/a.png?token=secret"))
    assert "secret" not in str(error) and "site.example" in str(error)


def test_names_that_nobody_knows_are_told(on: Settings, site: Site) -> None:
    def unknown(*_: object) -> list[str]:
        raise socket.gaierror

    assert "can't be reached" in str(refused("image_url_failed", lambda: fetched(on, site, lookup=unknown)))


def test_downloads_may_ask_machines_nearby_but_not_this_one() -> None:
    from ipaddress import ip_address

    assert all(is_nobodys_own(ip_address(text)) for text in ("192.168.1.5", "10.0.0.1", "93.184.216.34", "fd00::1"))
    assert not any(is_nobodys_own(ip_address(text)) for text in ("127.0.0.1", "169.254.169.254", "::1", "0.0.0.0", "::ffff:127.0.0.1"))


def test_base64_is_no_address() -> None:
    assert [is_address(text) for text in ("https://a/b.png", " file:///x", "data:image/png;base64,AA", "iVBORw0KGgo=", "gopher://x")] == [
        True,
        True,
        False,
        False,
        True,
    ]
