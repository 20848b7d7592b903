"""Showing pictures in the file manager of the machine that Easel runs on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from webui.errors import Conflict, NotFound

_SECONDS_TO_FAIL = 1.0


def _explorer(program: str, path: Path) -> str:
    # Windows programs get one string, and this one takes an unquoted comma as the end of a path; a path there has no quotes.
    return f'"{program}" "{path}"' if path.is_dir() else f'"{program}" /select,"{path}"'


def _finder(program: str, path: Path) -> list[str]:
    # Always -R: a folder that a prompt named "x.app" is shown that way, and never started as a program.
    return [program, "-R", str(path)]


def _xdg_open(program: str, path: Path) -> list[str]:
    # A folder, never the picture itself: that would start whatever program shows pictures.
    return [program, str(path if path.is_dir() else path.parent)]


@dataclass(frozen=True)
class _Desktop:
    program: str
    command: Callable[[str, Path], str | list[str]]
    shown_by: tuple[str, ...] = ()
    """Variables of the environment; without any of them there is no desktop."""


_DESKTOPS = {"win32": _Desktop("explorer", _explorer), "darwin": _Desktop("open", _finder)}
_OTHER_DESKTOP = _Desktop("xdg-open", _xdg_open, ("DISPLAY", "WAYLAND_DISPLAY"))


def open_folder(path: Path, pictures_dir: Path) -> None:
    """Show a folder, or a picture selected in its folder, on this machine's desktop. Returns within about a second.

    Raises NotFound for what is gone or lies outside `pictures_dir` (links followed), Conflict where there is no desktop.
    """
    real = path.resolve()
    if not real.is_relative_to(pictures_dir.resolve()) or not real.exists():
        raise NotFound("There is no such folder or picture.", code="image_not_found", hint="Only the pictures folder can be shown.")
    desktop = _DESKTOPS.get(sys.platform, _OTHER_DESKTOP)
    program = shutil.which(desktop.program)
    if program is None:
        raise _no_desktop(f"{desktop.program} is not installed")
    if desktop.shown_by and not any(map(os.environ.get, desktop.shown_by)):
        raise _no_desktop("Easel runs on a machine, or in a session, without a desktop")
    nowhere = subprocess.DEVNULL
    try:
        process = subprocess.Popen(desktop.command(program, real), stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
    except OSError as error:
        raise _no_desktop(f"{desktop.program} can't be started ({error.strerror})") from None
    _raise_if_it_fails_at_once(process, desktop.program)


def _raise_if_it_fails_at_once(process: subprocess.Popen[bytes], name: str) -> None:
    try:
        code = process.wait(_SECONDS_TO_FAIL)
    except subprocess.TimeoutExpired:
        # Some file managers stay until their window is closed; somebody has to take note of their end.
        threading.Thread(target=process.wait, name="file-manager", daemon=True).start()
        return
    # Explorer says 1 when all is well.
    if code != 0 and sys.platform != "win32":
        raise _no_desktop(f"{name} found no file manager (it ended with {code})")


def _no_desktop(cause: str) -> Conflict:
    return Conflict(
        f"The folder can't be shown: {cause}.",
        code="no_desktop",
        hint="Open it by hand: outputs in the data folder, or the folder that the setting outputs_dir names.",
    )
