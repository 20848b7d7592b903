"""Pictures of what a run has learned so far, drawn by the engine from the very weights that are trained."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import ValidationError

from webui.durable import write_durably
from webui.engine.control import JobControl
from webui.engine.engine import Engine
from webui.engine.training.bench import Bench
from webui.generation.events import Picture
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedTxt2Img, explain_validation
from webui.generation.samplers import AUTOMATIC, find_sampler
from webui.training.run_folder import RunFolder

_OWN = ("prompt", "seed", "batch_count", "batch_size", "hires", "checkpoint", "checkpoint_hash")
"""Fields of a preview that no checkpoint's defaults decide."""


class Previews:
    """Draws the same prompts from the same seed again and again."""

    def __init__(self, bench: Bench, folder: RunFolder, prompts: Sequence[str], drawing: Mapping[str, Any], side: int, seed: int) -> None:
        """drawing: fields of a request. side: of the pictures, in pixels, where these don't say. Raises InvalidRequest."""
        self._engine = Engine(bench.device, checkpoints=bench)
        self._bench = bench
        self._folder = folder
        self._requests = [_request(prompt, drawing, side, seed) for prompt in prompts]

    def draw(self, step: int, before_each: Callable[[], None]) -> list[str]:
        """Draw and keep those that are not kept yet. before_each: called before each picture; may raise. Returns their files' names.

        Raises EaselError, OSError.
        """
        self._bench.changed()
        names = []
        for number, request in enumerate(self._requests):
            path = self._folder.sample_path(step, number)
            if path.exists():
                continue
            before_each()
            write_durably(path, self._drawn(request))
            names.append(path.name)
        return names

    def _drawn(self, request: ResolvedTxt2Img) -> bytes:
        pictures: list[Picture] = []
        job = JobSpec("preview", request, str(Path(request.checkpoint)), (0,), preview_interval=3600.0)
        self._engine.run(job, JobControl(), lambda event: pictures.append(event) if isinstance(event, Picture) else None)
        (picture,) = pictures
        buffer = io.BytesIO()
        Image.frombytes("RGB", (picture.width, picture.height), picture.rgb).save(buffer, "PNG")
        return buffer.getvalue()


def _request(prompt: str, drawing: Mapping[str, Any], side: int, seed: int) -> ResolvedTxt2Img:
    fields = {"width": side, "height": side, **{name: value for name, value in drawing.items() if name not in _OWN}}
    fields |= {"prompt": prompt, "seed": seed, "checkpoint": "training", "checkpoint_hash": "0" * 10}
    try:
        request = ResolvedTxt2Img.model_validate(fields)
    except ValidationError as error:
        raise explain_validation(error, ResolvedTxt2Img) from None
    if request.schedule_type == AUTOMATIC:
        request = request.model_copy(update={"schedule_type": find_sampler(request.sampler).default_schedule})
    return request
