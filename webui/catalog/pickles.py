"""Old pickles are never opened in this process: a child looks into them (pickle_inspector) and its answer is checked."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from webui.catalog import pickle_inspector
from webui.catalog.header import Header, TensorInfo, readable
from webui.catalog.pickle_inspector import MEMORY_LIMIT, SECONDS_LIMIT
from webui.errors import CheckpointUnusable

_LOOK_SECONDS = 0.1
_OTHER_COPY = "Get the safetensors of it, or another copy."


@dataclass(frozen=True)
class Inspected:
    """What lies in a pickle. foreign: names of code that it asks for; none of it was run."""

    header: Header
    foreign: tuple[str, ...]


def inspect_pickle(path: Path) -> Inspected:
    """Have a child say which tensors a pickle holds. Takes a process start; remember the answer.

    Raises CheckpointUnusable when it is damaged, no model, or takes too much time or memory.
    """
    found = _told(path, _run(path))
    if "problem" in found:
        raise CheckpointUnusable(f"{path.name} can't be read: {readable(str(found['problem']))[:300]}.", hint=_OTHER_COPY)
    try:
        tensors = {
            str(name): TensorInfo(str(dtype), tuple(int(number) for number in shape)) for name, (dtype, shape) in found["tensors"].items()
        }
        texts = {readable(str(name)): readable(str(text)) for name, text in found["texts"].items()}
        foreign = tuple(readable(str(name)) for name in found["foreign"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _confused(path) from None
    return Inspected(Header("pickle", tensors, texts), foreign)


def _confused(path: Path) -> CheckpointUnusable:
    return CheckpointUnusable(f"{path.name} can't be read: the look into it came to no end.", hint=_OTHER_COPY)


def _told(path: Path, output: bytes) -> dict[str, Any]:
    try:
        found = json.loads(output)
    except (ValueError, RecursionError):
        raise _confused(path) from None
    if not isinstance(found, dict):
        raise _confused(path)
    return found


def _run(path: Path) -> bytes:
    # -I: neither environment nor working folder decide what is imported; -S: a quicker start, only the standard library is needed.
    command = [sys.executable, "-I", "-S", pickle_inspector.__file__, str(path)]
    deadline = time.monotonic() + SECONDS_LIMIT
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        try:
            while True:
                try:
                    return child.communicate(timeout=_LOOK_SECONDS)[0]
                except subprocess.TimeoutExpired:
                    if time.monotonic() > deadline or _memory_of(child.pid) > MEMORY_LIMIT:
                        raise CheckpointUnusable(
                            f"{path.name} takes more time or memory than a model file should.", hint=_OTHER_COPY
                        ) from None
        finally:
            child.kill()


def _memory_of(pid: int) -> int:
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0
