"""Controls of a request, from the image store's file to the picture, on the shipped checkpoint and on tiny ones."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from webui.engine.adapters.controlnet import SOFTER, Control
from webui.engine.context import DenoiseContext
from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.engine.memory.manager import ModelManager
from webui.engine.schedules import model_sigmas
from webui.errors import AdapterUnusable, InvalidRequest
from webui.generation.control import ControlUnit
from webui.generation.events import Picture, WorkerEvent
from webui.generation.job import ControlUse, JobSpec

from .drawing import CHECKPOINT, Recorder, digests, job
from .small_modules import sd1_unet
from .test_controlnet import call, controlnet
from .tiny import recorder_of, same_bits, tiny_family, weights_of

QUICK: dict[str, Any] = {"width": 64, "height": 64, "steps": 4, "sampler": "Euler", "schedule_type": "Uniform"}


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A picture of the image store: its hash and its file."""
    picture = Image.new("RGB", (96, 96), "white")
    ImageDraw.Draw(picture).ellipse((20, 20, 76, 76), fill=(200, 20, 30))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    path = tmp_path_factory.mktemp("images") / digest
    path.write_bytes(buffer.getvalue())
    return digest, path


def saved(unet: Any, folder: Path, seed: int = 1) -> Path:
    """A ControlNet for that U-Net that has something to say, as a diffusers folder; its file."""
    controlnet(unet, seed).save_pretrained(folder)
    return folder / "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def family(device: Device) -> StableDiffusion:
    return tiny_family(device)


@pytest.fixture(scope="module")
def tiny(family: StableDiffusion, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(family.unet, tmp_path_factory.mktemp("models") / "tiny")


def steered(path: Path | list[Path], ring: tuple[str, Path], spec: JobSpec | None = None, **fields: Any) -> JobSpec:
    """A job with a control for each file."""
    paths = path if isinstance(path, list) else [path]
    spec = spec or job(**QUICK)
    unit = ControlUnit(**({"model": "ring", "image": ring[0], "preprocessor": "canny", "threshold_a": 100, "threshold_b": 200} | fields))
    return dataclasses.replace(
        spec,
        request=spec.request.model_copy(update={"controls": (unit,) * len(paths)}),
        controls=tuple(ControlUse(str(one)) for one in paths),
        image_paths={ring[0]: str(ring[1])},
    )


def drawn(recorder: Recorder, spec: JobSpec) -> np.ndarray:
    (picture,) = [event for event in recorder.run(spec) if isinstance(event, Picture)]
    return np.frombuffer(picture.rgb, np.uint8).astype(int)


def test_a_control_steers_and_leaves_no_trace(family: StableDiffusion, tiny: Path, ring: tuple[str, Path]) -> None:
    recorder, before = recorder_of(family), weights_of(family)
    plain = drawn(recorder, job(**QUICK))
    told = drawn(recorder, steered(tiny, ring))
    assert np.abs(told - plain).max() > 3
    assert (drawn(recorder, steered(tiny, ring)) == told).all()
    assert (drawn(recorder, steered(tiny, ring, weight=0.0)) == plain).all()
    assert (drawn(recorder, steered(tiny, ring, start=0.9, end=0.95)) == plain).all(), "no step lies in there as a whole"
    assert (drawn(recorder, job(**QUICK)) == plain).all()
    assert same_bits(weights_of(family), before)


@pytest.mark.parametrize(
    ("more", "less"),
    [({"weight": 1.0}, {"weight": 0.1}), ({"end": 1.0}, {"end": 0.25}), ({"start": 0.0}, {"start": 0.75})],
)
def test_less_of_it_is_nearer_to_the_picture_without(
    family: StableDiffusion, tiny: Path, ring: tuple[str, Path], more: dict[str, Any], less: dict[str, Any]
) -> None:
    recorder = recorder_of(family)
    plain = drawn(recorder, job(**QUICK))
    much, little = (np.abs(drawn(recorder, steered(tiny, ring, **fields)) - plain).mean() for fields in (more, less))
    assert much > little > 0


def test_every_setting_of_a_control_matters(family: StableDiffusion, tiny: Path, ring: tuple[str, Path]) -> None:
    recorder = recorder_of(family)
    ways: list[dict[str, Any]] = [
        {},
        {"preprocessor": "none"},
        {"preprocessor": "scribble_xdog", "threshold_a": 32},
        {"processor_res": 128},
        {"control_mode": "My prompt is more important"},
        {"control_mode": "ControlNet is more important"},
    ]
    pictures = {drawn(recorder, steered(tiny, ring, **way)).tobytes() for way in ways}
    assert len(pictures) == len(ways)


def test_several_controls_together(family: StableDiffusion, tiny: Path, ring: tuple[str, Path], tmp_path: Path) -> None:
    other = saved(family.unet, tmp_path / "other", seed=2)
    recorder = recorder_of(family)
    one, two, both = (drawn(recorder, steered(paths, ring)) for paths in (tiny, other, [tiny, other]))
    assert (one != two).any() and (both != one).any() and (both != two).any()


def test_nothing_is_left_after_an_interrupt(family: StableDiffusion, tiny: Path, ring: tuple[str, Path]) -> None:
    recorder, before = recorder_of(family), weights_of(family)

    def stop(control: Any, event: WorkerEvent) -> None:
        if event.type == "step":
            control.interrupt()

    assert recorder.run(steered(tiny, ring), stop)[-1].type == "interrupted"
    assert not family.unet._forward_pre_hooks
    assert same_bits(weights_of(family), before)


def test_what_does_not_fit_is_told_with_its_place(family: StableDiffusion, ring: tuple[str, Path], tmp_path: Path) -> None:
    recorder = recorder_of(family)
    stranger = saved(sd1_unet(), tmp_path / "stranger")
    with pytest.raises(AdapterUnusable, match="not made for this kind") as caught:
        recorder.run(steered(stranger, ring))
    assert caught.value.field == "controls[0].model"
    broken = ring[0], tmp_path / "gone.png"
    with pytest.raises(InvalidRequest, match="can't be read"):
        recorder.run(steered(saved(family.unet, tmp_path / "fits"), broken))


# --- The manager: beside a checkpoint, swapped like one ---


def test_on_the_shipped_checkpoint_beside_the_real_manager(
    device: Device, ring: tuple[str, Path], tmp_path: Path, family: StableDiffusion
) -> None:
    from webui.engine.loading.checkpoint import open_checkpoint
    from webui.engine.loading.component import realise

    emoji = realise(open_checkpoint(CHECKPOINT), device)
    first, second = (saved(emoji.modules["denoiser"], tmp_path / name, seed) for name, seed in (("one", 1), ("two", 2)))
    manager = ModelManager(device, cache=tmp_path / "cache", most_cast_bytes=2**30)
    recorder = Recorder(Engine(device, checkpoints=manager))
    plain = digests(recorder.run(job(**QUICK)))
    alone, swapped, both = (digests(recorder.run(steered(paths, ring))) for paths in (first, second, [first, second]))
    assert len({one[0] for one in (plain, alone, swapped, both)}) == 4
    assert digests(recorder.run(steered(first, ring))) == alone
    names = [part["part"] for part in manager.resident() if part["in_use"]]
    assert len([name for name in names if "ControlNet" in name]) == 1
    assert digests(recorder.run(job(**QUICK))) == plain
    assert not [part for part in manager.resident() if part["in_use"] and "ControlNet" in part["part"]]
    # The same file once, however many look through it.
    twice = manager.beside([("controlnet", path) for path in (first, first, second)])
    assert twice[0] is twice[1] is not twice[2]
    manager.unload()
    assert digests(recorder.run(steered(first, ring))) == alone


def test_a_control_that_fails_to_load_leaves_those_of_before(device: Device, tmp_path: Path, family: StableDiffusion) -> None:
    manager = ModelManager(device)
    good = saved(family.unet, tmp_path / "good")
    (module,) = manager.beside([("controlnet", good)])
    (tmp_path / "bad.safetensors").write_bytes(b"<html>")
    with pytest.raises(AdapterUnusable):
        manager.beside([("controlnet", good), ("controlnet", tmp_path / "bad.safetensors")])
    assert all(parameter.device.type == "cpu" for parameter in module.parameters())


def test_an_old_pickle_is_converted(device: Device, tmp_path: Path, family: StableDiffusion) -> None:
    model = controlnet(family.unet)
    torch.save(model.state_dict(), tmp_path / "canny.pth")
    with pytest.raises(AdapterUnusable, match="no folder to convert"):
        ModelManager(device).beside([("controlnet", tmp_path / "canny.pth")])
    (loaded,) = ModelManager(device, cache=tmp_path / "cache").beside([("controlnet", tmp_path / "canny.pth")])
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())


# --- Who hears of it, and when ---


@torch.no_grad()
def test_the_deeper_the_louder_and_only_with_the_prompt() -> None:
    unet = sd1_unet()
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    model = controlnet(unet)
    sample, told = torch.randn(4, 4, 8, 8), {"encoder_hidden_states": torch.randn(4, 5, 16)}
    balanced = Control(model, picture).says(sample, torch.tensor(7.0), told)
    soft = Control(model, picture, soft=True).says(sample, torch.tensor(7.0), told)
    last = len(balanced) - 1
    for depth, (one, other) in enumerate(zip(balanced, soft, strict=True)):
        assert torch.allclose(other, one * SOFTER ** (last - depth))
    negative = (True, True, False, False)
    prompt_only = Control(model, picture, prompt_only=True)
    for one, other in zip(balanced, prompt_only.says(sample, torch.tensor(7.0), told, negative), strict=True):
        assert not other[:2].any() and torch.allclose(other[2:], one[2:], atol=1e-5)
    assert prompt_only.says(sample, torch.tensor(7.0), told, (True,) * 4) == []
    assert torch.equal(call(unet), call(unet))


@pytest.mark.parametrize(("level", "step"), [(10.0, 0), (9.0, 0), (4.0, 1), (3.9, 1), (2.0, 2), (1.0, 3), (0.5, 3), (1e-3, 3)])
def test_the_step_is_told_by_the_noise_level(level: float, step: int) -> None:
    context = DenoiseContext(job().request, (0,), (9.0, 4.0, 2.0, 1.0, 0.0), model_sigmas({}), (), None, torch.zeros(1), level=level)
    assert context.step_asked == step


@pytest.mark.parametrize(
    ("asked", "there", "rows"),
    [((0, 1), True, (True, True, False, False)), ((1,), True, (False, False)), ((0,), False, (False, False))],
)
def test_rows_of_the_negative_prompt(asked: tuple[int, ...], there: bool, rows: tuple[bool, ...]) -> None:
    negative: Any = object() if there else None
    context = DenoiseContext(job().request, (0, 1), (1.0, 0.0), model_sigmas({}), (), negative, torch.zeros(1), asked=asked)
    assert context.negative_rows == rows


def test_it_steers_the_hires_pass_at_its_own_size(family: StableDiffusion, tiny: Path, ring: tuple[str, Path]) -> None:
    recorder = recorder_of(family)
    spec = job(**QUICK, hires=True, hires_scale=2.0, hires_upscaler="Latent")
    plain, told = drawn(recorder, spec), drawn(recorder, steered(tiny, ring, spec))
    assert plain.size == told.size == 128 * 128 * 3
    assert np.abs(told - plain).max() > 3
    assert (drawn(recorder, steered(tiny, ring, spec, weight=0.0)) == plain).all()
