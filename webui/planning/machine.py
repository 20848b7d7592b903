"""How much memory there is for us: the machine's, or less where a container or a service manager sets a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUP_FILES = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class HostMemory:
    """Bytes of main memory: all that this process could ever use, and what it could use now without others suffering."""

    total: int
    available: int


def host_memory(own_groups: Path = _OWN_GROUPS, group_files: Path = _GROUP_FILES) -> HostMemory:
    """Read it now. own_groups, group_files: where Linux tells of control groups; elsewhere there are none."""
    machine = psutil.virtual_memory()
    total, available = int(machine.total), int(machine.available)
    for limit, used in _limits(own_groups, group_files):
        total = min(total, limit)
        available = min(available, max(0, limit - used))
    return HostMemory(total, available)


def _limits(own_groups: Path, group_files: Path) -> Iterator[tuple[int, int]]:
    """(limit, used) of each control group that this process is in, its parents included: the tightest one counts."""
    try:
        lines = own_groups.read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            yield from _walk(group_files, group, _read_v2)
        elif "memory" in controllers.split(","):
            yield from _walk(group_files / "memory", group, _read_v1)


def _walk(root: Path, group: str, read: Callable[[Path], tuple[int, int] | None]) -> Iterator[tuple[int, int]]:
    # In a container the path may be the host's, of which only the root is to be seen.
    folder = root / group.lstrip("/")
    while True:
        found = read(folder)
        if found is not None:
            yield found
        if folder == root or root not in folder.parents:
            return
        folder = folder.parent


def _read_v2(folder: Path) -> tuple[int, int] | None:
    return _read(folder, "memory.max", "memory.current", "inactive_file")


def _read_v1(folder: Path) -> tuple[int, int] | None:
    return _read(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _read(folder: Path, limit_name: str, used_name: str, reclaimable: str) -> tuple[int, int] | None:
    try:
        limit = (folder / limit_name).read_text("utf-8").strip()
        used = int((folder / used_name).read_text("utf-8"))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text("utf-8").splitlines())
    except (OSError, ValueError):
        return None
    if limit == "max":
        return None
    # Pages of files nobody used lately are counted as used, and given back as soon as somebody asks.
    return int(limit), max(0, used - int(statistics.get(reclaimable, 0)))
