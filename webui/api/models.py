"""Routes of model files: what there is, what is known about each, its preview."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from webui.api import answers
from webui.api.problems import PREFIX, new_router, problems
from webui.catalog.checkpoints import CheckpointCatalog
from webui.catalog.detect import Kind
from webui.catalog.header import readable
from webui.catalog.models import DRAWS, ModelFile

Search = Annotated[str, Query(max_length=200, description="Words that name, path or alias must hold.")]
Family = Annotated[str, Query(max_length=40, description="Only models of that family.")]
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="How many to pass over: `next` of the page before.")]
Kinds = Annotated[list[Kind] | None, Query(description="Only these kinds; may be given several times.")]


_LAST_SECOND = 253_402_300_799
"""Of the year 9999: files from damaged disks can claim to be younger."""


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(min(max(nanoseconds / 1e9, 0), _LAST_SECOND), UTC).isoformat()


def build_model_router(catalog: CheckpointCatalog) -> APIRouter:
    """Routes below /models."""
    router = new_router("models")
    models = catalog.models

    def answer(model: ModelFile) -> dict[str, Any]:
        checkpoint = catalog.of_model(model.id) if model.role in DRAWS else None
        hashes, kind, facts = models.hashes(model), model.kind, model.facts
        short = models.folder_hash(model.path) if model.is_folder else hashes.short if hashes else None
        return {
            "id": model.id,
            "name": model.name,
            "title": models.title(model),
            "file": model.relative,
            "kind": model.role,
            "family": kind.family,
            "version": kind.version,
            "variant": kind.variant,
            "prediction": kind.prediction,
            "network": kind.network,
            "form": facts.form,
            "dtype": facts.dtype,
            "parameters": facts.parameters,
            "bytes": model.size,
            "changed_at": _moment(model.mtime_ns),
            "pending": model.pending,
            "usable": checkpoint.usable if checkpoint else None,
            "problem": checkpoint.problem if checkpoint else facts.problem,
            "hint": checkpoint.hint if checkpoint else facts.hint,
            "notes": list(model.notes),
            "hash": short,
            "preview": f"{PREFIX}/models/{model.id}/preview" if model.preview else None,
        }

    @router.get("/models", response_model=answers.ModelList, responses=problems())
    def model_list(kind: Kinds = None, family: Family = "", search: Search = "", limit: Limit = 100, offset: Offset = 0) -> Any:
        """Models of all kinds in the folders' order; broken ones with their reason."""
        found = models.select(kind or (), family, search)
        end, progress = offset + limit, models.progress
        return {
            "items": [answer(model) for model in found[offset:end]],
            "total": len(found),
            "next": end if end < len(found) else None,
            "problems": list(models.problems),
            "pending": progress.pending,
            "hashed": progress.hashed,
            "to_hash": progress.to_hash,
        }

    @router.post("/models/refresh", response_model=answers.Refreshed, responses=problems(body=True))
    def refresh_models() -> Any:
        """Look at the model folders again. Easel does so by itself soon after something changed there."""
        return {"changed": models.refresh(), "total": len(models.all())}

    @router.get("/models/{model_id}", response_model=answers.ModelDetails, responses=problems(404))
    def model_details(model_id: str) -> Any:
        """All about one model: hashes, parts, trigger words, notes, metadata."""
        model = models.get(model_id)
        hashes, sidecar = models.hashes(model), models.sidecar(model)
        return answer(model) | {
            "path": readable(str(model.path)),
            "alias": model.facts.alias,
            "sha256": hashes.sha256 if hashes else None,
            "legacy_hash": hashes.legacy if hashes else None,
            "data_hash": hashes.data_short if hashes else None,
            "parts": [vars(part) for part in model.kind.parts],
            "missing": list(model.kind.missing),
            "trigger_words": list(sidecar.trigger_words),
            "training_tags": list(sidecar.training_tags),
            "weight": sidecar.weight,
            "description": sidecar.description,
            "note": sidecar.notes,
            "base_model": sidecar.base_model,
            "metadata": models.metadata(model),
        }

    @router.get(
        "/models/{model_id}/preview",
        response_class=FileResponse,
        responses={200: {"content": {"image/*": {}}, "description": "The picture."}, **problems(404)},
    )
    def model_preview(model_id: str) -> FileResponse:
        """The picture that lies beside a model, if it is a PNG, JPEG or WebP."""
        path, kind = models.preview_path(models.get(model_id))
        return FileResponse(path, media_type=kind, headers={"cache-control": "private, no-cache"})

    return router
