"""Pictures without a model: deterministic patterns from seed and words, for tests of everything above the engine."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image, ImageDraw

from webui.executors.base import Slot
from webui.generation.events import PROTOCOL_VERSION, Done, Finishing, Hello, Interrupted, Picture, Skipped, Stage, Step, WorkerEvent
from webui.generation.finishing import works
from webui.generation.job import JobSpec
from webui.generation.passes import passes_of
from webui.generation.request import ResolvedRequest, ResolvedUpscale
from webui.generation.samplers import SAMPLER_LABELS

_SLOT = "fake-0"
_FAKE_BYTES = 16 * 1024**2
_FAKE_SIGMA = 14.6
_FAKE_TILES = 4


def paint(request: ResolvedRequest, seed: int | None) -> Image.Image:
    """A pattern that any change of the request or the seed changes; the same ones give the same bytes."""
    recipe = request.model_dump_json(exclude={"seed", "batch_count", "batch_size", "loopback"}) + str(seed)
    noise = hashlib.shake_256(recipe.encode()).digest(64)
    width, height = request.finished_size
    picture = Image.new("RGB", (width, height), (noise[0], noise[1], noise[2]))
    draw = ImageDraw.Draw(picture)
    for start in range(3, 59, 8):
        x, y, w, h, *colour = noise[start : start + 7]
        left, top = x * width // 256, y * height // 256
        draw.ellipse((left, top, left + 8 + w * width // 400, top + 8 + h * height // 400), fill=(colour[0], colour[1], colour[2]))
    return picture


Painter = Callable[[ResolvedRequest, int | None], Image.Image]
"""A request and the seed of one of its pictures -> that picture."""


def _finishing(request: ResolvedRequest, image: int) -> Iterator[WorkerEvent]:
    """Each step of the chain, in as many parts."""
    whole = len(request.finishing) * _FAKE_TILES
    for done in range(whole):
        part = done % _FAKE_TILES + 1
        step = request.finishing[done // _FAKE_TILES]
        words = f"{step.doing}: {step.part} {part} of {_FAKE_TILES}"
        yield Finishing(image, words, part, _FAKE_TILES, (done + 1) / whole)


def _preview(picture: Image.Image, share: float, size: tuple[int, int] = (128, 128), form: str = "JPEG") -> bytes:
    blurred = picture.resize((max(1, int(4 + 28 * share)), max(1, int(4 + 28 * share)))).resize(size)
    buffer = io.BytesIO()
    blurred.save(buffer, form, quality=80)
    return buffer.getvalue()


class FakeExecutor:
    """Runs in threads of this process; obeys interrupt and skip at each step like the real one.

    step_seconds: how long one step takes (EASEL_FAKE_STEP_SECONDS overrides it for a started server). painter: what makes a picture.
    facts: what is told of each picture besides, or otherwise than usual.
    """

    def __init__(
        self, step_seconds: float | None = None, painter: Painter = paint, facts: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self._painter = painter
        self._facts = facts
        self._step_seconds = float(os.environ.get("EASEL_FAKE_STEP_SECONDS", "0.02")) if step_seconds is None else step_seconds
        self._running: set[str] = set()
        self._interrupted: set[str] = set()
        self._skipped: set[str] = set()
        self._closed = threading.Event()
        self._resident: tuple[dict[str, Any], ...] = ()

    def start(self) -> None:
        """Nothing to start."""

    def slots(self) -> list[Slot]:
        """One slot, always alive."""
        hello = Hello(
            protocol=PROTOCOL_VERSION,
            source_hash="",
            pid=os.getpid(),
            device="fake",
            device_name="Painted patterns",
            dtype="none",
            attention=(),
            samplers=SAMPLER_LABELS,
        )
        return [Slot(_SLOT, alive=True, hello=hello, resident=self._resident)]

    def run(self, slot: str, job: JobSpec) -> Iterator[WorkerEvent]:
        """Paint the job's pictures step by step."""
        self._running.add(job.job_id)
        try:
            if job.checkpoint_path:
                yield Stage(f"Loading {job.drawn.checkpoint}")
                self.preload(slot, job.checkpoint_path)
            for image in job.images:
                yield from self._one(job, image)
                if job.job_id in self._interrupted:
                    yield Interrupted()
                    return
            yield Done({"device": "fake"})
        finally:
            for pressed in (self._running, self._interrupted, self._skipped):
                pressed.discard(job.job_id)

    def _one(self, job: JobSpec, image: int) -> Iterator[WorkerEvent]:
        started = time.monotonic()
        picture = self._painter(job.request, job.request.image_seeds[image])
        for event in itertools.chain(self._steps(job, image, picture), _finishing(job.request, image)):
            self._closed.wait(self._step_seconds)
            if job.job_id in self._interrupted:
                return
            if job.job_id in self._skipped:
                self._skipped.discard(job.job_id)
                yield Skipped(image)
                return
            yield event
        facts: dict[str, Any] = {
            "seconds": time.monotonic() - started,
            "device": "fake",
            "dtype": "none",
            "attention": "none",
            **self._facts,
        }
        if isinstance(job.request, ResolvedUpscale):
            facts["work"] = sum(works(job.request.finishing, job.request.picture_size))
        yield Picture(image, picture.width, picture.height, picture.tobytes(), facts)

    def _steps(self, job: JobSpec, image: int, picture: Image.Image) -> Iterator[WorkerEvent]:
        steps = 0 if isinstance(job.request, ResolvedUpscale) else sum(one.steps.taken for one in passes_of(job.request))
        for step in range(1, steps + 1):
            frame = _preview(picture, step / steps, picture.size, "WEBP") if job.film else b""
            level = _FAKE_SIGMA * (1 - step / steps) if job.film else None
            yield Step(image, step, steps, _preview(picture, step / steps), frame, level)

    def interrupt(self, slot: str, job_id: str) -> None:
        """End the job at its next step."""
        if job_id in self._running:
            self._interrupted.add(job_id)

    def skip(self, slot: str, job_id: str) -> None:
        """End the picture being made."""
        if job_id in self._running:
            self._skipped.add(job_id)

    def preload(self, slot: str, checkpoint_path: str) -> None:
        """There is nothing to load; parts of made-up sizes are told, of which all checkpoints share the VAE."""
        others = [part | {"in_use": False} for part in self._resident if part["kind"] != "vae" and part["checkpoints"] != [checkpoint_path]]
        users = sorted({path for part in self._resident for path in part["checkpoints"]} | {checkpoint_path})
        name = checkpoint_path.replace("\\", "/").rsplit("/", 1)[-1]
        parts = (
            ("denoiser", _FAKE_BYTES, [checkpoint_path]),
            ("text_encoder", _FAKE_BYTES // 4, [checkpoint_path]),
            ("vae", _FAKE_BYTES // 8, users),
        )
        here = [
            {"part": f"{name}/{kind}", "kind": kind, "state": "mapped", "bytes": size, "in_use": True, "checkpoints": checkpoints}
            for kind, size, checkpoints in parts
        ]
        self._resident = (*here, *others)

    def unload(self, slot: str, checkpoint_path: str | None = None) -> None:
        """There is nothing to let go of; it is told no more."""
        left = [part | {"checkpoints": [path for path in part["checkpoints"] if path != checkpoint_path]} for part in self._resident]
        self._resident = () if checkpoint_path is None else tuple(part for part in left if part["checkpoints"])

    def use_add_ons(self, folders: Sequence[Path], site: Path | None = None) -> None:
        """There is no engine that add-ons could reach into."""

    def renew(self) -> None:
        """So there is nothing to load anew."""

    def use_models(self, roots: Sequence[Path]) -> None:
        """Models are not looked for."""

    def close(self) -> None:
        """Let nothing wait any longer."""
        self._closed.set()
