"""Steps of finishing in a real engine: each has its effect, their order counts, colours of the source come back, and a model cuts out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageStat

from webui.engine.engine import Engine
from webui.errors import AdapterUnusable
from webui.generation.events import Picture, Stage
from webui.generation.request import ResolvedImg2Img
from webui.pictures.colours import with_colours_of

from .drawing import job, pixels
from .test_finishing import only, run, upscale_job
from .tiny_subjects import save_subject_model

SHARPEN = {"step": "sharpen", "amount": 1.0, "radius": 1.0}
SMALLER = {"step": "resize", "way": "Long side", "long_side": 24, "filter": "Area"}
PALER = {"step": "colour correct", "way": "Temperature", "temperature": 3000}


def scene(size: int = 48) -> Image.Image:
    """An orange disc before a blue sky that grows lighter."""
    sky = np.linspace(60, 200, size, dtype=np.uint8)[:, None].repeat(size, 1)
    picture = Image.fromarray(np.stack([sky // 3, sky // 2, sky], -1))
    ImageDraw.Draw(picture).ellipse((size // 4, size // 4, size * 3 // 4, size * 3 // 4), fill=(240, 130, 30))
    return picture


def finished(engine: Engine, folder: Path, picture: Image.Image, *steps: dict[str, Any], paths: Sequence[dict[str, str]] = ()) -> Picture:
    spec = upscale_job(folder, picture, *steps)
    return only(run(engine, replace(spec, finishing=tuple(paths)) if paths else spec))


def numbers(picture: Picture) -> NDArray[Any]:
    bands = 4 if picture.mode == "RGBA" else 3
    return np.frombuffer(picture.rgb, np.uint8).reshape(picture.height, picture.width, bands).astype(int)


def strength_of_edges(values: NDArray[Any]) -> float:
    return float(np.abs(np.diff(values[..., :3], axis=1)).max())


def test_each_step_has_its_effect(shared_engine: Engine, tmp_path: Path) -> None:
    before = np.asarray(scene()).astype(int)
    sharper = numbers(finished(shared_engine, tmp_path, scene(), SHARPEN))
    assert strength_of_edges(sharper) > strength_of_edges(before) and abs(sharper.mean() - before.mean()) < 2
    warmer = numbers(finished(shared_engine, tmp_path, scene(), PALER))
    assert warmer[..., 2].mean() < before[..., 2].mean() * 0.8 and warmer[..., 0].mean() > before[..., 0].mean()
    half = numbers(finished(shared_engine, tmp_path, scene(), PALER | {"strength": 0.5}))
    assert np.abs(half - (warmer + before) / 2).max() <= 1
    levels = numbers(finished(shared_engine, tmp_path, scene(), {"step": "colour correct", "way": "Auto levels", "cutoff": 0}))
    assert levels.min() == 0 and levels.max() == 255
    smaller = finished(shared_engine, tmp_path, scene(), SMALLER)
    assert (smaller.width, smaller.height) == (24, 24)
    assert np.abs(numbers(smaller) - before.reshape(24, 2, 24, 2, 3).mean((1, 3))).max() <= 1
    as_it_was = finished(shared_engine, tmp_path, scene(), {"step": "format", "format": "JPEG"})
    assert np.array_equal(numbers(as_it_was), before)


def test_the_order_counts(shared_engine: Engine, tmp_path: Path) -> None:
    one = numbers(finished(shared_engine, tmp_path, scene(), SHARPEN, SMALLER))
    other = numbers(finished(shared_engine, tmp_path, scene(), SMALLER, SHARPEN))
    assert one.shape == other.shape and np.abs(one - other).max() > 8
    mildly = SHARPEN | {"amount": 0.1}
    once, twice = (numbers(finished(shared_engine, tmp_path, scene(), *[mildly] * times)) for times in (1, 2))
    assert strength_of_edges(twice) > strength_of_edges(once)


def test_colours_go_back_to_the_source_whatever_was_done_in_between(shared_engine: Engine, tmp_path: Path) -> None:
    bring_back = {"step": "colour correct", "way": "To source"}
    changed = numbers(finished(shared_engine, tmp_path, scene(), PALER))
    back = numbers(finished(shared_engine, tmp_path, scene(), PALER, bring_back))
    before = np.asarray(scene()).astype(int)
    assert np.abs(back.mean((0, 1)) - before.mean((0, 1))).max() < np.abs(changed.mean((0, 1)) - before.mean((0, 1))).max() / 3


def test_the_source_of_a_picture_from_words_is_what_was_drawn(shared_engine: Engine) -> None:
    bring_back = {"step": "colour correct", "way": "To source"}
    plain, chained = (
        only(run(shared_engine, replace(job(steps=2, finishing=steps), finishing=tuple({} for _ in steps))))
        for steps in ([], [PALER, bring_back])
    )
    there, back = (ImageStat.Stat(Image.fromarray(pixels(picture))).mean for picture in (plain, chained))
    assert max(abs(one - other) for one, other in zip(there, back, strict=True)) < 12


def test_the_source_of_img2img_is_the_picture_that_it_started_from(shared_engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "start.png"
    scene(64).save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def drawn(*steps: dict[str, Any]) -> NDArray[Any]:
        base = job(width=64, height=64, steps=2)
        fields = base.request.model_dump(
            include={"prompt", "width", "height", "steps", "seed", "schedule_type", "checkpoint", "checkpoint_hash"}
        )
        request = ResolvedImg2Img.model_validate({**fields, "kind": "img2img", "init_image": digest, "finishing": steps})
        spec = replace(base, request=request, image_paths={digest: str(path)}, finishing=tuple({} for _ in steps))
        return pixels(only(run(shared_engine, spec)))

    expected = with_colours_of(Image.fromarray(drawn()), scene(64))
    assert np.array_equal(drawn({"step": "colour correct", "way": "To source"}), np.asarray(expected))


@pytest.mark.parametrize("entry", [0, 8], ids=["U2Net", "ISNet"])
def test_a_model_cuts_the_subject_out(shared_engine: Engine, tmp_path: Path, entry: int) -> None:
    model = tmp_path / "models" / "sees-red.safetensors"
    save_subject_model(model, entry)
    paths = ({"model": str(model)},)
    spec = replace(upscale_job(tmp_path, scene(), {"step": "cut out", "model": "sees-red"}), finishing=paths)
    events = run(shared_engine, spec)
    assert [event.text for event in events if isinstance(event, Stage)] == ["Loading sees-red"]
    made = only(events)
    assert made.mode == "RGBA"
    values = numbers(made)
    disc = np.asarray(scene())[..., 0] > 200
    assert (values[..., 3] > 127)[disc].mean() > 0.95 and (values[..., 3] < 128)[~disc].mean() > 0.95
    again = run(shared_engine, spec)
    assert not [event for event in again if isinstance(event, Stage)] and only(again).rgb == made.rgb
    parts = [part for part in shared_engine.in_memory().parts if part["kind"] == "cut_out"]
    assert [part["in_use"] for part in parts][:1] == [True] and parts[0]["bytes"] > 0
    step = {"step": "cut out", "model": "sees-red", "ground": "Colour", "colour": "#00ff00"}
    green = finished(shared_engine, tmp_path, scene(), step, paths=paths)
    assert green.mode == "RGB" and tuple(numbers(green)[0, 0]) == (0, 255, 0)
    shared_engine.unload()
    assert not [part for part in shared_engine.in_memory().parts if part["kind"] == "cut_out"]


def test_what_is_cut_out_stays_so_in_later_steps(shared_engine: Engine, tmp_path: Path) -> None:
    model = tmp_path / "models" / "sees-red.safetensors"
    save_subject_model(model)
    chain = ({"step": "cut out", "model": "sees-red"}, SHARPEN, PALER, {"step": "upscale", "scale": 2}, SMALLER)
    made = finished(shared_engine, tmp_path, scene(), *chain, paths=({"model": str(model)}, {}, {}, {}, {}))
    assert made.mode == "RGBA" and (made.width, made.height) == (24, 24)
    alphas = numbers(made)[..., 3]
    assert alphas[0, 0] == 0 and alphas[12, 12] == 255


def test_a_file_that_is_no_model_is_told(shared_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "no.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(AdapterUnusable):
        finished(shared_engine, tmp_path, scene(), {"step": "cut out", "model": "no"}, paths=({"model": str(tmp_path / "no.safetensors")},))
