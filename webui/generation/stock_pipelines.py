"""Families that Easel has no denoising of its own for: drawn by diffusers' own pipeline, which heeds less of a request.

One table says which pipelines; what a request asks for beyond what they take is put back to its default when it is resolved, and told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from webui.errors import InvalidRequest
from webui.generation.adapters import loras_named, other_networks_named
from webui.generation.prompt.emphasis import weighted
from webui.generation.prompt.reading import read_negative_prompt, read_prompt
from webui.generation.prompt.schedules import Steps
from webui.generation.request import DrawnRequest, parameters_of
from webui.generation.samplers import PIPELINES_OWN


@dataclass(frozen=True)
class StockPipeline:
    """A pipeline that makes pictures from words. steps, cfg_scale: its own defaults; negative: whether it takes a negative prompt."""

    steps: int
    cfg_scale: float
    negative: bool = True


STOCK_PIPELINES: Mapping[str, StockPipeline] = MappingProxyType(
    {
        "AmusedPipeline": StockPipeline(12, 10.0),
        "AuraFlowPipeline": StockPipeline(50, 3.5),
        "BriaPipeline": StockPipeline(30, 5.0),
        "ChromaPipeline": StockPipeline(35, 5.0),
        "CogView3PlusPipeline": StockPipeline(50, 5.0),
        "CogView4Pipeline": StockPipeline(50, 5.0),
        "ErnieImagePipeline": StockPipeline(50, 4.0),
        "Flux2KleinPipeline": StockPipeline(50, 4.0, negative=False),
        "Flux2Pipeline": StockPipeline(50, 4.0, negative=False),
        "GlmImagePipeline": StockPipeline(50, 1.5, negative=False),
        "HiDreamImagePipeline": StockPipeline(50, 5.0),
        "HunyuanDiTPipeline": StockPipeline(50, 5.0),
        "Kandinsky3Pipeline": StockPipeline(25, 3.0),
        "Kandinsky5T2IPipeline": StockPipeline(50, 3.5),
        "KandinskyCombinedPipeline": StockPipeline(100, 4.0),
        "KandinskyV22CombinedPipeline": StockPipeline(100, 4.0),
        "KolorsPipeline": StockPipeline(50, 5.0),
        "Krea2Pipeline": StockPipeline(28, 4.5),
        "LatentConsistencyModelPipeline": StockPipeline(4, 8.5, negative=False),
        "Lumina2Pipeline": StockPipeline(30, 4.0),
        "LuminaPipeline": StockPipeline(30, 4.0),
        "NucleusMoEImagePipeline": StockPipeline(50, 4.0),
        "OvisImagePipeline": StockPipeline(50, 5.0),
        "PRXPipeline": StockPipeline(28, 4.0),
        "PixArtAlphaPipeline": StockPipeline(20, 4.5),
        "PixArtSigmaPipeline": StockPipeline(20, 4.5),
        "QwenImage21Pipeline": StockPipeline(40, 1.0),
        "QwenImagePipeline": StockPipeline(50, 4.0),
        "SanaPipeline": StockPipeline(20, 4.5),
        "SanaSprintPipeline": StockPipeline(2, 4.5, negative=False),
        "ZImagePipeline": StockPipeline(50, 5.0),
    }
)
"""Class of diffusers 0.42 -> what it takes. Every one tells its steps, so that a picture can be followed and ended.

Not among them: Stable Cascade and Würstchen, whose folders name parts that diffusers 0.42 no longer finds.
"""

UPSCALING_PIPELINES: Mapping[str, int] = MappingProxyType({"StableDiffusionUpscalePipeline": 4, "StableDiffusionLatentUpscalePipeline": 2})
"""Class of diffusers that makes larger pictures of pictures -> how many times as wide and as high."""

HEEDED = frozenset(
    {
        *("kind", "prompt", "negative_prompt", "checkpoint", "width", "height", "steps", "cfg_scale", "seed", "attention"),
        *("emphasis", "old_prompt_editing", "batch_count", "batch_size", "extensions", "finishing"),
    }
)
"""Fields that such a pipeline's picture depends on, or that are others' business. All further ones are put back to their defaults."""

_OWN_WAYS = ("sampler", "schedule_type")
_GRAMMAR = "Weights, BREAK, AND and changes over the steps mean nothing to it: the words are taken as they begin."


def fields_for(request: DrawnRequest, pipeline: str) -> dict[str, Any]:
    """The fields of a request as that pipeline draws it. Raises InvalidRequest for anything but a picture from words."""
    if request.kind != "txt2img":
        raise InvalidRequest(
            f"{request.checkpoint or 'This checkpoint'} is drawn by diffusers' own {pipeline}, which makes pictures from words only.",
            field="checkpoint",
            hint="Pick another checkpoint for this.",
        )
    usual = {name: type(request).model_fields[name].get_default(call_default_factory=True) for name in _beyond(request, pipeline)}
    return request.model_dump() | usual | dict.fromkeys(_OWN_WAYS, PIPELINES_OWN)


def _beyond(request: DrawnRequest, pipeline: str) -> list[str]:
    heeded = HEEDED if STOCK_PIPELINES[pipeline].negative else HEEDED - {"negative_prompt"}
    return [name for name in type(request).model_fields if name not in heeded and name not in _OWN_WAYS]


def notes_for(request: DrawnRequest, pipeline: str) -> tuple[str, ...]:
    """What such a picture does the pipeline's way or without, one sentence each."""
    known = parameters_of(type(request))
    said = [known[name].label for name in _beyond(request, pipeline) if getattr(request, name) != known[name].default]
    networks = (*loras_named(request.prompt), *other_networks_named(request.prompt))
    left = [*said, *(f"<{network.kind}:{network.name}>"[:80] for network in networks)]
    return (
        f"Sampler and schedule are the pipeline's own ({pipeline} of diffusers).",
        *((f"The pipeline knows nothing of these, so they were left out: {', '.join(left)}.",) if left else ()),
        *((_GRAMMAR,) if plain_words(request)[2] else ()),
    )


def plain_words(request: DrawnRequest) -> tuple[str, str, bool]:
    """Prompt and negative prompt without the marks of the prompt language, and whether any meant something."""
    steps = Steps(request.steps, old=request.old_prompt_editing)
    positive, negative = read_prompt(request.prompt), read_negative_prompt(request.negative_prompt)
    lines = [[part.over(steps) for part in prompt.parts] for prompt in (positive, negative)]
    said = [[weighted(line.entries[0], request.emphasis) for line in part] for part in lines]
    texts = [" ".join("".join(" " if one.ends_chunk else one.text for one in segments).strip() for segments in part) for part in said]
    changing = any(len(line.entries) > 1 for part in lines for line in part) or len(positive.parts) > 1
    marked = any(one.weight != 1 or one.ends_chunk for part in said for segments in part for one in segments)
    return texts[0], texts[1], changing or marked
