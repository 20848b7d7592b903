"""What a model file is, told by the names and shapes in its header. Pure: no file is opened (but for the one tensor of `read_prediction`).

One table per question: which denoiser, which text encoder, which kind of add-on. Facts about the original layouts are those of
the models' own code (CompVis/latent-diffusion, Stability-AI/generative-models and sd3-ref, black-forest-labs/flux), those about
adapters of kohya-ss/sd-scripts, KohakuBlueleaf/LyCORIS, huggingface/peft and tencent-ailab/IP-Adapter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from webui.catalog.header import Header, Shape, TensorInfo, open_model

Kind = Literal[
    "checkpoint",
    "denoiser",
    "vae",
    "text_encoder",
    "lora",
    "embedding",
    "controlnet",
    "t2i_adapter",
    "ip_adapter",
    "image_encoder",
    "upscaler",
    "face_restorer",
    "cut_out",
    "hypernetwork",
    "motion_module",
    "unknown",
]
Prediction = Literal["epsilon", "v", "flow", "edm", "needs weights", ""]
Variant = Literal["base", "inpaint", "edit", "depth", "control", "upscale"]
Shapes = Mapping[str, Shape]


@dataclass(frozen=True)
class Part:
    """A part inside a file. name: "denoiser", "vae", "text_encoder", "text_encoder_2", ...; prefix: what its tensors' names begin with.

    layout: "original" (as the model's makers publish it), "diffusers", "clip" (transformers), "open_clip", "t5", "llm".
    model: what it is, where shapes tell: "clip_l", "clip_g", "open_clip_h", "t5".
    """

    name: str
    prefix: str
    layout: str
    model: str = ""


@dataclass(frozen=True)
class ModelKind:
    """What a model file is.

    family: "sd1", "sd2", "sdxl", "sdxl_refiner", "sd3", "flux", or another's name; "" where the file does not tell.
    version: within the family: "3-medium", "3.5-medium", "3.5-large", "dev", "schnell"; of an upscaler, a face restorer or a
    cut-out model its architecture.
    variant: "base", or what else its denoiser wants to see. prediction: what the denoiser predicts; "needs weights" means
    that `read_prediction` can tell. zero_snr: trained down to a signal-to-noise ratio of zero. network: of a LoRA: "lora",
    "loha", ...; dialect: whose names it uses: "kohya", "peft", "diffusers". latent_channels: of the VAE or denoiser.
    vectors: of an embedding: how many tokens it counts; 0 where the file does not tell. image_tokens, image_answer: how wide an
    image encoder's tokens and its one answer are; of an IP-Adapter, which reads one of the two, that one.
    """

    kind: Kind
    family: str = ""
    version: str = ""
    variant: Variant = "base"
    prediction: Prediction = ""
    zero_snr: bool = False
    network: str = ""
    dialect: str = ""
    latent_channels: int = 0
    vectors: int = 0
    image_tokens: int = 0
    image_answer: int = 0
    parts: tuple[Part, ...] = ()

    def part(self, name: str) -> Part | None:
        """The part of that name, if it is inside."""
        return next((part for part in self.parts if part.name == name), None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Parts that a checkpoint or denoiser of its family needs and that are not inside."""
        if self.kind not in ("checkpoint", "denoiser"):
            return ()
        return tuple(name for name in PARTS_OF_FAMILY.get(self.family, ()) if self.part(name) is None)


UNKNOWN = ModelKind("unknown")

PARTS_OF_FAMILY: Mapping[str, tuple[str, ...]] = {
    "sd1": ("text_encoder", "vae"),
    "sd2": ("text_encoder", "vae"),
    "sdxl": ("text_encoder", "text_encoder_2", "vae"),
    "sdxl_refiner": ("text_encoder_2", "vae"),
    "sd3": ("text_encoder", "text_encoder_2", "text_encoder_3", "vae"),
    "flux": ("text_encoder", "text_encoder_2", "vae"),
}
"""Parts beside the denoiser, by diffusers' names. T5 (SD3's text_encoder_3) may be left out in use."""

FAMILY_OF_WIDTH = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl_refiner"}
"""Width of the text conditioning that a U-Net's cross-attention takes."""

DENOISER_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "model.", "unet.", "transformer.", "net.", "")


def identify(header: Header) -> ModelKind:
    """What a file is. Never a guess: what no rule knows is "unknown"."""
    shapes = header.shapes
    for rule in _RULES:
        found = rule(header, shapes)
        if found is not None:
            return found
    return UNKNOWN


# denoisers


@dataclass(frozen=True)
class _Denoiser:
    """How one layout of denoiser is told. signs: names that all are there; describe: what it is, from the shapes under a prefix."""

    signs: tuple[str, ...]
    describe: Callable[[Shapes, str], ModelKind]
    layout: str = "original"


@dataclass(frozen=True)
class _UnetNames:
    """Where a layout keeps the first layer, the size conditioning and the downsamplers."""

    first: str
    sized: str
    downsampler: str


_UNET_NAMES = {
    "original": _UnetNames("input_blocks.0.0.weight", "label_emb.0.0.weight", ".0.op.weight"),
    "diffusers": _UnetNames("conv_in.weight", "add_embedding.linear_1.weight", ".downsamplers.0.conv.weight"),
}


def _unet_family(shapes: Shapes, prefix: str, names: _UnetNames) -> str:
    """By the width of its cross-attention, or where that is of no known model by its build: linear projections came with
    SD2, size conditioning with SDXL, whose refiner alone has a fourth level.
    """
    own = {name: shape for name, shape in shapes.items() if name.startswith(prefix)}
    width = next((shape[-1] for name, shape in own.items() if name.endswith(".attn2.to_k.weight") and shape), 0)
    if f"{prefix}{names.sized}" in own:
        deep = sum(name.endswith(names.downsampler) for name in own) > 2
        # unCLIP, a sister of SD2, is told the picture's embedding where SDXL is told sizes.
        return {1024: "sd2", 1280: "sdxl_refiner", 2048: "sdxl"}.get(width, "sdxl_refiner" if deep else "sdxl")
    linear = any(name.endswith(".proj_in.weight") and len(shape) == 2 for name, shape in own.items())
    return {768: "sd1", 1024: "sd2"}.get(width, "sd2" if linear else "sd1")


_VARIANT_OF_CHANNELS: Mapping[int, Variant] = {4: "base", 9: "inpaint", 8: "edit", 5: "depth", 7: "upscale"}


def _unet(layout: str) -> Callable[[Shapes, str], ModelKind]:
    names = _UNET_NAMES[layout]

    def describe(shapes: Shapes, prefix: str) -> ModelKind:
        channels = _dimension(shapes, f"{prefix}{names.first}", 1)
        variant = _VARIANT_OF_CHANNELS.get(channels, "base")
        return ModelKind("denoiser", _unet_family(shapes, prefix, names), variant=variant, latent_channels=4)

    return describe


def _sd3(dual: str, normed: str) -> Callable[[Shapes, str], ModelKind]:
    """dual: the second attention that only 3.5 Medium has; normed: normed queries, which 3.5 has and 3 has not."""

    def describe(shapes: Shapes, prefix: str) -> ModelKind:
        version = "3.5-medium" if f"{prefix}{dual}" in shapes else "3.5-large" if f"{prefix}{normed}" in shapes else "3-medium"
        return ModelKind("denoiser", "sd3", version, prediction="flow", latent_channels=16)

    return describe


def _flux(guidance: str, entry: str, leaving: str) -> Callable[[Shapes, str], ModelKind]:
    """Fill takes latents, masked latents and mask (6 times what leaves), Depth and Canny a second picture (twice)."""

    def describe(shapes: Shapes, prefix: str) -> ModelKind:
        entering, out = _dimension(shapes, f"{prefix}{entry}", 1), _dimension(shapes, f"{prefix}{leaving}", 0) or 64
        variant: Variant = "inpaint" if entering > 2 * out else "control" if entering > out else "base"
        version = "dev" if f"{prefix}{guidance}" in shapes else "schnell"
        return ModelKind("denoiser", "flux", version, variant, "flow", latent_channels=out // 4)

    return describe


def _named(family: str, version: str = "", prediction: Prediction = "flow") -> Callable[[Shapes, str], ModelKind]:
    return lambda _shapes, _prefix: ModelKind("denoiser", family, version, prediction=prediction)


def _dimension(shapes: Shapes, name: str, axis: int) -> int:
    shape = shapes.get(name, ())
    return shape[axis] if len(shape) > axis else 0


_DENOISERS = (
    _Denoiser(
        ("input_blocks.0.0.weight", "time_embed.0.weight", "middle_block.0.in_layers.0.weight"),
        _unet("original"),
    ),
    _Denoiser(
        ("conv_in.weight", "time_embedding.linear_1.weight", "down_blocks.0.resnets.0.conv1.weight", "conv_out.weight"),
        _unet("diffusers"),
        "diffusers",
    ),
    _Denoiser(
        ("joint_blocks.0.x_block.attn.qkv.weight", "context_embedder.weight"),
        _sd3("joint_blocks.0.x_block.attn2.qkv.weight", "joint_blocks.0.x_block.attn.ln_q.weight"),
    ),
    _Denoiser(
        ("transformer_blocks.0.attn.add_q_proj.weight", "pos_embed.proj.weight", "context_embedder.weight"),
        _sd3("transformer_blocks.0.attn2.to_q.weight", "transformer_blocks.0.attn.norm_q.weight"),
        "diffusers",
    ),
    _Denoiser(("distilled_guidance_layer.in_proj.weight", "double_blocks.0.img_attn.qkv.weight"), _named("chroma")),
    _Denoiser(("single_stream_modulation.lin.weight", "double_blocks.0.img_attn.qkv.weight"), _named("flux2")),
    _Denoiser(
        ("double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight", "img_in.weight"),
        _flux("guidance_in.in_layer.weight", "img_in.weight", "final_layer.linear.weight"),
    ),
    _Denoiser(
        (
            "single_transformer_blocks.0.proj_mlp.weight",
            "x_embedder.weight",
            "context_embedder.weight",
            "time_text_embed.text_embedder.linear_1.weight",
        ),
        _flux("time_text_embed.guidance_embedder.linear_1.weight", "x_embedder.weight", "proj_out.weight"),
        "diffusers",
    ),
    _Denoiser(("early_stream_modulations.image.lin.weight",), _named("flux3")),
    _Denoiser(("txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias",), _named("hunyuan_video")),
    _Denoiser(("mlp_t5.0.weight", "pooler.q_proj.weight"), _named("hunyuan_dit", prediction="v")),
    _Denoiser(("double_layers.0.attn.w1q.weight", "cond_seq_linear.weight"), _named("auraflow")),
    _Denoiser(("double_stream_blocks.0.block.adaLN_modulation.1.bias",), _named("hidream")),
    _Denoiser(("layers.0.adaLN_modulation.0.weight", "cap_embedder.0.weight", "all_x_embedder.2-1.weight"), _named("z_image")),
    _Denoiser(("layers.0.adaLN_modulation.1.weight", "cap_embedder.0.weight"), _named("lumina2")),
    _Denoiser(("layers.0.adaLN_modulation.0.weight", "cap_embedder.0.weight"), _named("z_image")),
    _Denoiser(("transformer_blocks.0.img_mlp.net.0.proj.weight", "txt_norm.weight"), _named("qwen_image")),
    _Denoiser(("txt_in.text_norm.weight",), _named("qwen_image")),
    _Denoiser(("txtfusion.projector.weight",), _named("krea2")),
    _Denoiser(("blocks.0.cross_attn.q_linear.weight", "attention_y_norm.weight"), _named("sana")),
    _Denoiser(("blocks.0.cross_attn.q_linear.weight", "t_block.1.weight"), _named("pixart", prediction="epsilon")),
    _Denoiser(("head.modulation", "blocks.0.cross_attn.q.weight"), _named("wan")),
    _Denoiser(("patchify_proj.weight", "transformer_blocks.0.scale_shift_table"), _named("ltx_video")),
    _Denoiser(("blocks.0.attn.qkv_x.weight",), _named("mochi")),
    _Denoiser(("x_embedder.proj.1.weight", "blocks.0.self_attn.q_proj.weight"), _named("cosmos")),
    _Denoiser(("clip_txt_mapper.weight",), _named("stable_cascade", "stage-c", "epsilon")),
    _Denoiser(("down_blocks.1.0.channelwise.0.weight",), _named("stable_cascade", "stage-b", "epsilon")),
)
"""The more particular before the more general."""


def _denoiser(shapes: Shapes) -> tuple[ModelKind, Part] | None:
    for prefix in DENOISER_PREFIXES:
        for entry in _DENOISERS:
            if all(f"{prefix}{sign}" in shapes for sign in entry.signs):
                return entry.describe(shapes, prefix), Part("denoiser", prefix, entry.layout)
    return None


# VAEs and text encoders

_VAE_SIGNS = {"original": "decoder.up.0.block.0.conv1.weight", "diffusers": "decoder.up_blocks.0.resnets.0.conv1.weight"}


def _vae(shapes: Shapes, prefixes: Sequence[str] = ("first_stage_model.", "vae.", "")) -> Part | None:
    for prefix in prefixes:
        for layout, sign in _VAE_SIGNS.items():
            if f"{prefix}{sign}" in shapes and f"{prefix}decoder.conv_in.weight" in shapes:
                return Part("vae", prefix, layout)
    return None


_TEXT_LAYOUTS = {
    "clip": ("encoder.layers.0.self_attn.q_proj.weight", "embeddings.token_embedding.weight"),
    "open_clip": ("transformer.resblocks.0.attn.in_proj_weight", "token_embedding.weight"),
    "t5": ("encoder.block.0.layer.0.SelfAttention.q.weight", "shared.weight"),
    "t5_gguf": ("enc.blk.0.attn_q.weight", "token_embd.weight"),
    "llm": ("layers.0.self_attn.q_proj.weight", "embed_tokens.weight"),
    "llm_gguf": ("blk.0.attn_q.weight", "token_embd.weight"),
}
"""Layout (those of GGUF are llama.cpp's) -> a layer's name, and that of the token embedding, whose width tells which model it is."""

_CLIP_OF_WIDTH = {768: "clip_l", 1024: "open_clip_h", 1280: "clip_g"}

_TEXT_SLOTS: Sequence[tuple[str, str, str]] = (
    ("cond_stage_model.transformer.", "text_encoder", ""),
    ("cond_stage_model.model.", "text_encoder", "open_clip_h"),
    ("conditioner.embedders.0.transformer.", "text_encoder", "clip_l"),
    ("conditioner.embedders.0.model.", "text_encoder_2", "clip_g"),
    ("conditioner.embedders.1.model.", "text_encoder_2", "clip_g"),
    ("text_encoders.clip_l.transformer.", "text_encoder", "clip_l"),
    ("text_encoders.clip_g.transformer.", "text_encoder_2", "clip_g"),
    ("text_encoders.t5xxl.transformer.", "text_encoder_3", "t5"),
)
"""Where published checkpoints keep their text encoders: prefix, part, and which model stands in that place."""


def _text_encoder(shapes: Shapes, prefix: str, name: str = "text_encoder", model: str = "") -> Part | None:
    for layout, (layer, embedding) in _TEXT_LAYOUTS.items():
        for inner in ("", "text_model.", "model."):
            if f"{prefix}{inner}{layer}" in shapes and f"{prefix}{inner}{embedding}" in shapes:
                width = _dimension(shapes, f"{prefix}{inner}{embedding}", 1)
                told = _CLIP_OF_WIDTH.get(width, "clip") if "clip" in layout else layout.removesuffix("_gguf")
                return Part(name, prefix, layout, model or told)
    return None


def _text_encoders(shapes: Shapes, family: str) -> Iterator[Part]:
    for prefix, name, model in _TEXT_SLOTS:
        part = _text_encoder(shapes, prefix, name, model)
        if part:
            # FLUX has one CLIP only, so that T5 is its second.
            yield replace(part, name="text_encoder_2") if (family, part.model) == ("flux", "t5") else part


# rules, in the order in which they are asked


def _as_model(header: Header, shapes: Shapes) -> ModelKind | None:
    """Checkpoints, and denoisers that come alone."""
    found = _denoiser(shapes)
    if found is None:
        return None
    kind, denoiser = found
    vae = _vae(shapes, ("first_stage_model.", "vae."))
    texts = tuple(_text_encoders(shapes, kind.family))
    kind = replace(kind, kind="checkpoint" if vae or texts else "denoiser", parts=(denoiser, *texts, *((vae,) if vae else ())))
    prediction, zero_snr = _prediction(header, kind)
    return replace(kind, prediction=prediction, zero_snr=zero_snr)


_PREDICTION_WORDS: Mapping[str, Prediction] = {"epsilon": "epsilon", "v": "v", "v_prediction": "v", "v-prediction": "v"}


def _prediction(header: Header, kind: ModelKind) -> tuple[Prediction, bool]:
    """What the denoiser predicts, and whether its noise goes to a signal-to-noise ratio of zero."""
    zero_snr = "ztsnr" in header.tensors
    if kind.prediction:
        return kind.prediction, zero_snr
    if "edm_mean" in header.tensors or "edm_std" in header.tensors:
        return "edm", zero_snr
    said = _PREDICTION_WORDS.get(header.metadata.get("modelspec.prediction_type", "").strip().casefold())
    if "v_pred" in header.tensors or said == "v" or header.metadata.get("ss_v_parameterization", "").casefold() == "true":
        return "v", zero_snr
    if kind.family == "sd2" and kind.variant == "base" and said is None:
        return "needs weights", zero_snr
    return ("v" if (kind.family, kind.variant) == ("sd2", "upscale") else "epsilon"), zero_snr


_NETWORKS: Sequence[tuple[str, str]] = (
    (".lora_down.weight", "lora"),
    (".lora_up.weight", "lora"),
    (".lora_A.weight", "lora"),
    (".lora_B.weight", "lora"),
    (".lora_A.default.weight", "lora"),
    (".lora.down.weight", "lora"),
    ("_lora.down.weight", "lora"),
    (".lora_linear_layer.down.weight", "lora"),
    (".hada_w1_a", "loha"),
    (".lokr_w1", "lokr"),
    (".lokr_w1_a", "lokr"),
    (".oft_blocks", "oft"),
    (".oft_diag", "oft"),
    (".oft_R.weight", "oft"),
    (".a1.weight", "glora"),
    (".on_input", "ia3"),
    (".diff", "full"),
)
"""How the tensors of one layer of an adapter end, and what its arithmetic is called."""

_NETWORK_ENDS = tuple(end for end, _ in _NETWORKS)

_DIALECTS = (("kohya", ("lora_", "lycoris_")), ("peft", ("base_model.",)))


def _as_lora(header: Header, shapes: Shapes) -> ModelKind | None:
    adapted = [name for name in shapes if name.endswith(_NETWORK_ENDS)]
    if not adapted or any(name.startswith(("input_blocks.", "lora_controlnet")) for name in shapes):
        return None
    network = next(network for end, network in _NETWORKS if any(name.endswith(end) for name in adapted))
    # These endings are no proof on their own.
    if network in ("full", "glora", "ia3") and not any(name.startswith(("lora_", "lycoris_", "diffusion_model.")) for name in shapes):
        return None
    peft = any(".lora_A." in name for name in adapted)
    dialect = next((dialect for dialect, begins in _DIALECTS if adapted[0].startswith(begins)), "peft" if peft else "diffusers")
    if any(".dora_scale" in name or "lora_magnitude_vector" in name for name in shapes):
        network = "dora"
    return ModelKind("lora", _lora_family(shapes) or _said_family(header.metadata), network=network, dialect=dialect)


_FAMILY_OF_NAMES: Sequence[tuple[str, str]] = (
    ("lora_te2_", "sdxl"),
    ("text_encoder_2.text_model", "sdxl"),
    ("add_embedding", "sdxl"),
    ("double_blocks", "flux"),
    ("single_blocks", "flux"),
    ("single_transformer_blocks", "flux"),
    ("joint_blocks", "sd3"),
    ("img_mlp_net", "qwen_image"),
    ("img_mlp.net", "qwen_image"),
    ("cross_attn_q.", "wan"),
    ("cross_attn.q.", "wan"),
    ("add_q_proj", "sd3"),
)

_CROSS_ATTENTION = re.compile(r"attn2[._](?:processor[._])?to_[kv](?:_lora)?[._]")


def _lora_family(shapes: Shapes) -> str:
    for sign, family in _FAMILY_OF_NAMES:
        if any(sign in name for name in shapes):
            return family
    for name, shape in shapes.items():
        if _CROSS_ATTENTION.search(name) and (width := _input_width(name, shape, shapes)) in FAMILY_OF_WIDTH:
            return FAMILY_OF_WIDTH[width]
    return "sdxl" if any(name.startswith("lora_te1_") for name in shapes) else ""


_INPUT_ENDS = (
    ".lora_down.weight",
    ".lora_A.weight",
    ".lora_A.default.weight",
    ".lora.down.weight",
    "_lora.down.weight",
    ".hada_w1_b",
    ".diff",
)


def _input_width(name: str, shape: Shape, shapes: Shapes) -> int:
    """Width of what goes into the layer that a pair of tensors changes; 0 where this tensor does not tell."""
    if name.endswith(_INPUT_ENDS) and len(shape) >= 2:
        return shape[1]
    if name.endswith((".lokr_w1", ".lokr_w1_a")):
        layer = name.rpartition(".")[0]
        first = _dimension(shapes, f"{layer}.lokr_w1", 1) or _dimension(shapes, f"{layer}.lokr_w1_b", 1)
        return first * (_dimension(shapes, f"{layer}.lokr_w2", 1) or _dimension(shapes, f"{layer}.lokr_w2_b", 1))
    return 0


_SAID_FAMILIES: Sequence[tuple[str, str]] = (
    ("refiner", "sdxl_refiner"),
    ("stable-diffusion-xl", "sdxl"),
    ("sdxl", "sdxl"),
    ("stable-diffusion-v3", "sd3"),
    ("stable-diffusion-3", "sd3"),
    ("sd3", "sd3"),
    ("stable-diffusion-v2", "sd2"),
    ("sd_v2", "sd2"),
    ("stable-diffusion-v1", "sd1"),
    ("sd_v1", "sd1"),
    ("flux", "flux"),
)


def _said_family(metadata: Mapping[str, str]) -> str:
    """What trainers write into metadata; asked only where names and shapes do not tell."""
    said = f"{metadata.get('modelspec.architecture', '')} {metadata.get('ss_base_model_version', '')}".casefold()
    return next((family for sign, family in _SAID_FAMILIES if sign in said), "")


_CONTROLNET_SIGNS: Sequence[tuple[str, str, str]] = (
    ("control_model.zero_convs.0.0.weight", "control_model.", "original"),
    ("zero_convs.0.0.weight", "", "original"),
    ("control_model.input_hint_block.0.weight", "control_model.", "original"),
    ("input_hint_block.0.weight", "", "original"),
    ("controlnet_cond_embedding.conv_in.weight", "", "diffusers"),
    ("controlnet_down_blocks.0.weight", "", "diffusers"),
    ("controlnet_blocks.0.weight", "", "diffusers"),
    ("lora_controlnet", "", "control-lora"),
)


def _as_controlnet(header: Header, shapes: Shapes) -> ModelKind | None:
    for sign, prefix, layout in _CONTROLNET_SIGNS:
        if sign in shapes and not _denoiser_whole(shapes):
            return ModelKind("controlnet", _control_family(shapes, prefix), parts=(Part("controlnet", prefix, layout),))
    return None


def _denoiser_whole(shapes: Shapes) -> bool:
    """Whether a whole U-Net is there, too: a ControlNet is half of one."""
    return any(
        f"{prefix}{name}" in shapes
        for prefix in DENOISER_PREFIXES
        for name in ("output_blocks.0.0.in_layers.0.weight", "up_blocks.0.resnets.0.conv1.weight")
    )


def _control_family(shapes: Shapes, prefix: str) -> str:
    if any(f"{prefix}{name}" in shapes for name in ("double_blocks.0.img_attn.qkv.weight", "controlnet_x_embedder.weight")):
        return "flux"
    if any(name in shapes for name in ("pos_embed.proj.weight", "joint_blocks.0.x_block.attn.qkv.weight", "pos_embed_input.proj.weight")):
        return "sd3"
    width = next((shape[-1] for name, shape in shapes.items() if name.endswith(".attn2.to_k.weight") and shape), 0)
    if width and width not in FAMILY_OF_WIDTH:
        # Made for a U-Net of no published family; whether it fits is seen when it is put on.
        return ""
    return _unet_family(shapes, prefix, _UNET_NAMES["diffusers" if f"{prefix}conv_in.weight" in shapes else "original"])


_IP_ADAPTER_SIGNS = ("ip_adapter.", "image_proj.", "double_blocks.0.processor.ip_adapter")


def _as_ip_adapter(header: Header, shapes: Shapes) -> ModelKind | None:
    if not any(name.startswith(_IP_ADAPTER_SIGNS) for name in shapes):
        return None
    flux = any("double_" in name or "single_blocks" in name for name in shapes)
    width = next((_dimension(shapes, name, 1) for name in shapes if name.endswith("to_k_ip.weight")), 0)
    version, tokens, answer = ip_adapter_version(shapes)
    return ModelKind("ip_adapter", "flux" if flux else FAMILY_OF_WIDTH.get(width, ""), version, image_tokens=tokens, image_answer=answer)


FACE_ID, _FACE_WIDTH = "FaceID", 512
"""IP-Adapters that read what a face recognition model (InsightFace) says, and how wide that is."""


def ip_adapter_version(shapes: Shapes) -> tuple[str, int, int]:
    """(version, width of the tokens that it reads, width of the answer that it reads), told by how it makes tokens of them."""
    faces = ("image_proj.perceiver_resampler.proj_in.weight", "image_proj.proj.0.weight")
    if "image_proj.proj.weight" in shapes:
        return "plain", 0, _dimension(shapes, "image_proj.proj.weight", 1)
    if "image_proj.proj.3.weight" in shapes:
        return "full", _dimension(shapes, "image_proj.proj.0.weight", 1), 0
    width = _dimension(shapes, "image_proj.proj_in.weight", 1)
    if width == _FACE_WIDTH or any(name in shapes for name in faces):
        return FACE_ID, 0, 0
    return ("plus", width, 0) if "image_proj.latents" in shapes else ("", 0, 0)


def _as_t2i_adapter(header: Header, shapes: Shapes) -> ModelKind | None:
    signs = ("adapter.body.0.resnets.0.block1.weight", "body.0.block1.weight", "body.0.resnets.0.block1.weight")
    return ModelKind("t2i_adapter") if any(sign in shapes for sign in signs) else None


_EMBEDDING_NAMES = {
    "emb_params": "",
    "clip_l": "sdxl",
    "clip_g": "sdxl",
    "string_to_param.*": "",
    "t5xxl": "",
    "text_encoders.clip_l": "sdxl",
}


def _as_embedding(header: Header, shapes: Shapes) -> ModelKind | None:
    """Textual inversions: one or a few short matrices of token vectors."""
    vectors = {name: shape for name, shape in shapes.items() if 1 <= len(shape) <= 2}
    if not vectors or len(shapes) > 4:
        return None
    if {"clip_l", "clip_g"} <= vectors.keys():
        return ModelKind("embedding", "sdxl", vectors=_rows(vectors["clip_l"]))
    known = next((shape for name, shape in vectors.items() if name in _EMBEDDING_NAMES or name.startswith("string_to_param.")), None)
    # diffusers saves a token's vectors under the token itself.
    lone = next(iter(vectors.values())) if len(shapes) == 1 and next(iter(vectors)).startswith("<") else None
    shape = known or lone
    if shape is None or (len(shape) == 2 and shape[0] > 1024):
        return None
    return ModelKind("embedding", {768: "sd1", 1024: "sd2", 1280: "sdxl"}.get(shape[-1], ""), vectors=_rows(shape))


def _rows(shape: tuple[int, ...]) -> int:
    """How many vectors there are; a lone one has no number of its own."""
    return shape[0] if len(shape) == 2 else 1


def _as_hypernetwork(header: Header, shapes: Shapes) -> ModelKind | None:
    return (
        ModelKind("hypernetwork") if any(re.fullmatch(r"(320|640|768|1024|1280)\.\d\.linear\.0\.weight", name) for name in shapes) else None
    )


def _as_motion_module(header: Header, shapes: Shapes) -> ModelKind | None:
    motion = any(".motion_modules." in name for name in shapes)
    return ModelKind("motion_module") if motion and _denoiser(shapes) is None else None


def _as_vae(header: Header, shapes: Shapes) -> ModelKind | None:
    part = _vae(shapes)
    if part is None:
        tiny = "decoder.layers.0.weight" in shapes or "taesd_decoder.1.weight" in shapes
        return ModelKind("vae", version="tiny", latent_channels=4) if tiny else None
    channels = _dimension(shapes, f"{part.prefix}decoder.conv_in.weight", 1)
    return ModelKind("vae", _said_family(header.metadata), latent_channels=channels, parts=(part,))


def _as_text_encoder(header: Header, shapes: Shapes) -> ModelKind | None:
    for prefix in ("", "text_encoder.", *(slot[0] for slot in _TEXT_SLOTS)):
        part = _text_encoder(shapes, prefix)
        if part:
            return ModelKind("text_encoder", version=part.model, parts=(part,))
    return None


def _as_image_encoder(header: Header, shapes: Shapes) -> ModelKind | None:
    for layout, sign, first, last, side in _IMAGE_ENCODERS:
        if sign in shapes:
            tokens, answer = _dimension(shapes, first, 0), _dimension(shapes, last, side)
            return ModelKind(
                "image_encoder",
                version=image_encoder_title(tokens, answer),
                image_tokens=tokens,
                image_answer=answer,
                parts=(Part("image_encoder", "", layout),),
            )
    return None


_PATCHES = "vision_model.embeddings.patch_embedding.weight"
_IMAGE_ENCODERS: Sequence[tuple[str, str, str, str, int]] = (
    ("clip", _PATCHES, _PATCHES, "visual_projection.weight", 0),
    ("open_clip", "visual.transformer.resblocks.0.attn.in_proj_weight", "visual.conv1.weight", "visual.proj", 1),
)
"""Layout, the name that tells it, the one whose first side is as wide as tokens are, and the one with a side as wide as the answer is."""

_IMAGE_ENCODER_TITLES: Sequence[tuple[str, int, int]] = (
    ("CLIP ViT-H", 1280, 1024),
    ("CLIP ViT-bigG", 1664, 1280),
    ("CLIP ViT-L", 1024, 768),
)


def image_encoder_title(tokens: int, answer: int) -> str:
    """What an image encoder with tokens and an answer so wide is called; 0 for one of the two: whatever it is. Empty for unknown ones."""
    return next(
        (title for title, *widths in _IMAGE_ENCODER_TITLES if (tokens or answer) and [tokens or widths[0], answer or widths[1]] == widths),
        "",
    )


_UPSCALERS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("ESRGAN", ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight")),
    ("ESRGAN", ("conv_first.weight", "body.0.rdb1.conv1.weight")),
    ("ESRGAN", ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight")),
    ("HAT", ("layers.0.residual_group.overlap_attn.relative_position_bias_table", "conv_first.weight")),
    ("SwinIR", ("layers.0.residual_group.blocks.0.norm1.weight", "conv_first.weight")),
    ("DAT", ("layers.0.blocks.0.norm1.weight", "layers.0.blocks.0.attn.qkv.weight", "conv_first.weight")),
    ("ScuNET", ("m_head.0.weight", "m_tail.0.weight")),
    ("SPAN", ("conv_1.sk.weight", "block_1.c1_r.sk.weight")),
    ("OmniSR", ("input.weight", "up.0.weight", "residual_layer.0.residual_layer.0.layer.0.fn.0.weight")),
    ("RealPLKSR", ("feats.0.weight", "feats.1.channe_mixer.0.weight")),
    ("Compact", ("body.0.weight", "body.1.weight", "body.2.weight")),
)
"""Architecture -> names that all are there (as spandrel tells them, github.com/chaiNNer-org/spandrel)."""

_UPSCALER_WRAPPERS = ("", "params_ema.", "params.", "params-ema.", "model.", "module.", "netG.")


def _as_upscaler(header: Header, shapes: Shapes) -> ModelKind | None:
    for prefix in _UPSCALER_WRAPPERS:
        for name, signs in _UPSCALERS:
            if all(f"{prefix}{sign}" in shapes for sign in signs):
                return ModelKind("upscaler", version=name, parts=(Part("upscaler", prefix, name),))
    return None


FACE_RESTORERS: Mapping[str, tuple[str, ...]] = {
    "GFPGAN": ("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),
    "CodeFormer": ("position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight", "ft_layers.0.self_attn.in_proj_weight"),
    # A VQ-VAE of latent diffusion has the same names but in its attention, which has one norm.
    "RestoreFormer": ("quantize.embedding.weight", "encoder.conv_in.weight", "decoder.conv_out.weight", "encoder.mid.attn_1.norm1.weight"),
}
"""Architecture -> names that all are there, likewise."""


def _as_face_restorer(header: Header, shapes: Shapes) -> ModelKind | None:
    for prefix in _UPSCALER_WRAPPERS:
        for name, signs in FACE_RESTORERS.items():
            if all(f"{prefix}{sign}" in shapes for sign in signs):
                return ModelKind("face_restorer", version=name, parts=(Part("face_restorer", prefix, name),))
    return None


_SUBJECT = ("stage1.rebnconvin.conv_s1.weight", "stage6.rebnconv4.conv_s1.weight", "stage1d.rebnconv1d.conv_s1.weight")
_SUBJECT_WRAPPERS = ("", "net.", "model.", "module.")
_OF_IS_NET = "conv_in.weight"


def subject_prefix(shapes: Shapes) -> str | None:
    """What the names of a U²-Net or an IS-Net begin with; None where the tensors are of neither."""
    return next((prefix for prefix in _SUBJECT_WRAPPERS if all(f"{prefix}{sign}" in shapes for sign in _SUBJECT)), None)


def _as_cut_out(header: Header, shapes: Shapes) -> ModelKind | None:
    prefix = subject_prefix(shapes)
    if prefix is None:
        return None
    name = "IS-Net" if f"{prefix}{_OF_IS_NET}" in shapes else "U²-Net"
    return ModelKind("cut_out", version=name, parts=(Part("cut_out", prefix, name),))


_RULES: Sequence[Callable[[Header, Shapes], ModelKind | None]] = (
    _as_lora,
    _as_controlnet,
    _as_ip_adapter,
    _as_motion_module,
    _as_face_restorer,
    _as_model,
    _as_vae,
    _as_image_encoder,
    _as_text_encoder,
    _as_t2i_adapter,
    _as_hypernetwork,
    _as_embedding,
    _as_upscaler,
    _as_cut_out,
)
"""Adapters first: their names contain those of what they change. Face restorers before VAEs, whose names RestoreFormer has."""


# the one question that only weights answer

V_SPREAD = 0.09
"""Above this the bias of an SD2 U-Net's last cross-attention norm spreads in v models, below it in epsilon models (known from ComfyUI)."""

_TELLING = {
    "original": "output_blocks.11.1.transformer_blocks.0.norm1.bias",
    "diffusers": "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
}


def read_prediction(path: Path, header: Header, kind: ModelKind) -> Prediction:
    """What a denoiser predicts, where the header alone did not tell: reads that one tensor.

    Raises CheckpointUnusable when the file is gone.
    """
    denoiser = kind.part("denoiser")
    if kind.prediction != "needs weights" or denoiser is None:
        return kind.prediction
    tensor = header.tensors.get(f"{denoiser.prefix}{_TELLING[denoiser.layout]}")
    values = None if tensor is None else _read_floats(path, tensor)
    return "v" if values is not None and float(values.std()) > V_SPREAD else "epsilon"


_FLOATS = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2"}


def _read_floats(path: Path, tensor: TensorInfo) -> np.ndarray | None:
    """The numbers of a tensor as float64; None for types that numpy cannot read (fp8 and quantised ones)."""
    if tensor.dtype not in _FLOATS:
        return None
    with open_model(path) as file:
        file.seek(tensor.offset)
        numbers = np.frombuffer(file.read(tensor.nbytes), _FLOATS[tensor.dtype])
    if tensor.dtype == "BF16":
        # bfloat16 is the upper half of a float32.
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers.astype(np.float64)
