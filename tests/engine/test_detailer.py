"""The built-in detailer on the shipped checkpoint: finds with a tiny model made here, or takes what is painted, and draws again."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.extensions import Detector, Found, hookimpl
from webui.extensions.registry import ExtensionRegistry
from webui.generation.events import Picture
from webui.testing import built_in

from .drawing import Recorder, job, pixels
from .test_engine import engine_with

BOX = (8, 8, 40, 40)


class Bright:
    """Another add-on, whose detector the detailer may use."""

    @hookimpl
    def detectors(self) -> Detector:
        return Detector("Corner", lambda picture: [Found(BOX, 0.9)])


@pytest.fixture
def drawn(
    device: Device, family: StableDiffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Picture, np.ndarray[Any, Any]]]:
    """Draws a picture with these values of the detailer; returns it, and how much each pixel differs from the one without."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    registry = ExtensionRegistry()
    registry.load_folder(built_in("detailer"), "worker")
    registry.register(Bright(), "bright", "worker")
    monkeypatch.setattr(sys.modules["easel_detailer.asked"], "FOLDER", tmp_path / "detectors")

    def draw(image_paths: dict[str, str] | None = None, **values: Any) -> tuple[Picture, np.ndarray[Any, Any]]:
        made = []
        for enabled in (True, False):
            spec = job(width=64, height=64, extensions={"detailer": {"enabled": enabled, "size": 64, "steps": 3, **values}})
            events = Recorder(engine_with(registry, device, family)).run(replace(spec, image_paths=image_paths or {}))
            made += [event for event in events if isinstance(event, Picture)]
        assert registry.take_faults() == []
        with_it, without = made
        return with_it, np.abs(pixels(with_it).astype(int) - pixels(without).astype(int)).max(2)

    return draw


def test_it_finds_with_a_tiny_model_and_draws_again(drawn: Callable[..., Any], tmp_path: Path) -> None:
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessor

    torch.manual_seed(3)
    tiny = YolosConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=[64, 64], num_detection_tokens=3
    )
    YolosForObjectDetection(tiny).save_pretrained(tmp_path / "detectors" / "tiny")
    YolosImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path / "detectors" / "tiny")
    picture, changed = drawn(detector="tiny", confidence=0.05, number=2, prompt="a green leaf", strength=0.9)
    told = picture.facts["sub_requests"]
    assert 1 <= len(told) <= 2 and {one["prompt"] for one in told} == {"a green leaf"}
    assert changed.max() > 8


def test_a_detector_of_another_add_on_finds_for_it(drawn: Callable[..., Any]) -> None:
    picture, changed = drawn(detector="bright/Corner", grow=0, blur=0, padding=0, prompt="a blue square", strength=0.9)
    (told,) = picture.facts["sub_requests"]
    left, top, right, bottom = BOX
    assert told["prompt"] == "a blue square" and (changed[top:bottom, left:right] > 8).mean() > 0.3
    changed[top:bottom, left:right] = 0
    assert changed.max() == 0


def test_what_is_painted_is_drawn_again_and_nothing_else(drawn: Callable[..., Any], tmp_path: Path) -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, BOX)
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    (tmp_path / "mask.png").write_bytes(buffer.getvalue())
    picture, changed = drawn(
        {digest: str(tmp_path / "mask.png")},
        detector="What is painted",
        mask=digest,
        grow=0,
        blur=0,
        padding=0,
        prompt="a blue square",
        strength=0.9,
    )
    (told,) = picture.facts["sub_requests"]
    assert (told["prompt"], told["seed"]) == ("a blue square", 7)
    left, top, right, bottom = BOX
    assert (changed[top:bottom, left:right] > 8).mean() > 0.3
    changed[top:bottom, left:right] = 0
    assert changed.max() == 0
