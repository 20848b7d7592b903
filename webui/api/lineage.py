"""Routes of lineage: where a picture comes from, what differs between two, making one again with proof, and what was made already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request

from webui.api import answers
from webui.api.jobs import REQUEST_SCHEMA, schema_of
from webui.api.person import Asker
from webui.api.problems import json_body, json_object, new_router, problems
from webui.errors import InvalidRequest
from webui.studio.journal import parse_id
from webui.studio.studio import Studio

PictureId = Annotated[str, Query(max_length=19, description="Id of a picture.")]

_REPLAY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"branch": {"type": "boolean", "description": "Make all that it was made from again, too, one after the other."}},
    "additionalProperties": False,
}
_BRANCH_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "change": {"type": "object", "minProperties": 1, "description": "Fields of the request with their new values."},
        "at": {
            "type": ["string", "null"],
            "description": "Id of the picture whose request is changed: this one (null, or left out), or one that it came from.",
        },
    },
    "required": ["change"],
    "additionalProperties": False,
}
_SHOWN = 4
"""Pictures that a request would make again, that are told with all about them."""


async def _in_thread(call: Callable[[], Any]) -> Any:
    # A write waits for the disk, and pictures are looked at; the event loop must not.
    return await to_thread.run_sync(call)


def build_lineage_router(studio: Studio) -> APIRouter:
    """Routes below /history that speak of more than one picture, and /duplicates."""
    router = new_router("lineage")

    @router.get("/history/diff", response_model=answers.DiffAnswer, responses=problems(404))
    def history_diff(asker: Asker, a: PictureId, b: PictureId) -> Any:
        """What is different from picture a to picture b: words of the prompts, and parameters; and what led from one to the other."""
        return studio.of(asker).diff(a, b)

    @router.get("/history/{image_id}/lineage", response_model=answers.LineageAnswer, responses=problems(404))
    def lineage(asker: Asker, image_id: str) -> Any:
        """All that a picture came from, and all that came of any of these; at most 200 pictures of history."""
        return asdict(studio.of(asker).lineage.family(parse_id(image_id)))

    @router.get("/history/{image_id}/replays", response_model=answers.Replays, responses=problems(404))
    def replays(asker: Asker, image_id: str) -> Any:
        """What came of making a picture again, newest first; at most 50."""
        return {"items": studio.of(asker).replays.of_image(image_id)}

    @router.post(
        "/history/{image_id}/replay",
        status_code=202,
        response_model=answers.Job,
        responses=problems(404, 409, 429, body=True),
        openapi_extra=schema_of(_REPLAY_SCHEMA),
    )
    async def replay(asker: Asker, image_id: str, request: Request) -> Any:
        """Make a picture again as it was made. When the job is done, what came out was compared with the picture, pixel by pixel.

        An identical one is not kept. With `branch` everything that it was made from is made again before it; answers with the first job.
        """
        fields = await json_object(request)
        _only(fields, _REPLAY_SCHEMA)
        branch = fields.get("branch", False)
        if not isinstance(branch, bool):
            raise InvalidRequest("Branch can't be that.", field="branch", allowed="true, false", hint="Send true or false.")
        return await _in_thread(lambda: studio.of(asker).replays.replay(image_id, branch=branch))

    @router.post(
        "/history/{image_id}/branch",
        status_code=202,
        response_model=answers.Job,
        responses=problems(404, 409, 429, body=True),
        openapi_extra=schema_of(_BRANCH_SCHEMA),
    )
    async def branch(asker: Asker, image_id: str, request: Request) -> Any:
        """Make a picture again with something changed, there or in a picture that it came from.

        Everything between that one and this one is made again, each from what came of the one before. Answers with the first job.
        """
        fields = await json_object(request)
        _only(fields, _BRANCH_SCHEMA)
        change, at = fields.get("change"), fields.get("at")
        if not isinstance(change, dict):
            raise InvalidRequest("What is changed can't be that.", field="change", hint='Send an object, as {"cfg_scale": 6}.')
        if at is not None and not isinstance(at, str):
            raise InvalidRequest("That is no picture's id.", field="at", allowed="digits as text", hint="Send an id that lineage tells.")
        return await _in_thread(lambda: studio.of(asker).replays.branch(image_id, change, at))

    @router.post("/duplicates", response_model=answers.Duplicates, responses=problems(body=True), openapi_extra=schema_of(REQUEST_SCHEMA))
    async def duplicates(asker: Asker, request: Request) -> Any:
        """The pictures of history that a request would make again, pixel for pixel. Nothing is made."""
        fields = await json_body(request)
        return await _in_thread(lambda: studio.of(asker).duplicates(studio.complete(fields), _SHOWN))

    return router


def _only(fields: dict[str, Any], schema: dict[str, Any]) -> None:
    strange = next((name for name in fields if name not in schema["properties"]), None)
    if strange is not None:
        known = ", ".join(schema["properties"])
        raise InvalidRequest(f"There is no field called {strange[:80]!r}.", field=strange[:80], allowed=known, hint="Leave it out.")
