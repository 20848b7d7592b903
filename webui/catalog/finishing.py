"""Models that steps of a finishing chain work with, found by the names in a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from webui.catalog.detect import Kind
from webui.catalog.models import ModelCatalog, ModelFile
from webui.catalog.upscalers import UPSCALER, find_upscaler_model, knows_upscaler
from webui.errors import AdapterUnusable, InvalidRequest
from webui.generation.finishing import AnyStep, FinishingStep

WHERE_FROM: Mapping[str, str] = MappingProxyType(
    {
        "face_restorer": "Put a GFPGAN, a CodeFormer or a RestoreFormer (GFPGANv1.4.pth, codeformer.pth) into models/face_restorers; "
        "it appears here by itself.",
        "cut_out": "Put a U²-Net or an IS-Net (u2net.pth, isnet-general-use.pth) into models/cut_out; it appears here by itself.",
    }
)
"""Kind of models -> which file to put where, for kinds that Easel brings none of."""


def models_for(models: ModelCatalog, kind: str) -> list[str]:
    """Names of the models of that kind that can be used."""
    return [model.name for model in usable_models(models, kind)]


def usable_models(models: ModelCatalog, kind: str) -> list[ModelFile]:
    """The same, whole. What only lies in their folder isn't among them: other programs keep their face finders beside face restorers."""
    sound = [model for model in models.select([kind]) if not model.facts.problem]
    return sound if kind == UPSCALER else [model for model in sound if model.kind.kind == kind]


def find_step_models(models: ModelCatalog, steps: Sequence[AnyStep]) -> tuple[AnyStep, ...]:
    """The steps with the names of those models that they will work with; an empty name is the first one there is.

    Raises InvalidRequest for one that isn't there.
    """
    return tuple(_with_models(models, step, number) for number, step in enumerate(steps))


def _with_models(models: ModelCatalog, step: AnyStep, number: int) -> AnyStep:
    changes: dict[str, str] = {}
    for field, (kind, name) in _named(step).items():
        place = f"finishing[{number}].{field}"
        digest = getattr(step, f"{field}_hash", "")
        model = find_upscaler_model(models, name, place, digest) if kind == UPSCALER else _required(models, kind, name, place, step.doing)
        changes[field] = model.name
        if hasattr(step, f"{field}_hash"):
            changes[f"{field}_hash"] = models.short_hash(model)
        if hasattr(step, "architecture"):
            changes["architecture"] = model.kind.version
    return step.model_copy(update=changes) if changes else step


def _named(step: FinishingStep) -> dict[str, tuple[str, str]]:
    """Field -> kind and name of a model."""
    extras = {field: type(step).model_fields[field].json_schema_extra for field in step.models()}
    kinds = {field: str(extra["of_models"]) for field, extra in extras.items() if isinstance(extra, dict) and "of_models" in extra}
    return {field: (kinds[field], name) for field, name in step.models().items()}


def _required(models: ModelCatalog, kind: str, name: str, field: str, doing: str) -> ModelFile:
    found = _find(models, kind, name)
    if found is not None:
        return found
    there = models_for(models, kind)
    words = f"There is no model called {name[:80]!r}." if name else f"{doing} needs a model, and none is here yet."
    raise InvalidRequest(
        words, field=field, allowed=", ".join(there[:20]) or None, hint=WHERE_FROM.get(kind, "Pick one of those that are here.")
    )


def _find(models: ModelCatalog, kind: str, name: str) -> ModelFile | None:
    """The model of that name, or else the first one of the architecture that is called so; of no name the first one there is."""
    usable = usable_models(models, kind)
    found = models.find(name, frozenset((cast(Kind, kind),))) if name else None
    if found is not None and found in usable:
        return found
    return next((model for model in usable if name.strip().casefold() in ("", model.kind.version.casefold())), None)


def missing_models(models: ModelCatalog, step: FinishingStep) -> list[str]:
    """Names of the models of a step that aren't here; empty for one that has no name, of a kind of which there is none."""
    named = _named(step).values()
    return [name for kind, name in named if not (knows_upscaler(models, name) if kind == UPSCALER else _find(models, kind, name))]


def has_step_models(models: ModelCatalog, steps: Sequence[AnyStep]) -> bool:
    """Whether all models that the steps name are here."""
    return not any(missing_models(models, step) for step in steps)


def step_paths(models: ModelCatalog, steps: Sequence[AnyStep]) -> tuple[dict[str, str], ...]:
    """Of each resolved step its fields that name a model -> the file. Raises AdapterUnusable when one is gone."""
    return tuple(
        {field: _path(models, kind, name, getattr(step, f"{field}_hash", "")) for field, (kind, name) in _named(step).items()}
        for step in steps
    )


def _path(models: ModelCatalog, kind: str, name: str, digest: str) -> str:
    found = _find(models, kind, name) or (_find(models, kind, digest) if digest else None)
    if found is None:
        raise AdapterUnusable(f"{name} is not there any more.", hint="Put it back, or choose another one.")
    return str(found.path)
