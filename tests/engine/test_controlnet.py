"""ControlNets on small U-Nets: equal to diffusers, and gone without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from webui.engine.adapters.controlnet import Control, controlled, takes_part
from webui.engine.adapters.lora_names import _unet
from webui.engine.device import Device
from webui.engine.loading.controlnet import load_controlnet
from webui.errors import AdapterUnusable

from .small_modules import sd1_unet, sdxl_unet

PICTURE_WIDTHS = (4, 4, 8, 8)
PICTURE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def controlnet(unet: Any, seed: int = 1) -> Any:
    """Made from the U-Net as such models begin, but with something to say."""
    from diffusers.models.controlnets.controlnet import ControlNetModel

    model = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=PICTURE_WIDTHS).eval().requires_grad_(False)
    torch.manual_seed(seed)
    for layer in (*model.controlnet_down_blocks, model.controlnet_mid_block, model.controlnet_cond_embedding.conv_out):
        torch.nn.init.normal_(layer.weight, std=0.1)
    return model


def call(unet: Any, batch: int = 2, **more: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(9)
    x = torch.randn(batch, 4, 8, 8, generator=generator)
    words = torch.randn(batch, 5, unet.config.cross_attention_dim, generator=generator)
    sized = {"text_embeds": torch.ones(batch, 8), "time_ids": torch.ones(batch, 6)}
    return unet(x, torch.tensor(7.0), encoder_hidden_states=words, added_cond_kwargs=sized, **more).sample


def by_hand(unet: Any, model: Any, weight: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(9)
    x = torch.randn(2, 4, 8, 8, generator=generator)
    words = torch.randn(2, 5, unet.config.cross_attention_dim, generator=generator)
    sized = {"text_embeds": torch.ones(2, 8), "time_ids": torch.ones(2, 6)}
    skips, middle = model(x, torch.tensor(7.0), words, PICTURE.expand(2, -1, -1, -1), weight, added_cond_kwargs=sized, return_dict=False)
    return call(unet, down_block_additional_residuals=skips, mid_block_additional_residual=middle)


@pytest.mark.parametrize("make", [sd1_unet, sdxl_unet])
@torch.no_grad()
def test_equals_diffusers_and_leaves_no_trace(make: Any) -> None:
    unet = make()
    model, plain = controlnet(unet), call(unet)
    with controlled(unet, [Control(model, PICTURE, 0.7)], lambda: (0, 4)):
        told = call(unet)
    assert torch.equal(told, by_hand(unet, model, 0.7))
    assert not torch.allclose(told, plain, atol=1e-3)
    assert torch.equal(call(unet), plain)
    assert not unet._forward_pre_hooks


@torch.no_grad()
def test_the_stock_pipeline_gives_the_same_latents() -> None:
    """The whole loop of diffusers, told by its own ControlNet pipeline and by ours around its plain one."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionControlNetPipeline, StableDiffusionPipeline

    unet = sd1_unet()
    model, steps = controlnet(unet), 4
    vae = _vae()
    words = torch.randn(1, 5, 16, generator=torch.Generator().manual_seed(2))
    arguments = {
        "prompt_embeds": words,
        "negative_prompt_embeds": -words,
        "num_inference_steps": steps,
        "guidance_scale": 5.0,
        "height": 64,
        "width": 64,
        "output_type": "latent",
        "latents": torch.randn(1, 4, 64 // 2, 64 // 2, generator=torch.Generator().manual_seed(3)),
    }
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    # The tiny VAE halves sides once, so the picture that stands for 32x32 latents is eight times as large.
    picture = torch.nn.functional.interpolate(picture, size=(256, 256))
    stock = StableDiffusionControlNetPipeline(
        vae, None, None, unet, model, EulerDiscreteScheduler(), None, None, requires_safety_checker=False
    )
    plain = StableDiffusionPipeline(vae, None, None, unet, EulerDiscreteScheduler(), None, None, requires_safety_checker=False)
    for pipeline in (stock, plain):
        pipeline.set_progress_bar_config(disable=True)
    stock.control_image_processor.preprocess = lambda image, **_: image  # type: ignore[method-assign]
    expected = stock(
        image=picture, controlnet_conditioning_scale=0.8, control_guidance_start=0.25, control_guidance_end=0.75, **arguments
    ).images
    done = 0

    def step_done(*about: Any) -> dict[str, Any]:
        nonlocal done
        done += 1
        return {}

    with controlled(unet, [Control(model, picture, 0.8, 0.25, 0.75)], lambda: (done, steps)):
        found = plain(callback_on_step_end=step_done, **arguments).images
    assert torch.allclose(found, expected, atol=1e-5)
    assert not torch.allclose(found, plain(**arguments).images, atol=1e-3)


def _vae() -> Any:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8), norm_num_groups=4, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2
    )


@torch.no_grad()
def test_several_add_up() -> None:
    unet = sd1_unet()
    one, other = controlnet(unet, 1), controlnet(unet, 2)
    with controlled(unet, [Control(one, PICTURE, 0.5), Control(one, PICTURE, 0.5)], lambda: (0, 1)):
        twice = call(unet)
    assert torch.allclose(twice, by_hand(unet, one, 1.0), atol=1e-5)
    with controlled(unet, [Control(one, PICTURE, 0.5), Control(other, PICTURE, 0.5)], lambda: (0, 1)):
        both = call(unet)
    assert not torch.allclose(both, twice, atol=1e-3)


@pytest.mark.parametrize(
    ("control", "asked"),
    [
        ({}, [0, 1, 2, 3]),
        ({"weight": 0.0}, []),
        ({"start": 0.5}, [2, 3]),
        ({"end": 0.5}, [0, 1]),
        ({"start": 0.25, "end": 0.75}, [1, 2]),
    ],
)
def test_start_and_end(control: dict[str, float], asked: list[int]) -> None:
    one = Control(None, PICTURE, **control)
    assert [step for step in range(4) if takes_part(one, step, 4)] == asked


@torch.no_grad()
def test_off_after_an_exception() -> None:
    unet = sd1_unet()
    plain = call(unet)
    with pytest.raises(KeyboardInterrupt), controlled(unet, [Control(controlnet(unet), PICTURE)], lambda: (0, 1)):
        raise KeyboardInterrupt
    assert torch.equal(call(unet), plain)


def as_published(model: Any, prefix: str) -> dict[str, torch.Tensor]:
    """A ControlNet under the names of lllyasviel's own code."""
    names = {layers.names[0]: name for name, layers in _unet(_Half(model))}
    for name, _ in model.named_modules():
        number = name.rpartition(".")[2]
        if name.startswith("controlnet_down_blocks."):
            names[name] = f"zero_convs.{number}.0"
        elif name.startswith("controlnet_cond_embedding.blocks."):
            names[name] = f"input_hint_block.{2 * int(number) + 2}"
    names |= {"controlnet_mid_block": "middle_block_out.0"}
    names |= {f"controlnet_cond_embedding.{name}": f"input_hint_block.{place}" for name, place in (("conv_in", 0), ("conv_out", 14))}
    return {
        f"{prefix}{names[layer]}.{parameter}": tensor
        for layer, parameter, tensor in (
            (name.rpartition(".")[0], name.rpartition(".")[2], tensor) for name, tensor in model.state_dict().items()
        )
    }


class _Half:
    """A ControlNet as a U-Net without its second half."""

    up_blocks = ()

    def __init__(self, model: Any) -> None:
        self.down_blocks, self.named_modules = model.down_blocks, model.named_modules


@pytest.mark.parametrize("form", ["control_model.", "", "diffusers", "folder"])
@pytest.mark.parametrize("linear", [False, True])
def test_files_of_every_form(tmp_path: Path, device: Device, form: str, linear: bool) -> None:
    """At the real families' head sizes and numbers of groups, which shapes don't tell."""
    from diffusers.models.controlnets.controlnet import ControlNetModel

    torch.manual_seed(6)
    model = ControlNetModel(
        block_out_channels=(64, 128),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=[1, 2] if linear else 8,
        use_linear_projection=linear,
        transformer_layers_per_block=[1, 2],
        conditioning_embedding_out_channels=PICTURE_WIDTHS,
    ).eval()
    path = tmp_path / "canny.safetensors"
    if form == "folder":
        model.save_pretrained(tmp_path / "canny")
        path = tmp_path / "canny"
    else:
        save_file(model.state_dict() if form == "diffusers" else as_published(model, form), path)
    loaded: Any = load_controlnet(path, device)
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())
    differing = {
        key
        for key, value in model.config.items()
        if key in loaded.config and not key.startswith("_") and _as_list(loaded.config[key]) != _as_list(value)
    }
    assert differing <= {"attention_head_dim", "num_attention_heads"}
    assert _heads(loaded) == _heads(model)


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _heads(model: Any) -> list[int]:
    return [module.heads for module in model.modules() if hasattr(module, "heads")]


@pytest.mark.parametrize(("content", "words"), [(b"<html>", "web page"), (None, "not a ControlNet"), ("half", "not complete")])
def test_files_that_are_no_controlnet(tmp_path: Path, device: Device, content: Any, words: str) -> None:
    path = tmp_path / "canny.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save_file({"control_model.input_hint_block.0.weight": torch.zeros(1)} if content else {"a": torch.zeros(1)}, path)
    with pytest.raises(AdapterUnusable, match=words):
        load_controlnet(path, device)


def test_one_for_another_family_is_refused() -> None:
    with pytest.raises(AdapterUnusable, match="not made for this kind of checkpoint"):
        with controlled(sd1_unet(), [Control(controlnet(sdxl_unet()), PICTURE)], lambda: (0, 1)):
            pytest.fail("got on")
