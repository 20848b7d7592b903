"""Each family, from a tiny checkpoint in the layout in which it is published: loaded offline, drawn, equal to diffusers' own pipeline."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from webui.engine.conditioning import Wording, encode_text
from webui.engine.context import DenoiseContext
from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.families.flux import packed, unpacked
from webui.engine.hooks import NoHooks
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.tokenizers import OPEN_CLIP_PAD, OPENAI_PAD, clip_tokenizer, t5_tokenizer
from webui.engine.memory.manager import ModelManager
from webui.errors import CheckpointUnusable
from webui.generation.events import Picture

from . import tiny_checkpoints
from .drawing import CHECKPOINT, Recorder, digests, job, pixels
from .tiny_checkpoints import Tiny

WIDTH, HEIGHT = 64, 80
BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
EVEN = [1.0, 0.667, 0.334, 0.001]
"""Four noise levels before the shift of flow models, those of the schedule Uniform."""


class LastLatents(NoHooks):
    """Keeps the guess of each picture's last step, which are its finished latents with Euler."""

    def denoise_step(self, context: DenoiseContext) -> None:
        self.latents = context.denoised


@contextmanager
def no_network() -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


def drawn(path: Path, root: Path, device: Device, **changes: Any) -> tuple[torch.Tensor, Picture]:
    """Latents and picture of a job on that checkpoint, with the network blocked."""
    hooks = LastLatents()
    engine = Engine(device, hooks, ModelManager(device, lambda path: open_checkpoint(path, [root])))
    fields = {"width": WIDTH, "height": HEIGHT, "steps": 4, "sampler": "Euler", "schedule_type": "Uniform", "seed": 3}
    with no_network():
        events = Recorder(engine).run(job(path=path, negative_prompt="blurry", **fields | changes))
    (picture,) = [event for event in events if isinstance(event, Picture)]
    assert np.ptp(pixels(picture)) > 0
    return hooks.latents, picture


def arguments(channels: int = 4, factor: int = 8) -> dict[str, Any]:
    """The same job for a stock pipeline."""
    noise = torch.randn((1, channels, HEIGHT // factor, WIDTH // factor), generator=torch.Generator().manual_seed(3))
    return {
        "prompt": "a red apple on a blue background",
        "negative_prompt": "blurry",
        "guidance_scale": 5.0,
        "num_inference_steps": 4,
        "width": WIDTH,
        "height": HEIGHT,
        "latents": noise,
        "output_type": "latent",
    }


def euler() -> Any:
    from diffusers import EulerDiscreteScheduler

    return EulerDiscreteScheduler(**BETAS, timestep_spacing="linspace", steps_offset=1)


def silent(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def assert_close(own: torch.Tensor, stock: torch.Tensor) -> None:
    """Equal to a hundred-thousandth of the largest number."""
    assert own.shape == stock.shape
    assert float((own - stock).abs().max()) <= 1e-5 * max(1.0, float(stock.abs().max()))


def sd_components(tiny: Tiny, pad: str) -> dict[str, Any]:
    none = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    parts = {"vae": tiny.modules["vae"], "text_encoder": tiny.modules["text_encoder"], "unet": tiny.modules["denoiser"]}
    return {**parts, "tokenizer": clip_tokenizer(pad), "scheduler": euler(), **none}


@pytest.mark.parametrize(("make", "pad"), [(tiny_checkpoints.sd1, OPENAI_PAD), (tiny_checkpoints.sd2, OPEN_CLIP_PAD)], ids=["sd1", "sd2"])
def test_stable_diffusion_1_and_2(tmp_path: Path, device: Device, make: Callable[[], Tiny], pad: str) -> None:
    from diffusers import StableDiffusionPipeline

    tiny = make()
    latents, _ = drawn(tiny.save(tmp_path / "tiny.safetensors"), tmp_path, device)
    stock = silent(StableDiffusionPipeline(**sd_components(tiny, pad)))(**arguments()).images
    assert_close(latents, stock)


def test_an_inpainting_model_draws_from_words_alone(tmp_path: Path, device: Device) -> None:
    """As diffusers' inpainting pipeline under a mask that covers all. What it encodes under the mask is made the same each time."""
    from diffusers import StableDiffusionInpaintPipeline

    tiny = tiny_checkpoints.sd1(inpainting=True)
    quant = tiny.modules["vae"].quant_conv
    quant.weight.data[4:], quant.bias.data[4:] = 0, -30
    latents, _ = drawn(tiny.save(tmp_path / "tiny.safetensors"), tmp_path, device)
    pipeline = silent(StableDiffusionInpaintPipeline(**sd_components(tiny, OPENAI_PAD)))
    picture = torch.zeros(1, 3, HEIGHT, WIDTH)
    stock = pipeline(**arguments(), image=picture, mask_image=torch.ones(1, 1, HEIGHT, WIDTH), strength=1.0).images
    assert_close(latents, stock)


def test_sdxl(tmp_path: Path, device: Device) -> None:
    from diffusers import StableDiffusionXLPipeline

    tiny = tiny_checkpoints.sdxl()
    path = tiny.save(tmp_path / "tiny.safetensors")
    latents, _ = drawn(path, tmp_path, device)
    parts = {name: tiny.modules[name] for name in ("vae", "text_encoder", "text_encoder_2")}
    tokenizers = {"tokenizer": clip_tokenizer(OPENAI_PAD), "tokenizer_2": clip_tokenizer(OPEN_CLIP_PAD)}
    unet = tiny.modules["denoiser"]
    pipeline = silent(StableDiffusionXLPipeline(**parts, **tokenizers, unet=unet, scheduler=euler(), add_watermarker=False))
    assert_close(latents, pipeline(**arguments()).images)
    # An empty negative prompt is zeros.
    hooks = LastLatents()
    Recorder(Engine(device, hooks)).run(
        job(path=path, width=WIDTH, height=HEIGHT, steps=4, sampler="Euler", schedule_type="Uniform", seed=3, negative_prompt="")
    )
    assert_close(hooks.latents, pipeline(**arguments() | {"negative_prompt": None}).images)


@pytest.mark.slow
def test_the_refiner(tmp_path: Path, device: Device) -> None:
    from diffusers import StableDiffusionXLImg2ImgPipeline

    tiny = tiny_checkpoints.sdxl(refiner=True)
    latents, _ = drawn(tiny.save(tmp_path / "tiny.safetensors"), tmp_path, device)
    pipeline = StableDiffusionXLImg2ImgPipeline(
        vae=tiny.modules["vae"],
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=tiny.modules["text_encoder_2"],
        tokenizer_2=clip_tokenizer(OPEN_CLIP_PAD),
        unet=tiny.modules["denoiser"],
        scheduler=euler(),
        requires_aesthetics_score=True,
        add_watermarker=False,
    )
    asked = {key: value for key, value in arguments().items() if key not in ("latents", "width", "height")}
    nothing = torch.zeros(1, 4, HEIGHT // 8, WIDTH // 8)
    stock = silent(pipeline)(**asked, image=nothing, strength=1.0, generator=torch.Generator().manual_seed(3)).images
    assert_close(latents, stock)


@pytest.mark.parametrize(
    ("make", "with_t5"),
    [
        pytest.param(lambda: tiny_checkpoints.sd3(), True, id="3.5 medium", marks=pytest.mark.slow),
        pytest.param(lambda: tiny_checkpoints.sd3(large=True, with_t5=False), False, id="3.5 large without T5"),
    ],
)
def test_stable_diffusion_3(tmp_path: Path, device: Device, make: Callable[[], Tiny], with_t5: bool) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler, StableDiffusion3Pipeline

    tiny = make()
    latents, _ = drawn(tiny.save(tmp_path / "tiny.safetensors"), tmp_path, device)
    pipeline = StableDiffusion3Pipeline(
        transformer=tiny.modules["denoiser"],
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny.modules["vae"],
        text_encoder=tiny.modules["text_encoder"],
        tokenizer=clip_tokenizer(OPENAI_PAD),
        text_encoder_2=tiny.modules["text_encoder_2"],
        tokenizer_2=clip_tokenizer(OPEN_CLIP_PAD),
        text_encoder_3=tiny.modules.get("text_encoder_3"),
        tokenizer_3=t5_tokenizer() if with_t5 else None,
    )
    assert_close(latents, silent(pipeline)(**arguments(16), sigmas=EVEN).images)


@pytest.mark.parametrize("schnell", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["dev", "schnell"])
def test_flux(tmp_path: Path, device: Device, schnell: bool) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline

    tiny = tiny_checkpoints.flux(schnell=schnell, prefix="model.diffusion_model." if schnell else "")
    path = tiny.save(tmp_path / "checkpoints" / "tiny.safetensors")
    tiny_checkpoints.save_parts_of_flux(tiny, tmp_path)
    latents, _ = drawn(path, tmp_path, device, cfg_scale=1.0)
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=not schnell, max_shift=1.15, base_shift=0.5)
    pipeline = FluxPipeline(
        scheduler=scheduler,
        vae=tiny.modules["vae"],
        text_encoder=tiny.modules["text_encoder"],
        tokenizer=clip_tokenizer(OPENAI_PAD),
        text_encoder_2=tiny.modules["text_encoder_2"],
        tokenizer_2=t5_tokenizer(),
        transformer=tiny.modules["denoiser"],
    )
    asked = arguments(16) | {"negative_prompt": None, "guidance_scale": 3.5, "sigmas": EVEN}
    stock = silent(pipeline)(**asked | {"latents": packed(asked["latents"])}, max_sequence_length=256 if schnell else 512).images
    assert_close(latents, unpacked(stock, HEIGHT // 16, WIDTH // 16))
    stronger, _ = drawn(path, tmp_path, device, cfg_scale=1.0, distilled_cfg_scale=9.0)
    assert torch.equal(stronger, latents) == schnell, "schnell knows no guidance"
    guided, _ = drawn(path, tmp_path, device, cfg_scale=2.0)
    assert not torch.equal(guided, latents)


LOUDER = {"sdxl": [2], "sd3": [2, 77 + 2], "flux": [2]}
"""Where "red" of "a red apple" lies: behind a start token for CLIP, behind "a" in two tokens for T5, which SD 3 lays behind CLIP's."""


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[] if kind == "flux" else pytest.mark.slow) for kind in LOUDER])
@torch.no_grad()
def test_weights_and_schedules_of_a_prompt_reach_every_family(tmp_path: Path, device: Device, kind: str) -> None:
    tiny = getattr(tiny_checkpoints, kind)()
    path = tiny.save(tmp_path / "checkpoints" / "tiny.safetensors")
    if kind == "flux":
        tiny_checkpoints.save_parts_of_flux(tiny, tmp_path)
    models = ModelManager(device, lambda path: open_checkpoint(path, [tmp_path]))
    family = models.get(path, lambda: None).family
    plain = encode_text(family, "a red apple")
    louder = encode_text(family, "a (red:1.5) apple", Wording(emphasis="No norm"))
    expected = plain.tokens.clone()
    expected[:, LOUDER[kind]] *= 1.5
    assert torch.allclose(louder.tokens, expected, atol=1e-5)
    assert louder.pooled is not None
    assert plain.pooled is not None
    assert torch.equal(louder.pooled, plain.pooled), "weights are no words"

    def seen(prompt: str) -> bytes:
        latents, _ = drawn(path, tmp_path, device, prompt=prompt, steps=4, cfg_scale=1.0)
        return latents.numpy().tobytes()

    pictures = {prompt: seen(prompt) for prompt in ("red apple", "green apple", "(red:1.5) apple", "[red:green:0.5] apple")}
    assert len(set(pictures.values())) == len(pictures)
    assert seen("(red:1.0) apple") == pictures["red apple"]


@pytest.mark.parametrize("size", [(72, 64), pytest.param((64, 72), marks=pytest.mark.slow)])
def test_odd_sizes_of_families_that_see_squares(tmp_path: Path, device: Device, size: tuple[int, int]) -> None:
    tiny = tiny_checkpoints.flux()
    path = tiny.save(tmp_path / "tiny.safetensors")
    tiny_checkpoints.save_parts_of_flux(tiny, tmp_path)
    _, picture = drawn(path, tmp_path, device, width=size[0], height=size[1], steps=2)
    assert (picture.width, picture.height) == size


def test_a_single_file_draws_what_its_folder_draws(tmp_path: Path, recorder: Recorder) -> None:
    """The shipped checkpoint has sizes, a tokenizer and a prediction type that no shapes tell; they come in the file's header."""
    path = tiny_checkpoints.emoji_as_single_file().save(tmp_path / "emoji.safetensors", tiny_checkpoints.small_files(CHECKPOINT))
    size = {"width": 64, "height": 64}
    assert digests(recorder.run(job(path=path, **size))) == digests(recorder.run(job(**size)))


def folder_of(kind: str, tiny: Tiny) -> Any:
    """The stock pipeline of a tiny checkpoint, to be saved as a folder."""
    import diffusers

    parts = {
        ("transformer" if kind in ("sd3", "flux") else "unet") if name == "denoiser" else name: module
        for name, module in tiny.modules.items()
    }
    clip, wide, t5 = clip_tokenizer(OPENAI_PAD), clip_tokenizer(OPEN_CLIP_PAD), t5_tokenizer
    if kind == "sdxl":
        return diffusers.StableDiffusionXLPipeline(**parts, tokenizer=clip, tokenizer_2=wide, scheduler=euler(), add_watermarker=False)
    if kind == "sd3":
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
        return diffusers.StableDiffusion3Pipeline(**parts, tokenizer=clip, tokenizer_2=wide, tokenizer_3=t5(), scheduler=scheduler)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    return diffusers.FluxPipeline(**parts, tokenizer=clip, tokenizer_2=t5(), scheduler=scheduler)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sdxl", "sd3", "flux"])
def test_a_folder_draws_what_its_single_file_draws(tmp_path: Path, device: Device, kind: str) -> None:
    tiny = getattr(tiny_checkpoints, kind)()
    if kind == "flux":
        tiny_checkpoints.save_parts_of_flux(tiny, tmp_path)
    folder = tmp_path / "folder"
    folder_of(kind, tiny).save_pretrained(folder, max_shard_size="10MB")
    assert list(folder.glob("*/*.index.json")), "some part is in several files"
    from_file, _ = drawn(tiny.save(tmp_path / "tiny.safetensors"), tmp_path, device)
    from_folder, _ = drawn(folder, tmp_path, device)
    assert_close(from_folder, from_file)
    source = open_checkpoint(folder)
    assert source.family == kind


# parts that are missing


def test_flux_without_t5_names_file_and_folder(tmp_path: Path) -> None:
    tiny = tiny_checkpoints.flux()
    path = tiny.save(tmp_path / "tiny.safetensors")
    tiny_checkpoints.save_parts_of_flux(tiny, tmp_path)
    assert open_checkpoint(path, [tmp_path]).family == "flux"
    (tmp_path / "text_encoders" / "t5xxl_fp16.safetensors").unlink()
    with pytest.raises(CheckpointUnusable, match=r"tiny\.safetensors holds no T5 text encoder.*models/text_encoders") as caught:
        open_checkpoint(path, [tmp_path])
    assert "t5xxl" in caught.value.hint
    (tmp_path / "text_encoders" / "clip_l.safetensors").unlink()
    with pytest.raises(CheckpointUnusable, match="no CLIP text encoder"):
        open_checkpoint(path, [tmp_path])


def test_a_missing_vae_is_named(tmp_path: Path) -> None:
    tiny = tiny_checkpoints.sd1()
    bare = dataclasses.replace(tiny, state={name: tensor for name, tensor in tiny.state.items() if not name.startswith("first_stage")})
    path = bare.save(tmp_path / "bare.safetensors")
    with pytest.raises(CheckpointUnusable, match=r"bare\.safetensors holds no VAE.*models/vae"):
        open_checkpoint(path, [tmp_path])
    Tiny({}, {name.removeprefix("first_stage_model."): t for name, t in tiny.state.items() if name.startswith("first_stage")}).save(
        tmp_path / "VAE" / "vae-ft-mse.safetensors"
    )
    assert open_checkpoint(path, [tmp_path]).components["vae"].shown == "vae-ft-mse.safetensors (VAE)"


def test_a_missing_text_encoder_is_named(tmp_path: Path) -> None:
    tiny = tiny_checkpoints.sd1()
    bare = dataclasses.replace(tiny, state={name: tensor for name, tensor in tiny.state.items() if not name.startswith("cond_stage")})
    with pytest.raises(CheckpointUnusable, match=r"bare\.safetensors holds no CLIP text encoder"):
        open_checkpoint(bare.save(tmp_path / "bare.safetensors"))
