"""Regions: parts of a picture that follow a prompt of their own, as a request asks for them and as infotexts tell of them.

They lie one upon the other like layers of paint, the first one lowest, all of them on the request's own prompt, the ground.
Infotexts have a few keys for each: `Region 1: a red fox, Region 1 mask: 9f86..., Region 1 weight: 0.8`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import ConfigDict, field_validator, model_validator

from webui.generation.images import ImageHash
from webui.generation.parameter import MAX_PROMPT_CHARACTERS, Declared, parameter, storable

MOST_REGIONS = 8


class Region(Declared):
    """A part of the picture, and what is to be seen there."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prompt: str = parameter(
        ...,
        label="Region prompt",
        help="What you want to see there, in the same language as the prompt. A LoRA that it names acts on the whole picture.",
        max_length=MAX_PROMPT_CHARACTERS,
    )
    mask: ImageHash = parameter(
        ...,
        label="Region mask",
        help="Where it is: the SHA-256 of a picture, white there, black elsewhere and grey for a share, which is stretched over the "
        "picture that drawing starts from, or over the one that is drawn.",
    )
    weight: float = parameter(
        1.0,
        label="Region weight",
        help="How much of what lies beneath it covers: 1 hides the prompt and the regions before it, less lets them have a say.",
        step=0.05,
        ge=0.05,
        le=1,
    )
    start: float = parameter(0.0, label="Region start", help="Share of the steps from which it counts.", step=0.01, ge=0, le=1)
    end: float = parameter(
        1.0,
        label="Region end",
        help="Share of the steps to which it counts. Less than 1 lets the prompt draw all of one piece at the end.",
        step=0.01,
        ge=0,
        le=1,
    )

    @field_validator("prompt", mode="before")
    @classmethod
    def _clean_text(cls, value: Any) -> Any:
        return storable(value)

    @model_validator(mode="after")
    def _start_before_end(self) -> Region:
        if self.start >= self.end:
            raise ValueError("Let Region start be before Region end")
        return self

    def counts(self, step: int, steps: int) -> bool:
        """Whether it has a say in that step, 0-based, of so many: the one in whose middle it does."""
        return self.start <= (step + 0.5) / steps < self.end


# --- In infotexts ---

INFOTEXT_KEY = re.compile(r"Region ([1-9]\d*)(?: (mask|weight|start|end))?")
_NUMBERS: Mapping[str, float] = MappingProxyType(
    {name: float(Region.model_fields[name].get_default()) for name in ("weight", "start", "end")}
)


def write_regions(regions: Sequence[Region]) -> dict[str, str]:
    """Regions as infotext keys; numbers are left out where they are as usual."""
    pairs: dict[str, str] = {}
    for number, region in enumerate(regions, 1):
        pairs |= {f"Region {number}": region.prompt, f"Region {number} mask": region.mask}
        told = {name: getattr(region, name) for name, usual in _NUMBERS.items() if getattr(region, name) != usual}
        pairs |= {f"Region {number} {name}": f"{value:g}" for name, value in told.items()}
    return pairs


def read_regions(parameters: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of each region that an infotext tells of, by its first key and in order. Never raises; what it says may not be valid."""
    found: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for key, value in parameters.items():
        if match := INFOTEXT_KEY.fullmatch(key):
            found[int(match[1])][match[2] or "prompt"] = value
    return {f"Region {number}": found[number] for number in sorted(found)}
