"""How much main memory may be locked, so that a card fetches weights from it by itself: locked memory is lost to all other programs."""

from __future__ import annotations

from webui.planning.machine import HostMemory

MOST_LOCKED = 0.4
"""Of all memory."""

LEFT_AVAILABLE = 0.25
"""Of all memory: so much stays for others, whatever is locked."""


def may_lock(nbytes: int, locked: int, machine: HostMemory) -> bool:
    """Whether so many more bytes may be locked, where `locked` are already."""
    return locked + nbytes <= MOST_LOCKED * machine.total and machine.available - nbytes >= LEFT_AVAILABLE * machine.total
