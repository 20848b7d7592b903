"""A running Easel in this process, to be asked over the wire."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from small_checkpoint import SHIPPED_CHECKPOINT, make_checkpoint

from webui.app import build_web, open_port
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.base import Executor
from webui.executors.fake import FakeExecutor
from webui.executors.local import LocalExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import load_settings
from webui.studio.studio import Studio

Answer = TypeVar("Answer")


def apart(work: Callable[[], Answer]) -> Answer:
    """Run it in a thread of its own: tests of pages leave an event loop running in theirs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


SMALL_SAYS = {"defaults": {"width": 256}, "usual": {"finishing": [{"step": "upscale", "scale": 2}]}}


@contextmanager
def serving(folder: Path, executor: Executor | None = None, extensions: ExtensionRegistry | None = None, **changes: Any) -> Iterator[str]:
    """A running Easel with its data in that folder, over the fake executor or another one: its address. changes: to its settings.

    extensions: its add-ons; none else.
    """
    make_checkpoint(folder / "models" / "checkpoints" / "small")
    (folder / "models" / "checkpoints" / "small" / "easel.json").write_text(json.dumps(SMALL_SAYS))
    broken = make_checkpoint(folder / "models" / "checkpoints" / "broken")
    (broken / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"<html>login</html>")
    (folder / "data").mkdir()
    (folder / "data" / "settings.yaml").write_text("queue_limit: 50\n")
    nowhere = {"hugging_face_url": "http://127.0.0.1:9", "civitai_url": "http://127.0.0.1:9"}
    settings = load_settings(**({"data_dir": folder / "data", "executor": "fake"} | nowhere | changes))
    catalog = CheckpointCatalog([folder / "models"], folder / "data" / "cache")
    studio = Studio(settings, executor or FakeExecutor(step_seconds=0.005), catalog, extensions or ExtensionRegistry())
    listener = open_port(settings.model_copy(update={"port": 0}))
    server = uvicorn.Server(uvicorn.Config(build_web(studio), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        studio.close()


@contextmanager
def serving_really(folder: Path) -> Iterator[str]:
    """The same over the engine, with all models that Easel brings: its address."""
    (folder / "models").mkdir()
    for kind in ("checkpoints", "controlnet", "upscalers"):
        (folder / "models" / kind).mkdir()
        for shipped in (SHIPPED_CHECKPOINT.parents[1] / kind).iterdir():
            (folder / "models" / kind / shipped.name).symlink_to(shipped)
    executor = LocalExecutor(threads=2, model_roots=(folder / "models",), cache=folder / "data" / "cache", cast_gb=1)
    with serving(folder, executor) as url:
        yield url
