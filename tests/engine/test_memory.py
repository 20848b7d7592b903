"""Measures against too little memory: put on and taken off exactly; and pictures that come out although memory ran out."""

from __future__ import annotations

import dataclasses
import gc
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from webui.engine.control import JobControl
from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.engine.memory.attention import SLICE_BYTES, attention, choose_kernel, working_kernels
from webui.engine.memory.exhaustion import OutOfMemory, is_out_of_memory
from webui.engine.memory.measures import decoding, rows_at_once
from webui.engine.memory.meter import give_back, peak_of
from webui.engine.memory.streaming import streamed, uploaded
from webui.engine.preview import LatentPreview
from webui.errors import GenerationFailed
from webui.generation.attention import SDPA, SLICED, XFORMERS
from webui.generation.events import Note, Picture, Step, WorkerEvent
from webui.planning.ladder import MOST_RUNGS
from webui.planning.memory import ONE_BY_ONE, TILED
from webui.planning.peaks import DECODE, DENOISE, ENCODE

from .drawing import Recorder, digests, job, kinds, pixels
from .tiny import copy_of, recorder_of, same_bits, tiny_family, weights_of

SMALL = {"width": 64, "height": 64, "steps": 3}


@pytest.fixture(scope="module")
def family(device: Device) -> StableDiffusion:
    return tiny_family(device)


@pytest.fixture(scope="module", autouse=True)
def frozen_libraries() -> Iterator[None]:
    """As in the worker: the garbage collector leaves the libraries alone."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def plain_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.engine.families.latent_model.preview_for", lambda vae: LatentPreview(torch.zeros(4, 3), torch.zeros(3)))


@pytest.fixture(scope="module")
def plain(family: StableDiffusion) -> Picture:
    """Drawn with enough memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webui.engine.families.latent_model.preview_for", lambda vae: LatentPreview(torch.zeros(4, 3), torch.zeros(3)))
        return only_picture(recorder_of(copy_of(family, "float32")).run(job(**SMALL)))


def notes(events: list[WorkerEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def only_picture(events: list[WorkerEvent]) -> Picture:
    (picture,) = [event for event in events if isinstance(event, Picture)]
    return picture


def close(one: Picture, other: Picture) -> bool:
    return int(np.abs(pixels(one).astype(int) - pixels(other).astype(int)).max()) <= 2


# each measure: the same numbers, and nothing left behind


def asked(family: StableDiffusion, rows: int) -> torch.Tensor:
    x, words = torch.randn(rows, 4, 8, 8), torch.randn(rows, 32, 32)
    with torch.no_grad():
        return family.unet(x, torch.tensor(500.0), encoder_hidden_states=words, return_dict=False)[0]


def decoded(family: StableDiffusion, rows: int) -> torch.Tensor:
    with torch.no_grad():
        return family.vae.decode(torch.randn(rows, 4, 16, 16), return_dict=False)[0]


PATCHES: dict[
    str, tuple[Callable[[StableDiffusion], AbstractContextManager[None]], Callable[[StableDiffusion, int], torch.Tensor], float]
] = {
    "rows": (lambda family: rows_at_once(family.unet, 2), asked, 1e-4),
    "sliced": (lambda family: attention(SLICED), asked, 1e-4),
    "one by one": (lambda family: decoding(family.vae, ONE_BY_ONE, 128, 128), decoded, 1e-4),
    # Each tile is normalised by itself, so that only the gist is the same.
    "tiled": (lambda family: decoding(family.vae, TILED, 128, 128), decoded, 0.5),
    "uploaded": (lambda family: uploaded(family.unet, torch.clone), asked, 0.0),
    "streamed": (lambda family: streamed(family.unet, torch.clone), asked, 0.0),
    "streamed in part": (lambda family: streamed(family.unet, torch.clone, 20_000), asked, 0.0),
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_measure_changes_little_and_leaves_nothing_behind(family: StableDiffusion, name: str) -> None:
    patch, use, tolerance = PATCHES[name]
    modules = [module for part in (family.unet, family.vae) for module in part.modules()]

    def state() -> list[Any]:
        places = [tensor.data_ptr() for part in (family.unet, family.vae) for tensor in part.state_dict().values()]
        return [*places, *(sorted(vars(module)) for module in modules), *(len(module._forward_hooks) for module in modules)]

    before, weights = state(), weights_of(family)
    torch.manual_seed(1)
    plain = use(family, 5)
    torch.manual_seed(1)
    with patch(family):
        changed = use(family, 5)
    assert state() == before
    assert float((plain - changed).abs().mean()) <= tolerance
    with pytest.raises(RuntimeError, match="in the middle"), patch(family):
        handle = next(iter(modules[5].modules())).register_forward_pre_hook(_fail)
        try:
            use(family, 5)
            raise RuntimeError("in the middle")
        finally:
            handle.remove()
    assert state() == before
    assert same_bits(weights_of(family), weights)
    torch.manual_seed(1)
    assert torch.equal(use(family, 5), plain)


def _fail(*_: object) -> None:
    raise RuntimeError("in the middle")


def test_no_more_rows_than_asked_reach_the_module() -> None:
    seen = []

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor, t: torch.Tensor, *, extra: dict[str, Any]) -> tuple[torch.Tensor, str]:
            seen.append((len(x), len(extra["deep"][0]), t.ndim, len(extra["table"])))
            return x * extra["deep"][0] + t, "kept"

    model = Model()
    x, table = torch.arange(5.0)[:, None], torch.zeros(3)
    with rows_at_once(model, 2):
        made, word = model(x, torch.tensor(1.0), extra={"deep": [x], "table": table})
    assert seen == [(2, 2, 0, 3), (2, 2, 0, 3), (1, 1, 0, 3)]
    assert torch.equal(made, x * x + 1)
    assert word == "kept"


def test_streaming_holds_one_layer_beside_those_that_stay(family: StableDiffusion) -> None:
    up: list[int] = []
    alive: list[Any] = []

    def upload(tensor: torch.Tensor) -> torch.Tensor:
        copy = tensor.clone()
        alive.append(copy)
        # Those that nobody but this list holds have been let go.
        alive[:] = [one for one in alive if sys.getrefcount(one) > 3]
        up.append(sum(one.nbytes for one in alive))
        return copy

    with streamed(family.unet, upload, 50_000):
        asked(family, 2)
    largest = max(sum(tensor.nbytes for tensor in layer.parameters(recurse=False)) for layer in family.unet.modules())
    assert len(up) > 20
    assert max(up) <= 50_000 + 2 * largest


def test_sliced_attention_holds_a_part_of_the_scores() -> None:
    query = torch.randn(1, 8, 1536, 16)
    calls = []

    class Count(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is functional.scaled_dot_product_attention:
                calls.append(args[0].shape[-2] * args[1].shape[-2] * 8 * 4)
            return func(*args, **(kwargs or {}))

    with Count(), attention(SLICED):
        made = functional.scaled_dot_product_attention(query, query, query)
        functional.scaled_dot_product_attention(query, query, query, is_causal=True)
    assert len(calls) == 4 and max(calls[:3]) <= SLICE_BYTES, "causal attention stays torch's"
    assert torch.allclose(made, functional.scaled_dot_product_attention(query, query, query), atol=1e-5)


def test_xformers_is_taken_where_it_works(monkeypatch: pytest.MonkeyPatch, family: StableDiffusion) -> None:
    """With a stand-in: its kernels want (batch, tokens, heads, width)."""
    asked_for = []

    def memory_efficient_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        asked_for.append(query.shape)
        scores = torch.einsum("bqhw,bkhw->bhqk", query, key) / query.shape[-1] ** 0.5
        return torch.einsum("bhqk,bkhw->bqhw", scores.softmax(-1), value)

    assert XFORMERS not in working_kernels(torch.device("cpu"), torch.float32)
    fake = ModuleType("xformers.ops")
    fake.memory_efficient_attention = memory_efficient_attention  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xformers", ModuleType("xformers"))
    monkeypatch.setitem(sys.modules, "xformers.ops", fake)
    assert working_kernels(torch.device("cpu"), torch.float32) == (SDPA, XFORMERS, SLICED)
    asked_for.clear()
    torch.manual_seed(1)
    plain = asked(family, 2)
    torch.manual_seed(1)
    with attention(XFORMERS):
        assert torch.allclose(asked(family, 2), plain, atol=1e-5)
    assert asked_for
    fake.memory_efficient_attention = lambda *_: torch.tensor(float("nan"))  # type: ignore[attr-defined]
    assert XFORMERS not in working_kernels(torch.device("cpu"), torch.float32), "wrong numbers are no kernel"


def test_a_kernel_that_is_not_there_is_said_to_be_so(family: StableDiffusion) -> None:
    assert choose_kernel("Automatic", (SDPA, SLICED)) == SDPA
    with pytest.raises(GenerationFailed, match="xformers doesn't work on this device") as caught:
        recorder_of(family).run(job(attention=XFORMERS, **SMALL))
    assert caught.value.field == "attention"
    assert caught.value.allowed == "Automatic, SDPA, Sliced"


def test_attention_is_chosen_by_the_request_and_recorded(family: StableDiffusion) -> None:
    plain, slow = (only_picture(recorder_of(family).run(job(attention=wanted, **SMALL))) for wanted in ("Automatic", SLICED))
    assert (plain.facts["attention"], slow.facts["attention"]) == (SDPA, SLICED)
    assert close(plain, slow)


def test_the_meter_sees_what_is_taken() -> None:
    give_back()  # what lies free in this process may be taken again without being seen
    with peak_of(torch.device("cpu")) as measured:
        taken = torch.ones(400, 1024, 1024, dtype=torch.uint8)
        assert int(taken[0, 0, 0]) == 1
        del taken
    assert 250 * 1024**2 < measured.bytes < 500 * 1024**2


# memory runs out


class Failing:
    """Runs out of memory, a number of times, at a stage (and step) of a checkpoint."""

    def __init__(self, family: StableDiffusion, stage: str, times: int, step: int = 0) -> None:
        self.left, self.step, self.calls = times, step, 0
        part, hook = {
            ENCODE: (family.text.text_encoder, self._always),
            DENOISE: (family.unet, self._at_step),
            DECODE: (family.vae.decoder, self._always),
        }[stage]
        self.handle = part.register_forward_pre_hook(hook)

    def _always(self, *_: object) -> None:
        if self.left:
            self.left -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def _at_step(self, module: object, args: tuple[torch.Tensor, torch.Tensor]) -> None:
        step = self.calls
        self.calls = step + 1
        if self.left and step == self.step:
            self.left -= 1
            self.calls = 0
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            )


AGAIN = [pytest.param(DENOISE, step, marks=pytest.mark.slow) for step in (0, 2)]


@pytest.mark.parametrize("copies", [False, True], ids=["cpu", "as on a card"])
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow), 4])
@pytest.mark.parametrize(("stage", "step"), [(ENCODE, 0), (DENOISE, 1), (DECODE, 0), *AGAIN])
def test_out_of_memory_at_every_step_and_rung_ends_in_a_picture_or_one_error(
    family: StableDiffusion, plain: Picture, stage: str, step: int, times: int, copies: bool
) -> None:
    own = copy_of(family, "float32", copies=copies)
    rungs = {(ENCODE, False): 0, (DENOISE, False): 2, (DECODE, False): 1, (ENCODE, True): 2, (DENOISE, True): 5, (DECODE, True): 3}
    possible = min(rungs[stage, copies], MOST_RUNGS)
    before, recorder = weights_of(own), recorder_of(own)
    failing = Failing(own, stage, times, step)
    events: list[WorkerEvent] = []
    if times > possible:
        with pytest.raises(OutOfMemory, match="not enough memory for this picture") as caught:
            recorder.run(job(**SMALL), lambda control, event: events.append(event))
        assert caught.value.code == "out_of_memory" and caught.value.hint
        assert len(notes(events)) == possible
        assert not any(isinstance(event, Picture) for event in events)
    else:
        events = recorder.run(job(**SMALL))
        picture = only_picture(events)
        assert picture.facts["memory"]["stepped_down"] and len(picture.facts["memory"]["stepped_down"]) == times
        assert len(notes(events)) == times
        assert all(text.startswith("Memory ran out; drawn again with ") for text in notes(events))
        if picture.facts["memory"]["plan"]["vae"] != TILED:
            assert close(picture, plain), "it is the picture of its seed"
    assert same_bits(weights_of(own), before)
    failing.handle.remove()
    # What was learned makes the next one go well at once.
    after = recorder.run(job(**SMALL))
    assert kinds(after)[-2:] == ["picture", "done"]
    assert not notes(after)


def test_what_was_learned_is_used_at_once_and_told_in_the_facts(family: StableDiffusion) -> None:
    own = copy_of(family, "float32")
    recorder = recorder_of(own)
    failing = Failing(own, DENOISE, 1)
    stepped = only_picture(recorder.run(job(**SMALL)))
    failing.handle.remove()
    again = only_picture(recorder.run(job(**SMALL)))
    assert again.facts["memory"]["plan"]["rows"] == stepped.facts["memory"]["plan"]["rows"] == 1
    assert again.facts["memory"]["stepped_down"] == []
    assert again.rgb == stepped.rgb
    # A worker that starts anew is told by the job.
    spec = dataclasses.replace(job(**SMALL), known_peaks=tuple(stepped.facts["memory"]["peaks"]))
    fresh = only_picture(recorder_of(copy_of(family, "float32")).run(spec))
    assert fresh.facts["memory"]["plan"]["rows"] == 1


def test_the_user_may_want_the_error_instead(family: StableDiffusion) -> None:
    own = copy_of(family, "float32")
    Failing(own, DENOISE, 1)
    with pytest.raises(OutOfMemory) as caught:
        recorder_of(own).run(dataclasses.replace(job(**SMALL), try_with_less=False))
    assert caught.value.hint


@pytest.mark.parametrize("button", ["interrupt", "skip"])
def test_buttons_work_between_two_tries(family: StableDiffusion, button: str) -> None:
    own = copy_of(family, "float32")
    Failing(own, DENOISE, 1, step=1)

    def press(control: JobControl, event: WorkerEvent) -> None:
        if isinstance(event, Note):
            getattr(control, button)()

    events = recorder_of(own).run(job(**SMALL), press)
    assert kinds(events) == ["stage", "step", "note", *(["interrupted"] if button == "interrupt" else ["skipped", "done"])]


def test_other_errors_are_not_taken_for_it(family: StableDiffusion) -> None:
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert is_out_of_memory(MemoryError())
    own = copy_of(family, "float32")
    own.unet.register_forward_pre_hook(_fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        recorder_of(own).run(job(**SMALL))


def test_pictures_are_measured_and_planned(recorder: Recorder) -> None:
    events = recorder.run(job(width=128, height=128, steps=2))
    memory = only_picture(events).facts["memory"]
    assert memory["words"] == "fits in memory"
    assert memory["sizes"]["denoiser"] > memory["sizes"]["largest_block"] > memory["sizes"]["largest_layer"] > 0
    assert {peak["stage"] for peak in memory["peaks"]} >= {DENOISE, DECODE}
    assert isinstance(events[-3], Step | Picture)
    assert digests(events)


FREED_AND_TAKEN_AGAIN = """
import resource
import torch
from webui.engine.memory.meter import give_back, keep_freed_memory, private_bytes

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(100_000_000, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_freed_memory()
first, again, kept = faults(), sum(faults() for _ in range(40)), private_bytes()
give_back()
print(first, again, kept - private_bytes())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_what_is_freed_is_kept_until_it_is_given_back() -> None:
    command = [sys.executable, "-c", FREED_AND_TAKEN_AGAIN]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    first, again, given_back = map(int, told.stdout.split())
    assert first > 20_000, "each page of a new block is brought in once"
    # Not none: a small block may take the beginning of a large one's place.
    assert again < 40 * first / 4
    assert given_back > 90_000_000
