"""How pictures are kept: formats, names, what lies beside them, grids; through the whole studio."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from test_studio import SMALL, finish, wait_for

from webui.executors.fake import FakeExecutor
from webui.generation.infotext import read_infotext
from webui.generation.request import parse_request
from webui.settings import Settings
from webui.studio.picture_file import read_back
from webui.studio.studio import Studio


@pytest.mark.parametrize(("form", "suffix", "mark"), [("jpeg", ".jpg", "JPEG"), ("webp", ".webp", "WEBP"), ("avif", ".avif", "AVIF")])
def test_pictures_of_every_format_carry_their_recipe(studio: Studio, form: str, suffix: str, mark: str) -> None:
    studio.preferences.change({"picture_format": form, "picture_quality": 80})
    image = finish(studio, prompt="größer 🍎", seed=3)["images"][0]
    path = studio.picture_path(image["id"])
    assert path.suffix == suffix
    with Image.open(path) as picture:
        assert picture.format == mark
    record = read_back(path)
    assert record.seed == 3
    assert record.sha256 == studio.history.stored(int(image["id"])).sha256
    assert studio.thumbnail_path(image["id"]).exists()


def test_a_thumbnail_is_made_once_with_the_picture(studio: Studio, settings: Settings) -> None:
    image = finish(studio, prompt="fox", seed=3)["images"][0]
    small = settings.data_dir / "cache" / "thumbnails" / image["sha256"][:2] / f"{image['sha256']}.webp"
    with Image.open(small) as picture:
        assert picture.format == "WEBP"
    made = small.stat().st_mtime_ns
    assert studio.thumbnail_path(image["id"]) == small
    assert small.stat().st_mtime_ns == made


def test_folders_and_names_follow_the_patterns_and_hostile_words_stay_inside(studio: Studio, settings: Settings) -> None:
    studio.preferences.change({"folder_pattern": "[model_name]/[prompt_words]", "name_pattern": "[prompt_spaces]-[width]"})
    for prompt in ("../../etc/passwd", "CON", "a\u202eb", "x" * 5000, ". .", "🍎" * 200):
        ended = finish(studio, prompt=prompt)
        assert ended["status"] == "done"
        path = studio.picture_path(ended["images"][0]["id"])
        assert path.is_relative_to(settings.pictures_dir / "txt2img-images" / "small")
        assert len(path.name.encode()) <= 200
        assert "\u202e" not in path.name


@pytest.mark.parametrize("sidecar", ["text", "json"])
def test_parameters_lie_beside_the_picture(studio: Studio, sidecar: str) -> None:
    studio.preferences.change({"sidecar": sidecar})
    image = finish(studio, prompt="a fox, red", seed=8)["images"][0]
    path = studio.picture_path(image["id"])
    text = path.with_suffix(".txt" if sidecar == "text" else ".json").read_text("utf-8")
    if sidecar == "text":
        assert text.strip() == image["infotext"]
        assert read_infotext(text).parameters["Seed"] == "8"
    else:
        assert json.loads(text)["request"]["prompt"] == "a fox, red"
        assert json.loads(text)["seed"] == 8


def test_a_grid_shows_all_pictures_of_the_job(studio: Studio, settings: Settings) -> None:
    studio.preferences.change({"save_grids": True})
    finish(studio, seed=1)
    assert not list(settings.pictures_dir.rglob("grid-*"))
    ended = finish(studio, seed=5, batch_count=4)
    (path,) = settings.pictures_dir.rglob("grid-*")
    with Image.open(path) as grid:
        assert grid.size == (128, 128)
        for index, image in enumerate(ended["images"]):
            with Image.open(studio.picture_path(image["id"])) as picture:
                column, row = index % 2 * 64, index // 2 * 64
                assert grid.crop((column, row, column + 64, row + 64)).tobytes() == picture.tobytes()
    assert studio.history.total() == 5, "a grid is no picture of history"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_before_the_grid_makes_it_at_the_next_start(new_studio: Callable[..., Studio], settings: Settings) -> None:
    crashed = new_studio(FakeExecutor(step_seconds=0.001))
    crashed.preferences.change({"save_grids": True, "sidecar": "text"})
    crashed._journal.end = lambda *arguments, **options: (_ for _ in ()).throw(SystemExit)  # type: ignore[method-assign]
    job = crashed.submit(parse_request(SMALL | {"batch_count": 2}))
    wait_for(lambda: list(settings.pictures_dir.rglob("grid-*.png")))
    time.sleep(0.1)
    again = new_studio()
    again.preferences.change({"save_grids": True})
    assert again.job(job["id"])["status"] == "done"
    assert len(list(settings.pictures_dir.rglob("grid-*"))) == 1
    assert len(list(settings.pictures_dir.rglob("*.txt"))) == 2
    assert not list(settings.pictures_dir.rglob("*.part"))


def test_a_picture_that_is_gone_spoils_the_grid_only(new_studio: Callable[..., Studio], settings: Settings) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.05))
    studio.preferences.change({"save_grids": True})
    job = studio.submit(parse_request(SMALL | {"batch_count": 3}))
    wait_for(lambda: studio.job(job["id"])["done"] == 1)
    studio.picture_path(studio.job(job["id"])["images"][0]["id"]).unlink()
    ended = studio.follow(job["id"], lambda event: None)
    assert ended["status"] == "done"
    assert "grid" in ended["notes"][0]


def test_the_folder_is_shown_only_where_there_is_a_desktop(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = finish(studio)["images"][0]
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/shown\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("DISPLAY", ":0")
    studio.open_folder(image["id"])
    wait_for(lambda: (tmp_path / "shown").exists() and (tmp_path / "shown").read_text())
    assert (tmp_path / "shown").read_text().strip() == str(studio.picture_path(image["id"]).parent.resolve())
