"""Weights in main memory: mapped from their file where its numbers are those wanted, from a cast where not, copied as a last resort.

Mapped weights cost nothing that the system could not take back; copies do, so those are let go first, least recently used first.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from webui.engine.device import channels_last
from webui.engine.loading.component import DOWNLOAD_AGAIN, ComponentSource, require_all
from webui.engine.memory.cast_cache import CastCache, Numbers
from webui.engine.memory.identity import Identities
from webui.engine.memory.low_bits import FORMS, Narrowed
from webui.engine.memory.skeleton import Slot, as_worn
from webui.errors import CheckpointUnusable
from webui.generation.weight_storage import AS_COMPUTED
from webui.planning.machine import HostMemory, host_memory
from webui.planning.pinning import may_lock

log = logging.getLogger(__name__)

MAPPED, RAM, PINNED = "mapped", "RAM", "pinned"
"""Where weights are: in the system's file cache, in memory of our own, or in memory of our own that is locked for a card to fetch from."""

Lock = Callable[[torch.Tensor], torch.Tensor]
"""A tensor -> a copy of it in locked memory. Raises RuntimeError where there is none."""

MOST_MAPPED = 64
"""Parts that are mapped at a time; each holds a file open."""

_OTHERS_NEED = 4 * 1024**3


@dataclass(eq=False)
class Weights:
    """The tensors of one part, ready to be put on.

    identity: of their content. tensors: by name. state: MAPPED, RAM or PINNED. file: the cast they are mapped from. valid: whether
    the checkpoint's own file, if they are mapped from that, is still as it was. worn_by: what has them on for good, where no
    skeleton does. storage: see webui.generation.weight_storage. fetched: how often a card has had them.
    """

    identity: str
    shown: str
    tensors: Mapping[str, torch.Tensor]
    state: str
    file: Path | None = None
    valid: Callable[[], bool] = field(default=lambda: True, repr=False)
    worn_by: Any = field(default=None, repr=False)
    storage: str = AS_COMPUTED
    fetched: int = 0

    def __post_init__(self) -> None:
        self.at_home = {name: tensor.data for name, tensor in self.tensors.items()} if self.state == MAPPED else {}
        """Mapped tensors as they came, whatever stands in for them: a card's copies, locked ones, or the same in fp32."""

    def pin(self, lock: Lock) -> None:
        """Have mapped ones in locked memory from now on, all or none. Raises what `lock` raises.

        Not while something else stands in for their numbers: a card's copies, or the same in fp32.
        """
        if self.state != MAPPED or any(tensor.data_ptr() != self.at_home[name].data_ptr() for name, tensor in self.tensors.items()):
            return
        locked = {name: lock(tensor.data) for name, tensor in self.tensors.items()}
        for name, tensor in self.tensors.items():
            tensor.data = locked[name]
        self.state = PINNED

    def unpin(self) -> None:
        """Have them mapped again; the locked memory is free then. They must not be at work."""
        for name, tensor in self.tensors.items():
            tensor.data = self.at_home[name]
        self.state = MAPPED

    @property
    def nbytes(self) -> int:
        """How large they are, wherever they are."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def private_bytes(self) -> int:
        """How much memory of our own they take."""
        return 0 if self.state == MAPPED else self.nbytes


def private_budget(machine: HostMemory, held: int) -> int:
    """Bytes that copies may take: half of what could be had, and never so much that others have less than 4 GB."""
    return max(0, min((machine.available + held) // 2, machine.total - _OTHERS_NEED))


class WeightStore:
    """Weights by content, shared by all checkpoints that have the same. casts: None keeps casts in memory."""

    def __init__(
        self,
        numbers: Callable[[str], Numbers],
        identities: Identities,
        casts: CastCache | None,
        machine: Callable[[], HostMemory] = host_memory,
        *,
        as_in_file: bool = False,
    ) -> None:
        """numbers: what weights of that kind of part are cast to. as_in_file: those that are stored as computed are not."""
        self._numbers = numbers
        self._as_in_file = as_in_file
        self._identities = identities
        self._casts = casts
        self._machine = machine
        self._kept: OrderedDict[str, Weights] = OrderedDict()
        self._locks = True

    def get(
        self, source: ComponentSource, slots: Mapping[str, Slot], unchanged: Callable[[], bool], leased: Collection[Weights] = ()
    ) -> Weights:
        """The weights of a part. unchanged: whether the files of its checkpoint are still as they were. leased: stay, with their casts.

        Raises CheckpointUnusable.
        """
        identity = self._identities.of(source)
        kept = self._kept.get(identity)
        if kept is not None and not kept.valid():
            del self._kept[identity]
            kept = None
        if kept is None:
            kept = self._kept[identity] = self._bring(identity, source, slots, unchanged, leased)
        self._kept.move_to_end(identity)
        return kept

    def hold(self, identity: str, make: Callable[[], Weights]) -> Weights:
        """Weights that are loaded in a way of their own: those of that identity, made where there are none. Raises what `make` raises."""
        if identity not in self._kept:
            self._kept[identity] = make()
        self._kept.move_to_end(identity)
        return self._kept[identity]

    def keep_within_budget(self, leased: Collection[Weights]) -> None:
        """Let go of what is too much, least recently used first; never of what is leased."""
        budget = private_budget(self._machine(), self.private_bytes)
        for identity, weights in list(self._kept.items()):
            if weights in leased:
                continue
            too_much = self.private_bytes > budget
            if too_much and weights.state == PINNED:
                weights.unpin()
            if (too_much and weights.state == RAM) or len(self._kept) > MOST_MAPPED:
                del self._kept[identity]

    def pin(self, weights: Weights, lock: Lock, leased: Collection[Weights] = ()) -> None:
        """Have weights where a card fetches them quickly, if there is room. Locked ones that aren't leased make it, the oldest first."""
        if not self._locks or weights.state != MAPPED:
            return
        idle = [other for other in self.kept if other.state == PINNED and other not in leased]
        while not may_lock(weights.nbytes, self._locked_bytes, self._machine()):
            if not idle:
                return
            idle.pop(0).unpin()
        try:
            weights.pin(lock)
        except RuntimeError as problem:
            # Such as a limit of the system's; that won't be another one in a minute.
            self._locks = False
            log.info("No memory is locked for the card: %s", problem)

    @property
    def _locked_bytes(self) -> int:
        return sum(weights.nbytes for weights in self._kept.values() if weights.state == PINNED)

    def drop(self, identities: Collection[str]) -> None:
        """Let go of these."""
        for identity in identities:
            self._kept.pop(identity, None)

    @property
    def private_bytes(self) -> int:
        """Memory of our own that is taken."""
        return sum(weights.private_bytes for weights in self._kept.values())

    @property
    def kept(self) -> tuple[Weights, ...]:
        """All there is, least recently used first."""
        return tuple(self._kept.values())

    def _bring(
        self,
        identity: str,
        source: ComponentSource,
        slots: Mapping[str, Slot],
        unchanged: Callable[[], bool],
        leased: Collection[Weights],
    ) -> Weights:
        numbers, form = self._numbers(source.kind), FORMS.get(source.storage)
        casts = None if form is None and self._as_in_file else self._casts
        # There is a cast of what needed one only, and it was found complete when it was made.
        if casts is not None and (cast := casts.find(identity, numbers, slots)):
            return self._ready(identity, source, cast, slots, MAPPED, casts.path(identity, numbers))
        tensors = source.tensors() if form is None else Narrowed(source.tensors(), slots, form, numbers.dtype)
        require_all(source, slots, tensors)

        def read(name: str) -> torch.Tensor:
            tensor = tensors[name]
            if tensor.shape != slots[name].shape:
                raise CheckpointUnusable(
                    f"{source.shown} does not fit its config: {name} is {tuple(tensor.shape)} there, "
                    f"and {tuple(slots[name].shape)} is expected.",
                    hint=DOWNLOAD_AGAIN,
                )
            return tensor

        # Narrowed ones are made when they are read, so those are not gathered.
        as_they_are = {name: read(name) for name in slots} if form is None else {}
        at_hand = read if form else as_they_are.__getitem__
        right = form is None and all(tensor.dtype == numbers.of(slots[name]) for name, tensor in as_they_are.items())
        if right or (form is None and self._as_in_file):
            return self._ready(identity, source, as_they_are, slots, MAPPED, valid=lambda: _holds(unchanged))
        if casts is not None:
            used = [weights.file for weights in leased if weights.file is not None]
            cast = casts.make(identity, numbers, slots, at_hand, used)
            self._let_go_of_removed_casts(leased)
            if cast is not None:
                return self._ready(identity, source, cast, slots, MAPPED, casts.path(identity, numbers))
        copies = {name: _cast(at_hand(name), slot, numbers) for name, slot in slots.items()}
        return self._ready(identity, source, copies, slots, RAM)

    def _let_go_of_removed_casts(self, leased: Collection[Weights]) -> None:
        # The disk gets its room back when nobody has the file mapped any more.
        for identity, weights in list(self._kept.items()):
            if weights.file is not None and not weights.file.exists() and weights not in leased:
                del self._kept[identity]

    def _ready(
        self,
        identity: str,
        source: ComponentSource,
        tensors: Mapping[str, torch.Tensor],
        slots: Mapping[str, Slot],
        state: str,
        file: Path | None = None,
        valid: Callable[[], bool] = lambda: True,
    ) -> Weights:
        worn = {name: as_worn(tensor, slots[name]) for name, tensor in tensors.items()}
        return Weights(identity, source.shown, worn, state, file, valid, storage=source.storage)


def _cast(tensor: torch.Tensor, slot: Slot, numbers: Numbers) -> torch.Tensor:
    cast = tensor.to(numbers.of(slot))
    return channels_last(cast) if numbers.turned(slot) else cast


def _holds(unchanged: Callable[[], bool]) -> bool:
    try:
        return unchanged()
    except CheckpointUnusable:
        # A file that is gone stays mapped to its end, but what has its name next is another one.
        return False
