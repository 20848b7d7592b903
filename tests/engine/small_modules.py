"""The networks of each family with their real layer names, a few thousand random weights each."""

from __future__ import annotations

from typing import Any

import torch


def _still(module: Any) -> Any:
    return module.eval().requires_grad_(False)


def sd1_unet() -> Any:
    """1x1 convolutions as projections, as in Stable Diffusion 1."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    torch.manual_seed(1)
    return _still(
        UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            cross_attention_dim=16,
            attention_head_dim=2,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        )
    )


def sdxl_unet() -> Any:
    """Three levels, none of them attending at the top, two transformer blocks at the bottom, size conditioning."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    torch.manual_seed(2)
    return _still(
        UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(8, 8, 16),
            layers_per_block=2,
            norm_num_groups=4,
            cross_attention_dim=24,
            attention_head_dim=2,
            use_linear_projection=True,
            transformer_layers_per_block=(1, 1, 2),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            addition_embed_type="text_time",
            addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=32,
        )
    )


def clip(width: int = 16, *, projected: bool = False) -> Any:
    """A CLIP text encoder of two layers. projected: as SDXL's second one, whose class still says "text_model."."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(3)
    config = CLIPTextConfig(
        vocab_size=64,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=8,
        bos_token_id=62,
        eos_token_id=63,
        pad_token_id=63,
    )
    return _still((CLIPTextModelWithProjection if projected else CLIPTextModel)(config))


def flux_transformer() -> Any:
    """Two double blocks, two single ones, distilled guidance."""
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

    torch.manual_seed(4)
    return _still(
        FluxTransformer2DModel(
            in_channels=4,
            num_layers=2,
            num_single_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=12,
            pooled_projection_dim=10,
            guidance_embeds=True,
            axes_dims_rope=(2, 2, 4),
        )
    )


def sd3_transformer() -> Any:
    """Two joint blocks, the first with a second attention, as Stable Diffusion 3.5 Medium."""
    from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

    torch.manual_seed(5)
    return _still(
        SD3Transformer2DModel(
            sample_size=8,
            in_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=12,
            caption_projection_dim=16,
            pooled_projection_dim=10,
            pos_embed_max_size=8,
            dual_attention_layers=(0,),
            qk_norm="rms_norm",
        )
    )
