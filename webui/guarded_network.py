"""Connections to servers that somebody else named: made only to addresses that were looked at, and to those very addresses.

Looking a name up, judging it and then having a library look it up again lets a name server answer differently the second time;
so the judged address itself is what is connected to, while TLS still asks for the certificate of the name.
"""

from __future__ import annotations

import ipaddress
import socket
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], list[str]]
"""Host and port -> addresses. Raises OSError."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class BlockedAddress(Exception):
    """A name leads to an address that isn't asked."""


def is_public(address: Address) -> bool:
    """Whether that is a machine in the internet, and none of this machine, its networks or its provider's services."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_nobodys_own(address: Address) -> bool:
    """Whether that is neither this machine nor a service that is only there for it (169.254.169.254); other machines nearby are."""
    inner = _embedded(address)
    if inner is not None:
        return is_nobodys_own(inner)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast)


def is_nobodys_own_name(host: str) -> bool:
    """The same of a host that is written as an address; a name is one of another machine until it is looked up."""
    try:
        return is_nobodys_own(ipaddress.ip_address(host))
    except ValueError:
        return True


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """The address of version 4 that one of version 6 leads to, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def look_up(host: str, port: int) -> list[str]:
    """What the system's resolver says; it also reads 2130706433 and 0x7f.1 as what they are."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def judged(host: str, port: int, allowed: Callable[[Address], bool], lookup: Lookup = look_up) -> list[str]:
    """All addresses of a host. Raises BlockedAddress where one of them is not allowed, OSError or UnicodeError for an unknown name."""
    found = lookup(host, port)
    for text in found:
        if not allowed(ipaddress.ip_address(text.partition("%")[0])):
            raise BlockedAddress(host)
    return found


class GuardedBackend(httpcore.SyncBackend):
    """Connects to addresses that `allowed` lets pass. A name of which one address is not allowed is not asked at all.

    trusted: hosts that were chosen by whoever runs this Easel, and are not judged.
    """

    def __init__(
        self, allowed: Callable[[Address], bool], lookup: Lookup = look_up, trusted: Callable[[str], bool] = lambda _host: False
    ) -> None:
        self._allowed = allowed
        self._lookup = lookup
        self._trusted = trusted

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises BlockedAddress, or httpcore's own errors."""
        if self._trusted(host):
            return super().connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            found = judged(host, port, self._allowed, self._lookup)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("its name is not known") from None
        trouble: Exception = httpcore.ConnectError("its name is not known")
        for text in found:
            try:
                return super().connect_tcp(text, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.NetworkStream:
        """Never."""
        raise BlockedAddress(path)


class _GuardedTransport(httpx.HTTPTransport):
    """httpx's own, over connections that are looked at."""

    def __init__(self, backend: GuardedBackend) -> None:
        super().__init__()
        self._pool.close()
        # httpx has no parameter for what makes the connections; a test sees to it that this is heeded.
        self._pool = httpcore.ConnectionPool(ssl_context=httpx.create_ssl_context(), network_backend=backend)


def guarded_client(backend: GuardedBackend, **options: Any) -> httpx.Client:
    """A client of httpx that connects by that backend; what it may not reach raises BlockedAddress.

    Where the environment names a proxy, that one looks names up and connects, so there is nothing to be guarded here.
    """
    transport = None if urllib.request.getproxies() else _GuardedTransport(backend)
    return httpx.Client(transport=transport, follow_redirects=False, **options)
