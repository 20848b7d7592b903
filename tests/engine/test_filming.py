"""Frames of films: one for each step, of every kind of job, and none where nobody asks."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.engine.preview import FRAME_SIDE, LatentPreview
from webui.generation.events import Picture, Step, WorkerEvent
from webui.generation.job import JobSpec

from . import test_img2img as on_pictures
from .drawing import Recorder, digests, job, pixels
from .test_hires import HIRES, SMALL
from .test_stock_pipeline import Folders, stock_job
from .tiny import recorder_of, tiny_family


@pytest.fixture(scope="module")
def tiny(device: Device) -> StableDiffusion:
    return tiny_family(device)


def filmed(spec: JobSpec) -> JobSpec:
    return replace(spec, film=True)


def steps_of(events: list[WorkerEvent], image: int = 0) -> list[Step]:
    return [event for event in events if isinstance(event, Step) and event.image == image]


def seen(step: Step) -> Image.Image:
    picture = Image.open(io.BytesIO(step.frame))
    assert picture.format == "WEBP"
    return picture.convert("RGB")


def test_each_step_of_each_picture_has_a_frame_and_its_noise_level(tiny: StableDiffusion) -> None:
    # Previews are rare here, frames are not.
    spec = filmed(replace(job(**SMALL | {"batch_count": 2, "steps": 6}), preview_interval=3600))
    events = recorder_of(tiny).run(spec)
    for image in (0, 1):
        steps = steps_of(events, image)
        assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
        assert [bool(step.preview) for step in steps] == [True, False, False, False, False, True]
        assert {seen(step).size for step in steps} == {(64, 64)}
        levels = [step.sigma or 0 for step in steps]
        assert levels == sorted(set(levels), reverse=True) and levels[-1] > 0
    assert steps_of(events, 0)[-1].frame != steps_of(events, 1)[-1].frame


def test_without_the_wish_nothing_is_made(tiny: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> bytes:
        raise AssertionError("a frame was made")

    plain = recorder_of(tiny).run(filmed(job(**SMALL)))
    monkeypatch.setattr(LatentPreview, "frame", never)
    events = recorder_of(tiny).run(job(**SMALL))
    assert all(step.frame == b"" and step.sigma is None for step in steps_of(events))
    assert digests(events) == digests(plain), "a film changes nothing of the picture"


def test_both_passes_of_hires(tiny: StableDiffusion) -> None:
    steps = steps_of(recorder_of(tiny).run(filmed(job(**HIRES))))
    assert [seen(step).size[0] for step in steps] == [64] * 4 + [128] * 3
    levels = [step.sigma or 0 for step in steps]
    assert levels[4] > levels[3], "the second pass begins with noise anew"


@pytest.mark.parametrize("masked", [False, True])
def test_pictures_from_pictures(tiny: StableDiffusion, tmp_path: Path, masked: bool) -> None:
    mask = on_pictures.left_half() if masked else None
    spec = filmed(on_pictures.job(tmp_path, on_pictures.colourful(), mask, denoising_strength=0.5))
    steps = steps_of(recorder_of(tiny).run(spec))
    assert len(steps) == 3 and all(step.frame for step in steps)


@pytest.mark.parametrize("name", ["pixart", pytest.param("amused", marks=pytest.mark.slow)])
def test_pipelines_of_diffusers(recorder: Recorder, tmp_path: Path, name: str) -> None:
    steps = steps_of(recorder.run(filmed(stock_job(Folders(tmp_path)[name]))))
    assert [step.step for step in steps] == [1, 2, 3]
    assert [bool(step.frame) for step in steps] == [name == "pixart"] * 3, "tokens are no picture"
    if name == "pixart":
        levels = [step.sigma for step in steps]
        assert levels[-1] == 0 and levels == sorted(levels, reverse=True)  # type: ignore[type-var]


@pytest.mark.parametrize(("shape", "size"), [((4, 16, 16), (128, 128)), ((4, 128, 64), (256, FRAME_SIDE)), ((4, 8, 32), (256, 64))])
def test_frames_are_as_large_as_the_picture_within_bounds(
    family: StableDiffusion, shape: tuple[int, int, int], size: tuple[int, int]
) -> None:
    assert Image.open(io.BytesIO(family.preview().frame(torch.randn(shape)))).size == size


def test_the_film_of_the_real_worker_leads_to_its_picture(run: Callable[[JobSpec], list[WorkerEvent]]) -> None:
    """On the shipped checkpoint, over the pipe: a film comes nearer to its own picture, and ends nearer to it than to another seed's."""
    events = run(filmed(job("a red apple on a blue background", steps=6, batch_count=2)))
    pictures = [pixels(event).astype(float) for event in events if isinstance(event, Picture)]
    for image in (0, 1):
        frames = [np.asarray(seen(step)).astype(float) for step in steps_of(events, image)]
        assert len(frames) == 6
        away = [[float(np.abs(frame - picture).mean()) for picture in pictures] for frame in frames]
        print(f"picture {image}: mean difference of each frame from both pictures", [[round(one, 1) for one in both] for both in away])
        assert away[-1][image] < away[0][image]
        assert away[-1][image] == min(away[-1])
