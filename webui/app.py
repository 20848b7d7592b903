"""OPEN THIS FIRST: builds every part once, in order, and wires them.

settings -> executor, catalog, add-ons -> studio (journal, dispatcher, history) -> API and page -> server.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING, TypeVar

from webui import __version__
from webui.catalog.checkpoints import CheckpointCatalog
from webui.errors import SettingInvalid
from webui.executors.base import Executor
from webui.extensions.registry import ExtensionRegistry
from webui.logs import log_to_file
from webui.settings import PROGRAM_ROOT, Settings
from webui.studio.instance import AlreadyRunning, InstanceLock
from webui.studio.studio import Studio
from webui.tokens import TokenStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

log = logging.getLogger(__name__)

Desk = TypeVar("Desk")
"""Where a command has its work done: in this process, or by the Easel that runs already."""

EXTENSION_ROOTS = (PROGRAM_ROOT / "extensions",)


def build_executor(settings: Settings) -> Executor:
    """Where pictures are made, by the setting `executor`."""
    if settings.executor == "fake":
        from webui.executors.fake import FakeExecutor

        return FakeExecutor()
    from webui.executors.local import LocalExecutor

    return LocalExecutor(
        threads=settings.threads,
        extension_roots=() if settings.safe_mode else EXTENSION_ROOTS,
        model_roots=settings.model_roots,
        cache=settings.data_dir / "cache",
        cast_gb=settings.cast_cache_gb,
        log_level=settings.log_level,
    )


@contextmanager
def open_studio(settings: Settings) -> Iterator[tuple[Studio, InstanceLock]]:
    """A studio at work on the data folder; ended, with its worker, at the end of the block.

    Raises AlreadyRunning when another Easel works there, DataUnusable when the folder can't be used.
    """
    # The log only once the folder is ours: two programs can't share a file that one of them renames.
    with InstanceLock(settings.data_dir) as instance, log_to_file(settings.data_dir, secrets=TokenStore(settings.data_dir).secrets):
        executor = build_executor(settings)
        # The worker imports torch in its own process while this one goes on.
        executor.start()
        extensions = ExtensionRegistry()
        if not settings.safe_mode:
            extensions.load(EXTENSION_ROOTS, "web")
        catalog = CheckpointCatalog(settings.model_roots, settings.data_dir / "cache", hash_files=settings.hash_models)
        studio = Studio(settings, executor, catalog, extensions)
        try:
            yield studio, instance
        finally:
            studio.close()


@contextmanager
def own_or_running(settings: Settings, own: Callable[[Studio], Desk], running: Callable[[str], Desk]) -> Iterator[Desk]:
    """For commands that make no pictures: what `own` makes of a studio without an engine.

    Where another Easel works on the data folder, what `running` makes of its address. Raises as open_studio does; AlreadyRunning
    where the other one can't be asked.
    """
    with ExitStack() as opened:
        try:
            studio, _ = opened.enter_context(open_studio(settings.model_copy(update={"executor": "fake"})))
        except AlreadyRunning as other:
            if other.url is None:
                raise
            desk = running(other.url)
        else:
            desk = own(studio)
        yield desk


def build_web(studio: Studio) -> FastAPI:
    """The web application over a studio: API, page, and the door in front of both."""
    from fastapi import FastAPI
    from starlette.middleware.gzip import GZipMiddleware

    from webui.api.problems import install_error_answers
    from webui.api.security import Door
    from webui.api.v1 import build_routers
    from webui.doctor.examination import Doctor
    from webui.doctor.premises import from_within
    from webui.ui.blocks import mount
    from webui.workshop.workshop import Workshop

    workshop = Workshop(studio)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        studio.start()
        workshop.start()
        yield
        workshop.close()

    app = FastAPI(title="Easel", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    install_error_answers(app)
    doctor = Doctor(lambda: from_within(studio, os.getpid()), lambda doing: studio.events.publish("system", doing=doing))
    for router in build_routers(studio, doctor, workshop):
        app.include_router(router)
    app = mount(app, studio)
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    app.add_middleware(Door)
    return app


def open_port(settings: Settings) -> socket.socket:
    """The listening socket. Raises SettingInvalid when the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    # On Windows REUSEADDR would let two programs share the port; elsewhere it only skips the wait after a restart.
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingInvalid(
            f"Port {settings.port} on {settings.host} can't be used: {error.strerror or error}.",
            field="port",
            hint=f"End the program that has it, or start with --port {min(settings.port + 1, 65535)}.",
        ) from None
    return listener


def serve(settings: Settings) -> None:
    """Run the page and the API until interrupted."""
    import uvicorn

    with closing(open_port(settings)) as listener, open_studio(settings) as (studio, instance):
        app = build_web(studio)
        config = uvicorn.Config(app, log_config=None, log_level="warning", timeout_graceful_shutdown=1, server_header=False)
        url = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
        instance.announce(url)
        # Connections made from now on wait in the listening socket until the server takes them.
        print(f"Easel is at {url}   (Ctrl+C ends it)", flush=True)
        uvicorn.Server(config).run(sockets=[listener])
