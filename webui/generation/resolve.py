"""From what was asked to what will run: the one place where "random" and "automatic" become values."""

from __future__ import annotations

import random
from dataclasses import dataclass

from webui.generation import samplers
from webui.generation.adapters import NO_ADAPTERS, FoundAdapters
from webui.generation.request import RANDOM_SEED, SAME_SAMPLER, SAME_SCHEDULE, GenerationRequest, ResolvedRequest, ResolvedTxt2Img

LAST_RANDOM_SEED = 4_294_967_293
"""Largest seed drawn at random, AUTOMATIC1111's."""


@dataclass(frozen=True)
class CheckpointIdentity:
    """Name and content hash (first 10 hex digits) of the checkpoint that will draw."""

    name: str
    hash: str


def resolve(
    request: GenerationRequest,
    checkpoint: CheckpointIdentity,
    rng: random.Random,
    adapters: FoundAdapters = NO_ADAPTERS,
    hires_checkpoint: CheckpointIdentity | None = None,
) -> ResolvedRequest:
    """Fill in every value that was left open. Pure but for `rng`, which draws random seeds. adapters: what the request names.

    hires_checkpoint: that of the hires pass, where it wants another one.
    """
    fields = request.model_dump()
    if request.seed == RANDOM_SEED:
        fields["seed"] = rng.randint(0, LAST_RANDOM_SEED)
    if request.variation_seed == RANDOM_SEED:
        fields["variation_seed"] = rng.randint(0, LAST_RANDOM_SEED) if request.variation_strength else 0
    if request.schedule_type == samplers.AUTOMATIC:
        fields["schedule_type"] = samplers.find_sampler(request.sampler).default_schedule
    fields["hires_schedule_type"] = _hires_schedule(request)
    if hires_checkpoint is not None:
        fields |= {"hires_checkpoint": hires_checkpoint.name, "hires_checkpoint_hash": hires_checkpoint.hash}
    fields["checkpoint"] = checkpoint.name
    fields["checkpoint_hash"] = checkpoint.hash
    fields |= {"vae": adapters.vae, "vae_hash": adapters.vae_hash, "embeddings": adapters.embeddings}
    fields |= {"loras": adapters.loras, "hires_loras": adapters.hires_loras}
    return ResolvedTxt2Img.model_validate(fields)


def _hires_schedule(request: GenerationRequest) -> str:
    """The schedule of the hires pass: what fits its own sampler, where it is to be automatic, or as the first one's, which is."""
    same = request.hires_schedule_type == SAME_SCHEDULE
    if samplers.AUTOMATIC not in (request.hires_schedule_type, request.schedule_type if same else None):
        return request.hires_schedule_type
    if request.hires_sampler == SAME_SAMPLER:
        return SAME_SCHEDULE if same else samplers.find_sampler(request.sampler).default_schedule
    return samplers.find_sampler(request.hires_sampler).default_schedule
