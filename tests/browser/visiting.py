"""A real Easel in a process of its own, and a visitor whose browser complains about every irregularity."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
FAST_STEP = "0.02"
STORED = re.compile(r"/api/v1/images/[0-9a-f]{64}$")
"""Addresses of the image store, which a page asks before it sends anything."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """One Easel process; stopped and started again it has the same port and data.

    Beside the shipped checkpoint it knows a small one that likes to draw 64 x 96, and a broken one. usual_finishing: whether a checkpoint
    brings its finishing chain; without it pictures stay as large as they are drawn.
    """

    folder: Path
    executor: str
    step_seconds: str
    usual_finishing: bool = False
    port: int = field(default_factory=_free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "webui.cli", "serve", "--executor", self.executor]
        command += ["--port", str(self.port), "--data-dir", str(self.folder / "data"), "--log-level", "warning"]
        command += ["--models-dir", str(self.folder / "models")]
        environment = {**os.environ, "EASEL_FAKE_STEP_SECONDS": self.step_seconds, "EASEL_USUAL_FINISHING": str(self.usual_finishing)}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, f"Easel ended with {self.process.returncode} while starting"
            assert time.monotonic() < deadline, f"Easel did not answer within {START_SECONDS} s"
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _asks_for_a_picture(answer: Response) -> bool:
    return answer.request.method == "HEAD" and STORED.search(answer.url) is not None


class Visitor:
    """Someone with a browser of their own. Whatever goes wrong in any of their tabs is kept in `trouble`."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.trouble: list[str] = []
        self.requests = 0
        context.on("request", self._note_request)
        context.on("requestfailed", self._note_failure)
        context.on("response", self._note_answer)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.trouble.append(f"error: {error.error}"))
        context.on("dialog", lambda dialog: (self.trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _note_request(self, request: Request) -> None:
        self.requests += 1
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.trouble.append(f"request to elsewhere: {request.url}")

    def _note_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page turned away from it itself
            self.trouble.append(f"failed: {request.url} {request.failure}")

    def _note_answer(self, answer: Response) -> None:
        if answer.status >= 400 and not _asks_for_a_picture(answer):
            self.trouble.append(f"{answer.status} {answer.url}")

    def _note_console(self, said: ConsoleMessage) -> None:
        # The browser reports each 404, also where it answers the question whether a picture is there.
        if said.type == "error" and not ("404" in said.text and STORED.search(said.location["url"])):
            self.trouble.append(f"console: {said.text} ({said.location['url']})")

    def open(self, address: str = "/") -> Page:
        page = self.context.new_page()
        page.goto(self.url + address)
        ready(page)
        return page

    def leave(self) -> None:
        """Close all tabs; raises if anything went wrong."""
        trouble, self.trouble = self.trouble, []
        for page in self.context.pages:
            page.close()
        assert not trouble, "\n".join(trouble)

    def forget(self) -> None:
        """Let go of all that pages have remembered. Only now: a page that is still open may write once more."""
        picture = self.context.new_page()
        picture.goto(f"{self.url}/favicon.ico")
        picture.evaluate("localStorage.clear()")
        picture.close()


_READY = """() => {
    const [button, plan] = [document.getElementById('ez-generate'), document.querySelector('#ez-plan .grow span')];
    return button?.checkVisibility() && plan?.textContent;
}"""


def ready(page: Page) -> None:
    """Wait until the page is drawn, linked and has its first plan."""
    # Not by an expectation: each time it isn't met yet, that describes the whole page to itself, which keeps the page from getting there.
    page.wait_for_function(_READY, polling=50, timeout=60_000)
