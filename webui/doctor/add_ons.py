"""Loads the add-ons' web modules in a process of its own: one that hangs or ends its process does neither to the doctor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from webui.extensions.loading import add_on_folders
from webui.extensions.registry import ExtensionRegistry
from webui.settings import PROGRAM_ROOT

_LOADING, _LOADED, _FAILED, _END = "loading", "loaded", "failed", "end"
_MARK = "easel-add-on"


@dataclass(frozen=True)
class AddOns:
    """loaded: ids. failed: "id: what it raised"."""

    loaded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def load_in_child(roots: Sequence[Path], limit: float) -> AddOns:
    """Try every add-on under `roots`, within `limit` seconds altogether."""
    if not add_on_folders(roots):
        return AddOns()
    command = [sys.executable, "-m", "webui.doctor.add_ons", *map(str, roots)]
    try:
        result = subprocess.run(command, cwd=PROGRAM_ROOT, capture_output=True, text=True, errors="replace", timeout=limit, check=False)
        said, how = result.stdout, f"it ended the process that loaded it (exit code {result.returncode})"
    except subprocess.TimeoutExpired as slow:
        said = slow.stdout.decode("utf-8", "replace") if isinstance(slow.stdout, bytes) else slow.stdout or ""
        how = f"it was not loaded within {limit:.0f} s"
    told = [line.split("\t", 2)[1:] for line in said.splitlines() if line.startswith(f"{_MARK}\t")]
    loaded = tuple(text for what, text in told if what == _LOADED)
    failed = [text for what, text in told if what == _FAILED]
    if told and told[-1][0] == _LOADING:
        failed.append(f"{told[-1][1]}: {how}")
    elif not told or told[-1][0] != _END:
        failed.append(f"add-ons could not be tried: {how}")
    return AddOns(loaded, tuple(failed))


def _tell(what: str, text: str = "") -> None:
    print(f"{_MARK}\t{what}\t{' '.join(text.split())}", flush=True)


def _main(roots: Sequence[str]) -> None:
    registry = ExtensionRegistry()
    for folder in add_on_folders([Path(root) for root in roots]):
        _tell(_LOADING, folder.name)
        before = len(registry.not_loaded())
        registry.load_folder(folder, "web")
        for failure in registry.not_loaded()[before:]:
            _tell(_FAILED, failure)
    for name in registry.names():
        _tell(_LOADED, name)
    _tell(_END)


if __name__ == "__main__":
    _main(sys.argv[1:])
