"""Weights in locked memory, with a stand-in for it: which are, how many, and that pictures don't change. No card has run it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from webui.engine.device import Device
from webui.engine.memory.cast_cache import Numbers
from webui.engine.memory.identity import Identities
from webui.engine.memory.weights import MAPPED, PINNED, Weights, WeightStore
from webui.engine.precision import in_float32
from webui.generation.attention import SDPA
from webui.planning.machine import HostMemory
from webui.planning.memory import RESIDENT, SEQUENTIAL, SWAP, WHOLE, Plan
from webui.planning.pinning import may_lock

from .test_hot_swap import GB, Watched, folders, half, plain_previews

__all__ = ["folders", "half", "plain_previews"]


class Locks:
    """Stands in for the system's locked memory."""

    def __init__(self, most: int = GB) -> None:
        self.made: list[torch.Tensor] = []
        self._left = most

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        self._left -= tensor.nbytes
        if self._left < 0:
            raise RuntimeError("no more memory can be locked")
        self.made.append(tensor.clone(memory_format=torch.preserve_format))
        return self.made[-1]


def with_plan(residency: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(residency, 2, 2, WHOLE, SDPA, 50_000, 0, True)
    monkeypatch.setattr("webui.engine.memory.drawing.make_plan", lambda *arguments, **more: plan)


def card(half: Device, locks: Locks) -> Device:
    return dataclasses.replace(half, copies=True, free_bytes=lambda: GB, lock=locks)


ALL = {"text_encoder", "unet", "vae"}


@pytest.mark.parametrize(
    ("residency", "pinned"),
    [pytest.param(RESIDENT, set[str](), marks=pytest.mark.slow), (SWAP, ALL), pytest.param(SEQUENTIAL, ALL, marks=pytest.mark.slow)],
)
def test_what_goes_up_again_is_pinned(
    folders: dict[str, Path], half: Device, residency: str, pinned: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Watched(half).draw(folders["a"])
    with_plan(residency, monkeypatch)
    watched = Watched(card(half, Locks()))
    # Another prompt, since what is known of one needs no text encoder.
    for prompt in ("a", "b"):
        watched.draw(folders["a"], prompt=prompt)
    assert watched.draw(folders["a"]) == plain
    watched.manager._take_off(list(watched.manager._on_device))  # pyright: ignore[reportPrivateUsage]
    assert {part for part, state in watched.states() if state == PINNED} == pinned


def test_where_nothing_can_be_locked_all_stays_mapped(folders: dict[str, Path], half: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Watched(half).draw(folders["a"])
    with_plan(SEQUENTIAL, monkeypatch)
    locks = Locks(most=10_000)
    watched = Watched(card(half, locks))
    assert watched.draw(folders["a"]) == plain
    asked = len(locks.made)
    assert watched.draw(folders["a"]) == plain
    assert len(locks.made) == asked, "it is not tried again"
    assert PINNED not in {state for _, state in watched.states()}


def test_pinned_weights_make_room_for_others() -> None:
    room = HostMemory(1000, 1000)
    store = WeightStore(lambda kind: Numbers(torch.float32, torch.contiguous_format), Identities(None), None, lambda: room)
    one, two = (store.hold(name, lambda name=name: Weights(name, name, {"w": torch.ones(50) * 2}, MAPPED)) for name in "ab")
    at_home = one.tensors["w"].data_ptr()
    locks = Locks()
    store.pin(one, locks)
    assert (one.state, one.private_bytes) == (PINNED, 200) and one.tensors["w"].data_ptr() == locks.made[0].data_ptr()
    store.pin(two, locks)
    assert (one.state, two.state) == (PINNED, PINNED), "400 of 1000 bytes may be locked"
    three = store.hold("c", lambda: Weights("c", "c", {"w": torch.ones(50)}, MAPPED))
    store.pin(three, locks, leased=[two])
    assert (one.state, two.state, three.state) == (MAPPED, PINNED, PINNED)
    assert one.tensors["w"].data_ptr() == at_home and one.private_bytes == 0
    store.pin(one, locks, leased=[two, three])
    assert one.state == MAPPED, "nothing at work gives way"


def test_what_is_computed_in_fp32_for_a_while_is_not_pinned_meanwhile() -> None:
    weights = Weights("a", "a", {"w": torch.nn.Parameter(torch.ones(4).bfloat16(), requires_grad=False)}, MAPPED)
    with in_float32(torch.nn.ParameterList(weights.tensors.values())):
        weights.pin(Locks())
        assert weights.state == MAPPED
    weights.pin(Locks())
    assert weights.state == PINNED and weights.tensors["w"].dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("nbytes", "locked", "available", "may"),
    [(400, 0, 1000, True), (401, 0, 1000, False), (200, 201, 1000, False), (100, 0, 350, True), (101, 0, 350, False)],
)
def test_how_much_may_be_locked(nbytes: int, locked: int, available: int, may: bool) -> None:
    assert may_lock(nbytes, locked, HostMemory(1000, available)) == may
