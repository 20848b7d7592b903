"""The process that trains. Started as python -m webui.engine.training.child, and ended at any time.

The first line on stdin is a TrainingJob. After it come words, one a line: "pause" (give the device to others), "go on", "stop" (save, and
end). On stdout come JSON lines: what `session.train` tells, {"paused": true or false}, and as the last one {"notes": [...]},
{"stopped": true} or {"error": {...}}. When stdin ends, nobody waits for it any more, and the process ends at once.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from webui.engine.worker import prepare_environment
from webui.errors import EaselError
from webui.training.job import TrainingJob

TOLD_SECONDS = 0.2
"""Between two words on how far it is."""

_NICENESS = 10

log = logging.getLogger(__name__)


class Listener:
    """What others want, heard in a thread of its own (see session.Wishes)."""

    def __init__(self, commands: TextIO, say: Callable[[Mapping[str, Any]], None]) -> None:
        self._commands = commands
        self._say = say
        self._change = threading.Condition()
        self._paused = False
        self._stopped = False

    def open(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._listen, name="listener", daemon=True).start()

    def heed(self, park: Callable[[], None], go_on: Callable[[], None]) -> None:
        """Wait, parked, while the device is wanted by others. Raises Stopped."""
        from webui.engine.training.session import Stopped

        with self._change:
            if self._stopped:
                raise Stopped
            if not self._paused:
                return
        park()
        self._say({"paused": True})
        with self._change:
            self._change.wait_for(lambda: self._stopped or not self._paused)
            if self._stopped:
                raise Stopped
        self._say({"paused": False})
        go_on()

    def _listen(self) -> None:
        for line in self._commands:
            with self._change:
                match line.strip():
                    case "pause":
                        self._paused = True
                    case "go on":
                        self._paused = False
                    case "stop":
                        self._stopped = True
                self._change.notify_all()
        os._exit(1)


class Teller:
    """Says how far it is, now and then; all else at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told = 0.0

    def say(self, line: Mapping[str, Any]) -> None:
        """Say something now."""
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()

    def tell(self, line: Mapping[str, Any]) -> None:
        """Say something, or leave it out where the same was said a moment ago."""
        if "done" in line:
            if time.monotonic() - self._told < TOLD_SECONDS:
                return
            self._told = time.monotonic()
        self.say(line)


def main() -> None:
    """Train as stdin tells."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # Whatever a library prints goes to stderr and not between the lines.
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    prepare_environment()
    job = TrainingJob.from_line(sys.stdin.readline())
    teller = Teller(told)
    listener = Listener(sys.stdin, teller.say)
    listener.open()
    teller.say(_trained(job, teller, listener))
    # Not by the usual way, which would wait for the thread that listens.
    os._exit(0)


def _trained(job: TrainingJob, teller: Teller, listener: Listener) -> dict[str, Any]:
    from webui.engine.training.session import Stopped, train
    from webui.engine.worker import unexpected

    try:
        return {"notes": train(job, teller.tell, listener)}
    except Stopped:
        return {"stopped": True}
    except EaselError as error:
        return {"error": error.as_dict()}
    except Exception as error:  # whoever waits for it is told, whatever it is
        log.exception("Training failed")
        return {"error": unexpected(error).as_dict()}


if __name__ == "__main__":
    main()
