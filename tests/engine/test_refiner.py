"""The refiner: another checkpoint in the middle of a picture, as if the sampler had not noticed, and nothing of it left afterwards."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from webui.engine.context import DenoiseContext
from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.engine.hooks import NoHooks
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.component import realise
from webui.engine.memory.manager import ModelManager
from webui.engine.memory.measures import with_attributes
from webui.engine.refiner import refiner_due
from webui.engine.schedules import sigmas_for
from webui.errors import InvalidRequest
from webui.generation.events import Note, Picture, Stage, WorkerEvent
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.job import JobSpec
from webui.generation.passes import passes_of
from webui.generation.request import parse_request
from webui.studio.reading import read_pasted

from . import tiny_checkpoints
from .drawing import Recorder, job, pixels
from .tiny import recorder_of, save_folder, tiny_family

SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 4, "sampler": "DPM++ 2M", "schedule_type": "Uniform", "cfg_scale": 3.0}


class Watching(NoHooks):
    """Keeps what add-ons see of each step."""

    def __init__(self) -> None:
        self.latents: list[torch.Tensor] = []
        self.positive: list[Any] = []

    def denoise_step(self, context: DenoiseContext) -> None:
        self.latents.append(context.latents.clone())
        self.positive.append(context.positive[0].conditioning.entries[0])


def refined(path: Path, refiner: Path, **fields: Any) -> JobSpec:
    spec = job(path=path, **SMALL | {"refiner": refiner.stem, "refiner_switch_at": 0.5, "refiner_by_steps": True} | fields)
    return JobSpec.from_wire(spec.to_wire() | {"refiner_path": str(refiner)})


def only_picture(events: list[WorkerEvent]) -> Picture:
    (picture,) = [event for event in events if isinstance(event, Picture)]
    return picture


@pytest.fixture(scope="module")
def folders(device: Device, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two checkpoints of one family, with other denoisers."""
    root = tmp_path_factory.mktemp("two")
    return [save_folder(tiny_family(device, seed), root / name) for seed, name in ((1, "one"), (2, "two"))]


def recorder(device: Device, hooks: NoHooks | None = None) -> Recorder:
    return Recorder(Engine(device, hooks, ModelManager(device)))


@pytest.mark.parametrize("sampler", ["DPM++ 2M", "Euler a"])
def test_the_sampler_goes_on_with_the_other_denoiser(device: Device, folders: list[Path], sampler: str) -> None:
    """The picture of one denoiser that answers as the first for two calls, and as the second from there on."""
    picture = only_picture(recorder(device).run(refined(*folders, sampler=sampler)))
    one, two = (realise(open_checkpoint(folder), device) for folder in folders)
    assert isinstance(one, StableDiffusion) and isinstance(two, StableDiffusion)
    fields: dict[str, Any] = SMALL | {"sampler": sampler}
    answers = itertools.chain([one.unet.forward] * 2, itertools.repeat(two.unet.forward))

    def forward(*arguments: Any, **named: Any) -> Any:
        return next(answers)(*arguments, **named)

    with with_attributes(one.unet, forward=forward):
        expected = only_picture(recorder_of(one).run(job(**fields)))
    # Weights that lie otherwise in memory round otherwise.
    assert np.abs(pixels(picture).astype(int) - pixels(expected)).max() <= 1


def test_nothing_of_it_is_left(device: Device, folders: list[Path]) -> None:
    both = recorder(device)
    alone = [only_picture(both.run(job(path=folder, **SMALL))).rgb for folder in folders]
    pictures = [event.rgb for event in both.run(refined(*folders, batch_count=2)) if isinstance(event, Picture)]
    assert pictures[0] == only_picture(both.run(refined(*folders))).rgb and pictures[0] not in alone
    assert [only_picture(both.run(job(path=folder, **SMALL))).rgb for folder in folders] == alone


@pytest.mark.parametrize(("at", "same_as"), [(0.0, 1), (1.0, 0)])
def test_the_ends_are_one_of_the_two(device: Device, folders: list[Path], at: float, same_as: int) -> None:
    both = recorder(device)
    picture = only_picture(both.run(refined(*folders, refiner_switch_at=at)))
    assert picture.rgb == only_picture(both.run(job(path=folders[same_as], **SMALL))).rgb


def test_memory_that_runs_out_after_the_switch_begins_again_with_the_first(device: Device, folders: list[Path]) -> None:
    manager = ModelManager(device)
    both = Recorder(Engine(device, None, manager))
    plain = only_picture(both.run(refined(*folders)))
    unet = manager.get(folders[0], lambda: None).parts["denoiser"]
    calls = itertools.count()

    def fail(*_: Any) -> None:
        if next(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = unet.register_forward_pre_hook(fail)
    events = both.run(refined(*folders))
    handle.remove()
    assert any(isinstance(event, Note) and "Memory ran out" in event.text for event in events)
    picture = only_picture(events)
    assert len(picture.facts["memory"]["stepped_down"]) == 1
    assert np.abs(pixels(picture).astype(int) - pixels(plain)).max() <= 1


def test_sdxl_and_its_refiner(device: Device, tmp_path: Path) -> None:
    """Its own text encoder and a score in place of the size, from the switch on."""
    base = tiny_checkpoints.sdxl().save(tmp_path / "base.safetensors")
    refiner = tiny_checkpoints.sdxl(refiner=True).save(tmp_path / "refiner.safetensors")
    hooks, alone = Watching(), Watching()
    events = recorder(device, hooks).run(refined(base, refiner))
    assert [event.text for event in events if isinstance(event, Stage)][-2:] == ["Loading base.safetensors", "Loading refiner"]
    recorder(device, alone).run(job(path=base, **SMALL))
    assert [torch.equal(one, other) for one, other in zip(hooks.latents, alone.latents, strict=True)] == [True, True, True, False]
    widths = [said.tokens.shape[-1] for said in hooks.positive]
    assert widths[:2] == [widths[0]] * 2 and widths[2:] == [widths[2]] * 2 and widths[0] > widths[2]
    assert [float(said.further["aesthetic_score"]) for said in hooks.positive[2:]] == [6.0, 6.0]


def test_another_kind_of_latents_is_refused_before_anything_is_drawn(device: Device, folders: list[Path], tmp_path: Path) -> None:
    other = tiny_checkpoints.sdxl().save(tmp_path / "large.safetensors")
    with pytest.raises(InvalidRequest, match="large can't refine what one draws") as raised:
        recorder(device).run(refined(folders[0], other))
    assert raised.value.field == "refiner"


def test_it_refines_the_passes_that_were_chosen(device: Device, folders: list[Path]) -> None:
    hires: dict[str, Any] = {"hires": True, "hires_steps": 2, "denoising_strength": 0.5}
    seen = {}
    for which in ("second pass", "first pass", "both passes"):
        hooks = Watching()
        recorder(device, hooks).run(refined(*folders, hires_refiner=which, **hires))
        seen[which] = hooks.latents
    plain = Watching()
    recorder(device, plain).run(job(path=folders[0], **SMALL | hires))

    def same(one: list[torch.Tensor], other: list[torch.Tensor], first: int, last: int) -> bool:
        return all(torch.equal(a, b) for a, b in zip(one[first:last], other[first:last], strict=True))

    assert same(seen["second pass"], plain.latents, 0, 5) and not same(seen["first pass"], plain.latents, 0, 4)
    assert same(seen["both passes"], seen["first pass"], 0, 5)


# when, without drawing


@pytest.mark.parametrize(("at", "steps"), [(0.8, 16), (0.5, 10), (0.0, 0)])
def test_noise_levels_count_by_timesteps(device: Device, at: float, steps: int) -> None:
    """Uniform steps go evenly through the timesteps, so there both ways of counting are one."""
    levels = tiny_family(device).sigmas
    sigmas = sigmas_for("Uniform", levels, 20)[:-1]
    (stage,) = passes_of(job(refiner="x", refiner_switch_at=at, steps=20, sampler="Euler").request)
    due = refiner_due(stage, levels)
    assert abs([due(sigma, 0) for sigma in sigmas].index(True) - steps) <= 1
    # And so they do however the steps lie.
    for sigma in sigmas_for("Karras", levels, 20)[:-1]:
        assert due(sigma, 0) == (999 - round(levels.timestep_of(sigma)) >= at * 1000)


def test_calls_count_where_asked_for(device: Device) -> None:
    (stage,) = passes_of(job(refiner="x", refiner_switch_at=0.5, refiner_by_steps=True, steps=10, sampler="Heun").request)
    due = refiner_due(stage, tiny_family(device).sigmas)
    assert [due(1.0, call) for call in (9, 10)] == [False, True]


def test_infotext() -> None:
    request = job(refiner="sdxl-refiner", refiner_hash="0123456789", refiner_switch_at=0.75).request
    text = write_infotext(request, 7, "1")
    assert "Refiner: sdxl-refiner [0123456789], Refiner switch at: 0.75, Version" in text and "Hires refiner" not in text
    assert "Refiner" not in write_infotext(job(refiner_switch_at=0.5).request, 7, "1")
    fields = map_fields(read_infotext(text)).fields
    assert (fields["refiner"], fields["refiner_switch_at"]) == ("sdxl-refiner [0123456789]", 0.75)
    old = map_fields(read_infotext(text.replace("Version: easel-1", "Version: v1.7.0"))).fields
    assert old["refiner_by_steps"] is True and fields["refiner_by_steps"] is False
    assert parse_request({"refiner": ""}).refiner == "None"


def test_pasting_finds_it_or_says_that_it_is_not_here() -> None:
    text = write_infotext(job(refiner="two", refiner_hash="0123456789").request, 7, "1")
    assert read_pasted(text, ["one", "two"])["fields"]["refiner"] == "two"
    answer = read_pasted(text, ["one"])
    assert "refiner" not in answer["fields"] and "Refiner" in [entry["key"] for entry in answer["unmapped"]]
