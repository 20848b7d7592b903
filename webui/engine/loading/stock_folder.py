"""A diffusers folder of a family that Easel has no denoising for -> the pipeline that diffusers has for it.

Local files only, safetensors only, no code but diffusers' and transformers' own (webui.catalog.stock_folder).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from webui.catalog.stock_folder import LEFT_OUT, check_stock_folder, parts_of, weight_files
from webui.engine import latents as latent_space
from webui.engine.device import Device
from webui.engine.loading.diffusers_folder import fingerprint
from webui.engine.preview import Encode, LatentPreview, fit_preview
from webui.errors import CheckpointUnusable

_FP16 = "fp16"


_LATENTS, _LEAST_SIDE = 8, 64
"""Latents along a side of the pictures that a preview is fitted on, and their least side in pixels."""


def _encode_plainly(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Sana's autoencoder, whose answer is the latents themselves."""
    return vae.encode(pixels.to(vae.device, vae.dtype), return_dict=False)[0].float() * vae.config.scaling_factor


_ENCODERS: Mapping[str, Encode] = {"AutoencoderKL": latent_space.encode, "AutoencoderDC": _encode_plainly}
"""Autoencoder -> how its latents are asked for, where they are a small picture."""


def _pixels_per_latent(vae: Any) -> int:
    blocks = getattr(vae.config, "block_out_channels", None) or vae.config.encoder_block_out_channels
    return 2 ** (len(blocks) - 1)


@dataclass(frozen=True)
class StockSource:
    """Such a folder, not loaded yet. content: changes when a file in it does. pipeline: the class. unchanged: as of CheckpointSource."""

    path: Path
    content: str
    pipeline: str

    @property
    def shown(self) -> str:
        """What to call it in a list."""
        return f"{self.path.name} ({self.pipeline})"

    def unchanged(self) -> bool:
        """Whether it would be the same if it were opened now. Raises CheckpointUnusable when it is gone."""
        return fingerprint(self.path) == self.content

    def load(self, device: Device) -> StockPipeline:
        """The pipeline in main memory, in the numbers that the device computes with. Raises CheckpointUnusable."""
        with _told_in_words(self.path):
            return StockPipeline(self, pipeline_from_folder(self.path, self.pipeline, device.dtype))


def open_stock_folder(path: Path) -> StockSource:
    """Look at a folder: index and headers only. Raises CheckpointUnusable."""
    content = fingerprint(path)
    return StockSource(path, content, check_stock_folder(path))


@dataclass(frozen=True, eq=False)
class StockPipeline:
    """A pipeline at work. pipeline: the object of diffusers, all of whose modules are in eval mode."""

    source: StockSource
    pipeline: Any = field(repr=False)

    @property
    def modules(self) -> Mapping[str, torch.nn.Module]:
        """Its modules by the names of their parts."""
        return {name: part for name, part in self.pipeline.components.items() if isinstance(part, torch.nn.Module)}

    @property
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """All weights and buffers, by part and name; tied ones once."""
        named = {
            f"{part}.{name}": tensor
            for part, module in self.modules.items()
            for name, tensor in (*module.named_parameters(), *module.named_buffers())
        }
        return dict({id(tensor): (name, tensor) for name, tensor in named.items()}.values())

    @cached_property
    def preview(self) -> LatentPreview | None:
        """A linear view of its latents, fitted on its autoencoder; None where that is of a kind whose latents are no small picture."""
        vae = getattr(self.pipeline, "vae", None)
        kind = type(vae).__name__
        return (
            fit_preview(vae, size=max(_LEAST_SIDE, _LATENTS * _pixels_per_latent(vae)), encode=_ENCODERS[kind])
            if kind in _ENCODERS
            else None
        )


def pipeline_from_folder(path: Path, pipeline: str, dtype: torch.dtype) -> Any:
    """The pipeline of that class, its modules in main memory and in eval mode. Whatever diffusers raises comes as it is."""
    import diffusers

    kind = getattr(diffusers, pipeline)
    left_out = {name: None for name in LEFT_OUT if name in kind._optional_components}
    with _without_progress_bars():
        made = kind.from_pretrained(
            str(path),
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            variant=_variant(path),
            trust_remote_code=False,
            low_cpu_mem_usage=True,
            **left_out,
        )
    for part in made.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval().requires_grad_(False)
    made.set_progress_bar_config(disable=True)
    return made


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """They would end in the log."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    of_diffusers.disable_progress_bar()
    of_transformers.disable_progress_bar()
    try:
        yield
    finally:
        of_diffusers.enable_progress_bar()
        of_transformers.enable_progress_bar()


def _variant(path: Path) -> str | None:
    """ "fp16" where a part has its weights in that form alone."""
    files = [[file.name for file in weight_files(path / name)] for name, _, _ in parts_of(path)]
    return _FP16 if any(names and all(f".{_FP16}" in name for name in names) for names in files) else None


@contextmanager
def _told_in_words(path: Path) -> Iterator[None]:
    """Whatever diffusers and transformers raise while they load, as CheckpointUnusable; running out of memory stays what it is."""
    try:
        yield
    except (CheckpointUnusable, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # each part's own loader raises its own kinds
        detail = " ".join(str(error).split())[:300] or type(error).__name__
        raise CheckpointUnusable(
            f"diffusers can't load {path.name}: {detail}", hint="Copy or download the whole checkpoint folder again, or pick another one."
        ) from error
