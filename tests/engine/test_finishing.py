"""What is done to pictures at the end: chains on drawn pictures and on others, by the engine itself."""

from __future__ import annotations

import hashlib
import io
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from webui.engine.control import JobControl
from webui.engine.engine import Engine
from webui.engine.finishing import STEPS
from webui.generation.events import Done, Finishing, Interrupted, Picture, Skipped, WorkerEvent
from webui.generation.finishing import STEP_TYPES
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedUpscale

from .drawing import Recorder, job, kinds, pixels

STEP = {"step": "upscale", "scale": 2, "upscaler": "Nearest"}


def upscale_job(folder: Path, picture: Image.Image, *steps: dict[str, Any]) -> JobSpec:
    """An upscale of a picture that is written into a folder."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    path = folder / f"{digest}.png"
    path.write_bytes(buffer.getvalue())
    fields = {"kind": "upscale", "init_image": digest, "finishing": steps, "picture_width": picture.width, "picture_height": picture.height}
    request = ResolvedUpscale.model_validate(fields)
    return JobSpec(uuid.uuid4().hex, request, "", (0,), image_paths={digest: str(path)}, finishing=tuple({} for _ in steps))


def colourful(width: int = 24, height: int = 20, bands: int = 3) -> Image.Image:
    values = np.random.default_rng(3).integers(0, 256, (height, width, bands), dtype=np.uint8)
    return Image.fromarray(values, "RGBA" if bands == 4 else "RGB")


def run(engine: Engine, spec: JobSpec, control: JobControl | None = None) -> list[WorkerEvent]:
    events: list[WorkerEvent] = []
    engine.run(spec, control or JobControl(), events.append)
    return events


def only(events: list[WorkerEvent]) -> Picture:
    (picture,) = (event for event in events if isinstance(event, Picture))
    return picture


def test_every_step_has_its_function() -> None:
    assert set(STEPS) == set(STEP_TYPES.values())


def test_an_upscale_loads_no_checkpoint(shared_engine: Engine, tmp_path: Path) -> None:
    source = colourful()
    events = run(shared_engine, upscale_job(tmp_path, source, STEP))
    assert kinds(events) == ["finishing", "picture", "done"]
    assert np.array_equal(pixels(only(events)), np.asarray(source).repeat(2, 0).repeat(2, 1))
    assert only(events).facts["work"] == 48 * 40


@pytest.mark.parametrize("upscaler", ["Lanczos", "Bicubic", "Nearest"])
def test_each_filter_gives_the_size_that_was_promised(shared_engine: Engine, tmp_path: Path, upscaler: str) -> None:
    for more in ({"scale": 1.7}, {"width": 55, "height": 91}, {"width": 55, "height": 91, "crop": False}, {"scale": 0.3}):
        spec = upscale_job(tmp_path, colourful(), {"step": "upscale", "upscaler": upscaler} | more)
        picture = only(run(shared_engine, spec))
        assert (picture.width, picture.height) == spec.request.finished_size


def test_alpha_is_kept_and_hides_what_it_hides(shared_engine: Engine, tmp_path: Path) -> None:
    source = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    source.paste((0, 0, 255, 255), (0, 0, 8, 16))
    picture = only(run(shared_engine, upscale_job(tmp_path, source, STEP | {"upscaler": "Lanczos"})))
    assert picture.mode == "RGBA" and len(picture.rgb) == 32 * 32 * 4
    values = np.frombuffer(picture.rgb, np.uint8).reshape(32, 32, 4)
    assert values[..., 3].min() == 0 and values[..., 3].max() == 255
    # Of the red that can't be seen nothing comes through where something can.
    seen = values[values[..., 3] > 0]
    assert seen[:, 0].max() == 0 and seen[:, 2].min() == 255


def test_two_are_laid_over_each_other(shared_engine: Engine, tmp_path: Path) -> None:
    def made(**fields: Any) -> np.ndarray[Any, Any]:
        return pixels(only(run(shared_engine, upscale_job(tmp_path, colourful(), STEP | fields)))).astype(int)

    nearest, lanczos = made(), made(upscaler="Lanczos")
    both = made(upscaler_2="Lanczos", upscaler_2_visibility=0.25)
    assert np.abs(both - (0.75 * nearest + 0.25 * lanczos)).max() <= 1
    assert np.array_equal(made(upscaler_2="Lanczos"), nearest)


def test_steps_one_after_the_other(shared_engine: Engine, tmp_path: Path) -> None:
    events = run(shared_engine, upscale_job(tmp_path, colourful(), STEP, STEP | {"scale": 3}))
    assert [round(event.share, 3) for event in events if isinstance(event, Finishing)] == [0.1, 1.0]
    assert (only(events).width, only(events).height) == (144, 120)


def test_a_drawn_picture_is_finished(recorder: Recorder) -> None:
    plain = only(recorder.run(job(steps=2)))
    spec = job(steps=2, finishing=[STEP])
    finished = recorder.run(replace(spec, finishing=({},)))
    assert np.array_equal(pixels(only(finished)), pixels(plain).repeat(2, 0).repeat(2, 1))
    assert only(finished).facts["finishing_work"] == 256 * 256


def test_the_buttons(shared_engine: Engine, tmp_path: Path) -> None:
    control = JobControl()
    control.skip()
    assert kinds(run(shared_engine, upscale_job(tmp_path, colourful(), STEP), control)) == ["skipped", "done"]
    control.interrupt()
    assert isinstance(run(shared_engine, upscale_job(tmp_path, colourful(), STEP), control)[-1], Interrupted)
    assert isinstance(run(shared_engine, upscale_job(tmp_path, colourful(), STEP))[-1], Done)
    assert Skipped(0) in run(shared_engine, upscale_job(tmp_path, colourful(), STEP, STEP), _skipping())


class _skipping(JobControl):  # noqa: N801 - pressed after the first step
    def __init__(self) -> None:
        super().__init__()
        self._looks = 0

    def check(self) -> None:
        self._looks += 1
        if self._looks == 2:
            self.skip()
        super().check()
