"""The hires pass on tiny and on real weights: what it computes, in which order, and what it keeps of the small picture."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from webui.engine.context import DenoiseContext
from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.engine.hooks import NoHooks
from webui.engine.memory.manager import ModelManager
from webui.engine.schedules import sigmas_for
from webui.generation.enlarging import UPSCALER_LABELS
from webui.generation.events import Interrupted, Note, Picture, Skipped, Stage, Step, WorkerEvent
from webui.planning.memory import TILED

from .drawing import Recorder, job, pixels
from .tiny import copy_of, recorder_of, save_folder, tiny_family

SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 4, "sampler": "Euler", "schedule_type": "Uniform", "cfg_scale": 3.0}
HIRES: dict[str, Any] = SMALL | {"hires": True, "hires_steps": 3, "denoising_strength": 0.5}


class Watching(NoHooks):
    """Keeps what add-ons see of each step."""

    def __init__(self) -> None:
        self.seen: list[DenoiseContext] = []
        self.latents: list[torch.Tensor] = []

    def denoise_step(self, context: DenoiseContext) -> None:
        self.seen.append(DenoiseContext(**vars(context)))
        self.latents.append(context.latents.clone())


@pytest.fixture(scope="module")
def tiny(device: Device) -> StableDiffusion:
    return tiny_family(device)


def watched(tiny: StableDiffusion, **fields: Any) -> tuple[Watching, Picture]:
    hooks = Watching()
    (picture,) = [event for event in recorder_of(tiny, hooks).run(job(**fields)) if isinstance(event, Picture)]
    return hooks, picture


def test_its_noise_lies_on_the_enlarged_latents_of_the_first_pass(tiny: StableDiffusion) -> None:
    """AUTOMATIC1111's order: the latents made larger, noise of a fresh generator of the same seed at the new size, all hires steps."""
    both, picture = watched(tiny, **HIRES)
    alone, _ = watched(tiny, **SMALL)
    assert [context.hires for context in both.seen] == [False] * 4 + [True] * 3
    assert all(torch.equal(one, other) for one, other in zip(both.latents, alone.latents, strict=False))
    # Euler's last step ends on the guess itself.
    enlarged = functional.interpolate(alone.seen[-1].denoised, size=(16, 16), mode="bilinear")
    schedule = sigmas_for("Uniform", tiny.sigmas, 6)
    assert both.seen[4].sigmas == schedule[3:]
    noise = torch.randn((4, 16, 16), generator=torch.Generator().manual_seed(7))
    assert torch.allclose(both.latents[4][0], enlarged[0] + noise * schedule[3], atol=1e-5)
    assert (picture.width, picture.height) == (128, 128)


def test_brownian_noise_is_that_of_the_whole_schedule(tiny: StableDiffusion) -> None:
    """So that a step between two levels gets the same noise, wherever the pass begins."""
    sde = {"sampler": "DPM++ 2M SDE", "width": 64, "height": 64}
    ends = []
    for strength in (0.5, 0.25):
        hooks, _ = watched(tiny, **HIRES | sde | {"denoising_strength": strength})
        ends.append(hooks.seen[-1].sigmas)
    assert ends[0] != ends[1]


@pytest.mark.parametrize("upscaler", UPSCALER_LABELS)
def test_every_upscaler_makes_a_picture_of_its_own(tiny: StableDiffusion, upscaler: str) -> None:
    hooks, picture = watched(tiny, **HIRES | {"hires_upscaler": upscaler, "hires_width": 160, "hires_height": 96})
    assert (picture.width, picture.height) == (160, 96)
    assert hooks.latents[-1].shape == (1, 4, 12, 20)


def test_upscalers_differ(tiny: StableDiffusion) -> None:
    # Enlarged by a whole number, both kinds of nearest are one; and antialiasing does nothing to bilinear where nothing shrinks.
    alike = {"Latent (nearest-exact)", "Latent (antialiased)"}
    others = [upscaler for upscaler in UPSCALER_LABELS if upscaler not in alike]
    assert alike < set(UPSCALER_LABELS)
    assert len({watched(tiny, **HIRES | {"hires_upscaler": upscaler})[1].rgb for upscaler in others}) == len(others)


def test_strength_0_only_enlarges(tiny: StableDiffusion) -> None:
    small = watched(tiny, **SMALL)[1]
    hooks, large = watched(tiny, **HIRES | {"denoising_strength": 0, "hires_upscaler": "Nearest"})
    assert len(hooks.seen) == 4
    assert large.facts["sigmas"] == 5
    vae = tiny.encode(torch.from_numpy(pixels(small).repeat(2, 0).repeat(2, 1).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1)
    assert np.abs(tiny.decode(vae)[0].numpy().astype(int) - pixels(large)).max() <= 1


def test_each_pass_has_its_own_words_and_scale(tiny: StableDiffusion) -> None:
    plain = watched(tiny, **HIRES)[1].rgb
    first, _ = watched(tiny, **SMALL)
    changes: list[dict[str, Any]] = [
        {"hires_prompt": "a cat"},
        {"hires_negative_prompt": "red"},
        {"hires_cfg_scale": 6.0},
        {"hires_sampler": "Heun"},
        {"hires_schedule_type": "Karras"},
        {"hires_steps": 2},
        {"denoising_strength": 0.9},
    ]
    for change in changes:
        hooks, picture = watched(tiny, **HIRES | change)
        assert picture.rgb != plain, change
        assert all(torch.equal(one, other) for one, other in zip(hooks.latents[:4], first.latents, strict=True)), change


@pytest.mark.parametrize(
    ("prompt", "same_as"),
    [
        # Fractions of the hires pass run from 1.0 to 2.0, its steps go on counting.
        ("a red [apple:cat:0.5]", "a red cat"),
        ("a red [apple:cat:9]", "a red apple"),
        ("a red [apple:cat:2.0]", "a red apple"),
        ("a red [apple:cat:1.0]", "a red cat"),
    ],
)
def test_prompts_count_over_both_passes(tiny: StableDiffusion, prompt: str, same_as: str) -> None:
    scheduled, _ = watched(tiny, **HIRES | {"prompt": prompt})
    asked = [hooks.positive[0].conditioning for hooks in scheduled.seen if hooks.hires]
    (plain,) = {id(timeline): timeline for timeline in asked}.values()
    expected, _ = watched(tiny, **SMALL | {"prompt": same_as})
    assert torch.equal(plain.entries[plain.index_at(2)].tokens, expected.seen[0].positive[0].conditioning.entries[0].tokens)


def test_pictures_of_a_batch_are_their_single_runs(tiny: StableDiffusion) -> None:
    together = [event for event in recorder_of(tiny).run(job(**HIRES | {"batch_count": 2})) if isinstance(event, Picture)]
    alone = watched(tiny, **HIRES | {"seed": 8})[1]
    assert together[1].rgb == alone.rgb and together[0].rgb != alone.rgb


def test_steps_are_counted_over_both_with_previews_of_both(tiny: StableDiffusion) -> None:
    steps = [event for event in recorder_of(tiny).run(job(**HIRES)) if isinstance(event, Step)]
    assert [(event.step, event.steps) for event in steps] == [(step, 7) for step in range(1, 8)]
    assert all(steps[index].preview for index in (0, 3, 4, 6))


@pytest.mark.parametrize(("press", "ends"), [("interrupt", Interrupted), ("skip", Skipped)])
def test_it_can_be_ended_in_the_second_pass(tiny: StableDiffusion, press: str, ends: type) -> None:
    def on_event(control: Any, event: WorkerEvent) -> None:
        if isinstance(event, Step) and event.step == 5:
            getattr(control, press)()

    events = recorder_of(tiny).run(job(**HIRES), on_event)
    assert max(event.step for event in events if isinstance(event, Step)) == 5
    assert any(isinstance(event, ends) for event in events) and not any(isinstance(event, Picture) for event in events)


def test_memory_that_runs_out_in_the_large_pass_is_stepped_down_there(tiny: StableDiffusion) -> None:
    own = copy_of(tiny, "float32")
    plain = watched(own, **HIRES)[1]

    def fail(module: object, args: tuple[torch.Tensor, ...]) -> None:
        if args[0].shape[-1] == 16 and not failed:
            failed.append(True)
            raise torch.OutOfMemoryError("CUDA out of memory.")

    failed: list[bool] = []
    handle = own.vae.decoder.register_forward_pre_hook(fail)
    events = recorder_of(own).run(job(**HIRES))
    handle.remove()
    (picture,) = [event for event in events if isinstance(event, Picture)]
    memory = picture.facts["memory"]
    assert (memory["plan"]["vae"], memory["stepped_down"]) == (TILED, ["VAE tiled"])
    assert any(isinstance(event, Note) and "Memory ran out" in event.text for event in events)
    assert (picture.width, picture.facts["work"]) == (128, plain.facts["work"])


def test_what_both_passes_needed_is_told(tiny: StableDiffusion) -> None:
    peaks = watched(tiny, **HIRES | {"hires_scale": 4.0})[1].facts["memory"]["peaks"]
    assert {peak["width"] for peak in peaks if peak["stage"] != "encode"} <= {64, 256}
    assert watched(tiny, **HIRES)[1].facts["memory"]["plan"]["peak"] > watched(tiny, **SMALL)[1].facts["memory"]["plan"]["peak"]


def test_another_checkpoint_draws_the_hires_pass(device: Device, tmp_path: Path) -> None:
    """The first pass is the first checkpoint's alone, for every picture of the job; both are mapped, none is read twice."""
    folders = [save_folder(tiny_family(device, seed), tmp_path / str(seed)) for seed in (1, 2)]
    spec = job(path=folders[0], **HIRES | {"hires_checkpoint": "2", "batch_count": 2})
    spec = type(spec).from_wire(spec.to_wire() | {"hires_checkpoint_path": str(folders[1])})
    hooks = Watching()
    events = Recorder(Engine(device, hooks, ModelManager(device))).run(spec)
    assert [event.text for event in events if isinstance(event, Stage)] == ["Loading 1", "Loading 2"] * 2
    first, second = Watching(), Watching()
    for watching, folder in ((first, folders[0]), (second, folders[1])):
        Recorder(Engine(device, watching, ModelManager(device))).run(job(path=folder, **HIRES | {"batch_count": 2}))
    for start in (0, 7):
        assert all(torch.equal(one, other) for one, other in pairwise([hooks.latents[start], first.latents[start]]))
        assert torch.equal(hooks.latents[start + 4], first.latents[start + 4])
        assert not torch.equal(hooks.latents[start + 5], first.latents[start + 5])
    assert not torch.equal(hooks.latents[1], second.latents[1])


# on the shipped checkpoint


def layout(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What is left of a picture at 16 x 16, its mean and contrast taken away: where things are, not which colour the ground has."""
    small = np.asarray(Image.fromarray(picture).resize((16, 16), Image.Resampling.BOX)).astype(float)
    away = small - small.mean((0, 1))
    return away / np.linalg.norm(away)


COMPOSED = (
    "strawberry on a gray background",
    "sunflower on a purple background",
    "guitar on a sky blue background",
    "dog face on an orange background",
    "cactus on a white background",
)
"""Other words than those with which strengths and steps were chosen."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("upscaler", "strength"), [("Lanczos", 0.35), ("Latent", 0.5)])
def test_it_doubles_the_size_and_keeps_the_composition(recorder: Recorder, upscaler: str, strength: float) -> None:
    """Low-pass, large pictures are most like the small one of their seed, among three seeds of the same words."""

    def drawn(prompt: str, seed: int, **changes: Any) -> Picture:
        (picture,) = [event for event in recorder.run(job(prompt, steps=10, seed=seed, **changes)) if isinstance(event, Picture)]
        return picture

    hires = {"hires": True, "hires_upscaler": upscaler, "denoising_strength": strength, "hires_steps": 6}
    own, best_foreign = [], []
    for number, prompt in enumerate(COMPOSED):
        seeds = [3000 + 10 * number + turn for turn in range(3)]
        small = {seed: layout(pixels(drawn(prompt, seed))) for seed in seeds}
        for seed in seeds:
            large = drawn(prompt, seed, **hires)
            assert (large.width, large.height) == (256, 256)
            alike = {other: float((layout(pixels(large)) * small[other]).sum()) for other in seeds}
            own.append(alike.pop(seed))
            best_foreign.append(max(alike.values()))
    kept = sum(mine > other for mine, other in zip(own, best_foreign, strict=True))
    print(
        f"{upscaler}, strength {strength}: {kept} of {len(own)} are most like their own small picture; "
        f"correlation with it {np.mean(own):.2f} (least {min(own):.2f}), with the likest other one {np.mean(best_foreign):.2f}"
    )
    # By chance it would be a third; latents that are enlarged themselves move things more than pixels do.
    assert kept >= 0.75 * len(own)
    assert np.mean(own) >= 0.8
