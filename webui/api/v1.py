"""Easel's own REST API: /api/v1. One error shape: {"error": {code, message, field, allowed, hint}}."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from sse_starlette.sse import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

from webui import __version__
from webui.api import answers
from webui.api.add_ons import build_add_on_router, build_extension_routers
from webui.api.batches import build_batch_router
from webui.api.bulk import build_bulk_router
from webui.api.choices import build_choice_router
from webui.api.control import build_control_router
from webui.api.exports import build_export_router
from webui.api.extensions import build_extension_router
from webui.api.films import build_film_router
from webui.api.finishing import build_finishing_router
from webui.api.history import build_history_router
from webui.api.images import build_image_router
from webui.api.imports import build_import_router
from webui.api.jobs import EventNumber, LastEventId, build_job_router
from webui.api.lineage import build_lineage_router
from webui.api.models import build_model_router
from webui.api.person import Asker
from webui.api.pictures import build_picture_router
from webui.api.presets import build_preset_router
from webui.api.problems import new_router, problems
from webui.api.scripts import build_script_router
from webui.api.streams import Messages, Streams, number_of
from webui.api.system import build_system_router
from webui.api.training import build_training_router
from webui.api.words import build_word_router
from webui.api.workshop import build_workshop_router
from webui.doctor.examination import Doctor
from webui.studio.studio import Studio
from webui.workshop.album import Album
from webui.workshop.extension_desk import ExtensionDesk
from webui.workshop.folders import ModelFolders
from webui.workshop.workshop import Workshop

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def build_routers(studio: Studio, doctor: Doctor, workshop: Workshop, extensions: ExtensionDesk) -> list[APIRouter]:
    """All routes of /api/v1 over one studio, its doctor, its workshop and its add-ons, in the order in which they are looked through."""
    streams = Streams(studio.events)
    parts = [
        build_studio_router(studio, streams),
        build_job_router(studio, streams),
        build_batch_router(studio),
        build_lineage_router(studio),
        build_import_router(studio),
        build_bulk_router(studio),
        build_export_router(studio),
        build_history_router(studio),
        build_picture_router(studio),
        build_image_router(studio),
        build_film_router(studio),
        build_control_router(studio),
        build_finishing_router(studio),
        build_preset_router(studio),
        build_choice_router(studio),
        build_workshop_router(workshop, ModelFolders(studio)),
        build_training_router(workshop, Album(studio.preferences.current.data_dir)),
        build_model_router(studio),
        build_system_router(doctor),
        build_extension_router(extensions),
        build_word_router(studio),
        build_add_on_router(studio),
        build_script_router(studio),
    ]
    return [*parts, *build_extension_routers(studio), _build_rest([route for part in parts for route in part.routes])]


def build_studio_router(studio: Studio, streams: Streams) -> APIRouter:
    """Health, the snapshot and the stream of all events."""
    router = new_router("studio")
    messages = Messages()

    @router.get("/health", response_model=answers.Health, responses=problems())
    def health() -> Any:
        """State, device, dtype, version, queue length."""
        worker = studio.worker()
        return {
            "state": worker["state"],
            "device": worker["device"],
            "dtype": worker["dtype"],
            "version": __version__,
            "queue": studio.waiting_count(),
        }

    @router.get("/snapshot", response_model=answers.Snapshot, responses=problems())
    def snapshot(asker: Asker) -> Any:
        """Jobs, worker, newest pictures; follow /events from its seq."""
        return studio.of(asker).snapshot()

    @router.get(
        "/events",
        response_class=EventSourceResponse,
        responses={200: {"content": {"text/event-stream": {}}, "description": "Events."}, **problems(429)},
    )
    async def events(asker: Asker, after: EventNumber = None, last_event_id: LastEventId = None) -> EventSourceResponse:
        """Server-sent events of all that concerns you; resumes after Last-Event-ID or `after`.

        Types: job, jobs (many changed: look at the queue again), progress, picture, replay, note, queue, notices, worker, catalog,
        memory (look at /models/memory again), batch, batch_removed, script_run, script_run_removed, import, import_removed,
        imported (pictures came into history), order, order_progress, order_removed, training_sample, styles,
        presets, settings, system,
        extensions (look at them again), extension_stage,
        marks (of `images`; null: of many), saved_searches, and reset (too far behind: fetch /snapshot again).
        """
        start = number_of(last_event_id, after, studio.events.seq)

        async def stream() -> AsyncIterator[dict[str, str]]:
            async for event in studio.events.follow(start, asker):
                yield messages.of(event)

        return streams.open(stream())

    return router


def _build_rest(known: list[BaseRoute]) -> APIRouter:
    """The answer for the rest of /api/v1, which would reach the page otherwise."""
    router = new_router("rest")

    @router.api_route("/{path:path}", methods=list(METHODS), include_in_schema=False)
    def nothing_here(request: Request) -> None:
        allowed = _methods_there(known, request)
        raise HTTPException(405, headers={"allow": ", ".join(allowed)}) if allowed else HTTPException(404)

    return router


def _methods_there(routes: list[BaseRoute], request: Request) -> list[str]:
    methods: set[str] = set()
    for route in routes:
        if route.matches(request.scope)[0] is Match.PARTIAL and isinstance(route, Route):
            methods |= route.methods or set()
    return sorted(methods)
