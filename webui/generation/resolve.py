"""From what was asked to what will run: the one place where "random" and "automatic" become values."""

from __future__ import annotations

import random
from dataclasses import dataclass

from webui.generation import samplers
from webui.generation.adapters import NO_ADAPTERS, FoundAdapters
from webui.generation.request import RANDOM_SEED, GenerationRequest, ResolvedRequest, ResolvedTxt2Img
from webui.generation.stock_pipelines import fields_for

LAST_RANDOM_SEED = 4_294_967_293
"""Largest seed drawn at random, AUTOMATIC1111's."""


@dataclass(frozen=True)
class CheckpointIdentity:
    """Name and content hash (first 10 hex digits) of the checkpoint that will draw. pipeline: of diffusers, where that draws it."""

    name: str
    hash: str
    pipeline: str = ""


def resolve(
    request: GenerationRequest, checkpoint: CheckpointIdentity, rng: random.Random, adapters: FoundAdapters = NO_ADAPTERS
) -> ResolvedRequest:
    """Fill in every value that was left open. Pure but for `rng`, which draws random seeds. adapters: what the request names.

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
    if fields["schedule_type"] == samplers.AUTOMATIC:
        fields["schedule_type"] = samplers.find_sampler(request.sampler).default_schedule
    fields["checkpoint"] = checkpoint.name
    fields["checkpoint_hash"] = checkpoint.hash
    fields["pipeline"] = checkpoint.pipeline
    fields |= {"vae": adapters.vae, "vae_hash": adapters.vae_hash, "loras": adapters.loras, "embeddings": adapters.embeddings}
    fields["controls"] = adapters.controls
    return ResolvedTxt2Img.model_validate(fields)
