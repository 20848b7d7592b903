"""The engine in this process, on the shipped checkpoint in fp32."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from webui.engine.context import DenoiseContext
from webui.engine.control import JobControl
from webui.engine.device import Device, open_device
from webui.engine.engine import Engine, groups_of
from webui.engine.families.sd import StableDiffusion
from webui.engine.hooks import NoHooks
from webui.engine.text_encoders import ClipText
from webui.generation.events import Done, Note, Picture, Skipped, Step, WorkerEvent
from webui.generation.samplers import SAMPLER_LABELS

from .drawing import Always, Recorder, digests, job, kinds, pixels


def only_picture(events: list[WorkerEvent]) -> Picture:
    (picture,) = [event for event in events if isinstance(event, Picture)]
    return picture


class Remembering(NoHooks):
    """Keeps what add-ons see."""

    def __init__(self) -> None:
        self.contexts: list[dict[str, Any]] = []

    def denoise_step(self, context: DenoiseContext) -> None:
        self.contexts.append(vars(context).copy())


def engine_with(hooks: NoHooks, device: Device, family: StableDiffusion) -> Engine:
    return Engine(device, hooks, Always(family))


# pictures


def test_the_engine_equals_the_stock_pipeline(device: Device, family: StableDiffusion) -> None:
    """Everything at once: tokens, encoder, noise, guidance, Karras sigmas, Euler, decoding."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

    hooks = Remembering()
    spec = job(negative_prompt="blurry", sampler="Euler", steps=5, seed=11, width=64, height=96)
    own = only_picture(Recorder(engine_with(hooks, device, family)).run(spec))
    scheduler = EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, prediction_type="v_prediction", use_karras_sigmas=True
    )
    pipeline = StableDiffusionPipeline(
        family.vae, family.text.text_encoder, family.text.tokenizer, family.unet, scheduler, None, None, requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    arguments = {
        "prompt": spec.request.prompt,
        "negative_prompt": "blurry",
        "guidance_scale": 5.0,
        "num_inference_steps": 5,
        "width": 64,
        "height": 96,
        "latents": torch.randn((1, 4, 12, 8), generator=torch.Generator().manual_seed(11)),
    }
    latents = pipeline(**arguments, output_type="latent").images
    assert torch.allclose(hooks.contexts[-1]["denoised"], latents, atol=1e-4)
    stock = np.asarray(pipeline(**arguments).images[0]).astype(int)
    assert np.abs(stock - pixels(own)).max() <= 1


QUICK = ("DPM++ 2M", "DPM++ 2M SDE", "Euler a", "DDIM CFG++")


@pytest.mark.parametrize("sampler", [label if label in QUICK else pytest.param(label, marks=pytest.mark.slow) for label in SAMPLER_LABELS])
def test_the_same_seed_is_the_same_picture_alone_and_in_a_batch(recorder: Recorder, sampler: str) -> None:
    size: dict[str, Any] = {"width": 64, "height": 64, "steps": 3, "sampler": sampler, "schedule_type": "Uniform"}
    together = digests(recorder.run(job(seed=100, batch_count=1, batch_size=2, **size)))
    assert len(set(together.values())) == 2
    assert digests(recorder.run(job(seed=101, **size))) == {0: together[1]}
    assert digests(recorder.run(job(seed=100, batch_count=1, batch_size=2, images=(1,), **size))) == {1: together[1]}


@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ 2M SDE"])
def test_drawn_at_once_on_a_device_that_batches_the_noise_is_the_same(device: Device, family: StableDiffusion, sampler: str) -> None:
    batching = dataclasses.replace(device, batches=True)
    spec = job(seed=100, batch_size=3, width=64, height=64, sampler=sampler, schedule_type="Uniform")
    alone, together = Remembering(), Remembering()
    pictures = [
        [pixels(event).astype(int) for event in Recorder(engine_with(hooks, on, family)).run(spec) if isinstance(event, Picture)]
        for hooks, on in ((alone, device), (together, batching))
    ]
    assert [context["images"] for context in together.contexts] == [(0, 1, 2)] * 4
    first = torch.cat([context["latents"] for context in alone.contexts if context["step"] == 0])
    assert torch.equal(first, together.contexts[0]["latents"])
    assert all(np.abs(one - other).max() <= 2 for one, other in zip(*pictures, strict=True))


def test_groups(device: Device) -> None:
    batching = dataclasses.replace(device, batches=True)
    request = job(batch_size=2).request
    assert groups_of((0, 1, 2), request, device) == [(0,), (1,), (2,)]
    assert groups_of((0, 1, 2), request, batching) == [(0, 1), (2,)]
    assert groups_of((0, 1), job(batch_size=2, sampler="DPM adaptive").request, batching) == [(0,), (1,)]


def test_previews_change_no_pixel(recorder: Recorder) -> None:
    spec = job(width=64, height=64)
    assert len({str(digests(recorder.run(dataclasses.replace(spec, preview_interval=seconds)))) for seconds in (0.0, 100.0)}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"prompt": "a cat on a blue background"},
        {"negative_prompt": "red"},
        {"cfg_scale": 2.0},
        {"cfg_scale": 1.0},
        {"steps": 5},
        {"sampler": "Euler"},
        {"schedule_type": "Uniform"},
        {"clip_skip": 2},
        {"rng": "NV"},
        {"variation_strength": 0.2, "variation_seed": 3},
        {"seed_resize_from": "128x64"},
        {"seed_delta": 5, "sampler": "Euler a"},
        {"eta": 0.5, "sampler": "Euler a"},
        {"eta_ddim": 0.5, "sampler": "DDIM"},
        {"sigma_churn": 3.0, "sampler": "Euler"},
        {"sigma_churn": 3.0, "sigma_tmax": 2.0, "sampler": "Euler"},
        {"sigma_noise": 0.9, "sampler": "Euler a"},
        {"sigma_max": 5.0},
        {"rho": 3.0},
        {"schedule_type": "Beta", "beta_alpha": 0.3},
        {"discard_next_to_last": True},
    ],
    ids=str,
)
def test_every_parameter_reaches_the_picture(recorder: Recorder, change: dict[str, Any]) -> None:
    size = {"width": 64, "height": 64, "steps": 3}
    usual = {name: change[name] for name in ("sampler", "schedule_type") if name in change and len(change) > 1}
    assert digests(recorder.run(job(**size | usual))) != digests(recorder.run(job(**size | change)))


def test_variations_keep_the_seed_and_count_the_other(recorder: Recorder) -> None:
    size: dict[str, Any] = {"width": 64, "height": 64, "steps": 1, "seed": 7, "variation_strength": 0.5}
    together = digests(recorder.run(job(variation_seed=20, batch_count=2, **size)))
    assert digests(recorder.run(job(variation_seed=21, **size))) == {0: together[1]}
    assert job(variation_seed=20, batch_count=2, **size).request.alone(1) == job(variation_seed=21, **size).request


@pytest.mark.parametrize("size", [(64, 64), (72, 136), (200, 64)])
def test_sizes_are_kept(recorder: Recorder, size: tuple[int, int]) -> None:
    picture = only_picture(recorder.run(job(width=size[0], height=size[1], steps=1)))
    assert (picture.width, picture.height) == size
    assert len(picture.rgb) == size[0] * size[1] * 3


def test_prompts_of_different_length_are_drawn_together(recorder: Recorder) -> None:
    assert only_picture(recorder.run(job("a red apple " * 30, negative_prompt="blurry", width=64, height=64, steps=1)))
    assert only_picture(recorder.run(job("", negative_prompt="a red apple " * 30, width=64, height=64, steps=1)))


# events and facts


def test_the_events_of_a_job(device: Device) -> None:
    events = Recorder(Engine(device)).run(job(batch_count=2, width=64, height=64))
    assert kinds(events) == ["stage", "step", "picture", "step", "picture", "done"]
    steps = [event for event in events if isinstance(event, Step)]
    assert [(step.image, step.step, step.steps) for step in steps] == [(image, step, 4) for image in (0, 1) for step in (1, 2, 3, 4)]
    assert all(step.preview.startswith(b"\xff\xd8") for step in steps if step.step in (1, 4))


def test_previews_come_no_faster_than_asked(recorder: Recorder) -> None:
    steps = [event for event in recorder.run(dataclasses.replace(job(steps=5), preview_interval=1000)) if isinstance(event, Step)]
    assert [bool(step.preview) for step in steps] == [True, False, False, False, True]


def test_facts(recorder: Recorder) -> None:
    events = recorder.run(job(width=64, height=64))
    facts = only_picture(events).facts
    assert {"load", "encode", "denoise", "decode", "preview", "seconds"} <= facts.keys()
    assert facts["seconds"] >= facts["denoise"] > 0
    assert facts["dtype"] == "float32"
    assert facts["attention"] == "SDPA"
    assert facts["sigmas"] == 5
    assert facts["versions"].keys() == {"torch", "diffusers", "transformers", "numpy", "pillow"}
    assert (facts["pictures"], facts["threads"]) == (1, torch.get_num_threads()) and facts["source"]
    assert isinstance(events[-1], Done)
    assert events[-1].facts["denoise"] == facts["denoise"]


def test_a_prompt_is_encoded_once(device: Device, family: StableDiffusion) -> None:
    asked: list[str] = []

    class Noticing(ClipText):
        def tokenize(self, text: str) -> list[int]:
            if text != ",":  # asked for to know where long prompts may be cut
                asked.append(text)
            return super().tokenize(text)

    encoder = dataclasses.replace(family, text=Noticing(family.text.tokenizer, family.text.text_encoder))
    recorder = Recorder(Engine(device, None, Always(encoder)))
    size = {"width": 64, "height": 64, "steps": 1}
    recorder.run(job("a cat", seed=1, **size))
    recorder.run(job("a cat", seed=2, **size))
    assert asked == ["a cat", ""]
    recorder.run(job("a cat", clip_skip=2, cfg_scale=1, **size))
    assert asked == ["a cat", "", "a cat"]


def test_clip_skip_beyond_the_first_layer_is_said(recorder: Recorder) -> None:
    notes = [event for event in recorder.run(job(clip_skip=9, width=64, height=64, steps=1)) if isinstance(event, Note)]
    assert len(notes) == 1
    assert "3 layers" in notes[0].text


# buttons


def test_interrupt_before_anything_has_begun(recorder: Recorder) -> None:
    recorder.control.interrupt()
    assert kinds(recorder.run(job())) == ["interrupted"]


def test_interrupt_while_loading(device: Device) -> None:
    def press(control: JobControl, event: WorkerEvent) -> None:
        control.interrupt()

    assert kinds(Recorder(Engine(device)).run(job(), press)) == ["stage", "interrupted"]


def test_interrupt_ends_at_the_next_step_and_keeps_finished_pictures(recorder: Recorder) -> None:
    def press(control: JobControl, event: WorkerEvent) -> None:
        if isinstance(event, Step) and (event.image, event.step) == (1, 2):
            control.interrupt()

    events = recorder.run(job(batch_count=3, width=64, height=64), press)
    assert kinds(events) == ["step", "picture", "step", "interrupted"]
    assert [event.step for event in events if isinstance(event, Step)] == [1, 2, 3, 4, 1, 2]


def test_skip_ends_one_picture(recorder: Recorder) -> None:
    whole = digests(recorder.run(job(batch_count=3, width=64, height=64)))

    def press(control: JobControl, event: WorkerEvent) -> None:
        if isinstance(event, Step) and (event.image, event.step) == (1, 2):
            control.skip()

    events = recorder.run(job(batch_count=3, width=64, height=64), press)
    assert kinds(events) == ["step", "picture", "step", "skipped", "step", "picture", "done"]
    assert [event.image for event in events if isinstance(event, Skipped)] == [1]
    assert digests(events) == {0: whole[0], 2: whole[2]}


def test_skip_before_the_first_step_is_the_first_picture(recorder: Recorder) -> None:
    recorder.control.skip()
    events = recorder.run(job(batch_count=2, width=64, height=64, steps=1))
    assert kinds(events) == ["skipped", "step", "picture", "done"]


def test_a_skip_after_the_last_step_does_not_hit_the_next_picture(recorder: Recorder) -> None:
    def press(control: JobControl, event: WorkerEvent) -> None:
        if isinstance(event, Picture) and event.image == 0:
            control.skip()

    assert kinds(recorder.run(job(batch_count=2, width=64, height=64, steps=1), press)) == ["step", "picture", "step", "picture", "done"]


# add-ons


def test_hooks_see_each_field_as_the_context_says(device: Device, family: StableDiffusion) -> None:
    hooks = Remembering()
    Recorder(engine_with(hooks, device, family)).run(job(width=64, height=96))
    assert [context["step"] for context in hooks.contexts] == [0, 1, 2, 3]
    assert all(before["sigma"] > after["sigma"] for before, after in itertools.pairwise(hooks.contexts))
    for context in hooks.contexts:
        assert context["latents"].shape == context["denoised"].shape == (1, 4, 12, 8)
        assert context["latents"].dtype == context["denoised"].dtype == torch.float32
        assert context["sigma"] == context["sigmas"][context["step"]]
        (pull,) = context["positive"]
        for told in (pull.conditioning, context["negative"]):
            assert [one.tokens.shape for one in told.entries] == [(1, 32, 192)]
    assert float(hooks.contexts[0]["latents"].std()) == pytest.approx(hooks.contexts[0]["sigma"], rel=0.2)


def test_hooks_change_steps_and_pictures(device: Device, family: StableDiffusion, recorder: Recorder) -> None:
    class Changing(NoHooks):
        def denoise_step(self, context: DenoiseContext) -> None:
            context.denoised = context.denoised + 0.1

        def image_ready(self, image: Image.Image, context: DenoiseContext) -> Image.Image:
            return image.resize((32, 32)).convert("L")

        def told(self) -> list[Note]:
            return [Note("something happened")]

    spec = job(width=64, height=64)
    events = Recorder(engine_with(Changing(), device, family)).run(spec)
    picture = only_picture(events)
    assert (picture.width, picture.height, len(picture.rgb)) == (32, 32, 32 * 32 * 3)
    assert kinds(events)[-3:] == ["picture", "note", "done"]
    plain = pixels(only_picture(recorder.run(spec)))
    assert abs(float(pixels(picture).mean()) - float(plain.mean())) > 0.5


# devices


def test_unknown_devices_and_dtypes_are_named() -> None:
    with pytest.raises(ValueError, match="abacus"):
        open_device("abacus")
    with pytest.raises(ValueError, match="int3"):
        open_device("cpu", "int3")


def test_the_cpu_says_what_it_is() -> None:
    device = open_device("cpu")
    assert device.name
    assert device.dtype_name in ("float32", "bfloat16")
    assert device.attention == ("SDPA", "Sliced")
    assert not device.batches


def test_bfloat16_draws_nearly_the_same_picture(recorder: Recorder) -> None:
    """Slow where the CPU emulates bf16, so the picture is small."""
    spec = job(width=64, height=64, steps=2)
    exact = pixels(only_picture(recorder.run(spec))).astype(float)
    half = pixels(only_picture(Recorder(Engine(open_device("cpu", "bfloat16"))).run(spec))).astype(float)
    assert np.sqrt(((exact - half) ** 2).mean()) < 12
