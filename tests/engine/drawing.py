"""Jobs on the shipped checkpoint, and ways to look at what came of them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from webui.engine.control import JobControl
from webui.engine.families.base import Family
from webui.engine.loading.component import ComponentKind, load_component
from webui.engine.loading.upscaler import UpscalerModel, open_upscaler
from webui.engine.memory.loaded import Loaded
from webui.engine.memory.manager import BESIDE
from webui.generation.events import Picture, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedTxt2Img
from webui.generation.weight_storage import AS_COMPUTED

if TYPE_CHECKING:
    from webui.engine.engine import Engine

CHECKPOINT = Path(__file__).resolve().parents[2] / "models" / "checkpoints" / "easel-emoji"
THREADS = 1
"""Two threads on two cores collapse as soon as anything else runs beside the tests."""

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
    return JobSpec(uuid.uuid4().hex, request, str(path), images or tuple(range(request.picture_count)))


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


class Always:
    """A checkpoint that is in memory already, whichever is asked for (see ModelManager)."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._asked = False

    def get(self, path: Path, loading: Callable[[], None], vae: Path | None = None, storage: str = AS_COMPUTED) -> Loaded:
        if not self._asked:
            loading()
        self._asked = True
        return Loaded(self._family, "always the same", self._family.content)

    def beside(self, parts: Sequence[tuple[ComponentKind, Path]]) -> list[Any]:
        return [load_component(BESIDE[kind](path, None), self._family.device) for kind, path in parts]  # type: ignore[attr-defined]

    def get_upscaler(self, path: Path, loading: Callable[[], None]) -> UpscalerModel:
        return open_upscaler(path).load()

    def unload(self, path: Path | None = None) -> None:
        self._asked = False

    def resident(self) -> list[dict[str, Any]]:
        return []


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
