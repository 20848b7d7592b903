"""The engine on the shipped checkpoint: in this process (quick, inspectable) and in one real worker shared by all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

from webui.engine.device import Device, open_device, use_threads
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.component import realise
from webui.executors.local import SLOT, LocalExecutor
from webui.generation.events import WorkerEvent
from webui.generation.job import JobSpec

from .drawing import CHECKPOINT, NOISY_ADD_ON, THREADS, Recorder


@pytest.fixture(scope="session")
def device() -> Device:
    """fp32, so that results can be compared closely."""
    use_threads(THREADS)
    return open_device("cpu", "float32")


@pytest.fixture(scope="session")
def shared_engine(device: Device) -> Engine:
    return Engine(device)


@pytest.fixture
def recorder(shared_engine: Engine) -> Recorder:
    return Recorder(shared_engine)


@pytest.fixture(scope="session")
def family(device: Device) -> StableDiffusion:
    family = realise(open_checkpoint(CHECKPOINT), device)
    assert isinstance(family, StableDiffusion)
    return family


@pytest.fixture(scope="session")
def add_ons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one add-on that prints, and paints or fails when asked to."""
    root = tmp_path_factory.mktemp("add_ons")
    (root / "noisy").mkdir()
    (root / "noisy" / "noisy_add_on.py").write_text(NOISY_ADD_ON)
    (root / "noisy" / "pyproject.toml").write_text('[project]\nname = "noisy"\nversion = "1"\n[tool.easel]\nworker = "noisy_add_on"\n')
    return root


@pytest.fixture(scope="session", autouse=True)
def executor(add_ons: Path) -> Iterator[LocalExecutor]:
    """One real worker for all tests; a test that kills it finds it started again.

    Started before the first test, so that it imports torch while the tests in this process run.
    """
    executor = LocalExecutor(threads=THREADS, extension_roots=(add_ons,))
    executor.start()
    yield executor
    executor.close()


@pytest.fixture
def run(executor: LocalExecutor) -> Callable[[JobSpec], list[WorkerEvent]]:
    return lambda spec: list(executor.run(SLOT, spec))
