"""What decides the bytes of a picture: its request, and besides that the facts in here. By them a replay says why it came out otherwise.

And the signature of a request: two requests that have the same one make the same picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from webui.generation.attention import XFORMERS
from webui.generation.diff import KIND_WORDS, diff, silent_fields
from webui.generation.finishing import UpscaleStep
from webui.generation.request import MAX_SEED, ResolvedDrawn, ResolvedRequest, ResolvedTxt2Img, ResolvedUpscale, upscaler_model_of

Fingerprint = Mapping[str, str]
"""Fact -> its value in words."""

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "easel": "Easel",
        "source": "Easel's program",
        "device": "Device",
        "dtype": "Dtype",
        "vae_dtype": "Dtype of the VAE",
        "attention": "Attention",
        "threads": "CPU threads",
        "pictures": "Pictures drawn at once",
        "rows": "Prompts asked at once",
        "vae": "VAE's way",
        "pipeline": "Pipeline",
        "retried": "Drawn again because",
        "file": "File format",
    }
)
"""Facts that are the same for every request. Beside them are "versions.<library>" and "models.<kind>.<name>"."""

FILE = "file"
"""The fact that says how a picture was saved: its format, and the quality of a lossy one."""

_MODELS = "models."
_VERSIONS = "versions."
_KERNELS = f"{_VERSIONS}{XFORMERS}"


@dataclass(frozen=True)
class FactChange:
    """A fact that is another one now. fact: its name here, or the field of the request."""

    fact: str
    label: str
    before: str
    after: str


def fingerprint(request: ResolvedRequest, facts: Mapping[str, Any], *, easel: str) -> dict[str, str]:
    """The fingerprint of a picture. facts: what its worker told, and how it was saved. easel: our version."""
    return {"easel": easel, **facts_of(facts), **{f"{_MODELS}{kind}.{name}": digest for kind, name, digest in models_of(request)}}


def facts_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """The part of a fingerprint that the facts of a picture tell; what they leave out isn't known."""
    told = {
        name: str(facts[name])
        for name in ("source", "device", "dtype", "attention", "threads", "pictures", "pipeline", FILE)
        if name in facts
    }
    plan = facts.get("memory", {}).get("plan", {}) if isinstance(facts.get("memory"), Mapping) else {}
    told |= {name: str(plan[name]) for name in ("rows", "vae") if name in plan}
    if "dtype" in told:
        told |= {"vae_dtype": str(facts.get("vae_dtype", told["dtype"])), "retried": str(facts.get("retried", "–"))}
    versions = facts.get("versions", {})
    return told | {f"{_VERSIONS}{library}": str(version) for library, version in sorted(versions.items())}


def models_of(request: ResolvedRequest) -> Iterator[tuple[str, str, str]]:
    """(kind, name, hash) of each model file that a request works with."""
    if not isinstance(request, ResolvedUpscale):
        yield from _drawing_models(request)
    for step in request.finishing:
        for field, name in step.models().items():
            digest = getattr(step, f"{field}_hash", "") if isinstance(step, UpscaleStep) else ""
            yield _KIND_OF_STEP.get(step.step, step.step), name, digest


_KIND_OF_STEP = {"upscale": "upscaler", "cut out": "model that cuts out"}


def _drawing_models(request: ResolvedDrawn) -> Iterator[tuple[str, str, str]]:
    yield "checkpoint", request.checkpoint, request.checkpoint_hash
    if request.vae_hash:
        yield "VAE", request.vae, request.vae_hash
    if request.other_refiner is not None:
        yield "refiner", request.refiner, request.refiner_hash
    enlarges = upscaler_model_of(request)
    if enlarges is not None:
        field, name = enlarges
        yield "upscaler", name, getattr(request, f"{field}_hash")
    if isinstance(request, ResolvedTxt2Img):
        if request.other_hires_checkpoint is not None:
            yield "hires checkpoint", request.hires_checkpoint, request.hires_checkpoint_hash
        for lora in request.hires_loras:
            yield "LoRA", lora.name, lora.hash
    for lora in request.loras:
        yield "LoRA", lora.name, lora.hash
    for embedding in request.embeddings:
        yield "embedding", embedding.name, embedding.hash
    for unit in request.controls:
        yield "Control model", unit.model, unit.hash


def changed_facts(
    before: Fingerprint, after: Fingerprint, request: ResolvedRequest | None = None, now: ResolvedRequest | None = None
) -> tuple[FactChange, ...]:
    """Which facts are others, the most telling first; what one of both doesn't know is left out.

    request, now: what both ran, so that a parameter that is another one is named, too.
    """
    changed = [
        FactChange(fact, label_of(fact), before.get(fact, "–"), after.get(fact, "–"))
        for fact in sorted({*before, *after}, key=_importance)
        if before.get(fact) != after.get(fact) and _comparable(fact, before, after)
    ]
    if request is None or now is None:
        return tuple(changed)
    known = {change.fact.rpartition(".")[2] for change in changed if change.fact.startswith(_MODELS)}
    facts = {change.fact for change in changed}
    asked = diff(request, now)
    parameters = [
        FactChange(one.name, one.label, one.before, one.after)
        for one in asked.parameters
        if one.changed and one.name not in facts and not _told_as_model(one.name, known)
    ]
    prompts = [FactChange(one.field, one.label, "", "") for one in asked.prompts if one.changed]
    return (*prompts, *parameters, *changed)


def _comparable(fact: str, before: Fingerprint, after: Fingerprint) -> bool:
    # A model that only one of them has is a change; a fact that one of them never wrote down is none.
    if fact == _KERNELS:
        return any(one.get("attention") == XFORMERS for one in (before, after))
    return fact.startswith(_MODELS) or (fact in before and fact in after)


def _told_as_model(name: str, models: set[str]) -> bool:
    """Whether a parameter is the hash of a model that is told of already."""
    return bool(models) and ("hash" in name or name.partition(".")[0] in ("loras", "hires_loras", "embeddings"))


def label_of(fact: str) -> str:
    """A fact's name in words."""
    if fact.startswith(_MODELS):
        kind, _, name = fact.removeprefix(_MODELS).partition(".")
        return f"File of the {kind} {name}"
    if fact.startswith(_VERSIONS):
        return fact.removeprefix(_VERSIONS)
    return LABELS.get(fact, fact)


def _importance(fact: str) -> tuple[int, str]:
    order = list(LABELS)
    if fact.startswith(_MODELS):
        return 0, fact
    if fact in ("easel", "source"):
        return 3, fact
    return (1, f"{order.index(fact):02}") if fact in order else (2, fact)


# --- Signatures ---

MOST_BEFORE = 64
"""Pictures of an earlier job in front of the one that a new job would begin with, that are thought of."""

_OF_ONE = {"seed", "variation_seed", "batch_count", "batch_size", "init_name", "styles"}
"""Fields that don't say what a picture is: which ones of a row they are, or mere names."""

_TOLD_OF_SOURCE = {"source_infotext", "source_prompt", "source_negative_prompt"}


def signature(request: ResolvedRequest) -> bytes:
    """32 bytes that two requests share only if their first pictures are the same ones."""
    return _Recipe(request).signature(0)


def signatures_near(request: ResolvedRequest) -> dict[bytes, int]:
    """Signature -> by how many pictures an earlier job with that one began before this request does (negative: it began within it)."""
    recipe, count = _Recipe(request), request.picture_count
    if isinstance(request, ResolvedUpscale) or recipe.rounds > 1:
        return {recipe.signature(0): 0}
    return {recipe.signature(-before): before for before in range(MOST_BEFORE, -count, -1)}


class _Recipe:
    """All of a request but which pictures of a row it makes. What is as usual is left out, so that new fields change nothing."""

    def __init__(self, request: ResolvedRequest) -> None:
        left_out = _OF_ONE | _TOLD_OF_SOURCE | silent_fields(request)
        fields = request.model_dump(mode="json", exclude=left_out, exclude_defaults=True) | {"kind": request.kind}
        self._hash = hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=True).encode())
        self._request = request
        self.rounds = len(request.rounds)

    def signature(self, index: int) -> bytes:
        """Of the picture so many places after the request's first one."""
        seeds = (None, None) if isinstance(self._request, ResolvedUpscale) else _seeds(self._request, index)
        own = self._hash.copy()
        own.update(json.dumps(seeds).encode())
        return own.digest()


def _seeds(request: ResolvedDrawn, index: int) -> tuple[int, int]:
    """Seed and variation seed of the picture so many places after the first one."""
    varied = request.variation_strength > 0
    seed, variation = request.seed + (0 if varied else index), request.variation_seed + (index if varied else 0)
    return seed % (MAX_SEED + 1), variation % (MAX_SEED + 1) if varied else 0


def wanted_seeds(request: ResolvedRequest) -> Sequence[tuple[int | None, int]]:
    """Seed and variation seed of each picture that a request makes, by which it is found among those of an earlier job."""
    if isinstance(request, ResolvedUpscale):
        return [(None, 0)]
    return [_seeds(request, index) for index in range(request.picture_count)]


def made_by(request: ResolvedRequest) -> str:
    """What made a picture, in a word or two: "txt2img", "Inpaint", "Upscale 4 ×"."""
    words = KIND_WORDS[request.kind]
    if not isinstance(request, ResolvedUpscale):
        return f"{words}, hires" if request.enlargement is not None else words
    before, after = request.picture_size, request.finished_size
    enlarged = next((step for step in request.finishing if isinstance(step, UpscaleStep)), None)
    return "Finish" if enlarged is None else f"{words} {round(after[0] / before[0], 2):g} ×"
