"""Asks servers for files: https only (http on this machine), redirects in our own hands, tokens to their own host alone."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from webui import __version__
from webui.errors import EaselError, InvalidRequest
from webui.guarded_network import BlockedAddress, GuardedBackend, Lookup, guarded_client, is_nobodys_own, look_up

MOST_REDIRECTS = 8
_JSON_LIMIT = 20_000_000
_SECRET_IN_QUERY = re.compile(r"(?:^|&)(?:token|api_?key|access_token)=", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{64}")


class DownloadFailed(EaselError):
    """A server did not give what it was asked for. What came so far is kept."""

    code = "download_failed"
    status = 502


class TokenNeeded(DownloadFailed):
    """A server gives this only to those it knows."""

    code = "token_needed"


class Hiccup(Exception):
    """Something that may be over in a moment: a cut line, a busy server. seconds: when to try again, if the server said so."""

    def __init__(self, words: str, seconds: float | None = None) -> None:
        super().__init__(words)
        self.seconds = seconds


def is_loopback(host: str) -> bool:
    """Whether that is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_url(text: str, field: str = "source") -> httpx.URL:
    """An address that may be asked. Raises InvalidRequest."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise InvalidRequest("This is no address.", field=field, allowed="https://...", hint="Copy the whole address.") from None
    if url.userinfo or _SECRET_IN_QUERY.search(url.query.decode("ascii", "replace")):
        raise InvalidRequest(
            f"The address at {url.host} holds a token or password, which would be stored with it.",
            field=field,
            hint="Take it out of the address, and save it as the host's token.",
        )
    if not url.host or url.scheme not in ("https", "http") or (url.scheme == "http" and not is_loopback(url.host)):
        raise InvalidRequest(
            f"Easel downloads by https only, not from {str(url.copy_with(query=None))[:100]!r}.",
            field=field,
            allowed="https://...",
            hint="Use the https address.",
        )
    return url


def leads_here(host: str) -> InvalidRequest:
    """An address of this machine itself, or one that leads to it."""
    return InvalidRequest(
        f"{host} is this machine itself, which Easel doesn't download from.",
        field="source",
        allowed="addresses of other machines",
        hint="Use the folder in place instead: Models, Add, Folder.",
        code="blocked_address",
    )


def host_of(url: httpx.URL) -> str:
    """Whom a token is for: the host, with its port where that is not the usual one."""
    return url.netloc.decode("ascii").lower()


class Fetcher:
    """Asks servers. Without a token for a host it asks as nobody."""

    def __init__(
        self, token_of: Callable[[str], str | None], *, read_seconds: float = 60.0, chosen: Collection[str] = (), lookup: Lookup = look_up
    ) -> None:
        """token_of: a host's token. read_seconds: longest silence in the middle of an answer.

        chosen: hosts that the settings name. All others are asked only where their names don't lead to this machine.
        """
        self._token_of = token_of
        # A host that is written as this machine got here by the settings alone, or by a redirect of such a one.
        backend = GuardedBackend(is_nobodys_own, lookup, trusted=lambda host: is_loopback(host) or host in chosen)
        self._client = guarded_client(
            backend,
            timeout=httpx.Timeout(read_seconds, connect=min(read_seconds, 20.0)),
            headers={"user-agent": f"Easel/{__version__}", "accept-encoding": "identity"},
        )

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    @contextmanager
    def open(self, url: httpx.URL, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """The answer of the server that redirects end at, its body not read yet.

        Raises TokenNeeded, DownloadFailed, or Hiccup for what may be over in a moment, also while the body is read.
        """
        first, seen = url, {}
        token = self._token_of(host_of(first))
        try:
            for _ in range(MOST_REDIRECTS + 1):
                asked = dict(headers or {})
                # Only to the host that was asked first: what it redirects to is no business of its token.
                if token and url.host == first.host and host_of(url) == host_of(first) and url.scheme == first.scheme:
                    asked["authorization"] = f"Bearer {token}"
                with self._client.stream("GET", url, headers=asked) as response:
                    seen |= {name: value for name, value in response.headers.items() if name in _DIGEST_HEADERS}
                    if not response.is_redirect or "location" not in response.headers:
                        _require_good(response, bool(token))
                        yield Answer(response, seen)
                        return
                    url = _next(first, url, response.headers["location"])
        except BlockedAddress as blocked:
            raise leads_here(str(blocked)) from None
        except httpx.TransportError as error:
            raise Hiccup(f"{first.host} can't be reached: {_words(error)}") from error
        raise DownloadFailed(f"{first.host} redirects without end.", hint="Check the address.")

    def json(self, url: httpx.URL) -> dict[str, Any]:
        """An answer in JSON. Raises DownloadFailed."""
        data = bytearray()
        try:
            with self.open(url, {"accept": "application/json"}) as answer:
                for block in answer.blocks():
                    data += block
                    if len(data) > _JSON_LIMIT:
                        raise DownloadFailed(f"{url.host} answered with too much.", hint="Check the address.")
        except Hiccup as hiccup:
            raise DownloadFailed(f"{hiccup}.", hint="Check the network, then try again.") from None
        try:
            told = json.loads(data)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise DownloadFailed(f"{url.host} answered with something else than facts about a model.", hint="Check the address.")
        return told


_DIGEST_HEADERS = ("repr-digest", "digest", "x-linked-etag", "x-amz-checksum-sha256")


class Answer:
    """A server's answer. seen: what it and those that redirected to it said of the file's checksum."""

    def __init__(self, response: httpx.Response, seen: Mapping[str, str]) -> None:
        self.response = response
        self._seen = seen

    @property
    def sha256(self) -> str:
        """The checksum of the whole file, if a server on the way told it (RFC 9530, RFC 3230, Hugging Face, S3)."""
        linked = self._seen.get("x-linked-etag", "").strip('"').lower()
        if _HEX.fullmatch(linked):
            return linked
        for name, pattern in (("repr-digest", r"sha-256=:([^:]+):"), ("digest", r"sha-256=([^,\s]+)"), ("x-amz-checksum-sha256", r"(\S+)")):
            found = re.search(pattern, self._seen.get(name, ""), re.IGNORECASE)
            if found and (digest := _hex_of(found[1])):
                return digest
        return ""

    @property
    def size(self) -> int | None:
        """Bytes of the whole file, if the server told."""
        ranged = re.fullmatch(r"bytes (?:\d+-\d+|\*)/(\d+)", self.response.headers.get("content-range", ""))
        if ranged:
            return int(ranged[1])
        length = self.response.headers.get("content-length", "")
        return int(length) if length.isdecimal() and self.response.status_code == 200 else None

    @property
    def start(self) -> int:
        """Where in the file the body begins."""
        ranged = re.match(r"bytes (\d+)-", self.response.headers.get("content-range", ""))
        return int(ranged[1]) if ranged and self.response.status_code == 206 else 0

    @property
    def validator(self) -> str:
        """What tells this very file from a later one (for If-Range): a strong ETag, or its date; "" where there is neither."""
        etag = self.response.headers.get("etag", "")
        return etag if etag.startswith('"') else self.response.headers.get("last-modified", "")

    def blocks(self) -> Iterator[bytes]:
        """The body as it comes. Raises Hiccup when the line is cut."""
        # Without a size of its own: what was gathered for a block would be lost when the line is cut.
        yield from self.response.iter_raw()


def _hex_of(text: str) -> str:
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return digest.hex() if len(digest) == 32 else ""


def _next(first: httpx.URL, url: httpx.URL, location: str) -> httpx.URL:
    try:
        new = url.join(location)
    except (httpx.InvalidURL, ValueError):
        raise DownloadFailed(f"{url.host} redirects to no address.", hint="Check the address.") from None
    # A far server must not send us onto an open line, nor to the services of this machine.
    loopback = is_loopback(new.host)
    if new.scheme not in ("https", "http") or (new.scheme == "http" and not loopback) or (loopback and not is_loopback(first.host)):
        raise DownloadFailed(f"{url.host} redirects to {new.scheme}://{new.host}, which is not followed.", hint="Use the https address.")
    return new


def _require_good(response: httpx.Response, with_token: bool) -> None:
    code, host = response.status_code, response.url.host
    if code in (200, 206, 416):
        return
    if code in (401, 403):
        if with_token:
            raise TokenNeeded(
                f"{host} refuses this with the token that is saved ({code}).",
                hint="Check that the token is right and that you have accepted the model's licence on its page.",
            )
        raise TokenNeeded(f"{host} gives this only to those it knows ({code}).", hint=f"Save your token for {host}, then resume.")
    if code in (404, 410):
        raise DownloadFailed(f"{host} has nothing at this address ({code}).", hint="Check the address, file and revision.")
    if code in (408, 425, 429) or code >= 500:
        after = response.headers.get("retry-after", "")
        raise Hiccup(f"{host} is busy ({code})", float(after) if after.isdecimal() else None)
    raise DownloadFailed(f"{host} refused ({code}).", hint="Check the address.")


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
