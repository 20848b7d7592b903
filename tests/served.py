"""A running Easel in this process, to be asked over the wire."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from small_checkpoint import make_checkpoint

from webui.app import build_web, open_port
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import load_settings
from webui.studio.studio import Studio

SMALL_SAYS = {"defaults": {"width": 256}, "usual": {"finishing": [{"step": "upscale", "scale": 2}]}}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A running Easel over the fake executor with its data in that folder: its address."""
    make_checkpoint(folder / "models" / "checkpoints" / "small")
    (folder / "models" / "checkpoints" / "small" / "easel.json").write_text(json.dumps(SMALL_SAYS))
    broken = make_checkpoint(folder / "models" / "checkpoints" / "broken")
    (broken / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"<html>login</html>")
    (folder / "data").mkdir()
    (folder / "data" / "settings.yaml").write_text("queue_limit: 50\n")
    settings = load_settings(
        data_dir=folder / "data", executor="fake", hugging_face_url="http://127.0.0.1:9", civitai_url="http://127.0.0.1:9"
    )
    catalog = CheckpointCatalog([folder / "models"], folder / "data" / "cache")
    studio = Studio(settings, FakeExecutor(step_seconds=0.005), catalog, ExtensionRegistry())
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
