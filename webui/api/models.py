"""Routes of model files: what there is, what is known about each, what people say about it, and what is in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from webui.api import answers
from webui.api.jobs import REF, schema_of
from webui.api.person import Asker
from webui.api.problems import PREFIX, UnsupportedMedia, json_object, new_router, problems
from webui.catalog.adapters import prompt_name, prompt_names
from webui.catalog.checkpoints import NO_DEFAULTS
from webui.catalog.detect import Kind
from webui.catalog.header import readable
from webui.catalog.models import DRAWS, ModelFile
from webui.catalog.sidecar import MOST_WEIGHT, TEXT_LIMIT, WORD_LIMIT, WORDS_LIMIT
from webui.errors import InvalidRequest, NotFound
from webui.generation.request import Txt2Img
from webui.studio.studio import Studio

Search = Annotated[
    str, Query(max_length=200, description="Words that name, path, alias, family or trigger words must hold, or hashes begin with.")
]
Family = Annotated[str, Query(max_length=40, description="Only models of that family.")]
Folder = Annotated[str, Query(max_length=4000, description="Only models in that folder or below it, as `folder` says.")]
Usable = Annotated[bool | None, Query(description="true: only those without a problem; false: only those with one.")]
Sort = Annotated[
    Literal["folder", "name", "newest", "largest", "used"],
    Query(description="folder: in the folders' order; used: checkpoints whose last picture is youngest first."),
]
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="How many to pass over: `next` of the page before.")]
Kinds = Annotated[list[Kind] | None, Query(description="Only these kinds; may be given several times.")]

PREVIEW_TYPES = ("image/png", "image/jpeg", "image/webp")

_LAST_SECOND = 253_402_300_799
"""Of the year 9999: files from damaged disks can claim to be younger."""

_MOST_FOLDERS = 200

_TEXT = {"type": ["string", "null"], "maxLength": TEXT_LIMIT}
_WORDS = {"type": ["array", "null"], "maxItems": WORDS_LIMIT, "items": {"type": "string", "maxLength": WORD_LIMIT}}
_SAID = schema_of(
    {
        "type": "object",
        "properties": {
            "note": _TEXT,
            "description": _TEXT,
            "trigger_words": _WORDS,
            "weight": {"type": ["number", "null"], "minimum": -MOST_WEIGHT, "maximum": MOST_WEIGHT, "not": {"const": 0}},
            "insert_words": {"type": ["boolean", "null"], "description": "Whether the trigger words go into the prompt with it."},
            "defaults": {
                "type": ["object", "null"],
                "description": "Of a checkpoint: fields of a request that it is drawn with unless something else is asked for.",
                "properties": {
                    name: field
                    for name, field in Txt2Img.model_json_schema(ref_template=REF)["properties"].items()
                    if name not in NO_DEFAULTS
                },
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
    }
)
_PICTURE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_PREVIEW: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "string", "pattern": "^[0-9]{1,19}$", "description": "Id of a picture of the history."}
                    },
                    "required": ["image"],
                    "additionalProperties": False,
                }
            },
            **dict.fromkeys(PREVIEW_TYPES, _PICTURE),
        },
    }
}


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(min(max(nanoseconds / 1e9, 0), _LAST_SECOND), UTC).isoformat()


def build_model_router(studio: Studio) -> APIRouter:
    """Routes below /models."""
    router = new_router("models")
    catalog = studio.catalog
    models = catalog.models

    def problem_of(model: ModelFile) -> tuple[str, str]:
        checkpoint = catalog.of_model(model.id) if model.role in DRAWS else None
        return (checkpoint.problem, checkpoint.hint) if checkpoint else (model.facts.problem, model.facts.hint)

    def answer(model: ModelFile) -> dict[str, Any]:
        checkpoint = catalog.of_model(model.id) if model.role in DRAWS else None
        hashes, kind, facts, sidecar = models.hashes(model), model.kind, model.facts, models.sidecar(model)
        short = models.folder_hash(model.path) if model.is_folder else hashes.short if hashes else None
        problem, hint = problem_of(model)
        address = f"{PREFIX}/models/{model.id}"
        return {
            "id": model.id,
            "name": model.name,
            "title": models.title(model),
            "file": model.relative,
            "folder": model.folder,
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
            "problem": problem,
            "hint": hint,
            "notes": list(checkpoint.notes if checkpoint else model.notes),
            "hash": short,
            "preview": f"{address}/preview?v={_version(model)}" if model.preview else None,
            "thumbnail": f"{address}/thumbnail?v={_version(model)}" if model.preview else None,
            "trigger_words": list(sidecar.trigger_words),
            "insert_words": sidecar.insert_words,
            "weight": sidecar.weight,
            "note": sidecar.notes,
            "prompt_name": prompt_name(models, model),
            "prompt_names": prompt_names(models, model),
        }

    def details(model: ModelFile) -> dict[str, Any]:
        hashes, sidecar = models.hashes(model), models.sidecar(model)
        checkpoint = catalog.of_model(model.id)
        return answer(model) | {
            "path": readable(str(model.path)),
            "alias": model.facts.alias,
            "sha256": hashes.sha256 if hashes else None,
            "legacy_hash": hashes.legacy if hashes else None,
            "data_hash": hashes.data_short if hashes else None,
            "parts": [vars(part) for part in model.kind.parts],
            "missing": list(model.kind.missing),
            "training_tags": list(sidecar.training_tags),
            "description": sidecar.description,
            "base_model": sidecar.base_model,
            "metadata": models.metadata(model),
            "defaults": dict(checkpoint.defaults) if checkpoint else {},
            "own_defaults": dict(checkpoint.own_defaults) if checkpoint else {},
            "usual": studio.choices.usual_of(checkpoint) if checkpoint else {},
        }

    def found(kind: Sequence[Kind] | None, family: str, search: str, folder: str, usable: bool | None) -> list[ModelFile]:
        fitting = models.select(kind or (), family, search, folder)
        return fitting if usable is None else [model for model in fitting if (not problem_of(model)[0]) == usable]

    def ordered(fitting: list[ModelFile], sort: str) -> list[ModelFile]:
        used: Mapping[str, int] = studio.last_used() if sort == "used" else {}
        orders = {
            "name": lambda model: model.name.casefold(),
            "newest": lambda model: -model.mtime_ns,
            "largest": lambda model: -model.size,
            "used": lambda model: -used.get(model.name, 0),
        }
        return sorted(fitting, key=orders[sort]) if sort in orders else fitting

    @router.get("/models", response_model=answers.ModelList, responses=problems())
    def model_list(
        kind: Kinds = None,
        family: Family = "",
        search: Search = "",
        folder: Folder = "",
        usable: Usable = None,
        sort: Sort = "folder",
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Any:
        """Models of all kinds, broken ones with their reason; in the folders' order unless another one is asked for."""
        fitting = ordered(found(kind, family, search, folder, usable), sort)
        end, progress = offset + limit, models.progress
        return {
            "items": [answer(model) for model in fitting[offset:end]],
            "total": len(fitting),
            "next": end if end < len(fitting) else None,
            "problems": list(models.problems),
            "pending": progress.pending,
            "hashed": progress.hashed,
            "to_hash": progress.to_hash,
        }

    @router.get("/models/overview", response_model=answers.ModelOverview, responses=problems())
    def model_overview(search: Search = "") -> Any:
        """How many models there are of each kind that hold the words, and of which families and in which folders."""
        fitting = models.select(search=search)
        families: dict[str, Counter[str]] = {}
        folders: dict[str, Counter[str]] = {}
        for model in fitting:
            families.setdefault(model.role, Counter())[model.kind.family] += 1
            folders.setdefault(model.role, Counter())[model.folder] += 1
        unusable = Counter(model.role for model in fitting if problem_of(model)[0])
        return {
            "kinds": [
                {
                    "kind": kind,
                    "count": counts.total(),
                    "unusable": unusable[kind],
                    "families": dict(sorted((name, count) for name, count in counts.items() if name)),
                    "folders": dict(sorted(folders[kind].most_common(_MOST_FOLDERS))),
                }
                for kind, counts in families.items()
            ],
            "total": len(models.all()),
            "roots": [readable(str(root)) for root in models.roots],
        }

    @router.get("/models/memory", response_model=answers.ModelMemory, responses=problems())
    def model_memory() -> Any:
        """Which parts of checkpoints are in memory, where, and how large; a part that several share is there once."""
        return {"parts": studio.models.in_memory(), **studio.models.room()}

    @router.post("/models/refresh", response_model=answers.Refreshed, responses=problems(body=True))
    def refresh_models() -> Any:
        """Look at the model folders again. Easel does so by itself soon after something changed there."""
        return {"changed": models.refresh(), "total": len(models.all())}

    @router.post("/models/unload", status_code=204, responses=problems(body=True))
    def unload_all() -> None:
        """Let go of all weights, once what runs has ended. The next picture loads what it needs."""
        studio.models.unload()

    @router.get("/models/{model_id}", response_model=answers.ModelDetails, responses=problems(404))
    def model_details(model_id: str) -> Any:
        """All about one model: hashes, parts, trigger words, notes, metadata, a checkpoint's defaults."""
        return details(models.get(model_id))

    @router.patch("/models/{model_id}", response_model=answers.ModelDetails, responses=problems(404, 409, body=True), openapi_extra=_SAID)
    async def annotate_model(model_id: str, request: Request) -> Any:
        """Change what is said about a model, and the defaults of a checkpoint; null takes one out.

        It is written into name.json beside the model, as AUTOMATIC1111 has it; what was there before is kept in name.json.bak.
        """
        models.get(model_id)
        body = await json_object(request)
        return await to_thread.run_sync(lambda: details(catalog.annotate(model_id, body)))

    @router.post("/models/{model_id}/preload", status_code=202, responses=problems(404, body=True))
    def preload_model(model_id: str) -> dict[str, Any]:
        """Have a checkpoint ready before it is asked for, once what runs has ended; `memory` events tell when it is."""
        studio.models.preload(model_id)
        return {}

    @router.post("/models/{model_id}/unload", status_code=204, responses=problems(404, body=True))
    def unload_model(model_id: str) -> None:
        """Let go of the weights that only this checkpoint has, once what runs has ended."""
        studio.models.unload(model_id)

    @router.get(
        "/models/{model_id}/preview",
        response_class=Response,
        responses={200: {"content": {"image/*": {}}, "description": "The picture."}, **problems(404)},
    )
    def model_preview(model_id: str) -> Response:
        """The picture that lies beside a model, if it is a PNG, JPEG or WebP."""
        path, kind = models.preview_path(models.get(model_id))
        return _picture(path, kind)

    @router.get(
        "/models/{model_id}/thumbnail",
        response_class=Response,
        responses={200: {"content": {"image/webp": {}}, "description": "The small picture."}, **problems(404)},
    )
    def model_thumbnail(model_id: str) -> Response:
        """The same as a WebP of at most 480 px."""
        path = studio.models.thumbnail(models.get(model_id))
        return _picture(path, "image/webp")

    @router.put(
        "/models/{model_id}/preview", response_model=answers.ModelDetails, responses=problems(404, body=True), openapi_extra=_PREVIEW
    )
    async def set_model_preview(asker: Asker, model_id: str, request: Request) -> Any:
        """Set the preview of a model: send a picture's bytes with its own Content-Type, or {"image": id} for one of the history.

        It is written beside the model as name.preview.png; what was there before is kept in name.preview.png.bak.
        """
        models.get(model_id)
        kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
        if not kind.startswith("image/"):
            image = await _image_of(request)
            mine = studio.of(asker)
            return await to_thread.run_sync(lambda: details(studio.models.set_preview_from(model_id, mine.picture_path(image))))
        if kind not in PREVIEW_TYPES:
            raise UnsupportedMedia(
                f"The picture is {kind[:60]!r}.", field="Content-Type", allowed=", ".join(PREVIEW_TYPES), hint="Send one of these."
            )
        data = await request.body()
        return await to_thread.run_sync(lambda: details(studio.models.set_preview(model_id, data)))

    @router.delete("/models/{model_id}/preview", response_model=answers.ModelDetails, responses=problems(404, 409, body=True))
    def take_model_preview_back(model_id: str) -> Any:
        """Undo the last setting of a preview: what was there before comes back. 409 for a preview that was not set here."""
        return details(models.take_preview_back(models.get(model_id)))

    return router


def _picture(path: Path, kind: str) -> Response:
    # Read at once: sent piece by piece, it could be replaced by another one on the way.
    try:
        return Response(path.read_bytes(), media_type=kind, headers={"cache-control": "private, no-cache"})
    except OSError:
        raise NotFound("The preview of this model is gone.", hint="Look at the model again.") from None


def _version(model: ModelFile) -> str:
    """For addresses of its pictures: browsers ask again only where an address is another one."""
    return model.words_stamp.rpartition("|")[2].replace(":", "-")


async def _image_of(request: Request) -> str:
    body = await json_object(request)
    image = body.get("image")
    if set(body) != {"image"} or not isinstance(image, str):
        raise InvalidRequest("The body must be an object with image alone.", field="image", hint='Send {"image": "id"}, or a picture.')
    return image
