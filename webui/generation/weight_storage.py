"""How the denoiser's weights can be stored: in the numbers that are computed with, or smaller at the cost of other pixels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

WeightStorage = Literal["As computed", "fp8", "int8"]
WEIGHT_STORAGES: tuple[WeightStorage, ...] = get_args(WeightStorage)
AS_COMPUTED = WEIGHT_STORAGES[0]


def bytes_of_weight(storage: str, number: int) -> int:
    """Of one weight stored so, where numbers of that many bytes are computed with."""
    return number if storage == AS_COMPUTED else 1


IN_FORGE: Mapping[str, str] = MappingProxyType({"fp8": "float8-e4m3fn"})
"""What Forge writes for "Diffusion in Low Bits"; it has no int8."""

OF_OTHERS: Mapping[str, WeightStorage] = MappingProxyType(
    {
        "automatic": "As computed",
        "automatic (fp16 lora)": "As computed",
        "float8-e4m3fn": "fp8",
        "float8-e4m3fn (fp16 lora)": "fp8",
    }
)
"""What Forge calls them, in lower case. Its other forms (NF4, FP4, e5m2) have no like here."""
