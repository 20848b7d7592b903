"""Where a job comes from that makes a picture of history again: which one, to what end, and what is to be made of it then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REPLAY, VARIATION, HIRES = "replay", "variation", "hires"
"""Relations of a picture to the one that it was made again from: as it was, with something changed, or with a hires pass."""


@dataclass(frozen=True)
class BranchStep:
    """A picture whose steps are gone again. change: fields of its request -> other values."""

    image: int
    change: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """image: the picture that is made again. proof: whether what comes out is compared with it, and kept only if it is another one.

    then: further pictures, each to be made again from what came of the one before.
    """

    relation: str
    image: int
    proof: bool = False
    then: tuple[BranchStep, ...] = ()

    def to_row(self) -> dict[str, Any]:
        """Plain values for the journal."""
        then = [{"image": step.image, "change": dict(step.change)} for step in self.then]
        return {"relation": self.relation, "image": self.image, "proof": self.proof, "then": then}

    @classmethod
    def of_row(cls, row: Mapping[str, Any] | None) -> Origin | None:
        """What `to_row` wrote."""
        if row is None:
            return None
        return cls(row["relation"], row["image"], row["proof"], tuple(BranchStep(**step) for step in row["then"]))
