"""Routes of job scripts: what add-ons offer to make of a request, and runs of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from webui.api import answers
from webui.api.jobs import schema_of
from webui.api.person import Asker
from webui.api.problems import json_object, new_router, problems
from webui.errors import EaselError, InvalidRequest
from webui.people import Scope
from webui.studio.studio import Studio

ScriptId = Annotated[str, Path(min_length=1, max_length=200, description="As GET /scripts tells it.")]
_RUN = {
    "type": "object",
    "required": ["request"],
    "additionalProperties": False,
    "properties": {
        "request": {"type": "object", "description": "As for POST /jobs."},
        "values": {"type": "object", "description": "Of the script's fields; those left out are at their defaults."},
    },
}


async def _in_thread(function: Callable[[], Any]) -> Any:
    return await to_thread.run_sync(function)


def build_script_router(studio: Studio) -> APIRouter:
    """Routes below /scripts."""
    router = new_router("scripts")

    @router.get("/scripts", response_model=answers.ScriptList, responses=problems())
    def scripts() -> Any:
        """The scripts that add-ons offer, with their fields."""
        return {"items": studio.add_ons.page()["scripts"]}

    @router.get("/scripts/runs", response_model=answers.ScriptRunList, responses=problems())
    def script_runs(asker: Asker) -> Any:
        """Runs, newest first; ended ones are forgotten after a hundred others."""
        return {"items": studio.of(asker).scripts.all()}

    @router.get("/scripts/runs/{run_id}", response_model=answers.ScriptRunWithParts, responses=problems(404))
    def script_run(asker: Asker, run_id: str) -> Any:
        """One run with what became of each of its parts."""
        return studio.of(asker).scripts.run(run_id)

    @router.delete("/scripts/runs/{run_id}", status_code=204, response_class=Response, responses=problems(404, 409))
    def remove_script_run(asker: Asker, run_id: str) -> Response:
        """Forget an ended run. Its pictures and jobs stay."""
        studio.of(asker).scripts.remove(run_id)
        return Response(status_code=204)

    @router.post("/scripts/runs/{run_id}/pause", response_model=answers.ScriptRun, responses=problems(404, 409, body=True))
    def pause_script_run(asker: Asker, run_id: str) -> Any:
        """Draw nothing further; what is being drawn goes on."""
        return studio.of(asker).scripts.pause(run_id)

    @router.post("/scripts/runs/{run_id}/resume", response_model=answers.ScriptRun, responses=problems(404, 409, body=True))
    def resume_script_run(asker: Asker, run_id: str) -> Any:
        """Go on where it was halted, trying again what failed."""
        return studio.of(asker).scripts.resume(run_id)

    @router.post("/scripts/runs/{run_id}/cancel", response_model=answers.ScriptRun, responses=problems(404, 409, body=True))
    def cancel_script_run(asker: Asker, run_id: str) -> Any:
        """End it: what is being drawn ends at its next step, finished pictures stay."""
        return studio.of(asker).scripts.cancel(run_id)

    @router.post(
        "/scripts/{script}/runs",
        status_code=201,
        response_model=answers.ScriptRun,
        responses=problems(404, body=True),
        openapi_extra=schema_of(_RUN),
    )
    async def start_script(asker: Asker, script: ScriptId, request: Request) -> Any:
        """Make many pictures of a request as the script does. It goes on where it was after a restart."""
        body = {"values": {}, **await json_object(request)}
        if set(body) != {"request", "values"}:
            raise InvalidRequest(
                "The body must be an object with request.", field="request", allowed="request, values", hint="See /scripts."
            )
        asker.need(Scope.GENERATE)
        return await _in_thread(lambda: studio.of(asker).scripts.submit(script, _complete(studio, body["request"]), body["values"]))

    return router


def _complete(studio: Studio, fields: Any) -> Any:
    try:
        return studio.complete(fields)
    except EaselError as problem:
        problem.field = f"request.{problem.field}" if problem.field else "request"
        raise
