"""A training that may be stopped at any moment and goes on where it was: what it has learned lies in a folder.

What a step sees depends on its number alone (`draw_of`), so a training that was interrupted ends with the same weights as one that wasn't.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch

from webui.engine.device import open_device

STATE = "state.pt"


class OtherTraining(Exception):
    """The folder has the state of a training with other settings."""


class Average:
    """An exponential moving average of parameters, which draws better than they do themselves (Karras et al. 2024, arXiv:2312.02696).

    It follows closely at first: after n steps it weighs the last tenth of them at least, and at most the last 1 / (1 - decay) steps.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], decay: float) -> None:
        self._parameters = list(parameters)
        self._decay = decay
        self._steps = 0
        self.values = [parameter.detach().clone() for parameter in self._parameters]

    def update(self) -> None:
        """Take the parameters in as they are now."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        for value, parameter in zip(self.values, self._parameters, strict=True):
            value.lerp_(parameter.detach(), 1 - decay)

    def apply(self) -> None:
        """Give the parameters its values."""
        with torch.no_grad():
            for parameter, value in zip(self._parameters, self.values, strict=True):
                parameter.copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """All it knows."""
        return {"values": self.values, "steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        for value, saved in zip(self.values, state["values"], strict=True):
            value.copy_(saved)
        self._steps = state["steps"]


@dataclass(frozen=True)
class Draw:
    """The chance of one step: it is the same whenever the step is taken."""

    random: Random
    torch: torch.Generator

    def noise_like(self, tensor: torch.Tensor) -> torch.Tensor:
        """Normal noise of the tensor's shape."""
        return torch.randn(tensor.shape, generator=self.torch)


def draw_of(seed: int, step: int) -> Draw:
    """The chance of that step."""
    return Draw(Random(f"{seed} {step}"), torch.Generator().manual_seed(seed * 1_000_003 + step))


def cosine(step: int, steps: int, warmup: int, floor: float = 0.02) -> float:
    """The share of the highest learning rate at that step: up within the warm-up, then down along half a cosine to the floor."""
    return min(1.0, (step + 1) / warmup) * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * step / steps)))


@dataclass(frozen=True)
class Training:
    """What is trained, and how far.

    folder: of its state. settings: what makes it this training and no other; JSON. parts: what learns (model, optimizer, average), each
    with state_dict and load_state_dict. take_step: takes the step of that number (0-based) and returns its loss.
    """

    folder: Path
    settings: Mapping[str, Any]
    parts: Mapping[str, Any]
    take_step: Callable[[int], float]
    steps: int

    def resume(self) -> int:
        """Read the state and return how many steps are done. Raises OtherTraining."""
        path = self.folder / STATE
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True, map_location="cpu")
        if json.loads(state["settings"]) != json.loads(json.dumps(self.settings)):
            raise OtherTraining(f"{path} is of a training with other settings: {state['settings']}. Move it away to begin anew.")
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        return int(state["done"])

    def save(self, done: int) -> None:
        """Write the state, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / STATE
        beside = path.with_suffix(".part")
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        torch.save({"settings": json.dumps(self.settings), "done": done, "parts": parts}, beside)
        beside.replace(path)

    def run(self, until: int | None = None, save_every: float = 60.0, say: Callable[[str], None] = print) -> None:
        """Take all steps that aren't done yet. until: stop after so many. save_every: seconds between saves. Raises OtherTraining."""
        done = self.resume()
        last = self.steps if until is None else min(until, self.steps)
        began, first, saved, smooth = time.monotonic(), done, time.monotonic(), 0.0
        while done < last:
            loss = self.take_step(done)
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss of step {done} is {loss}")
            done += 1
            smooth = loss if done == first + 1 else 0.98 * smooth + 0.02 * loss
            if done % 50 == 0:
                speed = (done - first) / (time.monotonic() - began)
                say(f"step {done} of {self.steps}, {speed:.2f} a second, {(last - done) / speed / 60:.1f} min left, loss {smooth:.5f}")
            if time.monotonic() - saved > save_every:
                self.save(done)
                saved = time.monotonic()
        self.save(done)


def autocast() -> torch.autocast:
    """bfloat16 where this processor multiplies it itself, twice as fast there."""
    return torch.autocast("cpu", torch.bfloat16, enabled=open_device("cpu").dtype is torch.bfloat16)
