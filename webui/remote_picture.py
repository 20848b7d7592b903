"""Pictures by address: fetched only where a setting says so, only from machines in the internet, and never more than fits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

import httpcore
import httpx

from webui import __version__
from webui.errors import InvalidRequest
from webui.guarded_network import Address, BlockedAddress, GuardedBackend, Lookup, is_public, look_up
from webui.settings import Settings

_MOST_REDIRECTS = 5


@dataclass(frozen=True)
class Bounds:
    """What a fetch may take: bytes; seconds until it is connected, between two parts of an answer, and in all."""

    most_bytes: int = 64 * 1024 * 1024
    connect: float = 5.0
    read: float = 10.0
    total: float = 30.0


USUAL = Bounds()


def is_address(text: str) -> bool:
    """Whether that names a picture elsewhere, rather than being one as base64."""
    head = text[:12].lstrip().lower()
    # Base64 has no colon, and what begins with data: holds its picture itself.
    return ":" in head and not head.startswith("data:")


def fetch_picture(
    text: str,
    settings: Settings,
    *,
    field: str = "image",
    bounds: Bounds = USUAL,
    allowed: Callable[[Address], bool] = is_public,
    lookup: Lookup = look_up,
) -> bytes:
    """The bytes that an address names; whether they are a picture is for whoever reads them to say.

    Raises InvalidRequest: image_url_not_allowed (the setting is off, or no http), blocked_address (it leads to this machine or its
    networks, also by a redirect or a second look-up), too_large, timeout, or image_url_failed.
    """
    if not settings.remote_pictures:
        raise InvalidRequest(
            "Pictures aren't fetched from addresses here.",
            field=field,
            allowed="the picture itself as base64",
            hint="Send the picture itself, or have an administrator turn on Pictures by address in Settings.",
            code="image_url_not_allowed",
        )
    deadline = time.monotonic() + bounds.total
    url = _checked(text.strip(), field)
    try:
        with httpcore.ConnectionPool(network_backend=GuardedBackend(allowed, lookup), max_connections=1, retries=0) as pool:
            for _ in range(_MOST_REDIRECTS + 1):
                found = _ask(pool, url, bounds, deadline, field)
                if isinstance(found, bytes):
                    return found
                if url.scheme == "https" and found.scheme == "http":
                    raise _failed(url, "it leads from https to http", field)
                url = found
    except BlockedAddress:
        raise InvalidRequest(
            "This address leads to this machine or its networks.",
            field=field,
            allowed="addresses in the internet",
            hint="Send the picture itself.",
            code="blocked_address",
        ) from None
    except httpcore.TimeoutException:
        raise _too_slow(url, field) from None
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
        raise _failed(url, "its answer can't be read", field) from None
    except (httpcore.NetworkError, OSError):
        raise _failed(url, "it can't be reached", field) from None
    raise _failed(url, "it redirects without end", field)


def _ask(pool: httpcore.ConnectionPool, url: httpx.URL, bounds: Bounds, deadline: float, field: str) -> bytes | httpx.URL:
    """The body, or where it is to be had."""
    headers = [("Host", url.netloc.decode("ascii")), ("User-Agent", f"Easel/{__version__}"), ("Accept", "image/*")]
    timeout = {"connect": bounds.connect, "read": bounds.read, "write": bounds.read, "pool": bounds.connect}
    with pool.stream("GET", str(url), headers=headers, extensions={"timeout": timeout}) as answer:
        told = {name.lower(): value for name, value in answer.headers}
        if answer.status in (301, 302, 303, 307, 308) and b"location" in told:
            return _checked(urljoin(str(url), told[b"location"].decode("latin-1")), field)
        if answer.status != 200 or b"content-encoding" in told:
            raise _failed(url, f"it answers with {answer.status}", field)
        if int(told.get(b"content-length", b"0") or 0) > bounds.most_bytes:
            raise _too_large(url, bounds, field)
        data = bytearray()
        for part in answer.iter_stream():
            data += part
            if len(data) > bounds.most_bytes:
                raise _too_large(url, bounds, field)
            if time.monotonic() > deadline:
                raise _too_slow(url, field)
        return bytes(data)


def _checked(text: str, field: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError):
        url = None
    if url is None or url.scheme not in ("http", "https") or not url.host or url.userinfo or len(text) > 4000:
        raise InvalidRequest(
            "This is no address of a picture.",
            field=field,
            allowed="https://... without a name or password in it",
            hint="Send the picture itself.",
            code="image_url_not_allowed",
        )
    return url.copy_with(fragment=None)


def _too_large(url: httpx.URL, bounds: Bounds, field: str) -> InvalidRequest:
    words, allowed = f"The picture at {url.host} is too large.", f"at most {bounds.most_bytes // 1024**2} MB"
    return InvalidRequest(words, field=field, allowed=allowed, hint="Use a smaller one.", code="too_large")


def _too_slow(url: httpx.URL, field: str) -> InvalidRequest:
    return InvalidRequest(f"The picture at {url.host} comes too slowly.", field=field, hint="Send the picture itself.", code="timeout")


def _failed(url: httpx.URL, why: str, field: str) -> InvalidRequest:
    # No more of the address than its host: the rest may hold a secret.
    words = f"The picture at {url.host} can't be had: {why}."
    return InvalidRequest(words, field=field, hint="Check the address, or send the picture itself.", code="image_url_failed")
