"""Memory for the pictures of a job: planned before, carried out stage by stage, measured, and remembered for the next ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from webui.engine.control import JobControl
from webui.engine.device import Device
from webui.engine.memory.attention import choose_kernel
from webui.engine.memory.carry_out import carrying_out
from webui.engine.memory.exhaustion import Ladder
from webui.engine.memory.loaded import Loaded
from webui.engine.memory.meter import Measured, give_back, peak_of
from webui.generation.job import JobSpec
from webui.generation.passes import Pass
from webui.generation.request import ResolvedDrawn
from webui.planning.memory import RESIDENT, WHOLE, Budget, Plan, make_plan
from webui.planning.peaks import DECODE, DENOISE, ENCODE, Peak, PictureActivations, merge

Made = TypeVar("Made")
Carrying = Callable[[Loaded], AbstractContextManager[None]]
"""A checkpoint -> a block in which it runs one stage as planned."""


class MemoryBook:
    """What pictures were seen to need, by architecture and dtype; and the plans that follow from it."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._peaks: dict[tuple[str, str], tuple[Peak, ...]] = {}

    def known(self, architecture: str) -> tuple[Peak, ...]:
        """The peaks known for it on this device."""
        return self._peaks.get((architecture, self._device.dtype_name), ())

    def learn(self, architecture: str, peaks: Iterable[Peak]) -> None:
        """Remember peaks; of each way of drawing the largest counts."""
        self._peaks[architecture, self._device.dtype_name] = merge(self.known(architecture), peaks)

    def begin(
        self,
        loaded: Loaded,
        job: JobSpec,
        stage: Pass[ResolvedDrawn],
        pictures: int,
        control: JobControl,
        told: Callable[[str], None],
        beside: int = 0,
        made: Mapping[str, int] = MappingProxyType({}),
    ) -> PictureMemory:
        """Plan one pass over some pictures that are drawn together. made: as in PictureActivations.

        beside: bytes of weights that are needed, and not the checkpoint's. Raises GenerationFailed for an attention that
        doesn't work here.
        """
        request = stage.request
        if request.checkpoint == job.drawn.checkpoint:
            self.learn(loaded.architecture, _peaks_of(job.known_peaks))
        # What lies on a device of its own is not free there already.
        taken = 0 if self._device.copies else beside
        number = self._device.dtype.itemsize
        activations = PictureActivations(request.width, request.height, number, self.known(loaded.architecture), made)
        kernel = choose_kernel(request.attention, self._device.attention)
        prompts = max(stage.prompts, default=1)

        def planned() -> tuple[Budget, Plan]:
            budget = Budget(max(0, self._device.free_bytes() + loaded.held() - taken), self._device.reserve, self._device.copies)
            return budget, make_plan(budget, loaded.sizes, activations, pictures=pictures, prompts=prompts, attention=kernel)

        budget, plan = planned()
        if not plan.unhindered or plan.attention != kernel:
            # What was freed before seemed to be in use.
            give_back()
            budget, plan = planned()
        memory = PictureMemory(self, loaded, self._device, budget, request.width, request.height, pictures, made)
        memory.ladder = Ladder(plan, self._device, pictures, job.try_with_less, control, told, memory.ran_out)
        return memory


def _peaks_of(known: Iterable[Mapping[str, Any]]) -> Iterable[Peak]:
    return [Peak.of(one) for one in known]


@dataclass
class PictureMemory:
    """The memory of one pass over some pictures drawn together. made: as in PictureActivations."""

    book: MemoryBook
    loaded: Loaded
    device: Device
    budget: Budget
    width: int
    height: int
    pictures: int
    made: Mapping[str, int]
    ladder: Ladder = field(init=False)
    peaks: list[Peak] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        """The plan as it is now; each time memory runs out it goes one rung down."""
        return self.ladder.plan

    def stage(self, stage: str, attempt: Callable[[], Made]) -> Made:
        """Do one stage as planned, and again one rung further down when memory runs out. Raises OutOfMemory, and what `attempt` raises."""

        def carried_out(carrying: Carrying) -> Made:
            with carrying(self.loaded):
                return attempt()

        return self.changing(stage, carried_out)

    def changing(self, stage: str, attempt: Callable[[Carrying], Made]) -> Made:
        """The same for a stage in which checkpoints change: `attempt` gets a block in which a checkpoint runs as planned."""
        return self.ladder.climb(stage, lambda plan: self._measured(stage, plan, attempt))

    def of(self, loaded: Loaded) -> PictureMemory:
        """The same memory and plan, for another checkpoint that takes part in the pass."""
        other = PictureMemory(self.book, loaded, self.device, self.budget, self.width, self.height, self.pictures, self.made)
        other.ladder = self.ladder
        return other

    def _measured(self, stage: str, plan: Plan, attempt: Callable[[Carrying], Made]) -> Made:
        how, rows = _way(stage, plan, self.pictures)
        if not any((peak.stage, peak.how, peak.rows) == (stage, how, rows) for peak in self._alike()):
            give_back()

        seen: list[Measured] = []

        @contextmanager
        def carrying(loaded: Loaded) -> Iterator[None]:
            # Weights come to a device of its own before anything is measured.
            with carrying_out(plan, stage, loaded, self.device, width=self.width, height=self.height):
                with peak_of(self.device.torch_device) as measured:
                    seen.append(measured)
                    yield

        made = attempt(carrying)
        # What LoRAs made in it is no activation.
        peak = max((measured.bytes for measured in seen), default=0) - self.made.get(stage, 0)
        if peak > 0:
            self._note(Peak(stage, how, self.width, self.height, rows, peak))
        return made

    def ran_out(self, stage: str, plan: Plan) -> None:
        """Remember that this stage needs more than there was for it."""
        weights = {ENCODE: self.loaded.sizes.text, DENOISE: self.loaded.sizes.denoiser, DECODE: self.loaded.sizes.vae}[stage]
        if plan.residency == RESIDENT:
            weights = self.loaded.sizes.total
        how, rows = _way(stage, plan, self.pictures)
        self._note(Peak(stage, how, self.width, self.height, rows, max(self.budget.available - weights, 0) + 1))

    def _alike(self) -> list[Peak]:
        return [peak for peak in self.book.known(self.loaded.architecture) if (peak.width, peak.height) == (self.width, self.height)]

    def _note(self, peak: Peak) -> None:
        self.peaks.append(peak)
        self.book.learn(self.loaded.architecture, [peak])


def memory_facts(passes: Sequence[PictureMemory]) -> dict[str, Any]:
    """For the picture's facts: how it was drawn, what it needed, and what that was planned with. The plan is that of its last pass."""
    first, last = passes[0], passes[-1]
    # What another architecture needed tells nothing of the checkpoint under whose name it is looked up.
    peaks = [peak for one in passes if one.loaded.architecture == first.loaded.architecture for peak in one.peaks]
    return {
        "attention": last.plan.attention,
        "memory": {
            "plan": last.plan.as_dict(),
            "words": last.plan.words,
            "stepped_down": [rung for one in passes for rung in one.ladder.taken],
            "sizes": asdict(first.loaded.sizes),
            "peaks": [peak.as_dict() for peak in merge((), peaks)],
            "budget": asdict(first.budget),
            "number": first.device.dtype.itemsize,
            "made": dict(first.made),
        },
    }


def _way(stage: str, plan: Plan, pictures: int) -> tuple[str, int]:
    """How a stage is done by that plan, as peaks are told apart."""
    if stage == ENCODE:
        return "", 1
    if stage == DENOISE:
        return plan.attention, plan.rows
    return plan.vae, pictures if plan.vae == WHOLE else 1
