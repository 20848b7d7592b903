"""How long will it take? Told from pictures already made with the same checkpoint."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from webui.generation.adapters import loras_named
from webui.generation.attention import SDPA
from webui.generation.finishing import works
from webui.generation.passes import passes_of
from webui.generation.request import DrawnRequest, GenerationRequest, ResolvedUpscale, Upscale
from webui.generation.samplers import AUTOMATIC, find_sampler
from webui.generation.weight_storage import AS_COMPUTED, WEIGHT_STORAGES, bytes_of_weight
from webui.planning.memory import Budget, Plan, Sizes, make_plan
from webui.planning.peaks import Peak, PictureActivations, merge


@dataclass(frozen=True)
class Sample:
    """One finished picture: what was asked of the denoiser and how long it took in seconds. facts: all that was measured.

    steps to sampler tell of the first pass; all that the denoiser did stands in the facts.
    """

    steps: int
    width: int
    height: int
    cfg_scale: float
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    sampler: str = "Euler"

    @property
    def pace(self) -> float | None:
        """Seconds for one unit of its work; None where nothing is known. What finished it afterwards isn't counted."""
        seconds = self.seconds - _number(self.facts.get("finish")) if _number(self.facts.get("finishing_work")) else self.seconds
        return seconds / self.work if seconds > 0 and self.work > 0 else None

    @property
    def finishing_pace(self) -> float | None:
        """The same of what finished a picture that was drawn."""
        seconds, work = _number(self.facts.get("finish")), _number(self.facts.get("finishing_work"))
        return seconds / work if seconds > 0 and work > 0 else None

    @property
    def work(self) -> float:
        """What the denoiser did for it (see `picture_work`), or of an upscale all that was done."""
        told = self.facts.get("work")
        known = isinstance(told, int | float) and told >= 0
        if known:
            return float(told)  # type: ignore[arg-type]
        if not self.steps:  # it wasn't drawn
            return 0.0
        return self.steps * _work(self.width, self.height, 2 if self.cfg_scale > 1 else 1, self.sampler)

    @property
    def memory(self) -> MeasuredMemory | None:
        """What was measured of its memory; None where nothing was, or where another version of Easel wrote it down otherwise."""
        try:
            return MeasuredMemory.of(self.facts)
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class MeasuredMemory:
    """What an engine told of the memory of one picture. number: bytes of one number. device: its name. made: as in PictureActivations.

    storage: of the denoiser's weights (webui.generation.weight_storage).
    """

    device: str
    number: int
    sizes: Sizes
    budget: Budget
    peaks: tuple[Peak, ...]
    made: Mapping[str, int] = field(default_factory=dict)
    storage: str = AS_COMPUTED

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> MeasuredMemory:
        """From a picture's facts. Raises KeyError, TypeError or ValueError for anything else."""
        told = facts["memory"]
        sizes, budget = Sizes(**told["sizes"]), Budget(**told["budget"])
        made = {str(stage): int(size) for stage, size in told.get("made", {}).items()}
        peaks, storage = tuple(Peak.of(peak) for peak in told["peaks"]), str(facts.get("weight_storage", AS_COMPUTED))
        return cls(str(facts["device"]), int(told["number"]), sizes, budget, peaks, made, storage)

    def sizes_stored(self, storage: str) -> Sizes:
        """What the weights take where the denoiser's are stored so; about that, as some of its layers stay as computed."""
        factor = bytes_of_weight(storage, self.number) / bytes_of_weight(self.storage, self.number)
        denoiser, block = (round(size * factor) for size in (self.sizes.denoiser, self.sizes.largest_block))
        return replace(self.sizes, denoiser=denoiser, largest_block=block)


@dataclass(frozen=True)
class Estimate:
    """How many pictures, about how many seconds for all of them, and how memory will be used (None: nothing is known yet).

    offer: a way that would fit and that changes the picture, so it is only named; or empty.
    """

    pictures: int
    seconds: float | None
    plan: Plan | None = None
    offer: str = ""

    @property
    def text(self) -> str:
        """For the plan line: "4 pictures in about 12 s; fits in memory"."""
        pictures = "1 picture" if self.pictures == 1 else f"{self.pictures} pictures"
        if self.seconds is None:
            return f"{pictures}, time not known yet"
        memory = "".join(f"; {words}" for words in (self.plan.words if self.plan else "", self.offer) if words)
        return f"{pictures} in about {round_duration(self.seconds)}{memory}"


def round_duration(seconds: float) -> str:
    """Two digits are all an estimate is worth: "0.8 s", "12 s", "3 min", "1.5 h"."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _work(width: int, height: int, prompts: int, sampler: str) -> float:
    # In a step one pass of the denoiser for each prompt and each call of the sampler; its cost grows with the area.
    return find_sampler(sampler).calls * width * height * prompts


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _works(request: DrawnRequest) -> list[float]:
    """What each step has to do for one picture, those of all passes one after the other."""
    asked = [(one.prompts, one.request) for one in passes_of(request)]
    return [_work(own.width, own.height, prompts, own.sampler) for each, own in asked for prompts in each]


def picture_work(request: GenerationRequest) -> float:
    """How much the denoiser has to do for one picture, in pixels times passes; times `pace` it is seconds.

    Of an upscale, which is not drawn: what its steps have to do, in pixels.
    """
    return finishing_work(request) if isinstance(request, Upscale) else sum(_works(request))


def finishing_work(request: GenerationRequest) -> float:
    """How much the steps of a request's chain have to do for one picture, in pixels; 0 where the size of a source isn't known yet."""
    if isinstance(request, Upscale) and not isinstance(request, ResolvedUpscale):
        return 0.0
    return sum(works(request.finishing, request.picture_size))


def finishing_share(request: GenerationRequest) -> float:
    """About which share of a picture's time its finishing takes, 0 to 1: a guess for progress bars, by pixels alone."""
    if isinstance(request, Upscale):
        return 1.0
    finishing = finishing_work(request)
    return finishing / (finishing + picture_work(request)) if finishing else 0.0


def shares_done(request: GenerationRequest) -> tuple[float, ...]:
    """Which share of a picture is done after 0, 1, 2 ... steps of the denoiser, 0 to 1."""
    if isinstance(request, Upscale):
        return (0.0,)
    done = [0.0, *itertools.accumulate(_works(request))]
    # A picture that is given back as it was has no steps.
    return tuple(work / done[-1] for work in done) if done[-1] else (1.0,)


def work_of(request: GenerationRequest) -> float:
    """The same for all pictures of a request."""
    rounds = request.rounds
    return request.picture_count // len(rounds) * sum(picture_work(one) for one in rounds)


def pace(samples: Sequence[Sample]) -> float | None:
    """Median seconds for one unit of work in `samples` (same checkpoint, newest first); None when nothing is known yet."""
    speeds = [sample.pace for sample in samples if sample.pace is not None]
    return statistics.median(speeds) if speeds else None


def known_peaks(samples: Sequence[Sample]) -> tuple[Peak, ...]:
    """What those pictures needed; of those made like the newest one, with the same numbers on the same device."""
    known = [memory for sample in samples if (memory := sample.memory) is not None]
    alike = [memory for memory in known if (memory.number, memory.device) == (known[0].number, known[0].device)]
    return merge((), (peak for memory in alike for peak in memory.peaks))


def plan_memory(request: DrawnRequest, samples: Sequence[Sample], available: int) -> Plan | None:
    """How memory will be used, planned as the engine does for the largest pass; None when nothing was measured yet.

    available: bytes of main memory now, for engines that compute in it; of a card, what was free at the last picture.
    """
    newest = next((memory for sample in samples if (memory := sample.memory) is not None), None)
    if newest is None:
        return None
    budget = newest.budget if newest.budget.copies else replace(newest.budget, free=available)
    # What LoRAs need is known from the last picture that had some.
    made = next((memory.made for sample in samples if (memory := sample.memory) and any(memory.made.values())), {})
    loras = made if any(map(loras_named, (request.prompt, *request.region_prompts))) else {}
    largest = max(passes_of(request), key=lambda one: one.request.width * one.request.height)
    asked = largest.request
    activations = PictureActivations(asked.width, asked.height, newest.number, known_peaks(samples), loras)
    return make_plan(
        budget,
        newest.sizes_stored(request.weight_storage),
        activations,
        pictures=asked.batch_size if budget.copies else 1,
        prompts=max(largest.prompts, default=1),
        attention=SDPA if asked.attention == AUTOMATIC else asked.attention,
    )


def estimate(request: GenerationRequest, samples: Sequence[Sample], available: int = 0) -> Estimate:
    """The median speed of `samples` applied to the request, and the plan for its memory. available: as in `plan_memory`."""
    speed = pace(samples)
    seconds = None if speed is None else speed * work_of(request)
    if isinstance(request, Upscale):
        return Estimate(request.picture_count, seconds)
    if seconds is not None and request.finishing:
        known = [sample.finishing_pace for sample in samples if sample.finishing_pace is not None]
        seconds += statistics.median(known) * finishing_work(request) * request.picture_count if known else 0.0
    plan = plan_memory(request, samples, available)
    return Estimate(request.picture_count, seconds, plan, _offer(request, samples, available, plan))


def _offer(request: DrawnRequest, samples: Sequence[Sample], available: int, plan: Plan | None) -> str:
    if plan is None or plan.easy or request.weight_storage != AS_COMPUTED:
        return ""
    small = plan_memory(request.model_copy(update={"weight_storage": WEIGHT_STORAGES[1]}), samples, available)
    return f"would fit with weights stored as {' or '.join(WEIGHT_STORAGES[1:])}" if small and small.easy else ""
