"""A diffusers folder -> the parts of a checkpoint.

Local files only, safetensors only (a pickle can run code). The folder's own configs say how modules are built.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from webui.catalog.diffusers_folder import COPY_AGAIN, VOLATILE, read_json
from webui.engine.device import Device
from webui.engine.families.base import Family
from webui.engine.families.flux import Flux
from webui.engine.families.sd import StableDiffusion, prediction_of
from webui.engine.families.sd3 import T5_TOKENS, StableDiffusion3
from webui.engine.families.sdxl import StableDiffusionXL
from webui.engine.loading.component import CheckpointSource, ComponentKind, ComponentSource, component
from webui.engine.loading.layouts import clip_layout, diffusers_vae_layout, plain_layout, t5_layout
from webui.engine.loading.single_file import DEV_TOKENS, SCHNELL_TOKENS, penultimate
from webui.engine.loading.tensors import Layout, Shards, TensorFile, TensorSource
from webui.engine.loading.tokenizers import tokenizer_from
from webui.engine.schedules import flow_sigmas, model_sigmas
from webui.engine.text_encoders import ClipText, T5Text
from webui.errors import CheckpointUnusable

WEIGHT_NAMES = ("diffusion_pytorch_model", "model")
"""Names of a part's weights without their ending: diffusers', transformers'."""

WEIGHT_ENDINGS = (".safetensors", ".fp16.safetensors", ".safetensors.index.json", ".safetensors.index.fp16.json")
"""Best first."""

Layouts = Callable[[TensorSource], Layout]


def fingerprint(folder: Path) -> str:
    """Changes when any file below the folder is replaced, edited or removed. From names, sizes and times, not contents.

    Raises CheckpointUnusable when there is no such folder.
    """
    if not folder.is_dir():
        raise CheckpointUnusable(f"The checkpoint folder {folder.name} is not there.", hint="Refresh the list and pick another checkpoint.")
    total = hashlib.sha256(str(folder).encode())
    for path in sorted(folder.rglob("*")):
        about = path.stat()
        if path.is_file():
            total.update(f"{path.relative_to(folder)}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    return total.hexdigest()


class Folder:
    """A diffusers folder being taken apart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index = read_json(path, "model_index.json")
        self.components: dict[ComponentKind, ComponentSource] = {}

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def has(self, part: str) -> bool:
        """Whether the index names that part."""
        entry = self.index.get(part)
        return isinstance(entry, list) and None not in entry

    def scheduler(self) -> dict[str, Any]:
        """Its scheduler_config.json."""
        return read_json(self.path, "scheduler/scheduler_config.json")

    def tokenizer(self, part: str = "tokenizer", kind: str = "clip") -> Any:
        """The tokenizer in that subfolder."""
        if not (self.path / part).is_dir():
            raise CheckpointUnusable(f"{self.name} has no {part} folder.", hint=COPY_AGAIN)
        return tokenizer_from(self.path / part, kind, self.name)

    def weights(self, part: str) -> TensorSource:
        """The weights of a part, their headers read. Raises CheckpointUnusable."""
        folder = self.path / part
        for name in (stem + ending for stem in WEIGHT_NAMES for ending in WEIGHT_ENDINGS):
            path = folder / name
            if not path.is_file():
                continue
            try:
                return self._shards(path) if path.suffix == ".json" else TensorFile(path)
            except CheckpointUnusable as error:
                raise CheckpointUnusable(f"In {self.name}/{part}: {error.message}", hint=error.hint) from None
        pickles = sorted(path.name for path in folder.glob("*.bin"))
        raise CheckpointUnusable(
            f"{self.name}/{part} holds no {self._usual_name(part)}" + (f", only {pickles[0]}." if pickles else "."),
            hint="Old .bin weights can run code and are not opened; get the safetensors." if pickles else COPY_AGAIN,
        )

    @staticmethod
    def _usual_name(part: str) -> str:
        return ("model" if part.startswith("text_encoder") else "diffusion_pytorch_model") + ".safetensors"

    def _shards(self, index: Path) -> TensorSource:
        try:
            names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise CheckpointUnusable(f"{index.name} can't be read ({error}).", hint=COPY_AGAIN) from None
        return Shards(index, [TensorFile(index.parent / Path(name).name) for name in names])

    def take(
        self, kind: ComponentKind, part: str, module: str, layout: Layouts = lambda file: plain_layout(file.shapes)
    ) -> Mapping[str, Any]:
        """Take a part; returns its config."""
        config = {key: value for key, value in read_json(self.path, f"{part}/config.json").items() if key not in VOLATILE}
        file = self.weights(part)
        self.components[kind] = component(kind, module, file, layout(file), config, f"{self.name}/{part}/{file.path.name}")
        return config

    def take_clip(self, kind: ComponentKind, part: str, *, projected: bool) -> None:
        """Take a CLIP text encoder."""
        module = "clip_projected" if projected else "clip"
        self.take(kind, part, module, lambda file: clip_layout(file.shapes, "", projected=projected))

    def take_vae(self) -> None:
        """Take the VAE."""
        self.take("vae", "vae", "vae", lambda file: diffusers_vae_layout(file.shapes))


Make = Callable[[str, str, Mapping[ComponentKind, Any], Device], Family]
"""(name, content, modules, device) -> the family."""


def _sd(folder: Folder) -> tuple[str, Make]:
    scheduler = folder.scheduler()
    sigmas, x0 = model_sigmas(scheduler), prediction_of(scheduler, folder.name)
    folder.take_clip("text_encoder", "text_encoder", projected=False)
    width = folder.take("denoiser", "unet", "unet").get("cross_attention_dim")
    folder.take_vae()
    tokenizer = folder.tokenizer()

    def make(name: str, content: str, modules: Mapping[ComponentKind, Any], device: Device) -> Family:
        text = ClipText(tokenizer, modules["text_encoder"])
        return StableDiffusion(name, content, text, modules["denoiser"], modules["vae"], sigmas, x0, device)

    return ("sd2" if width == SD2_WIDTH else "sd1"), make


SD2_WIDTH = 1024


def _sdxl(folder: Folder) -> tuple[str, Make]:
    scheduler = folder.scheduler()
    sigmas, x0 = model_sigmas(scheduler), prediction_of(scheduler, folder.name)
    refiner = not folder.has("text_encoder")
    if not refiner:
        folder.take_clip("text_encoder", "text_encoder", projected=False)
    folder.take_clip("text_encoder_2", "text_encoder_2", projected=True)
    folder.take("denoiser", "unet", "unet")
    folder.take_vae()
    small, large = None if refiner else folder.tokenizer(), folder.tokenizer("tokenizer_2")
    zeros = bool(folder.index.get("force_zeros_for_empty_prompt", True))

    def make(name: str, content: str, modules: Mapping[ComponentKind, Any], device: Device) -> Family:
        first = () if refiner else (penultimate(small, modules["text_encoder"]),)
        texts = (*first, penultimate(large, modules["text_encoder_2"]))
        return StableDiffusionXL(name, content, texts, modules["denoiser"], modules["vae"], sigmas, x0, device, zeros)

    return ("sdxl_refiner" if refiner else "sdxl"), make


def _sd3(folder: Folder) -> tuple[str, Make]:
    sigmas = flow_sigmas(float(folder.scheduler().get("shift", 1.0)))
    folder.take_clip("text_encoder", "text_encoder", projected=True)
    folder.take_clip("text_encoder_2", "text_encoder_2", projected=True)
    third = folder.has("text_encoder_3")
    if third:
        folder.take("text_encoder_3", "text_encoder_3", "t5", lambda file: t5_layout(file.shapes))
    folder.take("denoiser", "transformer", "sd3")
    folder.take_vae()
    small, large = folder.tokenizer(), folder.tokenizer("tokenizer_2")
    words = folder.tokenizer("tokenizer_3", "t5") if third else None

    def make(name: str, content: str, modules: Mapping[ComponentKind, Any], device: Device) -> Family:
        texts = penultimate(small, modules["text_encoder"]), penultimate(large, modules["text_encoder_2"])
        t5 = T5Text(words, modules["text_encoder_3"], T5_TOKENS) if words else None
        return StableDiffusion3(name, content, texts, t5, modules["denoiser"], modules["vae"], sigmas, device)

    return "sd3", make


def _flux(folder: Folder) -> tuple[str, Make]:
    shifted = bool(folder.scheduler().get("use_dynamic_shifting", False))
    folder.take_clip("text_encoder", "text_encoder", projected=False)
    folder.take("text_encoder_2", "text_encoder_2", "t5", lambda file: t5_layout(file.shapes))
    dev = bool(folder.take("denoiser", "transformer", "flux").get("guidance_embeds", False))
    folder.take_vae()
    clip_words, t5_words = folder.tokenizer(), folder.tokenizer("tokenizer_2", "t5")

    def make(name: str, content: str, modules: Mapping[ComponentKind, Any], device: Device) -> Family:
        clip = ClipText(clip_words, modules["text_encoder"])
        t5 = T5Text(t5_words, modules["text_encoder_2"], DEV_TOKENS if dev else SCHNELL_TOKENS)
        return Flux(name, content, clip, t5, modules["denoiser"], modules["vae"], shifted, device)

    return "flux", make


OPENERS: Mapping[str, Callable[[Folder], tuple[str, Make]]] = {
    "StableDiffusionPipeline": _sd,
    "StableDiffusionInpaintPipeline": _sd,
    "StableDiffusionXLPipeline": _sdxl,
    "StableDiffusionXLImg2ImgPipeline": _sdxl,
    "StableDiffusionXLInpaintPipeline": _sdxl,
    "StableDiffusion3Pipeline": _sd3,
    "FluxPipeline": _flux,
}
"""Pipeline that model_index.json names -> how the folder is taken apart."""


def open_diffusers_folder(path: Path) -> CheckpointSource:
    """The checkpoint in a folder; the headers of all its parts are read, no weights. Raises CheckpointUnusable."""
    content = fingerprint(path)
    folder = Folder(path)
    pipeline = str(folder.index.get("_class_name"))
    if pipeline not in OPENERS:
        raise CheckpointUnusable(
            f"{folder.name} is made for {pipeline[:60]}, which Easel does not draw with.", hint="Pick another checkpoint."
        )
    family, make = OPENERS[pipeline](folder)
    return CheckpointSource(
        name=folder.name,
        content=content,
        family=family,
        components=folder.components,
        unchanged=lambda: fingerprint(path) == content,
        assemble=lambda modules, device: make(folder.name, content, modules, device),
    )
