"""Routes of the doctor: findings, the thorough check, and the report."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from webui.api import answers
from webui.api.problems import new_router, problems
from webui.doctor.examination import Doctor
from webui.doctor.report import REPORT_NAME, write_report

_REPORT = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{REPORT_NAME}"'}


def build_system_router(doctor: Doctor) -> APIRouter:
    """Routes below /system."""
    router = new_router("system")

    @router.get("/system", response_model=answers.System, responses=problems())
    def system() -> Any:
        """What is wrong and what to do; versions, device, memory, disks. Thorough findings are those of the last check."""
        return doctor.look()

    @router.post("/system/check", status_code=202, response_model=answers.System, responses=problems(body=True))
    def check() -> Any:
        """Begin the thorough checks (database integrity, pictures on disk); `system` events tell how far they are."""
        doctor.begin()
        return doctor.look()

    @router.get(
        "/system/report",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "The report."}, **problems()},
    )
    def report() -> PlainTextResponse:
        """Findings, versions, changed settings and the last log lines, to attach to an issue.

        Without secrets, prompts, and names of people, machines and pictures.
        """
        return PlainTextResponse(write_report(*doctor.examined()), headers=_REPORT)

    return router
