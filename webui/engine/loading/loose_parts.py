"""Parts that lie beside the checkpoints: text encoders and VAEs in folders of their own, for checkpoints that come without."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from webui.catalog.detect import Kind
from webui.catalog.roots import find_places
from webui.engine.loading.layouts import clip_layout, plain_layout, t5_layout, vae_layout
from webui.engine.loading.tensors import Layout, Shape, TensorFile, shapes_of
from webui.errors import CheckpointUnusable

Shapes = dict[str, Shape]


@dataclass(frozen=True)
class LoosePart:
    """A file that holds one part. layout: where the module's tensors lie in it; shapes: theirs."""

    file: TensorFile
    layout: Layout
    shapes: Shapes


def _files(roots: Sequence[Path], kind: Kind) -> Iterator[TensorFile]:
    """The files in the folders that are for this kind of part, whatever program's names they have."""
    for place in find_places(roots).places:
        if place.expects != kind:
            continue
        for path in sorted(place.folder.rglob("*.safetensors")):
            try:
                yield TensorFile(path)
            except CheckpointUnusable:
                continue  # broken files in there concern nobody until one is needed, and then it is named as missing


def _as_clip(file: TensorFile) -> LoosePart | None:
    layout = clip_layout(file.shapes, "", projected=True)
    return _part(file, layout) if "text_model.final_layer_norm.weight" in layout else None


def _as_t5(file: TensorFile) -> LoosePart | None:
    layout = t5_layout(file.shapes)
    return _part(file, layout) if "encoder.final_layer_norm.weight" in layout and "shared.weight" in layout else None


def as_vae(file: TensorFile) -> LoosePart | None:
    """The autoencoder in a file, by itself or in a whole checkpoint; None where there is none."""
    for prefix in ("first_stage_model.", "vae.", ""):
        if f"{prefix}decoder.up.0.block.0.conv1.weight" in file.shapes:
            return _part(file, vae_layout(file.shapes, prefix))
        if f"{prefix}decoder.up_blocks.0.resnets.0.conv1.weight" in file.shapes:
            return _part(file, plain_layout(file.shapes, prefix))
    return None


def _part(file: TensorFile, layout: Layout) -> LoosePart:
    return LoosePart(file, layout, shapes_of(file.shapes, layout))


def find_parts(
    roots: Sequence[Path], kind: Kind, read: Callable[[TensorFile], LoosePart | None], fits: Callable[[LoosePart], bool]
) -> list[LoosePart]:
    """What lies in the folders for this kind and fits, those with full numbers before the fp8 ones."""
    found = [part for file in _files(roots, kind) if (part := read(file)) and fits(part)]
    return sorted(found, key=lambda part: "fp8" in part.file.path.name.casefold())


def find_t5(roots: Sequence[Path], width: int) -> LoosePart | None:
    """A T5 encoder whose tokens are that wide."""
    found = find_parts(roots, "text_encoder", _as_t5, lambda part: part.shapes["shared.weight"][1] == width)
    return found[0] if found else None


def find_clips(roots: Sequence[Path], pooled: int) -> list[LoosePart]:
    """CLIP encoders whose pooled answers are together that wide, the narrower one first: one (FLUX) or two (SD3); [] if there are none."""

    def width(part: LoosePart) -> int:
        own = part.shapes["text_model.embeddings.token_embedding.weight"][1]
        return part.shapes.get("text_projection.weight", (own, own))[0]

    found = find_parts(roots, "text_encoder", _as_clip, lambda part: width(part) <= pooled)
    for part in found:
        if width(part) == pooled:
            return [part]
    for part in found:
        for other in found:
            if width(part) + width(other) == pooled and width(part) <= width(other) and part is not other:
                return [part, other]
    return []


VAE_NAMES: Mapping[str, re.Pattern[str]] = {
    "sd1": re.compile(r"ft-mse|ft-ema|sd[-_]?v?[12]|kl-f8|840000|560000"),
    "sdxl": re.compile(r"xl"),
    "sd3": re.compile(r"sd[-_]?v?3|diffusion[-_]?3"),
    "flux": re.compile(r"flux|(?<![a-z])ae(?![a-z])"),
}
"""Family -> what the file of its VAE, or the folder around it, is called. Families with equal channels can't be told apart by shapes."""

_SAME_VAE = {"sd2": "sd1", "sdxl_refiner": "sdxl"}


def find_vae(roots: Sequence[Path], channels: int, family: str) -> LoosePart | None:
    """A VAE with that many latent channels: one that is called after the family, else one that is called after none."""
    own = VAE_NAMES[_SAME_VAE.get(family, family)]
    named: list[LoosePart] = []
    unnamed: list[LoosePart] = []
    for part in find_parts(roots, "vae", as_vae, lambda part: part.shapes["decoder.conv_in.weight"][1] == channels):
        called = f"{part.file.path.parent.name}/{part.file.path.name}".casefold()
        if own.search(called):
            named.append(part)
        elif not any(other.search(called) for other in VAE_NAMES.values()):
            unnamed.append(part)
    return next(iter((*named, *unnamed)), None)
