"""Hooks of the worker process, each at work in a real engine on the shipped checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.extensions import hookimpl
from webui.extensions.registry import ExtensionRegistry
from webui.generation.events import Note, Picture, WorkerEvent

from .drawing import Always, Recorder, job, pixels

SMALL = {"width": 64, "height": 64, "steps": 3}


def drawn(device: Device, family: StableDiffusion, *plugins: object, **changes: Any) -> tuple[Picture, list[WorkerEvent]]:
    registry = ExtensionRegistry()
    for number, plugin in enumerate(plugins):
        registry.register(plugin, f"{type(plugin).__name__.lower()}-{number}", "worker")
    events = Recorder(Engine(device, registry, Always(family))).run(job(**{**SMALL, **changes}))
    (picture,) = [event for event in events if isinstance(event, Picture)]
    return picture, events


def weights(family: StableDiffusion) -> dict[str, tuple[int, bytes]]:
    return {name: (id(tensor), tensor.detach().view(torch.uint8).numpy().tobytes()) for name, tensor in family.unet.named_parameters()}


class Halves:
    """Puts half of a weight in its place, and takes it off again."""

    @hookimpl
    @contextmanager
    def patch_model(self, model: Any, request: Any) -> Iterator[None]:
        layer = model.denoiser.conv_out
        before = layer.weight
        layer.weight = torch.nn.Parameter(before / 2, requires_grad=False)
        try:
            yield
        finally:
            layer.weight = before


class Forgets:
    """Changes a weight and a function and takes neither off."""

    @hookimpl
    @contextmanager
    def patch_model(self, model: Any) -> Iterator[None]:
        layer = model.denoiser.conv_out
        layer.weight = torch.nn.Parameter(layer.weight / 2, requires_grad=False)
        forward = layer.forward
        layer.forward = lambda *given: forward(*given) * 0.5
        layer.register_forward_hook(lambda *given: None)
        yield


@pytest.mark.parametrize("plugin", [Halves, Forgets])
def test_hook_patch_model(device: Device, family: StableDiffusion, plugin: type) -> None:
    before = weights(family)
    plain, _ = drawn(device, family)
    patched, events = drawn(device, family, plugin())
    assert patched.rgb != plain.rgb
    assert weights(family) == before and "forward" not in vars(family.unet.conv_out) and not family.unet.conv_out._forward_hooks
    notes = [event.text for event in events if isinstance(event, Note)]
    assert bool(notes) == (plugin is Forgets) and all("put back" in note for note in notes)
    assert drawn(device, family)[0].rgb == plain.rgb


def test_hook_denoise_step(device: Device, family: StableDiffusion) -> None:
    class Counts:
        steps = 0

        @hookimpl
        def denoise_step(self, context: Any) -> None:
            self.steps += 1
            context.denoised.mul_(0.9)

    counts = Counts()
    assert drawn(device, family, counts)[0].rgb != drawn(device, family)[0].rgb and counts.steps == 3


def test_hook_latents_ready(device: Device, family: StableDiffusion) -> None:
    class Mirrors:
        @hookimpl
        def latents_ready(self, latents: torch.Tensor, context: Any) -> torch.Tensor:
            assert latents.shape == (1, *family.latent_shape(64, 64)) and context.sigma == 0
            return latents.flip(-1)

    class Wrong:
        @hookimpl
        def latents_ready(self, latents: torch.Tensor) -> torch.Tensor:
            return latents[..., :1]

    plain = drawn(device, family)[0]
    mirrored, events = drawn(device, family, Mirrors(), Wrong())
    # A decoder isn't the same from left to right as from right to left; but it is nearer to that than to no mirror at all.
    near = np.abs(pixels(mirrored)[:, ::-1].astype(int) - pixels(plain)).mean()
    far = np.abs(pixels(mirrored).astype(int) - pixels(plain)).mean()
    assert near < 0.7 * far, (near, far)
    (note,) = [event for event in events if isinstance(event, Note)]
    assert "wrong-1 failed in latents_ready" in note.text and note.fault is not None and "WrongAnswer" in note.fault["details"]


def test_hook_image_ready(device: Device, family: StableDiffusion) -> None:
    class Redraws:
        @hookimpl
        def image_ready(self, image: Image.Image, context: Any) -> Image.Image:
            mask = Image.new("L", image.size)
            mask.paste(255, (0, 0, 32, 64))
            return context.redraw(image, mask, prompt="a green frog", denoising_strength=1.0, seed=5)

    plain = drawn(device, family)[0]
    redrawn, events = drawn(device, family, Redraws())
    assert not [event for event in events if isinstance(event, Note)]
    difference = np.abs(pixels(redrawn).astype(int) - pixels(plain)).mean(-1)
    assert difference[:, :20].mean() > 5 > difference[:, 56:].mean()
    (sub,) = redrawn.facts["sub_requests"]
    assert (sub["prompt"], sub["seed"]) == ("a green frog", 5)


def test_one_that_raises_in_each_hook_stops_no_picture(device: Device, family: StableDiffusion) -> None:
    class Bad:
        @hookimpl
        def patch_model(self) -> None:
            raise SystemExit(3)

        @hookimpl
        def denoise_step(self) -> None:
            raise ValueError("no")

        @hookimpl
        def latents_ready(self) -> None:
            raise KeyError("no")

        @hookimpl
        def image_ready(self) -> None:
            raise RecursionError

    plain = drawn(device, family)[0]
    picture, events = drawn(device, family, Bad())
    assert picture.rgb == plain.rgb
    notes = [event.text for event in events if isinstance(event, Note)]
    assert notes and len(set(notes)) == len(notes) and all(note.startswith("The add-on bad-0 failed in ") for note in notes)
