"""How often a password may be tried, under one name and from one address, before whoever tries has to wait."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from webui.errors import TooManyTries

HERE = "10/5minutes;40/hour"
"""Under one name from one address."""
NAME = "200/hour"
"""Under one name from everywhere: who guesses from many addresses is slowed down, and its owner locked out by that as late as can be."""
ADDRESS = "50/10minutes"
"""From one address under all names."""


class Tries:
    """Counts the tries that failed."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limits = {kind: parse_many(text) for kind, text in {"here": HERE, "name": NAME, "address": ADDRESS}.items()}

    def require_room(self, name: str, address: str) -> None:
        """Raises TooManyTries with the time to wait."""
        for limit, key in self._windows(name, address):
            if not self._limiter.test(limit, *key):
                wait = math.ceil(max(1.0, self._limiter.get_window_stats(limit, *key).reset_time - time.time()))
                raise TooManyTries(
                    "Wrong passwords came too often.", retry_after=wait, hint=f"Try again in {_words(wait)}.", field="password"
                )

    def failed(self, name: str, address: str) -> None:
        """One more that was wrong."""
        for limit, key in self._windows(name, address):
            self._limiter.hit(limit, *key)

    def worked(self, name: str, address: str) -> None:
        """Whoever knows the password may mistype it as often as before."""
        for limit, key in self._windows(name, address):
            if key[0] == "here":
                self._limiter.clear(limit, *key)

    def _windows(self, name: str, address: str) -> list[tuple[RateLimitItem, tuple[str, ...]]]:
        who, where = hashlib.sha256(name.strip().casefold().encode("utf-8", "surrogatepass")).hexdigest()[:32], _network(address)
        keys = {"here": ("here", who, where), "name": ("name", who), "address": ("address", where)}
        return [(limit, keys[kind]) for kind, limits in self._limits.items() for limit in limits]


def _network(address: str) -> str:
    """Whoever has one address of IPv6 has all of its last 64 bits."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)


def _words(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{seconds} seconds" if seconds < 60 else "a minute" if minutes == 1 else f"{minutes} minutes"
