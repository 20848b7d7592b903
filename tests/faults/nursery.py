"""Starts children quickly: imports everything once, then forks for each line of JSON on stdin and says the child's pid.

A process of its own, so that nothing is forked from a test run with its threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
SPEAK = "pid "


class Nursery:
    """The side of the test: children by call."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=TESTS.parent,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        )

    def start(self, **arguments: Any) -> int:
        """Start `studio_child.work(**arguments)`; returns its pid."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({name: str(value) for name, value in arguments.items()}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line.startswith(SPEAK), line
        return int(line.removeprefix(SPEAK))

    def close(self) -> None:
        """No more children."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


def alive(pid: int) -> bool:
    """Whether the child still runs (the nursery takes away the ended ones)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_end(pid: int, seconds: float) -> bool:
    """Wait until the child has ended. False when it takes longer."""
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _serve() -> None:
    import signal

    from faults.studio_child import work

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children go away by themselves
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                work(**json.loads(line))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(f"{SPEAK}{pid}", flush=True)


if __name__ == "__main__":
    _serve()
