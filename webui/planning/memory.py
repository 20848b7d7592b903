"""Plans for memory: how to draw a picture with what is free. Pure arithmetic over measured facts; no torch.

A plan is the cheapest way whose predicted peak fits. All ways are tried in order of what they cost in time, so more
free memory never gives a slower plan, and weights are streamed only when nothing else fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from types import MappingProxyType
from typing import Any, Protocol

from webui.generation.attention import SLICED

WHOLE, ONE_BY_ONE, TILED = "whole", "one by one", "tiled"
"""How the VAE decodes: all pictures at once, each for itself, or each in overlapping tiles."""

RESIDENT, SWAP, PARTIAL, SEQUENTIAL, PAGED = "resident", "swap", "partial", "sequential", "paged"
"""Where weights are: all on the device; only the part at work; the denoiser in part, the rest streamed; every layer streamed;
or, without a device of their own, read again from their files as the system needs the room."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of weights, as they are computed with.

    largest_block: of the denoiser's parts that are streamed as one. largest_layer: of all single layers.
    """

    text: int
    denoiser: int
    vae: int
    largest_block: int
    largest_layer: int

    @property
    def total(self) -> int:
        """All weights."""
        return self.text + self.denoiser + self.vae


class Activations(Protocol):
    """Peak bytes beside the weights, for pictures of one size."""

    def encode(self) -> int:
        """The text encoder's."""
        ...

    def denoise(self, rows: int, attention: str) -> int:
        """The denoiser's, with that many latents in one pass."""
        ...

    def decode(self, pictures: int, vae: str) -> int:
        """The VAE's, for that many pictures drawn together."""
        ...


@dataclass(frozen=True)
class Budget:
    """What a plan may use, in bytes.

    free: measured just before. reserve: left for others. copies: the device has memory of its own, to which weights are
    copied; without (on a CPU) they are mapped from files, and the system reads them again when it was short of room.
    """

    free: int
    reserve: int
    copies: bool

    @property
    def available(self) -> int:
        """What may be used."""
        return max(0, self.free - self.reserve)


@dataclass(frozen=True)
class Plan:
    """How pictures are drawn.

    rows: latents in one pass of the denoiser, of `wanted_rows` in a step, one of each picture for each prompt.
    resident_bytes: of the denoiser that stay on the device between steps. peak: predicted bytes, weights included.
    fits: whether that is within the budget.
    """

    residency: str
    rows: int
    wanted_rows: int
    vae: str
    attention: str
    resident_bytes: int
    peak: int
    fits: bool

    @property
    def easy(self) -> bool:
        """Whether it fits without reading or moving weights again and again."""
        return self.fits and not _STREAMS[self.residency]

    @property
    def unhindered(self) -> bool:
        """Whether all is where it is quickest and done at once, with whatever kernel."""
        return self.fits and self.residency == RESIDENT and self.rows == self.wanted_rows and self.vae == WHOLE

    @property
    def words(self) -> str:
        """For the plan line: "fits in memory", "fits; VAE tiled", "may not fit in memory"."""
        measures = [words for word in (self.residency, self.vae, self.attention) if (words := _WORDS.get(word))]
        if self.rows < self.wanted_rows:
            measures.append("one pass after the other")
        if not self.fits:
            return "may not fit in memory"
        return f"fits; {', '.join(measures)}" if measures else "fits in memory"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for facts."""
        return asdict(self)


_WORDS: Mapping[str, str] = MappingProxyType(
    {
        SWAP: "parts take turns",
        PARTIAL: "part of the weights streamed",
        SEQUENTIAL: "all weights streamed",
        PAGED: "weights read from disk as needed",
        ONE_BY_ONE: "decoded one by one",
        TILED: "VAE tiled",
        SLICED: "attention sliced",
    }
)

RESIDENCIES: Mapping[bool, tuple[str, ...]] = MappingProxyType({True: (RESIDENT, SWAP, PARTIAL, SEQUENTIAL), False: (RESIDENT, PAGED)})
"""Whether weights are copied to the device -> where they can be, cheapest first."""

_STREAMS: Mapping[str, int] = MappingProxyType({RESIDENT: 0, SWAP: 0, PARTIAL: 1, PAGED: 1, SEQUENTIAL: 2})


def rows_choices(pictures: int, prompts: int) -> tuple[int, ...]:
    """Latents in one pass, most first: all pictures with all prompts, half of them, and so on down to one."""
    rows = pictures * prompts
    choices = [rows]
    while rows > 1:
        rows = -(-rows // 2)
        choices.append(rows)
    return tuple(choices)


def vae_choices(pictures: int) -> tuple[str, ...]:
    """How to decode, quickest first."""
    return (WHOLE, ONE_BY_ONE, TILED) if pictures > 1 else (WHOLE, TILED)


def attention_choices(attention: str) -> tuple[str, ...]:
    """The attention wanted, and what needs less memory."""
    return (attention,) if attention == SLICED else (attention, SLICED)


def make_plan(budget: Budget, sizes: Sizes, activations: Activations, *, pictures: int, prompts: int, attention: str) -> Plan:
    """The cheapest plan that fits; the one that needs least, with fits=False, when none does.

    pictures: drawn together. prompts: that are asked for at once, the negative one, parts between ANDs and regions among them.
    attention: wanted kernel; a slower one is taken only for room.
    """
    least: Plan | None = None
    for way in _ways(budget, sizes, activations, pictures, prompts, attention):
        if way.fits:
            return way
        least = way if least is None or way.peak < least.peak else least
    assert least is not None
    return least


def _ways(budget: Budget, sizes: Sizes, activations: Activations, pictures: int, prompts: int, attention: str) -> Iterator[Plan]:
    """Every way of drawing, cheapest first.

    Moving whole parts costs less than tiles, those less than a second pass, that less than sliced attention, and streaming
    weights costs most.
    """
    choices = rows_choices(pictures, prompts)
    wanted = choices[0]
    ways = product(
        RESIDENCIES[budget.copies],
        enumerate(attention_choices(attention)),
        enumerate(choices),
        enumerate(vae_choices(pictures)),
    )
    for residency, (_, kernel), (_, rows), (_, vae) in sorted(ways, key=_cost):
        needs = Needs(activations.encode(), activations.denoise(rows, kernel), activations.decode(pictures, vae))
        resident, peak = PEAKS[residency](budget.available, sizes, needs)
        yield Plan(residency, rows, wanted, vae, kernel, resident, peak, peak <= budget.available)


def _cost(way: tuple[str, tuple[int, str], tuple[int, int], tuple[int, str]]) -> tuple[int, int, int, bool, bool, int]:
    # Tiles change the picture a little where they meet, so moving whole parts goes before them.
    residency, (slow, _), (halvings, _), (small, vae) = way
    return _STREAMS[residency], slow, halvings, vae == TILED, residency == SWAP, small


@dataclass(frozen=True)
class Needs:
    """Peak activations of one way of drawing, in bytes."""

    encode: int
    denoise: int
    decode: int


Peak = Callable[[int, Sizes, Needs], tuple[int, int]]
"""(available bytes, weights, activations) -> (bytes of the denoiser that stay, predicted peak)."""


def _resident(available: int, sizes: Sizes, needs: Needs) -> tuple[int, int]:
    return sizes.denoiser, sizes.total + max(needs.encode, needs.denoise, needs.decode)


def _swap(available: int, sizes: Sizes, needs: Needs) -> tuple[int, int]:
    return sizes.denoiser, max(sizes.text + needs.encode, sizes.denoiser + needs.denoise, sizes.vae + needs.decode)


def _partial(available: int, sizes: Sizes, needs: Needs) -> tuple[int, int]:
    # Two blocks travel at a time: the one at work and the next one.
    moving = needs.denoise + 2 * sizes.largest_block
    resident = min(max(0, available - moving), sizes.denoiser)
    return resident, max(sizes.text + needs.encode, resident + moving, sizes.vae + needs.decode)


def _sequential(available: int, sizes: Sizes, needs: Needs) -> tuple[int, int]:
    return 0, 2 * sizes.largest_layer + max(needs.encode, needs.denoise, needs.decode)


def _paged(available: int, sizes: Sizes, needs: Needs) -> tuple[int, int]:
    return 0, sizes.largest_layer + max(needs.encode, needs.denoise, needs.decode)


PEAKS: Mapping[str, Peak] = MappingProxyType({RESIDENT: _resident, SWAP: _swap, PARTIAL: _partial, SEQUENTIAL: _sequential, PAGED: _paged})
"""Where weights are -> what stays and the predicted peak."""
