"""Rewrites prompts before the run: one variant of each {a|b|c}, one line of each __wildcard__. Offers the wildcards while one types.

Needs `request.extensions["dynamic-prompts"] = {"enabled": True}`. The choice follows the seed, so a
fixed seed gives the same words again; what was chosen stands in the infotext.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

from dynamicprompts.generators.randomprompt import RandomPromptGenerator
from dynamicprompts.wildcards import WildcardManager

from webui.extensions import hookimpl
from webui.generation.prompt.completion import Completion, rank
from webui.generation.request import RANDOM_SEED, GenerationRequest, Upscale

ID = "dynamic-prompts"
WILDCARDS = Path(__file__).resolve().parent.parent / "wildcards"

_OPENED = re.compile(r"__([\w/-]*)\Z")


def expand(text: str, seed: int) -> str:
    """One variant of `text`, chosen by `seed`. Text without variants or wildcards comes back unchanged."""
    if not any(mark in text for mark in ("{", "__", "$")):
        return text
    generated = RandomPromptGenerator(WildcardManager(WILDCARDS), seed=seed).generate(text, 1)
    return str(generated[0]) if generated else text


@hookimpl
def prepare(request: GenerationRequest) -> GenerationRequest | None:
    """Expand the prompts where the request asks for it; equal ones become equal words."""
    if isinstance(request, Upscale) or not request.extensions.get(ID, {}).get("enabled"):
        return None
    seed = request.seed if request.seed != RANDOM_SEED else random.SystemRandom().getrandbits(32)
    seeds = {"prompt": seed, "negative_prompt": seed + 1, "hires_prompt": seed, "hires_negative_prompt": seed + 1}
    texts = {name: expand(getattr(request, name), own) for name, own in seeds.items()}
    regions = tuple(region.model_copy(update={"prompt": expand(region.prompt, seed)}) for region in request.regions)
    return request.model_copy(update={**texts, "regions": regions})


@hookimpl
def complete(text: str) -> Iterator[Completion]:
    """The wildcards whose names hold what stands behind the last __, unless that one closes another."""
    opened = _OPENED.search(text)
    if opened is None or text[text.rfind("\n") + 1 :].count("__") % 2 == 0:
        return
    names = sorted(WildcardManager(WILDCARDS).get_collection_names())
    ranked = [(found, name) for name in names if (found := rank(name, opened[1])) is not None]
    for _, name in sorted(ranked):
        yield Completion("wildcard", name, f"__{name}__", opened[0], "wildcard")
