"""Add-ons on their way into a running Easel: fetched aside and checked, then shown, then installed or forgotten."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from webui.errors import Conflict, EaselError, NotFound
from webui.extensions.install.git import Cancelled
from webui.extensions.install.indexes import Indexes
from webui.extensions.install.staging import Staged, Stager, known_or_parsed, offer
from webui.studio.event_log import EventLog

log = logging.getLogger(__name__)

StageState = Literal["working", "ready", "installed", "failed"]
Tell = Callable[[str], None]

_KEPT = 8
"""Ended ones that can still be asked about."""


@dataclass
class Stage:
    """One add-on on its way."""

    id: str
    words: str
    doing: str = ""
    state: StageState = "working"
    staged: Staged | None = None
    problem: EaselError | None = None
    cancelled: bool = False
    add_on: str = ""
    needs_restart: bool = False

    def view(self) -> dict[str, Any]:
        """As page and API get it."""
        details = getattr(self.problem, "details", "")
        return {
            "id": self.id,
            "source": self.words,
            "state": self.state,
            "doing": self.doing,
            "offer": offer(self.staged) if self.staged else None,
            "error": self.problem.as_dict() if self.problem else None,
            "details": details,
            "add_on": self.add_on,
            "needs_restart": self.needs_restart,
        }


class Stages:
    """Those of one running Easel. One is fetched at a time. May be used from any thread. changed: called when one has got further."""

    def __init__(self, stager: Stager, indexes: Indexes, events: EventLog, changed: Callable[[], None]) -> None:
        self._stager = stager
        self._indexes = indexes
        self._events = events
        self._changed = changed
        self._lock = threading.RLock()
        self._one_at_a_time = threading.Lock()
        self._stages: dict[str, Stage] = {}

    def close(self) -> None:
        """What is being fetched is given up."""
        with self._lock:
            for stage in self._stages.values():
                stage.cancelled = True

    # looking

    def view(self, stage_id: str) -> dict[str, Any]:
        """How far it is. Raises NotFound."""
        return self._get(stage_id).view()

    def open(self) -> list[dict[str, Any]]:
        """Those that somebody waits for, or is to look at."""
        with self._lock:
            return [stage.view() for stage in self._stages.values() if stage.state in ("working", "ready")]

    def ready(self, stage_id: str) -> tuple[Stage, Staged]:
        """One that may be installed. Raises NotFound, Conflict."""
        stage = self._get(stage_id)
        if stage.state != "ready" or stage.staged is None:
            raise Conflict("It isn't ready to be installed.", hint="Wait until it has been checked.")
        return stage, stage.staged

    def _get(self, stage_id: str) -> Stage:
        with self._lock:
            found = self._stages.get(stage_id)
        if found is None:
            raise NotFound("There is nothing of that kind on its way.", hint="Begin again.")
        return found

    # beginning

    def begin(self, text: str, ref: str = "", *, link: bool = True) -> dict[str, Any]:
        """Begin to fetch and check an add-on. Raises InvalidRequest for a source that nothing is fetched from."""
        source = known_or_parsed(text, ref)
        return self._begin(str(source), lambda doing: self._stager.stage(source, doing, link=link))

    def begin_listed(self, index: str, identifier: str) -> dict[str, Any]:
        """The same for an entry of a list. Raises NotFound, InvalidRequest."""
        source = self._indexes.source_of(index, identifier)
        return self._begin(str(source), lambda doing: self._stager.stage(source, doing, link=False))

    def begin_zip(self, data: bytes, name: str) -> dict[str, Any]:
        """The same with a zip that somebody sent."""

        def run(doing: Tell) -> Staged:
            with tempfile.TemporaryDirectory(prefix="easel-zip-") as folder:
                file = Path(folder, "sent.zip")
                file.write_bytes(data)
                return self._stager.stage_zip(file, name, doing)

        return self._begin(Path(name).name[:80], run)

    def begin_update(self, identifier: str) -> dict[str, Any]:
        """The same with the newest version of an installed add-on. Raises NotFound, Conflict."""
        source = self._stager.source_to_update(self._stager.store.get(identifier))
        return self._begin(str(source), lambda doing: self._stager.stage(source, doing, update=identifier, link=False))

    def _begin(self, words: str, run: Callable[[Tell], Staged]) -> dict[str, Any]:
        stage = Stage(os.urandom(8).hex(), words, "Waiting for another one" if self._one_at_a_time.locked() else "Beginning")
        with self._lock:
            for old in [one for one in self._stages.values() if one.state in ("failed", "installed")][:-_KEPT]:
                del self._stages[old.id]
            self._stages[stage.id] = stage
        threading.Thread(target=self._work, args=(stage, run), name="staging", daemon=True).start()
        return stage.view()

    def _work(self, stage: Stage, run: Callable[[Tell], Staged]) -> None:
        def doing(text: str) -> None:
            if stage.cancelled:
                raise Cancelled
            if text and text != stage.doing:
                stage.doing = text
                self._events.publish("extension_stage", id=stage.id, doing=text)

        try:
            with self._one_at_a_time:
                stage.staged = run(doing)
            stage.state, stage.doing = "ready", ""
        except Cancelled:
            with self._lock:
                self._stages.pop(stage.id, None)
        except EaselError as error:
            stage.state, stage.problem = "failed", error
        except Exception as error:  # a source may hold anything; whoever waits must be told
            log.exception("An add-on could not be prepared")
            words = " ".join(str(error).split())[:300] or type(error).__name__
            stage.state, stage.problem = "failed", EaselError(f"The add-on could not be prepared: {words}.", hint="The log has more.")
        self._changed()

    def forget(self, stage_id: str) -> None:
        """It is not wanted; what was fetched goes. Raises NotFound."""
        stage = self._get(stage_id)
        stage.cancelled = True
        if stage.staged is not None and stage.state == "ready":
            self._stager.discard(stage.staged)
        with self._lock:
            self._stages.pop(stage_id, None)
        self._changed()
