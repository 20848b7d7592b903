"""The executor's protocol: the one seam between everything above the engine and the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from webui.generation.events import Hello, WorkerEvent
from webui.generation.job import JobSpec


@dataclass(frozen=True)
class Slot:
    """One place that can run one job at a time. problem: why it is not alive, in one sentence, where that is known.

    resident: what it keeps in memory (webui.generation.events.InMemory).
    """

    id: str
    alive: bool
    hello: Hello | None = None
    resident: tuple[dict[str, Any], ...] = field(default=())
    problem: str = ""


class Executor(Protocol):
    """Runs jobs somewhere. All methods may be called from any thread; one `run` per slot at a time."""

    def start(self) -> None:
        """Begin starting the workers; returns at once."""
        ...

    def slots(self) -> list[Slot]:
        """The places there are, alive or not."""
        ...

    def run(self, slot: str, job: JobSpec) -> Iterator[WorkerEvent]:
        """Make the job's pictures; the last event is Done, Interrupted or Failed."""
        ...

    def interrupt(self, slot: str, job_id: str) -> None:
        """End the job at its next step. Nothing happens when it is not running there."""
        ...

    def skip(self, slot: str, job_id: str) -> None:
        """End the picture being made at its next step and go on with the next one."""
        ...

    def preload(self, slot: str, checkpoint_path: str) -> None:
        """Have a checkpoint ready, once the jobs sent before have ended."""
        ...

    def unload(self, slot: str, checkpoint_path: str | None = None) -> None:
        """Let go of all weights, or of those that only one checkpoint has, once the jobs sent before have ended."""
        ...

    def use_models(self, roots: Sequence[Path]) -> None:
        """Look for models in these folders from now on."""
        ...

    def use_add_ons(self, folders: Sequence[Path], site: Path | None = None) -> None:
        """Load these add-ons, with their packages in `site`, and no others, once the jobs sent before have ended."""
        ...

    def renew(self) -> None:
        """Load the same add-ons anew, once the jobs sent before have ended: their files have changed."""
        ...

    def close(self) -> None:
        """End the workers and wait for them."""
        ...
