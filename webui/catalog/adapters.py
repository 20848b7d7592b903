"""The adapters that a request names, found among the models: their files and hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from webui.catalog.checkpoints import Checkpoint
from webui.catalog.detect import Kind
from webui.catalog.models import ModelCatalog, ModelFile, names_of
from webui.errors import AdapterUnusable, InvalidRequest
from webui.generation.adapters import (
    VAE_AUTOMATIC,
    VAE_NONE,
    FoundAdapters,
    UsedEmbedding,
    UsedLora,
    loras_named,
    other_networks_named,
    words_named,
)
from webui.generation.job import EmbeddingUse, LoraUse
from webui.generation.prompt.reading import LORA_KINDS
from webui.generation.request import GenerationRequest, ResolvedRequest

LORA_DIGITS, EMBEDDING_DIGITS = 12, 12

_SPOILED_BY: Mapping[Kind, frozenset[str]] = {"lora": frozenset("<>:#\n"), "embedding": frozenset("()[]<>:\\|#{}\n")}
"""Kinds that a prompt names -> signs that end a name there, or mean something else than themselves."""

_LORA, _EMBEDDING, _VAE = frozenset(("lora",)), frozenset(("embedding",)), frozenset(("vae",))


def knows_network(models: ModelCatalog, kind: str, name: str) -> bool | None:
    """Whether the model that a tag of a prompt names is there; None for kinds of networks that Easel does not use."""
    return models.find(name, _LORA) is not None if kind in LORA_KINDS else None


def prompt_name(models: ModelCatalog, model: ModelFile) -> str | None:
    """How a prompt names a LoRA (in its tag) or an embedding (as a word): a name that means this one and no other.

    None for all other kinds, and where all its names hold signs that mean something in a prompt and its hash is not known yet.
    """
    if model.role not in _SPOILED_BY:
        return None
    # A word of an embedding is looked for by the name that lists it, and by no other.
    names = [model.name] if model.role == "embedding" else [model.name, model.relative.removesuffix(model.path.suffix), model.relative]
    spoiled = _SPOILED_BY[model.role]
    fitting = [name for name in names if name == name.strip() and not spoiled & set(name) and _means(models, name, model)]
    if fitting or model.role == "embedding":
        return next(iter(fitting), None)
    hashes = models.hashes(model)
    return (hashes.data_short or hashes.short) if hashes else None


def prompt_names(models: ModelCatalog, model: ModelFile) -> list[str]:
    """All names, in lower case, by which a prompt means this LoRA or embedding; none for other kinds."""
    if model.role not in _SPOILED_BY:
        return []
    if model.role == "embedding":
        return [model.name.casefold()]
    hashes = models.hashes(model)
    digests = [digest for digest in (hashes.short, hashes.sha256, hashes.data_short) if digest] if hashes else []
    return [*sorted(name for name in names_of(model) if _means(models, name, model)), *digests]


def _means(models: ModelCatalog, name: str, model: ModelFile) -> bool:
    found = models.find(name, frozenset((model.role,)))
    return found is not None and found.id == model.id


def vae_choices(models: ModelCatalog) -> list[str]:
    """What a request's VAE can be: the two words for none of one's own choice, then each by name."""
    return [VAE_AUTOMATIC, VAE_NONE, *(model.name for model in models.select(_VAE) if not model.facts.problem)]


def find_adapters(models: ModelCatalog, request: GenerationRequest, checkpoint: Checkpoint) -> tuple[FoundAdapters, tuple[str, ...]]:
    """What the request names beside its checkpoint, and notes about what isn't there: the picture is made without it.

    Raises InvalidRequest for a VAE that isn't there, AdapterUnusable for files that can't be read.
    """
    notes: list[str] = []
    loras = tuple(_loras(models, request.prompt, notes))
    words = words_named((request.prompt, request.negative_prompt), [model.name for model in models.select(_EMBEDDING)])
    embeddings = tuple(_embedding(models, word) for word in words)
    vae, digest = _vae(models, request.vae, checkpoint)
    return FoundAdapters(loras, embeddings, vae, digest), tuple(notes)


def paths_of(
    models: ModelCatalog, request: ResolvedRequest, checkpoint: Checkpoint
) -> tuple[tuple[LoraUse, ...], tuple[EmbeddingUse, ...], str]:
    """Where the adapters of a resolved request lie: LoRAs, embeddings, the VAE ("" for none). Raises AdapterUnusable when one is gone."""
    loras = tuple(
        LoraUse(used.name, str(_again(models, used.name, used.hash, _LORA, "LoRA")), used.text_encoder_weight, used.unet_weight)
        for used in request.loras
    )
    embeddings = tuple(
        EmbeddingUse(used.name, str(_again(models, used.name, used.hash, _EMBEDDING, "embedding"))) for used in request.embeddings
    )
    if request.vae in (VAE_NONE, VAE_AUTOMATIC):
        return loras, embeddings, ""
    beside = checkpoint.vae is not None and checkpoint.vae.name == request.vae
    vae = checkpoint.vae if beside else _again(models, request.vae, request.vae_hash, _VAE, "VAE")
    return loras, embeddings, str(vae)


def _loras(models: ModelCatalog, prompt: str, notes: list[str]) -> Iterator[UsedLora]:
    for tag in loras_named(prompt):
        model = models.find(tag.name, _LORA)
        if model is None:
            notes.append(f"There is no LoRA called {tag.name[:80]!r}; the picture is made without it.")
            continue
        hashes = models.hash_now(_sound(model))
        digest = (hashes.data or hashes.sha256)[:LORA_DIGITS]
        yield UsedLora(name=tag.name, hash=digest, text_encoder_weight=tag.text_encoder_weight, unet_weight=tag.unet_weight)
    for tag in other_networks_named(prompt):
        notes.append(f"<{tag.kind[:40]}:...> in the prompt is left out: Easel knows <lora:name:weight>.")


def _embedding(models: ModelCatalog, name: str) -> UsedEmbedding:
    model = models.find(name, _EMBEDDING)
    assert model is not None, "it was among those listed"
    return UsedEmbedding(name=name, hash=models.hash_now(_sound(model)).sha256[:EMBEDDING_DIGITS])


def _vae(models: ModelCatalog, asked: str, checkpoint: Checkpoint) -> tuple[str, str]:
    """Name and hash of the VAE to put in; (VAE_NONE, "") for the checkpoint's own."""
    plain = asked.strip().casefold()
    if plain == VAE_NONE.casefold() or (plain == VAE_AUTOMATIC.casefold() and checkpoint.vae is None):
        return VAE_NONE, ""
    if plain == VAE_AUTOMATIC.casefold():
        model = next((model for model in models.all() if model.path == checkpoint.vae), None)
    else:
        model = models.find(asked, _VAE)
    if model is None:
        known = [model.path.name for model in models.select(_VAE)]
        raise InvalidRequest(
            f"There is no VAE called {asked[:80]!r}.",
            field="vae",
            allowed=", ".join([VAE_AUTOMATIC, VAE_NONE, *known[:20]]),
            hint="Pick one of the known ones, or put yours into models/vae.",
        )
    return model.path.name, models.hash_now(_sound(model)).short


def _sound(model: ModelFile) -> ModelFile:
    if model.facts.problem:
        raise AdapterUnusable(f"{model.name} can't be used: {model.facts.problem}", hint=model.facts.hint)
    return model


def _again(models: ModelCatalog, name: str, digest: str, kinds: frozenset[str], title: str) -> Path:
    """The file of that name, or where it was renamed, of that hash."""
    model = models.find(name, kinds) or (models.find(digest, kinds) if digest else None)  # type: ignore[arg-type]
    if model is None:
        raise AdapterUnusable(f"The {title} {name[:80]} is not there any more.", hint="Put it back, or leave it out of the prompt.")
    return model.path
