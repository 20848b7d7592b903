"""Drawing on pictures: what the denoiser begins with, what stays, and what comes out, on tiny and on the shipped weights."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from webui.engine.context import DenoiseContext
from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.engine.hooks import NoHooks
from webui.engine.loading.modules import module_class
from webui.engine.masks import as_latent_mask
from webui.engine.schedules import sigmas_for
from webui.errors import InvalidRequest
from webui.generation.events import Picture, Step
from webui.generation.job import JobSpec
from webui.generation.request import parse_resolved
from webui.pictures.masking import blurred

from .drawing import CHECKPOINT, Recorder, pixels
from .tiny import recorder_of, tiny_family

SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 4, "sampler": "Euler", "schedule_type": "Uniform", "cfg_scale": 3.0}
NOISE = torch.randn((4, 8, 8), generator=torch.Generator().manual_seed(7))


class Watching(NoHooks):
    """Keeps what add-ons see of each step."""

    def __init__(self) -> None:
        self.seen: list[DenoiseContext] = []
        self.latents: list[torch.Tensor] = []

    def denoise_step(self, context: DenoiseContext) -> None:
        self.seen.append(dataclasses.replace(context))
        self.latents.append(context.latents.clone())


@pytest.fixture
def tiny(device: Device) -> StableDiffusion:
    return tiny_family(device)


def colourful(width: int = 64, height: int = 64) -> Image.Image:
    """A picture of which no two places are alike."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 255 // width, y * 255 // height, (x * 7 + y * 13) % 256], -1).astype(np.uint8))


def left_half(width: int = 64, height: int = 64) -> Image.Image:
    mask = Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).rectangle((0, 0, width // 2 - 1, height - 1), fill=255)
    return mask


def job(folder: Path, picture: Image.Image, mask: Image.Image | None = None, prompt: str = "a fox", **changes: Any) -> JobSpec:
    """A job on that picture, its pictures as files by their hashes."""
    named = {"init_image": picture} | ({"mask": mask} if mask else {})
    hashes, paths = {}, {}
    for name, image in named.items():
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        (folder / digest).write_bytes(buffer.getvalue())
        hashes[name], paths[digest] = digest, str(folder / digest)
    fields = {"kind": "inpaint" if mask else "img2img", "prompt": prompt, "seed": 7, "checkpoint": "tiny", "checkpoint_hash": "0" * 10}
    if mask:
        fields |= {"picture_width": picture.width, "picture_height": picture.height}
    request = parse_resolved({**fields, **SMALL, **hashes, **changes})
    return JobSpec(uuid.uuid4().hex, request, str(CHECKPOINT), tuple(range(request.picture_count)), image_paths=paths)


def watched(family: StableDiffusion, spec: JobSpec) -> tuple[Watching, list[Picture]]:
    hooks = Watching()
    return hooks, [event for event in recorder_of(family, hooks).run(spec) if isinstance(event, Picture)]


def encoded(family: StableDiffusion, picture: Image.Image) -> torch.Tensor:
    return family.encode(torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1)


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(float) - other).mean())


# what drawing begins with


def test_noise_of_the_seed_lies_on_the_pictures_latents(tiny: StableDiffusion, tmp_path: Path) -> None:
    """AUTOMATIC1111's counting: int(0.5 x 4) + 1 steps, from the noise level at which they begin."""
    hooks, (picture,) = watched(tiny, job(tmp_path, colourful(), denoising_strength=0.5))
    schedule = sigmas_for("Uniform", tiny.sigmas, 4)
    assert [context.sigmas for context in hooks.seen] == [schedule[1:]] * 3
    assert torch.allclose(hooks.latents[0][0], encoded(tiny, colourful())[0] + NOISE * schedule[1], atol=1e-4)
    assert (picture.width, picture.height) == (64, 64)


def test_all_steps_of_a_longer_schedule(tiny: StableDiffusion, tmp_path: Path) -> None:
    hooks, _ = watched(tiny, job(tmp_path, colourful(), denoising_strength=0.5, exact_steps=True))
    assert [context.sigmas for context in hooks.seen] == [sigmas_for("Uniform", tiny.sigmas, 8)[4:]] * 4


def test_more_and_less_noise(tiny: StableDiffusion, tmp_path: Path) -> None:
    sigma = sigmas_for("Uniform", tiny.sigmas, 4)[1]
    hooks, _ = watched(tiny, job(tmp_path, colourful(), denoising_strength=0.5, noise_multiplier=0.5, extra_noise=0.25))
    assert torch.allclose(hooks.latents[0][0], encoded(tiny, colourful())[0] + NOISE * 0.5 * (sigma + 0.25), atol=1e-4)


@pytest.mark.parametrize("mask", [None, left_half()])
def test_strength_0_gives_the_picture_back_as_its_vae_has_it(tiny: StableDiffusion, tmp_path: Path, mask: Image.Image | None) -> None:
    hooks, (picture,) = watched(tiny, job(tmp_path, colourful(), mask, denoising_strength=0.0, extra_noise=0.5))
    through = tiny.decode(encoded(tiny, colourful()))[0].numpy()
    assert not hooks.seen
    assert np.array_equal(pixels(picture)[:, :24], through[:, :24])
    assert np.array_equal(pixels(picture)[:, 44:], (np.array(colourful()) if mask else through)[:, 44:])


def test_the_way_to_another_size_by_latents(tiny: StableDiffusion, tmp_path: Path) -> None:
    """The picture is encoded at its own size, in whole latents."""
    asked = {"denoising_strength": 0.5, "resize_mode": "Just resize (latent upscale)"}
    hooks, (picture,) = watched(tiny, job(tmp_path, colourful(37, 49), **asked))
    small = encoded(tiny, colourful(37, 49).resize((32, 48), Image.Resampling.LANCZOS))
    clean = torch.nn.functional.interpolate(small, size=(8, 8), mode="bilinear")
    sigma = sigmas_for("Uniform", tiny.sigmas, 4)[1]
    assert torch.allclose(hooks.latents[0][0], clean[0] + NOISE * sigma, atol=1e-4)
    assert (picture.width, picture.height) == (64, 64)


def test_a_batch_is_each_picture_by_itself(tiny: StableDiffusion, tmp_path: Path) -> None:
    _, several = watched(tiny, job(tmp_path, colourful(), left_half(), batch_count=2, masked_content="latent noise"))
    _, (second,) = watched(tiny, job(tmp_path, colourful(), left_half(), seed=8, masked_content="latent noise"))
    assert several[1].rgb == second.rgb != several[0].rgb


# masks


def test_what_is_not_masked_stays_at_every_step(tiny: StableDiffusion, tmp_path: Path) -> None:
    hooks, (picture,) = watched(tiny, job(tmp_path, colourful(), left_half(), mask_blur=0))
    clean = encoded(tiny, colourful())
    for context in hooks.seen:
        assert torch.allclose(context.denoised[..., 4:], clean[..., 4:], atol=1e-5)
        assert not torch.allclose(context.denoised[..., :4], clean[..., :4], atol=1e-2)
    source = np.array(colourful())
    assert np.array_equal(pixels(picture)[:, 32:], source[:, 32:])
    assert distance(pixels(picture)[:, :32], source[:, :32]) > 5


@pytest.mark.parametrize(
    ("content", "begins"),
    [("latent nothing", lambda clean: clean * 0), ("latent noise", lambda clean: NOISE), ("original", lambda clean: clean)],
)
def test_masked_content_of_latents(tiny: StableDiffusion, tmp_path: Path, content: str, begins: Any) -> None:
    spec = job(tmp_path, colourful(), left_half(), mask_blur=0, masked_content=content, denoising_strength=0.5)
    hooks, _ = watched(tiny, spec)
    mask = hooks.seen[0].mask
    assert mask is not None
    clean, sigma = hooks.latents[0][0] - NOISE * sigmas_for("Uniform", tiny.sigmas, 4)[1], 1e-3
    assert torch.allclose(clean, mask.clean[0], atol=sigma)
    original = encoded(tiny, colourful())[0]
    if content == "original":
        assert torch.allclose(clean, original, atol=sigma)
    else:
        assert torch.allclose(clean[..., :4], begins(original)[..., :4], atol=sigma)


def test_inverted(tiny: StableDiffusion, tmp_path: Path) -> None:
    _, (picture,) = watched(tiny, job(tmp_path, colourful(), left_half(), mask_blur=0, mask_mode="Inpaint not masked"))
    source = np.array(colourful())
    assert np.array_equal(pixels(picture)[:, :32], source[:, :32])
    assert distance(pixels(picture)[:, 32:], source[:, 32:]) > 5


def test_only_masked_is_drawn_at_the_size_asked_for_and_comes_back_into_the_whole(tiny: StableDiffusion, tmp_path: Path) -> None:
    mask = Image.new("L", (101, 77), 0)
    ImageDraw.Draw(mask).rectangle((80, 60, 100, 76), fill=255)
    asked = {"inpaint_area": "Only masked", "masked_padding": 4, "mask_blur": 2}
    _, (picture,) = watched(tiny, job(tmp_path, colourful(101, 77), mask, **asked))
    assert (picture.width, picture.height) == (101, 77)
    kept = np.array(blurred(mask, 2)) == 0
    source = np.array(colourful(101, 77))
    assert np.array_equal(pixels(picture)[kept], source[kept])
    assert distance(pixels(picture)[60:, 80:], source[60:, 80:]) > 5


def test_pixels_around_a_soft_mask_follow_its_value(tiny: StableDiffusion, tmp_path: Path) -> None:
    ramp = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 2, (64, 1)))
    source = Image.new("RGB", (64, 64), (200, 30, 120))
    _, (picture,) = watched(tiny, job(tmp_path, source, ramp, mask_blur=0, denoising_strength=1.0, inpaint_area="Only masked"))
    change = np.abs(pixels(picture).astype(float) - np.array(source)).mean((0, 2))
    parts = [change[start : start + 16].mean() for start in (0, 16, 32, 48)]
    assert parts == sorted(parts)
    assert change[0] == 0


def test_a_mask_smaller_than_a_latent_is_drawn(tiny: StableDiffusion, tmp_path: Path) -> None:
    dot = Image.new("L", (64, 64), 0)
    dot.putpixel((20, 20), 255)
    assert as_latent_mask(dot, 8, 8).sum() >= 1
    _, (picture,) = watched(tiny, job(tmp_path, colourful(), dot, mask_blur=0))
    changed = (pixels(picture) != np.array(colourful())).any(-1)
    assert changed[20, 20] and changed.sum() == 1


def test_steps_that_are_told(tiny: StableDiffusion, tmp_path: Path) -> None:
    events = recorder_of(tiny).run(job(tmp_path, colourful(), denoising_strength=0.5))
    assert [(event.step, event.steps) for event in events if isinstance(event, Step)] == [(1, 3), (2, 3), (3, 3)]


def test_colours_of_the_source(tiny: StableDiffusion, tmp_path: Path) -> None:
    source = Image.new("RGB", (64, 64), (200, 30, 120))
    _, (picture,) = watched(tiny, job(tmp_path, source, color_correction=True))
    _, colours = np.split(np.array(Image.fromarray(pixels(picture)).convert("YCbCr")).astype(int), [1], axis=-1)
    # Where light allows the colour at all: pixels that had to be cut off at 0 or 255 lose some of it.
    middle = np.median(colours.reshape(-1, 2), axis=0)
    assert np.abs(middle - np.array(source.convert("YCbCr"))[0, 0, 1:]).max() < 12


def test_a_mask_of_another_size_is_refused(tiny: StableDiffusion, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="32 x 64") as refused:
        watched(tiny, job(tmp_path, colourful(), left_half(32, 64)))
    assert refused.value.field == "mask"


# inpainting checkpoints


class Shown:
    """Stands before a U-Net and keeps what it was given."""

    def __init__(self, unet: Any) -> None:
        self.given: list[torch.Tensor] = []
        unet.register_forward_pre_hook(lambda module, args: self.given.append(args[0].clone()))


@pytest.fixture
def inpainting(tiny: StableDiffusion) -> StableDiffusion:
    # Without diffusers' list of what was left at its default, or that would count more than what is changed.
    config = {name: value for name, value in tiny.unet.config.items() if not name.startswith("_")}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        unet = module_class("unet").from_config(config | {"in_channels": 9}).eval().requires_grad_(False)
    return dataclasses.replace(tiny, unet=unet)


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_inpainting_checkpoints_see_mask_and_masked_picture(inpainting: StableDiffusion, tmp_path: Path, weight: float) -> None:
    shown = Shown(inpainting.unet)
    _, (picture,) = watched(inpainting, job(tmp_path, colourful(), left_half(), mask_blur=0, mask_weight=weight))
    mask = torch.zeros(8, 8)
    mask[:, :4] = 1
    source = np.array(colourful()).astype(float) - 127.5
    source[:, :32] *= 1 - weight
    masked = inpainting.encode(torch.from_numpy(source / 127.5).permute(2, 0, 1)[None].float())[0]
    for given in shown.given:
        assert all(torch.equal(row, mask) for row in given[:, 4])
        assert all(torch.allclose(row, masked, atol=1e-4) for row in given[:, 5:])
    assert np.array_equal(pixels(picture)[:, 32:], np.array(colourful())[:, 32:])


def test_inpainting_checkpoints_without_a_mask_see_nothing(inpainting: StableDiffusion, tmp_path: Path) -> None:
    shown = Shown(inpainting.unet)
    watched(inpainting, job(tmp_path, colourful()))
    grey = inpainting.encode(torch.zeros(1, 3, 64, 64))[0]
    assert all(bool((given[:, 4] == 1).all()) and torch.allclose(given[0, 5:], grey, atol=1e-4) for given in shown.given)


# the shipped checkpoint


def emoji(recorder: Recorder, spec: JobSpec) -> NDArray[np.uint8]:
    (picture,) = [event for event in recorder.run(spec) if isinstance(event, Picture)]
    return pixels(picture)


def test_the_shipped_checkpoint_paints_another_thing_under_the_mask(recorder: Recorder, family: StableDiffusion, tmp_path: Path) -> None:
    """The left half becomes another thing, the right keeps its bytes; the further from the source, the higher the strength."""
    real = {"width": 128, "height": 128, "steps": 6, "sampler": "Euler a", "cfg_scale": 5.0}
    source = apple()
    asked = "a green frog on a yellow background"
    painted = emoji(recorder, job(tmp_path, source, left_half(128, 128), asked, **real, mask_blur=0, denoising_strength=1.0))
    was = np.array(source)
    assert np.array_equal(painted[:, 64:], was[:, 64:])
    assert distance(painted[:, :64], was[:, :64]) > 20
    strengths = (0.0, 0.4, 1.0)
    drawn = [emoji(recorder, job(tmp_path, source, None, asked, **real, denoising_strength=each)) for each in strengths]
    far = [distance(picture, was) for picture in drawn]
    assert far == sorted(far)
    assert far[-1] > 2 * far[0]
    assert distance(drawn[0], family.decode(encoded(family, source))[0].numpy()) < 0.01


def apple() -> Image.Image:
    picture = Image.new("RGB", (128, 128), (40, 90, 200))
    ImageDraw.Draw(picture).ellipse((34, 34, 94, 94), fill=(220, 40, 30))
    return picture
