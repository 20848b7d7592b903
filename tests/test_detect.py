import struct

import model_files as files
import numpy as np
import pytest
from model_files import FLUX, REFINER, SD1, SD1_INPAINT, SD2, SD3, SDXL, under, write_safetensors

from webui.catalog.detect import UNKNOWN, identify, read_prediction
from webui.catalog.header import Header, TensorInfo, read_header


def header_of(shapes, metadata=None) -> Header:
    return Header("safetensors", {name: TensorInfo("F16", tuple(shape)) for name, shape in shapes.items()}, metadata or {})


CHECKPOINTS = {
    "sd1": (SD1, ("checkpoint", "sd1", "", "base", "epsilon", ())),
    "sd1 inpaint": (SD1_INPAINT, ("checkpoint", "sd1", "", "inpaint", "epsilon", ())),
    "instruct-pix2pix": ({**SD1, **under(files.DENOISER, files.unet(768, channels=8))}, ("checkpoint", "sd1", "", "edit", "epsilon", ())),
    "sd2": (SD2, ("checkpoint", "sd2", "", "base", "needs weights", ())),
    "sd2 inpaint": (
        {**SD2, **under(files.DENOISER, files.unet(1024, linear=True, channels=9))},
        ("checkpoint", "sd2", "", "inpaint", "epsilon", ()),
    ),
    "sdxl": (SDXL, ("checkpoint", "sdxl", "", "base", "epsilon", ())),
    "sdxl inpaint": (
        {**SDXL, **under(files.DENOISER, files.unet(2048, sized=True, channels=9))},
        ("checkpoint", "sdxl", "", "inpaint", "epsilon", ()),
    ),
    "sdxl v": ({**SDXL, "v_pred": (0,), "ztsnr": (0,)}, ("checkpoint", "sdxl", "", "base", "v", ())),
    "playground": ({**SDXL, "edm_mean": (4,), "edm_std": (4,)}, ("checkpoint", "sdxl", "", "base", "edm", ())),
    "refiner": (REFINER, ("checkpoint", "sdxl_refiner", "", "base", "epsilon", ())),
    "sdxl unet alone": (
        under(files.DENOISER, files.unet(2048, sized=True)),
        ("denoiser", "sdxl", "", "base", "epsilon", ("text_encoder", "text_encoder_2", "vae")),
    ),
    "sd3": (SD3, ("checkpoint", "sd3", "3-medium", "base", "flow", ())),
    "sd3.5 medium": (
        files.sd3(normed=True, dual=True),
        ("denoiser", "sd3", "3.5-medium", "base", "flow", ("text_encoder", "text_encoder_2", "text_encoder_3", "vae")),
    ),
    "sd3.5 large": (
        {**under(files.DENOISER, files.sd3(normed=True)), **under("first_stage_model.", files.vae(16))},
        ("checkpoint", "sd3", "3.5-large", "base", "flow", ("text_encoder", "text_encoder_2", "text_encoder_3")),
    ),
    "flux dev": (FLUX, ("checkpoint", "flux", "dev", "base", "flow", ())),
    "flux schnell": (
        files.flux(guidance=False),
        ("denoiser", "flux", "schnell", "base", "flow", ("text_encoder", "text_encoder_2", "vae")),
    ),
    "flux fill": (files.flux(entering=384), ("denoiser", "flux", "dev", "inpaint", "flow", ("text_encoder", "text_encoder_2", "vae"))),
    "flux depth": (files.flux(entering=128), ("denoiser", "flux", "dev", "control", "flow", ("text_encoder", "text_encoder_2", "vae"))),
    "diffusers sd1": (files.diffusers_unet(768), ("denoiser", "sd1", "", "base", "epsilon", ("text_encoder", "vae"))),
    "diffusers sdxl": (
        files.diffusers_unet(2048, sized=True),
        ("denoiser", "sdxl", "", "base", "epsilon", ("text_encoder", "text_encoder_2", "vae")),
    ),
    "small sd1": (under(files.DENOISER, files.unet(32)), ("denoiser", "sd1", "", "base", "epsilon", ("text_encoder", "vae"))),
    "small sd2": (
        under(files.DENOISER, files.unet(32, linear=True)),
        ("denoiser", "sd2", "", "base", "needs weights", ("text_encoder", "vae")),
    ),
    "small sdxl": (
        under(files.DENOISER, files.unet(768, linear=True, sized=True)),
        ("denoiser", "sdxl", "", "base", "epsilon", ("text_encoder", "text_encoder_2", "vae")),
    ),
    "small refiner": (
        under(files.DENOISER, files.unet(32, linear=True, sized=True, levels=4)),
        ("denoiser", "sdxl_refiner", "", "base", "epsilon", ("text_encoder_2", "vae")),
    ),
    "chroma": (
        {**files.flux(), "distilled_guidance_layer.in_proj.weight": (5120, 64)},
        ("denoiser", "chroma", "", "base", "flow", ()),
    ),
    "qwen": (
        {"transformer_blocks.0.img_mlp.net.0.proj.weight": (12288, 3072), "txt_norm.weight": (3584,)},
        ("denoiser", "qwen_image", "", "base", "flow", ()),
    ),
}


@pytest.mark.parametrize(("shapes", "expected"), CHECKPOINTS.values(), ids=CHECKPOINTS.keys())
def test_checkpoints_of_every_family(shapes, expected) -> None:
    found = identify(header_of(shapes))
    assert (found.kind, found.family, found.version, found.variant, found.prediction, found.missing) == expected


def test_the_parts_of_a_checkpoint_and_where_they_lie() -> None:
    found = identify(header_of(SDXL))
    assert [(part.name, part.prefix, part.layout, part.model) for part in found.parts] == [
        ("denoiser", "model.diffusion_model.", "original", ""),
        ("text_encoder", "conditioner.embedders.0.transformer.", "clip", "clip_l"),
        ("text_encoder_2", "conditioner.embedders.1.model.", "open_clip", "clip_g"),
        ("vae", "first_stage_model.", "original", ""),
    ]
    assert identify(header_of({**SDXL, "ztsnr": (0,)})).zero_snr
    assert [(part.name, part.model) for part in identify(header_of(FLUX)).parts[1:3]] == [
        ("text_encoder", "clip_l"),
        ("text_encoder_2", "t5"),
    ]


ATTENTION = "attn2.to_k"
UNET_LAYER = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
KOHYA_LAYER = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"

ADD_ONS = {
    "kohya sd1": (files.kohya_lora(768), ("lora", "sd1", "lora", "kohya")),
    "kohya sd2": (files.kohya_lora(1024), ("lora", "sd2", "lora", "kohya")),
    "kohya sdxl": (files.kohya_lora(2048), ("lora", "sdxl", "lora", "kohya")),
    "kohya te only": (
        {
            "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (8, 768),
            "lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (8, 1280),
        },
        ("lora", "sdxl", "lora", "kohya"),
    ),
    "peft": ({f"{UNET_LAYER}.lora_A.weight": (8, 768), f"{UNET_LAYER}.lora_B.weight": (320, 8)}, ("lora", "sd1", "lora", "peft")),
    "old diffusers": (
        {"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": (4, 768)},
        ("lora", "sd1", "lora", "diffusers"),
    ),
    "flux kohya": ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (16, 3072)}, ("lora", "flux", "lora", "kohya")),
    "flux peft": (
        {"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": (16, 3072)},
        ("lora", "flux", "lora", "peft"),
    ),
    "sd3": ({"transformer.transformer_blocks.0.attn.add_q_proj.lora_A.weight": (16, 1536)}, ("lora", "sd3", "lora", "peft")),
    "loha": (
        {f"{KOHYA_LAYER}.hada_w1_a": (320, 4), f"{KOHYA_LAYER}.hada_w1_b": (4, 2048)},
        ("lora", "sdxl", "loha", "kohya"),
    ),
    "lokr": ({f"{KOHYA_LAYER}.lokr_w1": (4, 16), f"{KOHYA_LAYER}.lokr_w2": (160, 128)}, ("lora", "sdxl", "lokr", "kohya")),
    "dora": ({**files.kohya_lora(768), "lora_unet_x.dora_scale": (1, 768)}, ("lora", "sd1", "dora", "kohya")),
    "vae": (files.vae(), ("vae", "", "", "")),
    "clip_l": (files.clip(768), ("text_encoder", "", "", "")),
    "t5": (files.T5, ("text_encoder", "", "", "")),
    "controlnet": (
        under("control_model.", {**files.unet(768), "zero_convs.0.0.weight": (320, 320, 1, 1)})
        | {"control_model.output_blocks.0.0.in_layers.0.weight": (1,)},
        ("controlnet", "sd1", "", ""),
    ),
    "controlnet diffusers": (
        {
            "conv_in.weight": (320, 4, 3, 3),
            "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
            "add_embedding.linear_1.weight": (1280, 2816),
            "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (640, 2048),
        },
        ("controlnet", "sdxl", "", ""),
    ),
    "control lora": (
        {"lora_controlnet": (0,), "input_hint_block.0.weight": (16, 3, 3, 3), "label_emb.0.0.down": (8, 8)},
        ("controlnet", "sd1", "", ""),
    ),
    "ip adapter": (
        {"image_proj.proj.weight": (3072, 1024), "ip_adapter.1.to_k_ip.weight": (320, 768)},
        ("ip_adapter", "sd1", "", ""),
    ),
    "embedding": ({"emb_params": (8, 768)}, ("embedding", "sd1", "", "")),
    "embedding sdxl": ({"clip_l": (2, 768), "clip_g": (2, 1280)}, ("embedding", "sdxl", "", "")),
    "embedding of diffusers": ({"<cat>": (768,)}, ("embedding", "sd1", "", "")),
    "upscaler": (
        under("params_ema.", {"conv_first.weight": (64, 3, 3, 3), "body.0.rdb1.conv1.weight": (32, 64, 3, 3)}),
        ("upscaler", "", "", ""),
    ),
    "old esrgan": ({"model.0.weight": (64, 3, 3, 3), "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3)}, ("upscaler", "", "", "")),
    "clip vision": ({"vision_model.embeddings.patch_embedding.weight": (1280, 3, 14, 14)}, ("image_encoder", "", "", "")),
    "nothing": ({}, ("unknown", "", "", "")),
    "noise": ({"weight": (3, 3)}, ("unknown", "", "", "")),
}


@pytest.mark.parametrize(("shapes", "expected"), ADD_ONS.values(), ids=ADD_ONS.keys())
def test_everything_else_is_told_by_names_and_shapes(shapes, expected) -> None:
    found = identify(header_of(shapes))
    assert (found.kind, found.family, found.network, found.dialect) == expected


TRANSFORMERS_VISION = "vision_model.embeddings.patch_embedding.weight"
OPEN_CLIP_VISION = "visual.transformer.resblocks.0.attn.in_proj_weight"
IP_ADAPTERS = {
    "plain": ({"image_proj.proj.weight": (3072, 1024)}, ("ip_adapter", "plain", 0, 1024)),
    "plain vit-G": ({"image_proj.proj.weight": (8192, 1280)}, ("ip_adapter", "plain", 0, 1280)),
    "plus": ({"image_proj.latents": (1, 16, 768), "image_proj.proj_in.weight": (768, 1280)}, ("ip_adapter", "plus", 1280, 0)),
    "full": ({"image_proj.proj.0.weight": (1280, 1280), "image_proj.proj.3.weight": (768,)}, ("ip_adapter", "full", 1280, 0)),
    "faceid": ({"image_proj.proj.0.weight": (1024, 512), "image_proj.norm.weight": (768,)}, ("ip_adapter", "FaceID", 0, 0)),
    "faceid plus": ({"image_proj.perceiver_resampler.proj_in.weight": (768, 1280)}, ("ip_adapter", "FaceID", 0, 0)),
    "instant id": ({"image_proj.latents": (1, 16, 1280), "image_proj.proj_in.weight": (1280, 512)}, ("ip_adapter", "FaceID", 0, 0)),
    "vit-h": (
        {TRANSFORMERS_VISION: (1280, 3, 14, 14), "visual_projection.weight": (1024, 1280)},
        ("image_encoder", "CLIP ViT-H", 1280, 1024),
    ),
    "vit-bigG": (
        {OPEN_CLIP_VISION: (4992, 1664), "visual.conv1.weight": (1664, 3, 14, 14), "visual.proj": (1664, 1280)},
        ("image_encoder", "CLIP ViT-bigG", 1664, 1280),
    ),
    "siglip": ({TRANSFORMERS_VISION: (1152, 3, 14, 14)}, ("image_encoder", "", 1152, 0)),
}


@pytest.mark.parametrize(("shapes", "expected"), IP_ADAPTERS.values(), ids=IP_ADAPTERS.keys())
def test_ip_adapters_tell_which_image_encoder_they_read(shapes, expected) -> None:
    found = identify(header_of({**shapes, **({"ip_adapter.1.to_k_ip.weight": (320, 768)} if expected[0] == "ip_adapter" else {})}))
    assert (found.kind, found.version, found.image_tokens, found.image_answer) == expected


def test_metadata_speaks_only_where_shapes_are_silent() -> None:
    lying = {"modelspec.architecture": "flux-1-dev/lora", "ss_base_model_version": "sd_v2"}
    assert identify(header_of(files.kohya_lora(768), lying)).family == "sd1"
    silent = {"lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (8, 768)}
    assert identify(header_of(silent)).family == ""
    assert identify(header_of(silent, {"ss_base_model_version": "sd_v1"})).family == "sd1"
    assert identify(header_of(SDXL, {"modelspec.prediction_type": "v"})).prediction == "v"
    assert identify(header_of(SD2, {"modelspec.prediction_type": "epsilon"})).prediction == "epsilon"


def test_names_that_mean_nothing_are_unknown() -> None:
    assert identify(header_of({})) == UNKNOWN
    assert identify(header_of({"model.diffusion_model.input_blocks.0.0.weight": (1,)})) == UNKNOWN
    assert identify(header_of({"a" * 10_000: (2**60, 2**60), "../../x": ()})) == UNKNOWN


@pytest.mark.parametrize("dtype", ["F16", "F32", "BF16"])
@pytest.mark.parametrize(("spread", "expected"), [(0.12, "v"), (0.03, "epsilon")])
def test_sd2_needs_one_tensor(tmp_path, dtype, spread, expected) -> None:
    name = f"{files.DENOISER}output_blocks.11.1.transformer_blocks.0.norm1.bias"
    path = write_safetensors(tmp_path / "m.safetensors", SD2, dtype=dtype)
    header = read_header(path)
    numbers = np.random.default_rng(0).normal(0, spread, 320).astype(np.float32)
    raw = {"F32": numbers, "F16": numbers.astype(np.float16), "BF16": (numbers.view(np.uint32) >> 16).astype(np.uint16)}[dtype]
    with open(path, "r+b") as file:
        file.seek(header.tensors[name].offset)
        file.write(raw.tobytes())
    kind = identify(header)
    assert kind.prediction == "needs weights"
    assert read_prediction(path, header, kind) == expected


def test_a_prediction_that_is_known_reads_nothing(tmp_path) -> None:
    header = header_of(SD1)
    assert read_prediction(tmp_path / "gone", header, identify(header)) == "epsilon"


def test_gguf_denoisers_are_told_by_bare_names(tmp_path) -> None:
    header = read_header(files.write_gguf(tmp_path / "m.gguf", files.flux(), {"general.architecture": "flux"}))
    assert (header.format, identify(header).family, identify(header).kind) == ("gguf", "flux", "denoiser")
    shapes = {**files.unet(2048, sized=True), "input_blocks.0.0.weight": (320, 36)}
    original = {"comfy.gguf.orig_shape.input_blocks.0.0.weight": [320, 4, 3, 3]}
    header = read_header(files.write_gguf(tmp_path / "x.gguf", shapes, original))
    assert (identify(header).family, identify(header).variant) == ("sdxl", "base")
    assert struct.calcsize("<Q") == 8
