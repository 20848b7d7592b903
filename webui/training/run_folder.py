"""What a training run keeps on disk, in a folder of its own: the pictures as they were, latents, the last state, losses, previews."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from webui.durable import clear_parts, write_durably
from webui.training.pictures import PictureSet, TrainingPicture

FOLDER = "training"
"""Below the data folder."""

_SAMPLE = re.compile(r"(\d{7})-(\d)\.png")
_HEAD = ["step", "loss"]


@dataclass(frozen=True)
class Sample:
    """A preview. step: after so many; prompt: which of the prompts, from 0."""

    step: int
    prompt: int
    name: str


class RunFolder:
    """One run's folder. Written by the process that trains, read by the web process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.latents = path / "latents.safetensors"
        self.state = path / "state.safetensors"
        """Weights and the optimizer's memory after the last saved step."""
        self._pictures = path / "pictures.json"
        self._losses = path / "losses.csv"
        self.samples_folder = path / "samples"

    def make(self) -> None:
        """Have it there, without what a killed writer left. Raises OSError."""
        self.samples_folder.mkdir(parents=True, exist_ok=True)
        for file in (self.latents, self.state, self._pictures, self._losses):
            clear_parts(file)

    def remove(self) -> None:
        """Remove all of it, where it is there."""
        if self.path.is_dir():
            shutil.rmtree(self.path)

    # the pictures

    def keep_pictures(self, found: PictureSet) -> None:
        """Note what is learned from, so that a run that goes on learns from the same."""
        told = {"begun": time.time(), "path": str(found.path), "pictures": [asdict(picture) for picture in found.pictures]}
        write_durably(self._pictures, json.dumps(told, ensure_ascii=False, indent=1).encode())

    def kept_pictures(self) -> PictureSet | None:
        """What `keep_pictures` noted, if anything."""
        if not self._pictures.exists():
            return None
        told = json.loads(self._pictures.read_text("utf-8"))
        return PictureSet(Path(told["path"]), tuple(TrainingPicture(**picture) for picture in told["pictures"]))

    @property
    def begun(self) -> float:
        """When `keep_pictures` was called, in seconds since 1970."""
        return float(json.loads(self._pictures.read_text("utf-8"))["begun"])

    # losses

    def losses(self) -> list[tuple[int, float]]:
        """(step, loss) of each step so far, in order. A line that was cut off by a kill is left out."""
        if not self._losses.exists():
            return []
        found = []
        for row in csv.reader(self._losses.read_text("utf-8").splitlines()[1:]):
            try:
                found.append((int(row[0]), float(row[1])))
            except (ValueError, IndexError):
                continue
        return found

    def begin_losses(self, after: int) -> None:
        """Keep those up to a step, from which the run goes on."""
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([_HEAD, *((step, repr(loss)) for step, loss in self.losses() if step <= after)])
        write_durably(self._losses, lines.getvalue().encode())

    def add_loss(self, step: int, loss: float) -> None:
        """Note the loss of a step."""
        with open(self._losses, "a", encoding="utf-8", newline="") as file:
            file.write(f"{step},{loss!r}\n")

    # previews

    def sample_path(self, step: int, prompt: int) -> Path:
        """Where a preview lies."""
        return self.samples_folder / f"{step:07}-{prompt}.png"

    def samples(self) -> list[Sample]:
        """All previews, oldest first."""
        if not self.samples_folder.is_dir():
            return []
        found = [(_SAMPLE.fullmatch(path.name), path.name) for path in self.samples_folder.iterdir()]
        return sorted((Sample(int(match[1]), int(match[2]), name) for match, name in found if match), key=lambda one: one.name)


def smoothed(losses: Sequence[tuple[int, float]], most: int = 300) -> list[tuple[int, float]]:
    """A curve to look at: means of equally many steps each, at most so many points, then a running mean that forgets slowly.

    The running mean is that of TensorBoard's smoothing, whose first values aren't drawn towards zero.
    """
    if not losses:
        return []
    width = -(-len(losses) // most)
    groups = [losses[at : at + width] for at in range(0, len(losses), width)]
    points = [(group[-1][0], sum(loss for _, loss in group) / len(group)) for group in groups]
    kept = min(0.95, len(points) / (len(points) + 10))
    curve, mean = [], 0.0
    for number, (step, loss) in enumerate(points, 1):
        mean = kept * mean + (1 - kept) * loss
        curve.append((step, mean / (1 - kept**number)))
    return curve
