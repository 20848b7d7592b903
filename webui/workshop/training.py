"""Training runs from the web process's side: what goes in, the process that trains, what is known of a run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from webui.catalog.checkpoints import Checkpoint
from webui.catalog.usable import FAMILY_TITLES
from webui.errors import InvalidRequest, NotFound
from webui.training.job import TrainingJob
from webui.training.recipe import FAMILIES, Train
from webui.training.run_folder import RunFolder, smoothed
from webui.workshop.process import Cancelled, Child, told_error

_COMMAND = (sys.executable, "-m", "webui.engine.training.child")
STOP_SECONDS = 3.0
"""How long a run may take to save its state when it is to end; then it is killed, and loses the steps since the last saved one."""
PAUSE_SECONDS = 60.0
"""How long somebody who wants to draw waits for a run to pause."""

DRAWING = ("width", "height", "steps", "cfg_scale", "sampler", "schedule_type", "clip_skip")
"""A checkpoint's defaults that previews are drawn with."""


class TrainingProcess:
    """A run in a process of its own; a guest on the device (webui.studio.device_turn). May be used from any thread."""

    def __init__(self, job: TrainingJob, before_going_on: Callable[[], None]) -> None:
        """before_going_on: called before it takes the device again."""
        self._child = Child(_COMMAND, job.as_line(), ("notes", "stopped", "error"))
        self._before_going_on = before_going_on
        self._paused = threading.Event()
        self._wants_pause = False
        self._ended = threading.Event()

    def run(self, told: Callable[[dict[str, Any]], None]) -> list[str]:
        """Train. told: gets each line about its progress. Returns what the owner should know. Raises EaselError or Cancelled."""

        def heard(line: dict[str, Any]) -> None:
            if line.get("paused") is True:
                self._paused.set()
            told(line)

        try:
            last = self._child.run(heard)
        finally:
            self._ended.set()
            self._paused.set()
        if "notes" in last:
            return last["notes"]
        if "stopped" in last:
            raise Cancelled
        raise told_error(last["error"])

    def stop(self) -> None:
        """Let it save its state and end; kill it where that takes long. Returns at once; `run` raises Cancelled."""
        self._child.say("stop")
        threading.Thread(target=self._kill_later, name="end of a training run", daemon=True).start()

    def _kill_later(self) -> None:
        if not self._ended.wait(STOP_SECONDS):
            self._child.kill()

    def pause(self) -> None:
        """Give the device up after the step at work."""
        if not self._wants_pause:
            self._wants_pause = True
            self._child.say("pause")

    def wait_paused(self) -> None:
        """Wait until it has, or has ended; no longer than somebody who wants to draw would wait."""
        self._paused.wait(PAUSE_SECONDS)

    def go_on(self) -> None:
        """Take the device again."""
        if self._wants_pause:
            self._wants_pause = False
            if not self._ended.is_set():
                self._paused.clear()
            self._before_going_on()
            self._child.say("go on")


def check_checkpoint(checkpoint: Checkpoint) -> None:
    """Raise InvalidRequest for a checkpoint that no LoRA is trained on here."""
    kind = checkpoint.kind
    titles = ", ".join(FAMILY_TITLES[family] for family in FAMILIES)
    if checkpoint.pipeline or kind.family not in FAMILIES:
        family = FAMILY_TITLES.get(kind.family, "of no known family")
        raise InvalidRequest(
            f"{checkpoint.name} is {family}, whose LoRAs Easel can't train.", field="model", allowed=titles, hint="Pick another checkpoint."
        )
    if kind.variant != "base":
        raise InvalidRequest(
            f"{checkpoint.name} is no plain checkpoint but one for {kind.variant}.",
            field="model",
            allowed=titles,
            hint="Train on the plain one of its family; the LoRA works with both.",
        )


def default_name(folder: str) -> str:
    """What a LoRA is called where nobody says: as the folder of its pictures, without kohya's number."""
    name = Path(folder).name
    number, _, rest = name.partition("_")
    return rest if number.isdigit() and rest else name


def in_words(recipe: Train, pictures: int) -> str:
    """How it was made, in a sentence."""
    return f"Trained on {recipe.model} with {pictures} pictures: {recipe.steps} steps, rank {recipe.rank}."


def run_view(folder: RunFolder) -> dict[str, Any]:
    """What is known of a run beside its order: the pictures, the curve of losses, the previews."""
    found = folder.kept_pictures()
    losses = folder.losses()
    return {
        "pictures": 0 if found is None else len(found.pictures),
        "steps": losses[-1][0] if losses else 0,
        "loss": losses[-1][1] if losses else None,
        "losses": [{"step": step, "loss": loss} for step, loss in smoothed(losses)],
        "samples": [{"step": sample.step, "prompt": sample.prompt, "name": sample.name} for sample in folder.samples()],
    }


def sample_file(folder: RunFolder, name: str) -> Path:
    """The file of a preview. Raises NotFound."""
    if not any(sample.name == name for sample in folder.samples()):
        raise NotFound("There is no such preview.", field="name", hint="Ask for the run.")
    return folder.samples_folder / name
