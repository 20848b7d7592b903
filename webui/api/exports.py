"""Routes by which history is taken out, and looked at as a whole."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Self, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from webui.api import answers
from webui.api.bulk import SearchBody, schema_with_parts
from webui.api.history import Search
from webui.api.person import Asker
from webui.api.problems import json_object, new_router, problems
from webui.generation.request import explain_validation
from webui.studio.bulk import Whole
from webui.studio.journal import parse_id
from webui.studio.marks import ID_PATTERN, MOST_AT_ONCE
from webui.studio.studio import Studio

Body = TypeVar("Body", bound=BaseModel)


class _Chosen(BaseModel):
    """Pictures by their ids, or all that a search finds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ids: list[Annotated[str, Field(pattern=ID_PATTERN)]] | None = Field(
        None, min_length=1, max_length=MOST_AT_ONCE, description="Of pictures; left out where `found` stands."
    )
    found: SearchBody | None = Field(None, description="All that a search finds.")
    sidecars: bool = Field(default=True, description="Infotext (.txt) and all parameters (.json) beside each picture.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.found is None):
            raise ValueError("either ids or found has to be there")
        return self

    @property
    def meant(self) -> list[int] | Whole:
        """The ids as the database has them, or the search. Raises NotFound for what is larger than any id."""
        return self.found.whole if self.found is not None else list(dict.fromkeys(map(parse_id, self.ids or ())))


class _ToFolder(_Chosen):
    """Pictures, and where they are copied to."""

    folder: str = Field(description="Whole path of a folder on Easel's machine; it is made where it isn't there.")
    below: Annotated[str, Field(pattern=ID_PATTERN)] | None = Field(None, description="Of `found`: `next` of the slice before.")


async def _read(request: Request, model: type[Body]) -> Body:
    try:
        return model.model_validate(await json_object(request))
    except ValidationError as error:
        raise explain_validation(error, model) from None


def _file(kind: str, name: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {kind: {}}, "description": f"A file called {name}."}}


def build_export_router(studio: Studio) -> APIRouter:
    """Routes of exports and analysis below /history; to be looked through before /history/{image_id}."""
    router = new_router("exports")

    @router.get("/history/analysis", response_model=answers.Analysis, responses=problems())
    def analysis(asker: Asker, q: Search = "") -> Any:
        """What the newest pictures that a search finds say together: activity, words over time, what good ones have in common, edits."""
        return studio.of(asker).analyst.analyse(q)

    @router.get(
        "/history/export.jsonl",
        response_class=StreamingResponse,
        responses={**_file("application/jsonl", "easel-history-DAY.jsonl"), **problems()},
    )
    def export_lines(asker: Asker, q: Search = "") -> StreamingResponse:
        """All pictures, or those that a search finds, newest first: one JSON object a line, with parameters, marks and request."""
        return _download(studio.of(asker).exports.lines(q), "application/jsonl", f"easel-history-{date.today().isoformat()}.jsonl")

    @router.post(
        "/history/exports",
        status_code=201,
        response_model=answers.ZipExport,
        responses=problems(404, body=True),
        openapi_extra=schema_with_parts(_Chosen),
    )
    async def export_zip(asker: Asker, request: Request) -> Any:
        """Choose pictures to be fetched as a zip, from the address that is answered."""
        body = await _read(request, _Chosen)
        return await to_thread.run_sync(lambda: studio.of(asker).exports.choose(body.meant, sidecars=body.sidecars))

    @router.get(
        "/history/exports/{token}.zip",
        response_class=StreamingResponse,
        responses={**_file("application/zip", "easel-pictures-DAY.zip"), **problems(404)},
    )
    def exported_zip(asker: Asker, token: str) -> StreamingResponse:
        """The chosen pictures, packed while they are sent. Files that are gone are named in missing.txt."""
        return _download(studio.of(asker).exports.zipped(token), "application/zip", f"easel-pictures-{date.today().isoformat()}.zip")

    @router.post(
        "/history/exports/folder",
        response_model=answers.FolderExport,
        responses=problems(404, body=True),
        openapi_extra=schema_with_parts(_ToFolder),
    )
    async def export_to_folder(asker: Asker, request: Request) -> Any:
        """For administrators: copy pictures into a folder. Nothing there is overwritten, and what lies there isn't written again.

        All that a search finds is copied in slices of a second: go on with below=next.
        """
        body = await _read(request, _ToFolder)
        below = None if body.below is None else parse_id(body.below)
        meant = body.meant
        done = await to_thread.run_sync(
            lambda: studio.of(asker).exports.into_folder(meant, body.folder, sidecars=body.sidecars, below=below)
        )
        return asdict(done) | {"next": None if done.next is None else str(done.next)}

    return router


def _download(parts: Any, kind: str, name: str) -> StreamingResponse:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(parts, media_type=kind, headers=headers)
