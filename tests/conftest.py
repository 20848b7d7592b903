"""What most tests stand on: a studio with the fake executor over a throwaway data folder and a small checkpoint folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from small_checkpoint import make_checkpoint

from webui.app import build_web, open_port
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import Settings, load_settings
from webui.studio.studio import Studio


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """A models root with one checkpoint, "small"."""
    root = tmp_path / "models"
    make_checkpoint(root / "checkpoints" / "small")
    return root


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data", executor="fake")


@pytest.fixture
def new_studio(settings: Settings, models_dir: Path) -> Iterator[Callable[..., Studio]]:
    """Makes studios over the same data folder, one after the other, as restarts do. Closes them all."""
    made: list[Studio] = []

    def make(executor: Any = None, extensions: ExtensionRegistry | None = None, *, start: bool = True, **changes: Any) -> Studio:
        catalog = CheckpointCatalog([models_dir], settings.data_dir / "cache")
        studio = Studio(
            settings.model_copy(update=changes), executor or FakeExecutor(step_seconds=0.002), catalog, extensions or ExtensionRegistry()
        )
        made.append(studio)
        if start:
            studio.start()
        return studio

    yield make
    for studio in made:
        studio.close()


@pytest.fixture
def studio(new_studio: Callable[..., Studio]) -> Studio:
    return new_studio()


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Easel over the fake executor: its address."""
    with serving(tmp_path_factory.mktemp("api")) as address:
        yield address


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A running Easel over the fake executor with its data in that folder: its address."""
    make_checkpoint(folder / "models" / "checkpoints" / "small")
    (folder / "models" / "checkpoints" / "small" / "easel.json").write_text('{"defaults": {"width": 256}}')
    broken = make_checkpoint(folder / "models" / "checkpoints" / "broken")
    (broken / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"<html>login</html>")
    (folder / "data").mkdir()
    (folder / "data" / "settings.yaml").write_text("queue_limit: 50\n")
    settings = load_settings(data_dir=folder / "data", executor="fake")
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
