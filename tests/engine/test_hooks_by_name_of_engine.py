"""What add-ons offer by name, at work in a real engine on the shipped checkpoint."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_studio import wait_for

from webui.catalog.checkpoints import CheckpointCatalog
from webui.engine.denoise import StepsByLevel
from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.errors import EaselError, InvalidRequest
from webui.executors.local import LocalExecutor
from webui.extensions import Detector, Found, NewSampler, NewSchedule, NewUpscaler, Preprocessor, hookimpl
from webui.extensions.registry import STRIKES, ExtensionRegistry
from webui.generation.control import ControlUnit
from webui.generation.events import Done, Interrupted, Note, Picture, Step, WorkerEvent
from webui.generation.job import ControlUse
from webui.generation.request import parse_request
from webui.settings import PROGRAM_ROOT, load_settings
from webui.studio.studio import Studio

from .drawing import CHECKPOINT, Always, Recorder, job, pixels

SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 4, "sampler": "Euler", "schedule_type": "Uniform"}
EDGES = CHECKPOINT.parents[1] / "controlnet" / "easel-emoji-edges"


def registry_of(plugin: object) -> ExtensionRegistry:
    registry = ExtensionRegistry()
    registry.register(plugin, "ada", "worker")
    return registry


def drawn(
    device: Device, family: StableDiffusion, registry: ExtensionRegistry | None = None, **changes: Any
) -> tuple[Picture, list[WorkerEvent]]:
    events = Recorder(Engine(device, registry, Always(family))).run(job(**{**SMALL, **changes}))
    (picture,) = [event for event in events if isinstance(event, Picture)]
    return picture, events


def refused(device: Device, family: StableDiffusion, registry: ExtensionRegistry, **changes: Any) -> tuple[EaselError, list[Note]]:
    events: list[WorkerEvent] = []
    with pytest.raises(EaselError) as refusal:
        Recorder(Engine(device, registry, Always(family))).run(job(**{**SMALL, **changes}), lambda control, event: events.append(event))
    return refusal.value, [event for event in events if isinstance(event, Note)]


def off_by(one: Picture, other: Picture) -> float:
    return float(np.abs(pixels(one).astype(int) - pixels(other)).mean())


class Samples:
    """Euler's steps, and others that go wrong in their ways."""

    @hookimpl
    def samplers(self) -> list[NewSampler]:
        ways = (self.euler, self.heun, self.fails, self.swallows, self.shape)
        return [NewSampler(way.__name__, way) for way in ways]

    def euler(self, run: Any, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
        for step, (sigma, following) in enumerate(pairwise(sigmas)):
            x = x + (x - run.guess(step, x, sigma)) / sigma * (following - sigma)
        return x

    def heun(self, run: Any, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
        for step, (sigma, following) in enumerate(pairwise(sigmas)):
            slope = (x - run.guess(step, x, sigma)) / sigma
            ahead = x + slope * (following - sigma)
            if following:
                slope = (slope + run.slope(ahead, following)) / 2
            x = x + slope * (following - sigma)
        return x

    def fails(self, run: Any, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
        raise KeyError("sigma")

    def swallows(self, run: Any, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
        try:
            return self.euler(run, x, sigmas)
        except BaseException:
            return x

    def shape(self, run: Any, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
        return x[..., :1]


def test_hook_samplers(device: Device, family: StableDiffusion) -> None:
    # Samples' `def samplers(self)` stands above.
    registry = registry_of(Samples())
    own, _ = drawn(device, family)
    picture, events = drawn(device, family, registry, sampler="ada/euler")
    assert off_by(picture, own) < 0.5 and len([event for event in events if isinstance(event, Step)]) == 4
    # Its time is not that of the denoiser, which takes nearly all of it.
    (done,) = [event for event in events if isinstance(event, Done)]
    assert 0 < done.add_ons["ada"] < picture.facts["denoise"] / 2
    assert off_by(drawn(device, family, registry, sampler="ada/heun")[0], drawn(device, family, sampler="Heun")[0]) < 0.5
    words = {"prompt": "[a red apple:a green frog:2] on white"}
    assert off_by(drawn(device, family, registry, sampler="ada/euler", **words)[0], drawn(device, family, **words)[0]) < 0.5


def test_words_change_by_the_step_that_a_level_belongs_to() -> None:
    steps = StepsByLevel((10.0, 5.0, 2.0, 0.0))
    told = []
    for sigma in (12.0, 10.0, 7.0, 5.0, 3.0, 5.0, 2.0, 0.5):
        steps.sigma = sigma
        told.append(next(steps))
    assert told == [0, 0, 0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(("label", "words"), [("fails", "KeyError: 'sigma'"), ("shape", "a tensor of shape (1, 4, 8, 8)")])
def test_a_sampler_that_fails_ends_the_job_in_its_name(device: Device, family: StableDiffusion, label: str, words: str) -> None:
    registry = registry_of(Samples())
    for _ in range(STRIKES):
        error, notes = refused(device, family, registry, sampler=f"ada/{label}")
        assert error.code == "add_on_failed" and f"The add-on ada failed in its sampler {label}" in error.message and words in error.message
        assert notes[-1].fault is not None and notes[-1].fault["in_job"]
    assert registry.off() == {"ada"}
    error, _ = refused(device, family, registry, sampler="ada/euler")
    assert "off or not installed" in error.message


def test_buttons_end_an_add_ons_sampler_whatever_it_catches(device: Device, family: StableDiffusion) -> None:
    registry = registry_of(Samples())
    press = lambda control, event: control.interrupt() if isinstance(event, Step) and event.step == 2 else None  # noqa: E731
    events = Recorder(Engine(device, registry, Always(family))).run(job(**{**SMALL, "sampler": "ada/swallows"}), press)
    assert isinstance(events[-1], Interrupted) and registry.take_faults() == []


def test_hook_schedules(device: Device, family: StableDiffusion) -> None:
    class Schedules:
        @hookimpl
        def schedules(self) -> list[NewSchedule]:
            def exponential(steps: int, lowest: float, highest: float) -> list[float]:
                return [float(level) for level in np.exp(np.linspace(np.log(highest), np.log(lowest), steps))]

            return [NewSchedule("Exponential", exponential), NewSchedule("Rises", lambda steps, lowest, highest: range(1, steps + 1))]

    registry = registry_of(Schedules())
    own, _ = drawn(device, family, schedule_type="Exponential")
    assert drawn(device, family, registry, schedule_type="ada/Exponential")[0].rgb == own.rgb
    error, _ = refused(device, family, registry, schedule_type="ada/Rises")
    assert "failed in its schedule Rises" in error.message and "4 falling numbers" in error.message


def test_hook_upscalers(device: Device, family: StableDiffusion) -> None:
    class Upscales:
        @hookimpl
        def upscalers(self) -> list[NewUpscaler]:
            def blocks(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
                assert picture.mode == "RGB"
                return picture.resize(size, Image.Resampling.NEAREST)

            return [NewUpscaler("Blocks", blocks), NewUpscaler("Same", lambda picture, size: picture)]

    registry = registry_of(Upscales())
    hires = {**SMALL, "hires": True, "hires_scale": 2, "denoising_strength": 0.5}
    own, _ = drawn(device, family, **{**hires, "hires_upscaler": "Nearest"})
    assert drawn(device, family, registry, **{**hires, "hires_upscaler": "ada/Blocks"})[0].rgb == own.rgb

    def finished(upscaler: str) -> Picture:
        spec = job(**SMALL, finishing=({"step": "upscale", "scale": 2, "upscaler": upscaler},))
        events = run(device, family, registry, dataclasses.replace(spec, finishing=({},)))
        return next(event for event in events if isinstance(event, Picture))

    picture = pixels(finished("ada/Blocks"))
    assert picture.shape == (128, 128, 3) and (picture[::2, ::2] == picture[1::2, 1::2]).all()
    with pytest.raises(EaselError, match=r"failed in its upscaler Same: WrongAnswer.*128 x 128"):
        finished("ada/Same")


def run(device: Device, family: StableDiffusion, registry: ExtensionRegistry | None, spec: Any) -> list[WorkerEvent]:
    return Recorder(Engine(device, registry, Always(family))).run(spec)


def test_hook_preprocessors(device: Device, family: StableDiffusion, tmp_path: Path) -> None:
    class Sees:
        @hookimpl
        def preprocessors(self) -> Preprocessor:
            return Preprocessor("Negative", lambda pixels, a, b: 255 - pixels)

    picture = Image.new("RGB", (64, 64), (250, 250, 250))
    picture.paste((128, 0, 255), (16, 16, 48, 48))
    files, names = {}, []
    for number, seen_as in enumerate((picture, Image.fromarray(255 - np.asarray(picture)))):
        path = tmp_path / f"{number}.png"
        seen_as.save(path)
        names.append(hashlib.sha256(path.read_bytes()).hexdigest())
        files[names[-1]] = str(path)
    light, dark = names

    def seen(image: str, preprocessor: str, registry: ExtensionRegistry | None = None) -> Picture:
        unit = ControlUnit(model="easel-emoji-edges", image=image, preprocessor=preprocessor, weight=1.5).resolved("")
        spec = dataclasses.replace(job(**SMALL, controls=(unit,)), image_paths=files, controls=(ControlUse(str(EDGES)),))
        (picture,) = [event for event in run(device, family, registry, spec) if isinstance(event, Picture)]
        return picture

    plain = seen(dark, "none")
    assert seen(light, "ada/Negative", registry_of(Sees())).rgb == plain.rgb != seen(light, "none").rgb


def test_hook_detectors(device: Device, family: StableDiffusion) -> None:
    class Finds:
        found: list[Found]

        @hookimpl
        def detectors(self) -> list[Detector]:
            return [Detector("Middle", self.middle), Detector("Nonsense", lambda picture: [3])]

        def middle(self, picture: Image.Image) -> list[Found]:
            width, height = picture.size
            return [Found((width // 4, height // 4, width * 3 // 4, height * 3 // 4), 0.9, label="middle")]

        @hookimpl
        def image_ready(self, image: Image.Image, context: Any) -> None:
            self.found = context.detect("ada/middle", image)
            context.detect("ada/Nonsense", image)

    finds = Finds()
    registry = registry_of(finds)
    _, events = drawn(device, family, registry)
    assert finds.found[0].box == (16, 16, 48, 48)
    texts = [event.text for event in events if isinstance(event, Note)]
    assert any("ada failed in detectors (WrongAnswer" in text for text in texts)


ADD_ON = """
from itertools import pairwise

from PIL import Image
from webui.extensions import NewSampler, NewSchedule, NewUpscaler, hookimpl


def sample(run, x, sigmas):
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        x = x + (x - run.guess(step, x, sigma)) / sigma * (following - sigma)
    return x


@hookimpl
def samplers():
    return [NewSampler("Plain", sample), NewSampler("Broken", lambda *given: 1 / 0)]


@hookimpl
def schedules():
    return NewSchedule("Even", lambda steps, low, high: [high + (low - high) * n / steps for n in range(steps)])


@hookimpl
def upscalers():
    return NewUpscaler("Blocks", lambda picture, size: picture.resize(size, Image.Resampling.NEAREST))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_folder_serves_the_page_and_the_real_worker_and_is_gone_from_both(tmp_path: Path) -> None:
    folder = tmp_path / "add_ons" / "ada"
    folder.mkdir(parents=True)
    (folder / "ada_offers.py").write_text(ADD_ON)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "ada"\nversion = "1"\n[tool.easel]\nweb = "ada_offers"\nworker = "ada_offers"\n'
    )
    models = PROGRAM_ROOT / "models"
    registry = ExtensionRegistry()
    registry.load_folders([folder], "web")
    executor = LocalExecutor(threads=1, model_roots=(models,), add_ons=[folder])
    studio = Studio(load_settings(data_dir=tmp_path / "data"), executor, CheckpointCatalog([models], tmp_path / "cache"), registry)
    with closing(studio):
        studio.start()
        fields: dict[str, Any] = {"prompt": "a fox", "seed": 5, "width": 64, "height": 64, "steps": 4, "checkpoint": "easel-emoji"}
        named = {"sampler": "ada/Plain", "schedule_type": "ada/Even", "finishing": [{"step": "upscale", "upscaler": "ada/Blocks"}]}

        def made(**more: Any) -> dict[str, Any]:
            return studio.follow(studio.submit(parse_request({**fields, **named, **more}))["id"], lambda event: None)

        job = made()
        assert job["status"] == "done", job["error"]
        image = job["images"][0]
        assert (image["width"], image["height"]) == (256, 256) and "Sampler: ada/Plain, Schedule type: ada/Even" in image["infotext"]
        assert (registry.seconds_a_job("ada") or 0) > 0
        studio.replays.replay(image["id"])
        wait_for(lambda: bool(studio.replays.of_image(image["id"])), seconds=120)
        assert studio.replays.of_image(image["id"])[0]["verdict"] == "identical"
        for _ in range(STRIKES):
            failed = made(sampler="ada/Broken")
            assert failed["status"] == "failed" and "The add-on ada failed in its sampler Broken" in failed["error"]["message"]
        assert registry.off() == {"ada"}
        with pytest.raises(InvalidRequest, match="of the add-on ada, which is off"):
            made()
        # One that was in line when its add-on went away says so, too.
        registry.switch_on("ada")
        studio.use_add_ons([], None)
        late = made()
        assert late["status"] == "failed" and "of the add-on ada, which is off or not installed" in late["error"]["message"]
