"""All findings together with the facts behind them, as command line, page, API and report show them."""

from __future__ import annotations

import platform
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webui import __version__
from webui.doctor.checks import CHECKS, Check, installed_version, run
from webui.doctor.findings import Finding, unknown, worst
from webui.doctor.folders import nearest_that_exists
from webui.doctor.premises import Premises
from webui.planning.machine import host_memory

_TOLD_VERSIONS = (
    "gradio",
    "fastapi",
    "uvicorn",
    "pydantic",
    "sqlalchemy",
    "pillow",
    "torch",
    "diffusers",
    "transformers",
    "safetensors",
    "numpy",
)
_MB = 1024**2


@dataclass(frozen=True)
class Examined:
    """One check, what it found, and when. Nobody has run it yet where there is no time."""

    check: Check
    finding: Finding
    at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """As page and API get it."""
        return {
            "id": self.check.id,
            "group": self.check.group,
            "name": self.check.name,
            "thorough": self.check.thorough,
            "state": self.finding.state,
            "text": self.finding.text,
            "advice": self.finding.advice,
            "items": list(self.finding.items),
            "checked_at": self.at.isoformat() if self.at else None,
        }


def examine(premises: Premises, checks: Sequence[Check] = CHECKS, doing: Callable[[Check], None] = lambda check: None) -> list[Examined]:
    """Run these checks in order. doing: called with each before it is run."""
    examined = []
    for check in checks:
        doing(check)
        examined.append(Examined(check, run(check, premises), datetime.now(UTC)))
    return examined


def summary(premises: Premises, examined: Sequence[Examined]) -> dict[str, Any]:
    """Findings and facts as page, API and --json give them out."""
    return {
        "version": __version__,
        "state": worst(entry.finding.state for entry in examined),
        "findings": [entry.as_dict() for entry in examined],
        "versions": versions(premises),
        "engine": _engine(premises),
        "memory": _memory(),
        "disks": _disks(premises),
    }


def versions(premises: Premises) -> dict[str, str]:
    """Versions of what matters most, as the engine's own process tells them where it does."""
    found = {"python": platform.python_version()} | {name: told for name in _TOLD_VERSIONS if (told := installed_version(name))}
    return found | (premises.engine.hello.versions if premises.engine.hello else {})


def _engine(premises: Premises) -> dict[str, Any]:
    slot = premises.engine
    hello = slot.hello
    return {
        "ready": slot.alive,
        "problem": slot.problem,
        "device": hello.device if hello else "",
        "device_name": hello.device_name if hello else "",
        "dtype": hello.dtype if hello else "",
        "attention": list(hello.attention) if hello else [],
    }


def _memory() -> dict[str, int]:
    memory = host_memory()
    return {"total": memory.total, "available": memory.available}


def _disks(premises: Premises) -> list[dict[str, Any]]:
    """The disk where pictures go, and that of the data folder where it is another one."""
    settings = premises.settings
    disks: dict[int, dict[str, Any]] = {}
    for name, folder, reserve in (("Pictures", settings.pictures_dir, settings.disk_reserve_mb * _MB), ("Data", settings.data_dir, 0)):
        there = nearest_that_exists(folder)
        usage = shutil.disk_usage(there)
        disks.setdefault(
            _device_of(there), {"name": name, "folder": str(folder), "total": usage.total, "free": usage.free, "reserve": reserve}
        )
    return list(disks.values())


def _device_of(folder: Path) -> int:
    return folder.stat().st_dev


class Doctor:
    """Examines the Easel that it lives in. May be called from any thread.

    Light checks are made at each look; thorough ones on demand, one after another in a thread of their own.
    """

    def __init__(self, premises: Callable[[], Premises], tell: Callable[[dict[str, Any] | None], None]) -> None:
        """premises: as they are now. tell: called with what the thorough check does, and with None when it has ended."""
        self._premises = premises
        self._tell = tell
        self._lock = threading.Lock()
        self._doing: dict[str, Any] | None = None
        self._thorough = {check.id: Examined(check, unknown("Not looked at yet"), None) for check in CHECKS if check.thorough}

    def look(self) -> dict[str, Any]:
        """The findings as they are now, thorough ones as they were last, and what is being looked at."""
        premises, examined = self.examined()
        return summary(premises, examined) | {"doing": self._doing}

    def examined(self) -> tuple[Premises, list[Examined]]:
        """What was looked at, and everything that was found."""
        premises = self._premises()
        light = {entry.check.id: entry for entry in examine(premises, [check for check in CHECKS if not check.thorough])}
        with self._lock:
            known = light | self._thorough
        return premises, [known[check.id] for check in CHECKS]

    def begin(self) -> None:
        """Begin the thorough checks, unless they are being made."""
        checks = [check for check in CHECKS if check.thorough]
        with self._lock:
            if self._doing is not None:
                return
            self._doing = _progress(checks, 0)
        self._tell(self._doing)
        threading.Thread(target=self._examine, args=(checks,), name="doctor", daemon=True).start()

    def _examine(self, checks: Sequence[Check]) -> None:
        try:
            for entry in examine(self._premises(), checks, lambda check: self._progressed(_progress(checks, checks.index(check)))):
                with self._lock:
                    self._thorough[entry.check.id] = entry
        finally:
            self._progressed(None)

    def _progressed(self, doing: dict[str, Any] | None) -> None:
        with self._lock:
            if doing == self._doing:
                return
            self._doing = doing
        self._tell(doing)


def _progress(checks: Sequence[Check], index: int) -> dict[str, Any]:
    return {"words": checks[index].doing, "number": index + 1, "of": len(checks)}
