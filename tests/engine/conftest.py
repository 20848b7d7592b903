"""The engine on the shipped checkpoint: in this process (quick, inspectable) and in one real worker shared by all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the worker: must be said before torch is imported

from webui.engine.control import JobControl
from webui.engine.device import Device, open_device, use_threads
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.engine.loading.diffusers_folder import fingerprint, load_diffusers_folder
from webui.executors.local import SLOT, LocalExecutor
from webui.generation.events import Picture, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedTxt2Img

CHECKPOINT = Path(__file__).resolve().parents[2] / "models" / "checkpoints" / "easel-emoji"
THREADS = 1
"""One, since two on two cores collapse as soon as anything else runs beside the tests."""

NOISY_ADD_ON = """
import os, sys
from PIL import Image
from webui.extensions import hookimpl

@hookimpl
def denoise_step(context):
    print("printed by an add-on", flush=True)
    os.write(1, b"written to descriptor 1 by a library")

@hookimpl
def image_ready(image, context):
    asked = context.request.extensions.get("noisy", {})
    if asked.get("fail"):
        raise RuntimeError("meant to fail")
    if asked.get("paint"):
        return Image.new("RGB", image.size, (1, 2, 3))
"""


def job(prompt: str = "a red apple on a blue background", *, images: tuple[int, ...] | None = None, **changes: Any) -> JobSpec:
    """A quick job on the shipped checkpoint. path: another checkpoint."""
    path = changes.pop("path", CHECKPOINT)
    fields: dict[str, Any] = {
        "prompt": prompt,
        "width": 128,
        "height": 128,
        "steps": 4,
        "cfg_scale": 5.0,
        "sampler": "DPM++ 2M",
        "schedule_type": "Karras",
        "seed": 7,
        "checkpoint": Path(path).name,
        "checkpoint_hash": "0123456789",
    }
    request = ResolvedTxt2Img(**(fields | changes))
    job.count = getattr(job, "count", 0) + 1  # type: ignore[attr-defined]
    return JobSpec(f"job-{job.count}", request, str(path), images or tuple(range(request.picture_count)))  # type: ignore[attr-defined]


def kinds(events: list[WorkerEvent]) -> list[str]:
    """The types of events in order, repeats of the same one folded."""
    names = [event.type for event in events]
    return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


def digests(events: list[WorkerEvent]) -> dict[int, str]:
    """sha256 of the pixels by picture index."""
    return {event.image: hashlib.sha256(event.rgb).hexdigest() for event in events if isinstance(event, Picture)}


def pixels(picture: Picture) -> NDArray[np.uint8]:
    """(height, width, 3)."""
    return np.frombuffer(picture.rgb, np.uint8).reshape(picture.height, picture.width, 3)


@dataclass
class Recorder:
    """Runs jobs on an engine of this process. on_event may press the buttons."""

    engine: Engine
    control: JobControl = field(default_factory=JobControl)

    def run(self, spec: JobSpec, on_event: Callable[[JobControl, WorkerEvent], None] = lambda control, event: None) -> list[WorkerEvent]:
        events: list[WorkerEvent] = []
        control, self.control = self.control, JobControl()

        def emit(event: WorkerEvent) -> None:
            events.append(event)
            on_event(control, event)

        self.engine.run(spec, control, emit)
        return events


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
    return load_diffusers_folder(CHECKPOINT, fingerprint(CHECKPOINT), device)


@pytest.fixture(scope="session")
def add_ons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one add-on that prints, and paints or fails when asked to."""
    root = tmp_path_factory.mktemp("add_ons")
    (root / "noisy").mkdir()
    (root / "noisy" / "noisy_add_on.py").write_text(NOISY_ADD_ON)
    (root / "noisy" / "pyproject.toml").write_text(
        '[project]\nname = "noisy"\nversion = "1"\n[tool.easel]\nworker = "noisy_add_on"\n'
    )
    return root


@pytest.fixture(scope="session")
def executor(add_ons: Path) -> Iterator[LocalExecutor]:
    """One real worker for all tests; a test that kills it finds it started again."""
    executor = LocalExecutor(threads=THREADS, extension_roots=(add_ons,))
    executor.start()
    yield executor
    executor.close()


@pytest.fixture
def run(executor: LocalExecutor) -> Callable[[JobSpec], list[WorkerEvent]]:
    return lambda spec: list(executor.run(SLOT, spec))
