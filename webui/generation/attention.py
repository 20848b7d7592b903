"""Names of attention kernels: what a request may ask for, and what a device may have."""

from __future__ import annotations

from webui.errors import InvalidRequest
from webui.generation.samplers import AUTOMATIC

SDPA, XFORMERS, SLICED = "SDPA", "xformers", "Sliced"
"""torch's own kernels; xformers'; torch's, a part of the picture after the other (slow, for the last megabytes)."""

ATTENTION_LABELS = (AUTOMATIC, SDPA, XFORMERS, SLICED)


def find_attention_label(name: str) -> str:
    """The label of that name, whatever its case. Raises InvalidRequest naming the known ones."""
    for label in ATTENTION_LABELS:
        if label.casefold() == name.strip().casefold():
            return label
    raise InvalidRequest(
        f"There is no attention called {name[:80]!r}.",
        field="attention",
        allowed=", ".join(ATTENTION_LABELS),
        hint="Automatic takes the best that works on the device.",
    )
