"""How many steps are taken from an existing picture: AUTOMATIC1111's counting."""

from __future__ import annotations

from dataclasses import dataclass

MOST, LEAST = 0.999, 0.001
"""A denoising strength of 1 counts as the one; of those above 0 none counts as less than the other, or a schedule could be endless."""


@dataclass(frozen=True)
class PartialSteps:
    """scheduled: steps of the schedule that the noise levels are taken from. taken: how many of its last steps are made."""

    scheduled: int
    taken: int

    @property
    def first(self) -> int:
        """The 0-based step of the schedule at which drawing begins; its noise level is put on the picture."""
        return self.scheduled - self.taken


def partial_steps(steps: int, denoising_strength: float, *, exactly: bool = False) -> PartialSteps:
    """The steps of `steps` that a denoising strength of 0 to 1 asks for.

    One more is taken than the share says. exactly: take `steps` of a longer schedule ("do exactly the amount of steps").
    """
    share = min(denoising_strength, MOST)
    if not exactly:
        return PartialSteps(steps, min(int(share * steps) + 1, steps))
    scheduled = max(int(steps / max(share, LEAST)), steps) if share > 0 else steps
    return PartialSteps(scheduled, steps)
