"""Tiny pipelines of diffusers with random weights, of families that Easel has no denoising for, as folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from webui.engine.loading.tokenizers import OPENAI_PAD, clip_tokenizer, t5_tokenizer

from .tiny_checkpoints import VAE_SIZES, clip, made, t5


def _seeded(make: Callable[[], Any]) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def _pixart(path: Path) -> None:
    """Tells its steps in the old way; learned variance; T5."""
    import diffusers

    transformer = _seeded(
        lambda: diffusers.PixArtTransformer2DModel(
            sample_size=16,
            num_layers=1,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=3,
            caption_channels=32,
            in_channels=4,
            out_channels=8,
            cross_attention_dim=24,
        )
    )
    transformer.proj_out.weight.data *= 20
    parts = (t5_tokenizer(), t5(32), made("vae", **VAE_SIZES, latent_channels=4, scaling_factor=0.13025), transformer)
    diffusers.PixArtSigmaPipeline(*parts, diffusers.DPMSolverMultistepScheduler()).save_pretrained(path)


def _auraflow(path: Path) -> None:
    """Flow matching; UMT5 by class, T5 will do."""
    import diffusers

    transformer = _seeded(
        lambda: diffusers.AuraFlowTransformer2DModel(
            sample_size=32,
            patch_size=2,
            in_channels=4,
            num_mmdit_layers=1,
            num_single_dit_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=32,
            pos_embed_max_size=256,
        )
    )
    parts = (t5_tokenizer(), t5(32), made("vae", **VAE_SIZES, latent_channels=4, scaling_factor=0.13025), transformer)
    diffusers.AuraFlowPipeline(*parts, diffusers.FlowMatchEulerDiscreteScheduler()).save_pretrained(path)


def _sana(path: Path) -> None:
    """A language model for the words, an autoencoder that isn't a KL one, linear attention."""
    import diffusers
    from transformers import Gemma2Config, Gemma2Model

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}
    text = _seeded(lambda: Gemma2Model(Gemma2Config(vocab_size=32128, head_dim=8, **sizes)))
    decoder = _seeded(
        lambda: diffusers.AutoencoderDC(
            latent_channels=4,
            attention_head_dim=2,
            encoder_block_types=("ResBlock", "EfficientViTBlock"),
            decoder_block_types=("ResBlock", "EfficientViTBlock"),
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            encoder_qkv_multiscales=((), (5,)),
            decoder_qkv_multiscales=((), (5,)),
            encoder_layers_per_block=(1, 1),
            decoder_layers_per_block=(1, 1),
            downsample_block_type="conv",
            upsample_block_type="interpolate",
            scaling_factor=0.41407,
        )
    )
    transformer = _seeded(
        lambda: diffusers.SanaTransformer2DModel(
            patch_size=1,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            num_attention_heads=2,
            attention_head_dim=4,
            num_cross_attention_heads=2,
            cross_attention_head_dim=4,
            cross_attention_dim=8,
            caption_channels=16,
            sample_size=32,
        )
    )
    diffusers.SanaPipeline(
        t5_tokenizer(), text, decoder, transformer, diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0)
    ).save_pretrained(path)


def _amused(path: Path) -> None:
    """Tokens instead of latents: nothing that a preview could show."""
    import diffusers

    decoder = _seeded(
        lambda: diffusers.VQModel(
            block_out_channels=(8,),
            latent_channels=8,
            layers_per_block=1,
            norm_num_groups=4,
            num_vq_embeddings=16,
            down_block_types=("DownEncoderBlock2D",),
            up_block_types=("UpDecoderBlock2D",),
            mid_block_add_attention=False,
            lookup_from_codebook=True,
        )
    )
    transformer = _seeded(
        lambda: diffusers.UVit2DModel(
            hidden_size=8,
            cond_embed_dim=64,
            encoder_hidden_size=64,
            micro_cond_encode_dim=2,
            micro_cond_embed_dim=10,
            block_out_channels=8,
            in_channels=8,
            block_num_heads=1,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=8,
            codebook_size=16,
            vocab_size=17,
        )
    )
    text = clip(64, 2, "quick_gelu", projection=64)
    parts = (decoder, clip_tokenizer(OPENAI_PAD), text, transformer)
    diffusers.AmusedPipeline(*parts, diffusers.AmusedScheduler(mask_token_id=16)).save_pretrained(path)


TINY_PIPELINES: Mapping[str, Callable[[Path], None]] = {"pixart": _pixart, "auraflow": _auraflow, "sana": _sana, "amused": _amused}


def _x4(path: Path) -> None:
    """Stable Diffusion's x4 upscaler: the picture beside the latents, the level of its noise as a class."""
    import diffusers

    unet = _seeded(
        lambda: diffusers.UNet2DConditionModel(
            block_out_channels=(32, 32),
            layers_per_block=1,
            sample_size=32,
            in_channels=7,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=64,
            attention_head_dim=8,
            use_linear_projection=True,
            num_class_embeds=100,
        )
    )
    vae = made(
        "vae", **{name: sizes[:3] if isinstance(sizes, tuple) else sizes for name, sizes in VAE_SIZES.items()}, scaling_factor=0.08333
    )
    diffusers.StableDiffusionUpscalePipeline(
        vae,
        clip(64, 2, "gelu"),
        clip_tokenizer(OPENAI_PAD),
        unet,
        diffusers.DDPMScheduler(),
        diffusers.DDIMScheduler(prediction_type="v_prediction"),
        max_noise_level=99,
    ).save_pretrained(path)


def _x2(path: Path) -> None:
    """The x2 upscaler of latents: blocks and preconditioning of Karras et al. 2022."""
    import diffusers

    unet = _seeded(
        lambda: diffusers.UNet2DConditionModel(
            act_fn="gelu",
            attention_head_dim=8,
            norm_num_groups=None,
            block_out_channels=(32, 32, 64, 64),
            layers_per_block=1,
            time_cond_proj_dim=192,
            conv_in_kernel=1,
            conv_out_kernel=1,
            cross_attention_dim=64,
            down_block_types=("KDownBlock2D", *("KCrossAttnDownBlock2D",) * 3),
            up_block_types=(*("KCrossAttnUpBlock2D",) * 3, "KUpBlock2D"),
            in_channels=8,
            out_channels=5,
            mid_block_type=None,
            only_cross_attention=False,
            resnet_time_scale_shift="scale_shift",
            time_embedding_type="fourier",
            timestep_post_act="gelu",
        )
    )
    vae = made("vae", **VAE_SIZES, latent_channels=4, scaling_factor=0.18215)
    scheduler = diffusers.EulerDiscreteScheduler(prediction_type="sample")
    diffusers.StableDiffusionLatentUpscalePipeline(vae, clip(64, 2, "gelu"), clip_tokenizer(OPENAI_PAD), unet, scheduler).save_pretrained(
        path
    )


DRAWING_UPSCALERS: Mapping[str, tuple[int, Callable[[Path], None]]] = {"x4": (4, _x4), "x2": (2, _x2)}
"""Upscalers that draw: how many times as large they make a picture, and what writes one."""
