"""Servers, a real Chromium, and visitors who look at the page with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from small_checkpoint import make_checkpoint
from visiting import FAST_STEP, Server, Visitor

expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def new_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts servers; ends them all with the session."""
    servers: list[Server] = []

    def make(executor: str = "fake", step_seconds: str = FAST_STEP, *, usual_finishing: bool = False) -> Server:
        folder = tmp_path_factory.mktemp("easel")
        small = make_checkpoint(folder / "models" / "checkpoints" / "small")
        (small / "easel.json").write_text(json.dumps({"defaults": {"width": 64, "height": 96, "steps": 7, "sampler": "Euler"}}))
        broken = make_checkpoint(folder / "models" / "checkpoints" / "broken")
        (broken / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"<html>login</html>")
        server = Server(folder, executor, step_seconds, usual_finishing)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def server(new_server: Callable[..., Server]) -> Server:
    """The server that most tests share; what others made is in its history."""
    return new_server()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as instance:
        yield instance


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    system = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    browser = playwright.chromium.launch(
        executable_path=system, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    )
    yield browser
    browser.close()


@dataclass(frozen=True)
class Known:
    """What a server remembered when a test began."""

    newest: int
    searches: frozenset[str]

    @classmethod
    def of(cls, server: Server) -> Known:
        with httpx.Client(base_url=f"{server.url}/api/v1/history") as asking:
            pictures = asking.get("/cards", params={"limit": 1}).json()["items"]
            searches = asking.get("/searches").json()["items"]
        return cls(max((int(picture["id"]) for picture in pictures), default=0), frozenset(search["name"] for search in searches))

    def restore(self, server: Server) -> None:
        """Put into the trash what was made since, forget the searches kept since."""
        with httpx.Client(base_url=f"{server.url}/api/v1/history") as asking:
            pictures = asking.get("/cards", params={"limit": 100}).json()["items"]
            made_since = [picture["id"] for picture in pictures if int(picture["id"]) > self.newest]
            if made_since:
                asking.post("/trash", json={"ids": made_since}).raise_for_status()
            for name in {search["name"] for search in asking.get("/searches").json()["items"]} - self.searches:
                asking.delete(f"/searches/{quote(name, safe='')}").raise_for_status()


_KNOWN = pytest.StashKey[Known]()


@pytest.fixture
def tried_anew(request: pytest.FixtureRequest, server: Server) -> None:
    """A second try of a test doesn't find what its first try left: it would count its pictures twice."""
    known = request.node.stash.get(_KNOWN, None)
    if known is None:
        request.node.stash[_KNOWN] = Known.of(server)
    else:
        known.restore(server)


def _context(browser: Browser, **options: Any) -> BrowserContext:
    options.setdefault("viewport", {"width": 1440, "height": 900})
    return browser.new_context(reduced_motion="reduce", **options)


@pytest.fixture
def new_visitor(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors with an empty browser each; at the end none of them may have met trouble."""
    visitors: list[Visitor] = []

    def make(server: Server, **options: Any) -> Visitor:
        visitors.append(Visitor(_context(browser, **options), server.url))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.leave()
        visitor.context.close()


@pytest.fixture(scope="session")
def regular(browser: Browser, server: Server) -> Iterator[Visitor]:
    """One browser for most tests: Gradio's scripts are fetched once, as in life."""
    visitor = Visitor(_context(browser), server.url)
    yield visitor
    visitor.context.close()


@pytest.fixture
def visitor(regular: Visitor, tried_anew: None) -> Iterator[Visitor]:
    """Someone who remembers nothing."""
    yield regular
    try:
        regular.leave()
    finally:
        regular.forget()


@pytest.fixture
def page(visitor: Visitor) -> Page:
    """A freshly opened page."""
    return visitor.open()
