"""From what was asked to what will run: the one place where "random" and "automatic" become values."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webui.errors import InvalidRequest
from webui.generation import samplers
from webui.generation.adapters import NO_ADAPTERS, FoundAdapters
from webui.generation.infotext import read_infotext
from webui.generation.request import (
    RANDOM_SEED,
    SAME_SAMPLER,
    SAME_SCHEDULE,
    DrawnRequest,
    Img2Img,
    Inpaint,
    PictureFromPicture,
    ResolvedDrawn,
    ResolvedUpscale,
    Txt2Img,
    Upscale,
    parameters_of,
    parse_resolved,
)
from webui.generation.stock_pipelines import fields_for
from webui.pictures.boxes import Size

LAST_RANDOM_SEED = 4_294_967_293
"""Largest seed drawn at random, AUTOMATIC1111's."""


@dataclass(frozen=True)
class CheckpointIdentity:
    """Name and content hash (first 10 hex digits) of the checkpoint that will draw. pipeline: of diffusers, where that draws it."""

    name: str
    hash: str
    pipeline: str = ""


@dataclass(frozen=True)
class UpscalerIdentity:
    """Name and content hash (first 10 hex digits) of an upscaler that is a model. field: of the request, which names it."""

    name: str
    hash: str
    field: str


def resolve_upscale(request: Upscale, picture_size: Size, infotext: str = "") -> ResolvedUpscale:
    """Fill in what an upscale takes over from its source: its size in pixels, and what its file says of how it was made.

    Raises InvalidRequest where the picture would become too large.
    """
    width, height = picture_size
    told = read_infotext(infotext)
    source = {"source_infotext": infotext, "source_prompt": told.prompt, "source_negative_prompt": told.negative_prompt}
    resolved = parse_resolved({**request.model_dump(), "picture_width": width, "picture_height": height, **source})
    assert isinstance(resolved, ResolvedUpscale), "its kind says so"
    return resolved


def resolve(
    request: DrawnRequest,
    checkpoint: CheckpointIdentity,
    rng: random.Random,
    adapters: FoundAdapters = NO_ADAPTERS,
    hires_checkpoint: CheckpointIdentity | None = None,
    refiner: CheckpointIdentity | None = None,
    picture_size: tuple[int, int] | None = None,
    upscaler: UpscalerIdentity | None = None,
) -> ResolvedDrawn:
    """Fill in every value that was left open. Pure but for `rng`, which draws random seeds. adapters: what the request names.

    hires_checkpoint: that of the hires pass, where it wants another one. refiner: the one that takes over, where one does.
    picture_size: width and height of the picture that it starts from. upscaler: a model that enlarges before something is drawn.
    Where a pipeline of diffusers draws, what it takes no notice of is put back to its default, adapters among it.
    Raises InvalidRequest for what such a pipeline can't make at all.
    """
    if checkpoint.pipeline:
        fields, adapters = fields_for(request, checkpoint.pipeline), NO_ADAPTERS
    else:
        fields = request.model_dump()
    if request.seed == RANDOM_SEED:
        fields["seed"] = rng.randint(0, LAST_RANDOM_SEED)
    if fields["variation_seed"] == RANDOM_SEED:
        fields["variation_seed"] = rng.randint(0, LAST_RANDOM_SEED) if fields["variation_strength"] else 0
    if isinstance(request, Txt2Img):
        fields["hires_schedule_type"] = _hires_schedule(fields)
        fields["hires_loras"] = adapters.hires_loras
    if isinstance(request, PictureFromPicture):
        fields |= _resized(request, picture_size)
    if isinstance(request, Inpaint) and picture_size is not None:
        fields["picture_width"], fields["picture_height"] = picture_size
    if fields["schedule_type"] == samplers.AUTOMATIC:
        fields["schedule_type"] = samplers.find_sampler(request.sampler).default_schedule
    if hires_checkpoint is not None:
        fields |= {"hires_checkpoint": hires_checkpoint.name, "hires_checkpoint_hash": hires_checkpoint.hash}
    if upscaler is not None:
        fields |= {upscaler.field: upscaler.name, f"{upscaler.field}_hash": upscaler.hash}
    if refiner is not None:
        fields |= {"refiner": refiner.name, "refiner_hash": refiner.hash}
    fields["checkpoint"] = checkpoint.name
    fields["checkpoint_hash"] = checkpoint.hash
    fields["pipeline"] = checkpoint.pipeline
    fields |= {"vae": adapters.vae, "vae_hash": adapters.vae_hash, "embeddings": adapters.embeddings}
    fields |= {"loras": adapters.loras, "controls": adapters.controls}
    resolved = parse_resolved(fields)
    assert not isinstance(resolved, ResolvedUpscale), "its kind says so"
    _ = resolved.finished_size  # raises where that would be too large
    return resolved


def _resized(request: PictureFromPicture, picture_size: Size | None) -> dict[str, Any]:
    """Width and height, so many times a picture's, in the steps in which sizes are drawn. Raises InvalidRequest beyond what is allowed."""
    sides: dict[str, Any] = {"resize_by": 0.0}
    field, factor, in_tiles = "resize_by", request.resize_by, False
    if isinstance(request, Img2Img):
        sides["tiled_scale"] = 0.0
        in_tiles = request.tiled_drawing != "Off"
        if in_tiles and request.tiled_scale:
            field, factor = "tiled_scale", request.tiled_scale
    if not factor:
        return sides
    assert picture_size is not None, "the size follows from it"
    infos = parameters_of(Img2Img if in_tiles else PictureFromPicture)
    for name, side in zip(("width", "height"), picture_size, strict=True):
        step, least, most = (int(number or 1) for number in (infos[name].step, infos[name].minimum, infos[name].maximum))
        sides[name] = round(side * factor / step) * step
        if not least <= sides[name] <= most:
            raise InvalidRequest(
                f"{factor:g} times the picture ({picture_size[0]} x {picture_size[1]}) can't be drawn.",
                field=field,
                allowed=f"{least} to {most} px on each side",
                hint="Choose another factor, or give width and height.",
            )
    return sides


def _hires_schedule(fields: Mapping[str, Any]) -> str:
    """The schedule of the hires pass: what fits its own sampler, where it is to be automatic, or as the first one's, which is."""
    asked, sampler = fields["hires_schedule_type"], fields["hires_sampler"]
    if samplers.AUTOMATIC not in (asked, fields["schedule_type"] if asked == SAME_SCHEDULE else None):
        return asked
    if sampler == SAME_SAMPLER and asked == SAME_SCHEDULE:
        return asked
    return samplers.find_sampler(fields["sampler"] if sampler == SAME_SAMPLER else sampler).default_schedule
