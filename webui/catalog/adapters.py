"""The adapters that a request names, found among the models: their files and hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from webui.catalog.checkpoints import Checkpoint
from webui.catalog.detect import FACE_ID, Kind, ModelKind, image_encoder_title
from webui.catalog.models import KIND_TITLES, ModelCatalog, ModelFile, names_of
from webui.catalog.usable import FAMILY_TITLES
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
from webui.generation.control import IP_ADAPTER, ControlKind, ControlUnit
from webui.generation.job import ControlUse, EmbeddingUse, LoraUse
from webui.generation.prompt.reading import LORA_KINDS
from webui.generation.request import DrawnRequest, ResolvedDrawn, ResolvedTxt2Img, Txt2Img

LORA_DIGITS, EMBEDDING_DIGITS = 12, 12

_SPOILED_BY: Mapping[Kind, frozenset[str]] = {"lora": frozenset("<>:#\n"), "embedding": frozenset("()[]<>:\\|#{}\n")}
"""Kinds that a prompt names -> signs that end a name there, or mean something else than themselves."""

_LORA, _EMBEDDING, _VAE = frozenset(("lora",)), frozenset(("embedding",)), frozenset(("vae",))
_IMAGE_ENCODER = frozenset(("image_encoder",))
CONTROL_FOLDERS: Mapping[ControlKind, str] = {"controlnet": "models/controlnet", "ip_adapter": "models/ip_adapter"}
"""Kinds of models of a control -> where to put one."""

CONTROL_FAMILIES = frozenset(("sd1", "sd2", "sdxl"))
"""Families of checkpoints that ControlNets and IP-Adapters steer."""


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


def embedding_sizes(models: ModelCatalog, checkpoint: Checkpoint) -> dict[str, int]:
    """The embeddings that a checkpoint can read, with how many tokens each counts."""
    family = next((model.kind.family for model in models.all() if model.path == checkpoint.path), "")
    return {
        model.name: model.kind.vectors
        for model in models.select(_EMBEDDING)
        if model.kind.vectors and not model.facts.problem and (not family or model.kind.family in ("", family))
    }


def near_names(models: ModelCatalog, kind: str, name: str) -> list[str]:
    """Names of LoRAs or embeddings that are nearly `name`, the nearest first. kind: "lora" or "embedding"."""
    names = {model.name.casefold(): model.name for model in models.select((kind,)) if not model.facts.problem}
    return [names[found] for found in get_close_matches(name.casefold(), names, n=3, cutoff=_NEAR[kind])]


_NEAR = {"lora": 0.6, "embedding": 0.8}
"""How alike names must be, from 0 to 1 (difflib). Words of a prompt are more often meant as they are than the name in a tag."""


def vae_choices(models: ModelCatalog) -> list[str]:
    """What a request's VAE can be: the two words for none of one's own choice, then each by name."""
    return [VAE_AUTOMATIC, VAE_NONE, *(model.name for model in models.select(_VAE) if not model.facts.problem)]


def find_adapters(models: ModelCatalog, request: DrawnRequest, checkpoint: Checkpoint) -> tuple[FoundAdapters, tuple[str, ...]]:
    """What the request names beside its checkpoint, and notes about what isn't there: the picture is made without it.

    Raises InvalidRequest for a VAE or a control's model that isn't there, AdapterUnusable for files that can't be read or don't fit.
    """
    notes: list[str] = []
    loras = tuple(_loras(models, request.prompt, request.region_prompts, notes))
    hires_prompt = request.hires_prompt if isinstance(request, Txt2Img) and request.hires else ""
    hires_loras = tuple(_loras(models, hires_prompt, request.region_prompts, notes)) if hires_prompt else ()
    words = words_named(request.texts, [model.name for model in models.select(_EMBEDDING)])
    embeddings = tuple(_embedding(models, word) for word in words)
    vae, digest = _vae(models, request.vae, checkpoint)
    controls = tuple(_controls(models, request, checkpoint))
    return FoundAdapters(loras, hires_loras, embeddings, vae, digest, controls), tuple(dict.fromkeys(notes))


@dataclass(frozen=True)
class AdapterPaths:
    """Where the adapters of a request lie. vae: "" for the checkpoint's own. hires_loras: of the hires prompt.

    controls: the models of its controls.
    """

    loras: tuple[LoraUse, ...]
    hires_loras: tuple[LoraUse, ...]
    embeddings: tuple[EmbeddingUse, ...]
    vae: str
    controls: tuple[ControlUse, ...]


def paths_of(models: ModelCatalog, request: ResolvedDrawn, checkpoint: Checkpoint) -> AdapterPaths:
    """Where the adapters of a resolved request lie. Raises AdapterUnusable when one is gone."""
    loras, hires_loras = (
        tuple(
            LoraUse(used.name, str(_again(models, used.name, used.hash, _LORA, "LoRA").path), used.text_encoder_weight, used.unet_weight)
            for used in several
        )
        for several in (request.loras, request.hires_loras if isinstance(request, ResolvedTxt2Img) else ())
    )
    embeddings = tuple(
        EmbeddingUse(used.name, str(_again(models, used.name, used.hash, _EMBEDDING, "embedding").path)) for used in request.embeddings
    )
    controls = tuple(_control_use(models, unit) for unit in request.controls)
    if request.vae in (VAE_NONE, VAE_AUTOMATIC):
        return AdapterPaths(loras, hires_loras, embeddings, "", controls)
    beside = checkpoint.vae is not None and checkpoint.vae.name == request.vae
    vae = checkpoint.vae if beside else _again(models, request.vae, request.vae_hash, _VAE, "VAE").path
    return AdapterPaths(loras, hires_loras, embeddings, str(vae), controls)


def _loras(models: ModelCatalog, prompt: str, regions: Sequence[str], notes: list[str]) -> Iterator[UsedLora]:
    """Those that a prompt names, and those that prompts of regions name beyond, for each acts on the whole picture."""
    tags = list(loras_named(prompt))
    for tag in (tag for text in regions for tag in loras_named(text)):
        tags += [tag] if tag.name not in [other.name for other in tags] else []
    for tag in tags:
        model = models.find(tag.name, _LORA)
        if model is None:
            notes.append(f"There is no LoRA called {tag.name[:80]!r}; the picture is made without it.")
            continue
        hashes = models.hash_now(_sound(model))
        digest = (hashes.data or hashes.sha256)[:LORA_DIGITS]
        yield UsedLora(name=tag.name, hash=digest, text_encoder_weight=tag.text_encoder_weight, unet_weight=tag.unet_weight)
    for tag in (tag for text in (prompt, *regions) for tag in other_networks_named(text)):
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


def control_models(models: ModelCatalog, family: str = "") -> list[ModelFile]:
    """ControlNets and IP-Adapters that are sound; with a family only those that may fit it, and those that tell their own first."""
    fitting = [
        model
        for model in models.select(CONTROL_FOLDERS)
        if not model.facts.problem and model.kind.family in CONTROL_FAMILIES | {""} and (not family or model.kind.family in ("", family))
    ]
    return sorted(fitting, key=lambda model: not model.kind.family)


def what_lacks(models: ModelCatalog, model: ModelFile) -> AdapterUnusable | None:
    """Why an IP-Adapter can't be used although it is sound: what it needs beside itself is not here."""
    if model.role != IP_ADAPTER or image_encoder_of(models, model.kind) is not None:
        return None
    if model.kind.version == FACE_ID:
        return AdapterUnusable(
            f"The IP-Adapter {model.name} is made for FaceID: it needs a face recognition model (InsightFace), which Easel doesn't have.",
            hint="Pick an IP-Adapter that is not for FaceID; those called plus-face look at faces, too.",
        )
    title = image_encoder_title(model.kind.image_tokens, model.kind.image_answer)
    widths = f"tokens {model.kind.image_tokens} wide" if model.kind.image_tokens else f"an answer {model.kind.image_answer} wide"
    return AdapterUnusable(
        f"The IP-Adapter {model.name} needs the image encoder {title or f'with {widths}'}, which is not here.",
        hint=f"Put it into models/clip_vision{f' ({_PUBLISHED_AS[title]})' if title in _PUBLISHED_AS else ''}.",
    )


_PUBLISHED_AS: Mapping[str, str] = {
    "CLIP ViT-H": "as published: models/image_encoder/model.safetensors of h94/IP-Adapter, or CLIP-ViT-H-14-laion2B-s32B-b79K",
    "CLIP ViT-bigG": "as published: sdxl_models/image_encoder/model.safetensors of h94/IP-Adapter, or CLIP-ViT-bigG-14-laion2B-39B-b160k",
    "CLIP ViT-L": "as published: openai/clip-vit-large-patch14",
}


def image_encoder_of(models: ModelCatalog, adapter: ModelKind) -> ModelFile | None:
    """The image encoder that says what an IP-Adapter reads, told by its width; the first one that is sound."""
    wanted = (adapter.image_tokens, adapter.image_answer)
    sound = (model for model in models.select(_IMAGE_ENCODER) if not model.facts.problem)
    return next((model for model in sound if any(wanted) and _answers(model.kind, *wanted)), None)


def _answers(encoder: ModelKind, tokens: int, answer: int) -> bool:
    return tokens in (0, encoder.image_tokens) and answer in (0, encoder.image_answer)


def _controls(models: ModelCatalog, request: DrawnRequest, checkpoint: Checkpoint) -> Iterator[ControlUnit]:
    family = checkpoint.kind.family
    if request.controls and family and family not in CONTROL_FAMILIES:
        raise AdapterUnusable(
            f"{checkpoint.name} can't be steered by pictures: it is a checkpoint of the family {FAMILY_TITLES.get(family, family)}.",
            field="controls",
            allowed=", ".join(FAMILY_TITLES[known] for known in sorted(CONTROL_FAMILIES)),
            hint="Pick a checkpoint of one of these families, or leave Control out.",
        )
    for number, unit in enumerate(request.controls):
        model = _control_model(models, unit, f"controls[{number}].model", family)
        yield unit.model_copy(update={"model": model.name}).resolved(models.hash_now(model).short)


def _control_model(models: ModelCatalog, unit: ControlUnit, field: str, family: str) -> ModelFile:
    kinds, title = frozenset[Kind]((unit.kind,)), KIND_TITLES[unit.kind]
    model = models.find(unit.model, kinds) or (models.find(unit.hash, kinds) if unit.hash else None)
    if model is None:
        raise _no_such_control(models, unit, field, family)
    if model.facts.problem:
        raise AdapterUnusable(f"{model.name} can't be used: {model.facts.problem}", field=field, hint=model.facts.hint)
    if model.kind.family and family and model.kind.family != family:
        raise AdapterUnusable(
            f"The {title} {model.name} is made for {FAMILY_TITLES.get(model.kind.family, model.kind.family)}.",
            field=field,
            allowed=f"those made for {FAMILY_TITLES.get(family, family)}",
            hint="Pick one of the checkpoint's family.",
        )
    lacks = what_lacks(models, model)
    if lacks is not None:
        lacks.field = field
        raise lacks
    return model


def _no_such_control(models: ModelCatalog, unit: ControlUnit, field: str, family: str) -> InvalidRequest:
    title = KIND_TITLES[unit.kind]
    other = models.find(unit.model, frozenset(CONTROL_FOLDERS))
    if other is not None:
        return InvalidRequest(
            f"{other.name} is no {title}: it is a model of the kind {other.role}.",
            field=field.replace(".model", ".kind"),
            allowed=other.role,
            hint=f"Set kind to {other.role}.",
        )
    known = [one.name for one in control_models(models, family) if one.role == unit.kind]
    return InvalidRequest(
        f"There is no {title} called {unit.model[:80]!r}.",
        field=field,
        allowed=", ".join(known[:20]) or "none is here yet",
        hint=f"Pick one of these, or put yours into {CONTROL_FOLDERS[unit.kind]}.",
    )


def _control_use(models: ModelCatalog, unit: ControlUnit) -> ControlUse:
    model = _again(models, unit.model, unit.hash, frozenset((unit.kind,)), KIND_TITLES[unit.kind])
    if unit.kind != IP_ADAPTER:
        return ControlUse(str(model.path))
    encoder = image_encoder_of(models, model.kind)
    lacks = what_lacks(models, model)
    if encoder is None:
        raise lacks or AdapterUnusable(f"The IP-Adapter {model.name} can't be used any more.")
    return ControlUse(str(model.path), str(encoder.path))


def _sound(model: ModelFile) -> ModelFile:
    if model.facts.problem:
        raise AdapterUnusable(f"{model.name} can't be used: {model.facts.problem}", hint=model.facts.hint)
    return model


def _again(models: ModelCatalog, name: str, digest: str, kinds: frozenset[Kind], title: str) -> ModelFile:
    """The model of that name, or where it was renamed, of that hash."""
    model = models.find(name, kinds) or (models.find(digest, kinds) if digest else None)
    if model is None:
        raise AdapterUnusable(f"The {title} {name[:80]} is not there any more.", hint="Put it back, or leave it out.")
    return model
