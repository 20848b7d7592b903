"""Replays with the real engine and the shipped checkpoint: a branch comes out again bit for bit, and what changed is named."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from test_studio import wait_for

from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.local import LocalExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import parse_request
from webui.settings import PROGRAM_ROOT, load_settings
from webui.studio.origin import REPLAY, Origin
from webui.studio.studio import Studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # two starts of the engine for each

DRAWN = {"checkpoint": "easel-emoji", "width": 128, "height": 128, "steps": 4}


@pytest.fixture
def open_studio(tmp_path: Path) -> Iterator[Callable[..., Studio]]:
    """Studios over one data folder, one after the other, each with a worker of its own."""
    opened: list[Studio] = []

    def make(**engine: Any) -> Studio:
        for studio in opened:
            studio.close()
        models = PROGRAM_ROOT / "models"
        executor = LocalExecutor(threads=1, model_roots=(models,), **engine)
        settings = load_settings(data_dir=tmp_path / "data")
        studio = Studio(settings, executor, CheckpointCatalog([models], tmp_path / "cache"), ExtensionRegistry())
        opened.append(studio)
        studio.start()
        return studio

    yield make
    for studio in opened:
        studio.close()


def made(studio: Studio, **fields: Any) -> dict[str, Any]:
    job = studio.follow(studio.submit(parse_request(fields))["id"], lambda event: None)
    assert job["status"] == "done", job["error"]
    return job["images"][0]


def branch(studio: Studio) -> list[dict[str, Any]]:
    first = made(studio, prompt="a happy fox", seed=5, **DRAWN)
    mask = Image.new("L", (128, 128), 0)
    mask.paste(255, (32, 16, 96, 64))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    digest = studio.images.put(buffer.getvalue()).sha256
    second = made(studio, kind="inpaint", prompt="a red hat", seed=6, init_image=first["sha256"], mask=digest, **DRAWN)
    steps = [{"step": "upscale", "upscaler": "easel-emoji-x4", "scale": 2}]
    return [first, second, made(studio, kind="upscale", init_image=second["sha256"], finishing=steps)]


def proofs(studio: Studio, pictures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What replaying the whole branch found, picture by picture."""
    before = {image["id"]: len(studio.replays.of_image(image["id"])) for image in pictures}
    studio.replays.replay(pictures[-1]["id"], branch=True)
    wait_for(lambda: len(studio.replays.of_image(pictures[-1]["id"])) > before[pictures[-1]["id"]], seconds=300)
    return [studio.replays.of_image(image["id"])[0] for image in pictures]


def test_a_branch_is_byte_identical_after_a_restart(open_studio: Callable[..., Studio]) -> None:
    pictures = branch(open_studio())
    told = proofs(open_studio(), pictures)
    found = [(proof["verdict"], proof["differing"], proof["same_file"], proof["changes"]) for proof in told]
    assert found == [("identical", 0, True, [])] * 3


def test_another_attention_and_another_dtype_are_named_and_nothing_else(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio(dtype="float32")
    image = made(studio, prompt="a happy fox", seed=5, **DRAWN)
    again = parse_request({"prompt": "a happy fox", "seed": 5, "attention": "Sliced", **DRAWN})
    origin = Origin(REPLAY, int(image["id"]), proof=True)
    sliced = studio.follow(studio.submit(again, origin=origin)["id"], lambda event: None)["replay"]
    assert [(change["fact"], change["before"], change["after"]) for change in sliced["changes"]] == [("attention", "SDPA", "Sliced")]

    later = open_studio(dtype="bfloat16")
    proof = later.follow(later.replays.replay(image["id"])["id"], lambda event: None)["replay"]
    assert proof["verdict"] != "identical" and proof["made"]
    assert [change["fact"] for change in proof["changes"]] == ["dtype", "vae_dtype"]
    assert {(change["before"], change["after"]) for change in proof["changes"]} == {("float32", "bfloat16")}
