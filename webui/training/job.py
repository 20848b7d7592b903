"""One training run as the process that trains receives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webui.training.recipe import Train


@dataclass(frozen=True)
class TrainingJob:
    """All that is needed to train, or to go on training.

    checkpoint: its folder or file; checkpoint_name, checkpoint_sha256: what the LoRA says it was trained on ("" where unknown).
    family: of the checkpoint, as the catalog calls it. run: the run's folder. target: the LoRA's file.
    drawing: fields of a request for previews (steps, sampler, ...). roots: models folders. cache: for converted pickles.
    device, dtype: as webui.engine.device.open_device takes them. threads: of the CPU, 0: as usual.
    """

    recipe: Train
    checkpoint: Path
    checkpoint_name: str
    family: str
    run: Path
    target: Path
    checkpoint_sha256: str = ""
    drawing: Mapping[str, Any] = field(default_factory=dict)
    roots: tuple[Path, ...] = ()
    cache: Path | None = None
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0

    def as_line(self) -> str:
        """As the process gets it."""
        told = {
            **vars(self),
            "recipe": self.recipe.model_dump(mode="json"),
            "drawing": dict(self.drawing),
            "roots": [str(root) for root in self.roots],
            **{name: str(getattr(self, name)) for name in ("checkpoint", "run", "target")},
            "cache": None if self.cache is None else str(self.cache),
        }
        return json.dumps(told) + "\n"

    @classmethod
    def from_line(cls, line: str) -> TrainingJob:
        """What `as_line` made."""
        told = json.loads(line)
        paths = {name: Path(told[name]) for name in ("checkpoint", "run", "target")}
        cache = None if told["cache"] is None else Path(told["cache"])
        roots = tuple(map(Path, told["roots"]))
        return cls(**{**told, **paths, "recipe": Train.model_validate(told["recipe"]), "cache": cache, "roots": roots})
