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
