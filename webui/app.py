"""OPEN THIS FIRST: builds every part once, in order, and wires them.

settings -> executor, catalog, add-ons -> studio (journal, dispatcher, history) -> API and page -> server.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING, TypeVar

from webui import __version__
from webui.catalog.checkpoints import CheckpointCatalog
from webui.errors import SettingInvalid
from webui.executors.base import Executor
from webui.extensions.loading import use_site
from webui.extensions.registry import ExtensionRegistry
from webui.extensions.starting import Start, begin
from webui.logs import log_to_file
from webui.settings import PROGRAM_ROOT, Settings, is_loopback
from webui.studio.instance import AlreadyRunning, InstanceLock
from webui.studio.studio import Studio
from webui.tokens import TokenStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

log = logging.getLogger(__name__)

Desk = TypeVar("Desk")
"""Where a command has its work done: in this process, or by the Easel that runs already."""

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that stand for all of the machine, and how it reaches itself then."""

EXTENSION_ROOTS = (PROGRAM_ROOT / "extensions",)


def build_executor(settings: Settings, add_ons: Start) -> Executor:
    """Where pictures are made, by the setting `executor`. add_ons: what this start loads."""
    if settings.executor == "fake":
        from webui.executors.fake import FakeExecutor

        return FakeExecutor()
    from webui.executors.local import LocalExecutor

    return LocalExecutor(
        threads=settings.threads,
        model_roots=settings.model_roots,
        cache=settings.data_dir / "cache",
        cast_gb=settings.cast_cache_gb,
        add_ons=add_ons.in_worker,
        add_on_site=add_ons.site,
        add_on_notes=add_ons.notes,
        log_level=settings.log_level,
    )


@contextmanager
def open_studio(settings: Settings) -> Iterator[tuple[Studio, InstanceLock]]:
    """A studio at work on the data folder; ended, with its worker, at the end of the block.

    Raises AlreadyRunning when another Easel works there, DataUnusable when the folder can't be used.
    """
    # The log only once the folder is ours: two programs can't share a file that one of them renames.
    with InstanceLock(settings.data_dir) as instance, log_to_file(settings.data_dir, secrets=TokenStore(settings.data_dir).secrets):
        start = begin(settings.data_dir, EXTENSION_ROOTS, settings.safe_mode)
        executor = build_executor(settings, start)
        # The worker imports torch in its own process while this one goes on.
        executor.start()
        extensions = ExtensionRegistry(start)
        use_site(start.site)
        extensions.load_folders(start.folders, "web", start.marker)
        catalog = CheckpointCatalog(settings.model_roots, settings.data_dir / "cache", hash_files=settings.hash_models)
        studio = Studio(settings, executor, catalog, extensions)
        try:
            yield studio, instance
        finally:
            studio.close()
            start.states.arrived()


@contextmanager
def own_or_running(settings: Settings, own: Callable[[Studio], Desk], running: Callable[[str, str | None], Desk]) -> Iterator[Desk]:
    """For commands that make no pictures: what `own` makes of a studio without an engine.

    Where another Easel works on the data folder, what `running` makes of its address and its key for commands. Raises as open_studio
    does; AlreadyRunning where the other one can't be asked.
    """
    with ExitStack() as opened:
        try:
            studio, _ = opened.enter_context(open_studio(settings.model_copy(update={"executor": "fake"})))
        except AlreadyRunning as other:
            if other.url is None:
                raise
            desk = running(other.url, other.key)
        else:
            desk = own(studio)
        yield desk


def build_web(studio: Studio, own_key: str | None = None) -> FastAPI:
    """The web application over a studio: API, page, and the door in front of both. own_key: what commands on this machine show it."""
    from fastapi import Depends, FastAPI
    from starlette.middleware.cors import CORSMiddleware

    from webui.api.compression import Compression
    from webui.api.entrance import Entrance, Gate
    from webui.api.login import build_login_router
    from webui.api.people import build_people_router
    from webui.api.problems import install_error_answers
    from webui.api.rights import require_right
    from webui.api.sdapi.routes import build_sdapi_routers
    from webui.api.security import Door
    from webui.api.v1 import build_routers
    from webui.doctor.examination import Doctor
    from webui.doctor.premises import from_within
    from webui.ui.blocks import mount
    from webui.ui.login_page import LoginPage
    from webui.workshop.extension_desk import ExtensionDesk
    from webui.workshop.workshop import Workshop

    workshop = Workshop(studio)
    extensions = ExtensionDesk(studio)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        studio.start()
        workshop.start()
        extensions.start()
        yield
        extensions.close()
        workshop.close()

    app = FastAPI(
        title="Easel",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        dependencies=[Depends(require_right)],
    )
    install_error_answers(app)
    doctor = Doctor(lambda: from_within(studio, os.getpid()), lambda doing: studio.events.publish("system", doing=doing))
    settings = studio.preferences.current
    gate = Gate(studio.people, settings, own_key)
    for router in (
        build_login_router(gate, LoginPage(), lambda: studio.preferences.current.language),
        build_people_router(gate),
        *build_routers(studio, doctor, workshop, extensions),
    ):
        app.include_router(router)
    for router in build_sdapi_routers(studio):
        app.include_router(router, include_in_schema=False)
    app.state.extensions = extensions
    app = mount(app, studio)
    app.add_middleware(Compression, minimum_size=1024, compresslevel=5)
    # What is added last stands first: Host and Origin, then pages elsewhere that may ask, then who asks.
    app.add_middleware(Entrance, gate=gate)
    if settings.cors_allow_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_allow_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
            max_age=600,
        )
    app.add_middleware(Door, settings=settings)
    return app


def require_guard(settings: Settings, studio: Studio) -> None:
    """Raises SettingInvalid when others could reach this Easel and nobody would be asked who they are."""
    if settings.this_machine_only or settings.listen_without_password or studio.people.can_log_in():
        return
    where = settings.host if not is_loopback(settings.host) else f"the name {settings.allowed_hosts[0]}"
    raise SettingInvalid(
        f"Easel would be open to everybody who reaches {where}: nobody has a password here yet.",
        field="host",
        hint="Make an account first: python launch.py people add NAME. Or, if everybody there may use this machine's models, pictures "
        "and files: start with --listen-without-password.",
    )


def open_port(settings: Settings) -> socket.socket:
    """The listening socket. Raises SettingInvalid when the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Only of sockets that say so, asyncio knows that they are TCP and sends small packets at once: else each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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


def addresses(settings: Settings) -> list[str]:
    """Where Easel can be opened: on this machine, and from others."""
    hosts = [_ANYWHERE.get(settings.host, settings.host)]
    if settings.host in _ANYWHERE:
        hosts += [socket.gethostname().lower()]
    return [_url(host, settings.port) for host in hosts]


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(settings: Settings) -> None:
    """Run the page and the API until interrupted."""
    import uvicorn

    with closing(open_port(settings)) as listener, open_studio(settings) as (studio, instance):
        require_guard(settings, studio)
        key = secrets.token_urlsafe(32)
        app = build_web(studio, key)
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            timeout_graceful_shutdown=1,
            server_header=False,
            forwarded_allow_ips=["127.0.0.1", "::1", *settings.trusted_proxies],
        )
        instance.announce(_url(_ANYWHERE.get(settings.host, settings.host), settings.port), key)
        # Connections made from now on wait in the listening socket until the server takes them.
        print(f"Easel is at {' and '.join(addresses(settings))}   (Ctrl+C ends it)", flush=True)
        if settings.listen_without_password and not studio.people.any():
            print("EVERYBODY who reaches this address may use Easel, its models, pictures and files: nobody has a password.", flush=True)
        server = uvicorn.Server(config)
        extensions = app.state.extensions
        extensions.on_restart = (lambda: setattr(server, "should_exit", True)) if os.name == "posix" else None
        server.run(sockets=[listener])
    if extensions.restart_wanted:
        # Becomes the same command anew, once all is put in order.
        os.execv(sys.executable, sys.orig_argv)
