"""One file in a published layout -> the parts of a checkpoint.

What the file lacks (many SD3 and FLUX files hold the transformer alone) is looked for in the folders of text encoders and VAEs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from webui.catalog.detect import V_SPREAD, ModelKind, identify
from webui.catalog.diffusers_folder import FILES_KEY, TOKENIZER_FILES
from webui.catalog.header import Header, TensorInfo
from webui.engine.device import Device
from webui.engine.families.base import Family
from webui.engine.families.flux import Flux
from webui.engine.families.sd import StableDiffusion, prediction_of
from webui.engine.families.sd3 import T5_TOKENS, StableDiffusion3
from webui.engine.families.sdxl import StableDiffusionXL
from webui.engine.loading import configs, loose_parts
from webui.engine.loading.component import TITLES, CheckpointSource, ComponentKind, ComponentSource, component, fingerprint_of
from webui.engine.loading.layouts import (
    clip_layout,
    flux_layout,
    open_clip_layout,
    plain_layout,
    sd3_layout,
    t5_layout,
    unet_layout,
    unprojected,
    vae_layout,
)
from webui.engine.loading.loose_parts import LoosePart
from webui.engine.loading.tensors import Layout, Shape, TensorSource, shapes_of
from webui.engine.loading.tokenizers import OPEN_CLIP_PAD, OPENAI_PAD, clip_tokenizer, t5_tokenizer, tokenizer_of
from webui.engine.schedules import flow_sigmas, model_sigmas
from webui.engine.text_encoders import ClipText, T5Text
from webui.errors import CheckpointUnusable

SD_BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
"""Of all Stable Diffusion models before SD3."""

DENOISER = "model.diffusion_model."
VAE_PREFIXES = ("first_stage_model.", "vae.")

Shapes = Mapping[str, Shape]
ConfigOf = Callable[[Shapes], Mapping[str, Any]]

Make = Callable[[str, str, Mapping[ComponentKind, Any], Device], Family]
"""(name, content, modules, device) -> the family."""


class Opening:
    """A file being taken apart: what was found so far. roots: models folders to look for missing parts in."""

    def __init__(self, file: TensorSource, kind: ModelKind, roots: Sequence[Path]) -> None:
        self.file = file
        self.kind = kind
        self.family = kind.family
        self.roots = roots
        self.paths = set(file.paths)
        self.components: dict[ComponentKind, ComponentSource] = {}
        self.given = self._given_files()

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.path.name

    def _given_files(self) -> Mapping[str, Any]:
        try:
            given = json.loads(self.file.metadata.get(FILES_KEY, "{}"))
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise CheckpointUnusable(f"{self.name} holds {FILES_KEY} in its header that can't be read.", hint="Download it again.")
        return given

    def has(self, prefix: str) -> bool:
        """Whether the file holds tensors whose names begin so."""
        return any(name.startswith(prefix) for name in self.file.shapes)

    def own(self, kind: ComponentKind, part: str, module: str, layout: Layout, config_of: ConfigOf) -> None:
        """Take a part from this file. part: its folder in a diffusers checkpoint."""
        given = self.given.get(f"{part}/config.json")
        try:
            config = given or config_of(shapes_of(self.file.shapes, layout))
        except (KeyError, ValueError, StopIteration, IndexError) as error:
            raise CheckpointUnusable(
                f"The {TITLES[kind]} in {self.name} is not complete ({error} is missing).",
                hint="Download it again, or pick another checkpoint.",
            ) from error
        self.components[kind] = component(kind, module, self.file, layout, config)

    def loose(self, kind: ComponentKind, module: str, part: LoosePart, layout: Layout, config: Mapping[str, Any]) -> None:
        """Take a part from another file."""
        self.paths |= set(part.file.paths)
        self.components[kind] = component(kind, module, part.file, layout, config)

    def missing(self, what: str, put: str, folder: str) -> CheckpointUnusable:
        """The error for a part that is nowhere."""
        return CheckpointUnusable(
            f"{self.name} holds no {what}, and none that fits is in models/{folder}.", hint=f"Put {put} into models/{folder}."
        )

    def vae(self, put: str, channels: int) -> None:
        """Take the VAE: the file's own, or one that fits from the folder."""
        scale = configs.LATENT_SCALES[self.family]
        for prefix in VAE_PREFIXES:
            if self.has(f"{prefix}decoder."):
                self.own("vae", "vae", "vae", vae_layout(self.file.shapes, prefix), lambda shapes: configs.vae_config(shapes) | scale)
                return
        part = loose_parts.find_vae(self.roots, channels, self.family)
        if part is None:
            raise self.missing("VAE", put, "vae")
        self.loose("vae", "vae", part, part.layout, configs.vae_config(part.shapes) | scale)

    def denoiser(self, part: str, module: str, layout_of: Callable[[Mapping[str, Shape], str], Layout], config_of: ConfigOf) -> Shapes:
        """Take the denoiser; returns the shapes of its tensors under the module's names."""
        found = self.kind.part("denoiser")
        assert found is not None, "what has no denoiser is not opened"
        layout = (plain_layout if found.layout == "diffusers" else layout_of)(self.file.shapes, found.prefix)
        self.own("denoiser", part, module, layout, config_of)
        return shapes_of(self.file.shapes, layout)

    def loose_clips(self, pooled: int, kinds: Mapping[ComponentKind, str], *, projected: Collection[ComponentKind]) -> None:
        """Take CLIP encoders from the folder, the narrower first. kinds: what each becomes, and its activation."""
        clips = loose_parts.find_clips(self.roots, pooled)
        if len(clips) != len(kinds):
            files = " and ".join(("clip_l.safetensors", "clip_g.safetensors")[: len(kinds)])
            raise self.missing("CLIP text encoder", files, "text_encoders")
        for (kind, activation), part in zip(kinds.items(), clips, strict=True):
            module = "clip_projected" if kind in projected else "clip"
            layout = clip_layout(part.file.shapes, "", projected=kind in projected)
            if kind == "text_encoder" and kind in projected:
                layout = unprojected(layout)
            self.loose(kind, module, part, layout, configs.clip_config(shapes_of(part.file.shapes, layout), activation))

    def t5(self, kind: ComponentKind, width: int) -> bool:
        """Take T5, the file's own or one from the folder whose answers are that wide. Whether there is one."""
        prefix = "text_encoders.t5xxl.transformer."
        if self.has(prefix):
            self.own(kind, kind, "t5", t5_layout(self.file.shapes, prefix), configs.t5_config)
        elif part := loose_parts.find_t5(self.roots, width):
            self.loose(kind, "t5", part, part.layout, configs.t5_config(part.shapes))
        return kind in self.components

    def clip(self, kind: ComponentKind, part: str, prefix: str, *, projected: bool) -> None:
        """Take OpenAI's CLIP."""
        module = "clip_projected" if projected else "clip"
        layout = clip_layout(self.file.shapes, prefix, projected=projected)
        self.own(kind, part, module, layout, lambda shapes: configs.clip_config(shapes, "quick_gelu"))

    def open_clip(self, kind: ComponentKind, part: str, prefix: str, *, projected: bool, leave_out: int = 0) -> None:
        """Take an OpenCLIP encoder, without that many of its last layers."""
        module = "clip_projected" if projected else "clip"
        layers = configs.count(self.file.shapes, rf"{re.escape(prefix)}transformer\.resblocks\.(\d+)\.") - leave_out
        layout = open_clip_layout(self.file.shapes, prefix, projected=projected, layers=layers)
        self.own(kind, part, module, layout, lambda shapes: configs.clip_config(shapes, "gelu"))

    def scheduler(self) -> Mapping[str, Any]:
        """What is known about noise levels and prediction type, as diffusers writes it."""
        given = self.given.get("scheduler/scheduler_config.json")
        prediction = "v_prediction" if self._predicts_v() else "epsilon"
        return given or SD_BETAS | {"prediction_type": prediction, "rescale_betas_zero_snr": self.kind.zero_snr}

    def _predicts_v(self) -> bool:
        if self.kind.prediction == "needs weights":
            # Stable Diffusion 2 files don't say it; the spread of one bias tells.
            norm = f"{DENOISER}output_blocks.11.1.transformer_blocks.0.norm1.bias"
            return norm in self.file.shapes and float(self.file.tensor(norm).float().std()) > V_SPREAD
        return self.kind.prediction == "v" or _yaml_says_v(self.file.path)

    def tokenizer(self, pad: str, part: str = "tokenizer") -> Any:
        """The file's own CLIP tokenizer, or the one of all."""
        given = {name: self.given[f"{part}/{name}"] for name in TOKENIZER_FILES if f"{part}/{name}" in self.given}
        return tokenizer_of(given, self.name) if given else clip_tokenizer(pad)

    def finished(self, make: Make) -> CheckpointSource:
        """The checkpoint, all its parts found."""
        paths = sorted(self.paths)
        name, content = self.file.path.stem, fingerprint_of(*paths)
        return CheckpointSource(
            name=name,
            content=content,
            family=self.family,
            components=self.components,
            unchanged=lambda: fingerprint_of(*paths) == content,
            assemble=lambda modules, device: make(name, content, modules, device),
        )


def _yaml_says_v(path: Path) -> bool:
    """Whether the config that lies beside a file, as its makers published it, says that it predicts v."""
    try:
        data = yaml.safe_load(path.with_suffix(".yaml").read_text("utf-8"))
        return data["model"]["params"].get("parameterization") == "v"
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return False


def _sd(opening: Opening) -> CheckpointSource:
    """Stable Diffusion 1 and 2, inpainting variants too."""
    shapes = opening.denoiser("unet", "unet", unet_layout, configs.unet_config)
    pad = OPENAI_PAD
    if opening.has("cond_stage_model.model."):
        # Stable Diffusion 2 was trained on the answers of the layer before the last.
        opening.open_clip("text_encoder", "text_encoder", "cond_stage_model.model.", projected=False, leave_out=1)
        pad = OPEN_CLIP_PAD
    elif opening.has("cond_stage_model.transformer."):
        opening.clip("text_encoder", "text_encoder", "cond_stage_model.transformer.", projected=False)
    elif opening.family == "sd1":
        opening.loose_clips(configs.text_width(shapes), {"text_encoder": "quick_gelu"}, projected=())
    else:
        raise CheckpointUnusable(f"{opening.name} holds no text encoder.", hint="Get the whole checkpoint, not its U-Net alone.")
    opening.vae("vae-ft-mse-840000-ema-pruned.safetensors", 4)
    scheduler = opening.scheduler()
    sigmas, x0 = model_sigmas(scheduler), prediction_of(scheduler, opening.name)
    tokenizer = opening.tokenizer(pad)

    def make(name: str, content: str, modules: Mapping[ComponentKind, Any], device: Device) -> Family:
        text = ClipText(tokenizer, modules["text_encoder"])
        return StableDiffusion(name, content, text, modules["denoiser"], modules["vae"], sigmas, x0, device)

    return opening.finished(make)


def _sdxl(opening: Opening) -> CheckpointSource:
    """SDXL base, its inpainting variants, and the refiner, which has bigG alone."""
    shapes = opening.denoiser("unet", "unet", unet_layout, configs.unet_config)
    refiner = opening.family == "sdxl_refiner"
    if opening.has("conditioner.embedders."):
        if not refiner:
            opening.clip("text_encoder", "text_encoder", "conditioner.embedders.0.transformer.", projected=False)
        opening.open_clip("text_encoder_2", "text_encoder_2", f"conditioner.embedders.{0 if refiner else 1}.model.", projected=True)
    else:
        kinds: dict[ComponentKind, str] = {"text_encoder": "quick_gelu", "text_encoder_2": "gelu"}
        if refiner:
            del kinds["text_encoder"]
        opening.loose_clips(configs.text_width(shapes), kinds, projected=("text_encoder_2",))
    opening.vae("sdxl_vae.safetensors", 4)
    scheduler = opening.scheduler()
    sigmas, x0 = model_sigmas(scheduler), prediction_of(scheduler, opening.name)
    small, large = opening.tokenizer(OPENAI_PAD), opening.tokenizer(OPEN_CLIP_PAD, "tokenizer_2")

    def make(name: str, content: str, modules: Mapping[ComponentKind, Any], device: Device) -> Family:
        first = () if refiner else (penultimate(small, modules["text_encoder"]),)
        texts = (*first, penultimate(large, modules["text_encoder_2"]))
        return StableDiffusionXL(name, content, texts, modules["denoiser"], modules["vae"], sigmas, x0, device)

    return opening.finished(make)


def penultimate(tokenizer: Any, text_encoder: Any) -> ClipText:
    """A CLIP encoder asked as SDXL and SD3 do: the layer before the last, as it is."""
    return ClipText(tokenizer, text_encoder, final_norm=False, least_skip=2)


SD3_SHIFT = 3.0


def _sd3(opening: Opening) -> CheckpointSource:
    """SD3 and SD3.5; CLIP encoders in the file or beside it, T5 in the file, beside it or nowhere."""
    shapes = opening.denoiser("transformer", "sd3", sd3_layout, configs.sd3_config)
    if opening.has("text_encoders.clip_l."):
        small = unprojected(clip_layout(opening.file.shapes, "text_encoders.clip_l.transformer.", projected=True))
        opening.own("text_encoder", "text_encoder", "clip_projected", small, lambda shapes: configs.clip_config(shapes, "quick_gelu"))
        large = clip_layout(opening.file.shapes, "text_encoders.clip_g.transformer.", projected=True)
        opening.own("text_encoder_2", "text_encoder_2", "clip_projected", large, lambda shapes: configs.clip_config(shapes, "gelu"))
    else:
        kinds: Mapping[ComponentKind, str] = {"text_encoder": "quick_gelu", "text_encoder_2": "gelu"}
        opening.loose_clips(configs.pooled_width(shapes), kinds, projected=("text_encoder", "text_encoder_2"))
    opening.t5("text_encoder_3", shapes["context_embedder.weight"][1])
    opening.vae("the SD3 VAE (sd3_vae.safetensors)", 16)
    tokenizers = clip_tokenizer(OPENAI_PAD), clip_tokenizer(OPEN_CLIP_PAD)
    words = t5_tokenizer() if "text_encoder_3" in opening.components else None

    def make(name: str, content: str, modules: Mapping[ComponentKind, Any], device: Device) -> Family:
        texts = penultimate(tokenizers[0], modules["text_encoder"]), penultimate(tokenizers[1], modules["text_encoder_2"])
        t5 = T5Text(words, modules["text_encoder_3"], T5_TOKENS) if words else None
        return StableDiffusion3(name, content, texts, t5, modules["denoiser"], modules["vae"], flow_sigmas(SD3_SHIFT), device)

    return opening.finished(make)


DEV_TOKENS, SCHNELL_TOKENS = 512, 256
"""How many tokens of T5 FLUX dev and schnell were trained with."""


def _flux(opening: Opening) -> CheckpointSource:
    """FLUX.1 dev and schnell; text encoders and VAE in the file or beside it."""
    shapes = opening.denoiser("transformer", "flux", flux_layout, configs.flux_config)
    dev = opening.kind.version == "dev"
    if opening.has("text_encoders.clip_l."):
        opening.clip("text_encoder", "text_encoder", "text_encoders.clip_l.transformer.", projected=False)
    else:
        opening.loose_clips(configs.pooled_width(shapes), {"text_encoder": "quick_gelu"}, projected=())
    if not opening.t5("text_encoder_2", shapes["context_embedder.weight"][1]):
        raise opening.missing("T5 text encoder", "t5xxl_fp16.safetensors", "text_encoders")
    opening.vae("ae.safetensors", opening.kind.latent_channels)
    clip_words, t5_words = clip_tokenizer(OPENAI_PAD), t5_tokenizer()

    def make(name: str, content: str, modules: Mapping[ComponentKind, Any], device: Device) -> Family:
        clip = ClipText(clip_words, modules["text_encoder"])
        t5 = T5Text(t5_words, modules["text_encoder_2"], DEV_TOKENS if dev else SCHNELL_TOKENS)
        return Flux(name, content, clip, t5, modules["denoiser"], modules["vae"], dev, device)

    return opening.finished(make)


OPENERS: Mapping[str, Callable[[Opening], CheckpointSource]] = {
    "sd1": _sd,
    "sd2": _sd,
    "sdxl": _sdxl,
    "sdxl_refiner": _sdxl,
    "sd3": _sd3,
    "flux": _flux,
}
"""Family -> how a file of it is taken apart."""

U_NETS = ("sd1", "sd2", "sdxl")

WANTS: Mapping[str, str] = {
    "edit": "a picture to change",
    "depth": "a depth map",
    "control": "a picture to follow",
    "upscale": "a small picture",
    "inpaint": "a picture and a mask",
}
"""Variant -> what its denoiser must be given beside noise and words."""


def open_tensors(file: TensorSource, roots: Sequence[Path]) -> CheckpointSource:
    """The checkpoint in a file whose header has been read. Raises CheckpointUnusable."""
    kind = identify(Header("safetensors", {name: TensorInfo("", shape) for name, shape in file.shapes.items()}, file.metadata))
    name = file.path.name
    other = "Pick another checkpoint."
    if kind.kind not in ("checkpoint", "denoiser"):
        said = "no model that Easel knows" if kind.kind == "unknown" else f"a file of the kind {kind.kind.replace('_', ' ')}, no checkpoint"
        raise CheckpointUnusable(f"{name} is {said}.", hint=other)
    if kind.family not in OPENERS or kind.prediction == "edm":
        model = f"{kind.family} model with noise levels of its own (EDM)" if kind.prediction == "edm" else f"{kind.family} model"
        raise CheckpointUnusable(f"{name} is a {model}, which Easel does not draw with.", hint=other)
    if kind.variant != "base" and not (kind.variant == "inpaint" and kind.family in U_NETS):
        raise CheckpointUnusable(f"{name} needs {WANTS[kind.variant]} beside words, which Easel does not give it.", hint=other)
    return OPENERS[kind.family](Opening(file, kind, roots))
