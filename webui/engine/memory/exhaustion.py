"""When memory runs out all the same: told apart from other errors, and tried again one rung further down."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from webui.engine.control import JobControl
from webui.engine.device import Device
from webui.errors import GenerationFailed
from webui.planning.ladder import MOST_RUNGS, step_down
from webui.planning.memory import Plan

Made = TypeVar("Made")

NO_ROOM = "End other programs that need memory, or choose a smaller checkpoint."


class OutOfMemory(GenerationFailed):
    """Memory didn't suffice, whatever was tried."""

    code = "out_of_memory"
    status = 507


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed: torch has a class for it on devices, and only words on a CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text or "not enough memory" in text)


@dataclass
class Ladder:
    """The plan for some pictures, and how far down it has gone. told: hears of each rung. learned: of each stage that failed, and its plan.

    allowed: whether rungs may be taken at all; the user may want the error instead.
    """

    plan: Plan
    device: Device
    pictures: int
    allowed: bool
    control: JobControl
    told: Callable[[str], None]
    learned: Callable[[str, Plan], None]
    taken: list[str] = field(default_factory=list)

    def climb(self, stage: str, attempt: Callable[[Plan], Made]) -> Made:
        """What `attempt` makes of the plan, or of one further down. Raises OutOfMemory at the bottom or after three rungs."""
        while True:
            try:
                return attempt(self.plan)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                fault = error.with_traceback(None)
            # Here the frames of the attempt are gone, and the memory that they held.
            gc.collect()
            self.device.free_memory()
            self._step_down(stage, fault)
            self.control.check()

    def _step_down(self, stage: str, fault: BaseException) -> None:
        self.learned(stage, self.plan)
        lower = step_down(self.plan, stage, copies=self.device.copies, pictures=self.pictures) if self.allowed else None
        if lower is None or len(self.taken) == MOST_RUNGS:
            tried = f" Tried: {', '.join(self.taken)}." if self.taken else ""
            raise OutOfMemory(
                f"There was not enough memory for this picture.{tried}", hint="Choose a smaller size or a smaller batch size."
            ) from fault
        self.plan, words = lower
        self.taken.append(words)
        self.told(f"Memory ran out; drawn again with {words}.")
