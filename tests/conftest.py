"""What most tests stand on: a studio with the fake executor over a throwaway data folder and a small checkpoint folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from served import serving
from small_checkpoint import make_checkpoint

from webui import passwords
from webui.catalog.checkpoints import CheckpointCatalog
from webui.engine.worker import PATIENT_THREADS
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import Settings, load_settings
from webui.studio.studio import Studio

# Before torch is imported, which nothing above does: tests run beside each other, and threads that spin slow a neighbour down.
for _name, _value in PATIENT_THREADS.items():
    os.environ.setdefault(_name, _value)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Argon2 with as little effort as it takes at all: tests don't guard secrets."""
    with pytest.MonkeyPatch.context() as patch:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_hasher", quick)
        patch.setattr(passwords, "_NOBODYS", quick.hash("nobody"))
        yield


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
