"""Films of steps: kept on wish, found again, bounded, and missed by nobody."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from test_studio import SMALL, _live_or_none, wait_for

from webui.errors import NotFound
from webui.executors.fake import FakeExecutor
from webui.generation.events import Step
from webui.generation.request import ResolvedTxt2Img, parse_request
from webui.settings import Settings
from webui.studio.films import FrameFacts, Reel
from webui.studio.studio import Studio


def draw(studio: Studio, *, film: bool | None = True, **fields: object) -> dict[str, Any]:
    job = studio.submit(parse_request(SMALL | fields), film=film)
    return studio.follow(job["id"], lambda event: None)


def films_in(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / "films").rglob("*.zip"))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_every_step_is_kept_with_its_noise_level(studio: Studio) -> None:
    job = draw(studio, steps=5, width=96, batch_count=2)
    assert [image["film"] for image in job["images"]] == [f"/api/v1/images/{image['id']}/film" for image in job["images"]]
    first, second = (studio.film(image["id"]) for image in job["images"])
    assert [(frame.step, frame.steps, frame.hires) for frame in first.frames] == [(step, 5, False) for step in range(1, 6)]
    levels = [frame.sigma for frame in first.frames]
    assert levels == sorted(levels, reverse=True) and levels[-1] == 0
    shown = [opened(data) for data in first.all()]
    assert {picture.format for picture in shown} == {"WEBP"} and {picture.size for picture in shown} == {(96, 64)}
    assert first.frame(5) != second.frame(5)
    for number in (0, 6):
        with pytest.raises(NotFound, match="5 frames"):
            first.frame(number)


def test_both_passes_follow_one_another(studio: Studio) -> None:
    job = draw(studio, steps=3, hires=True, hires_steps=2, denoising_strength=0.5)
    frames = studio.film(job["images"][0]["id"]).frames
    assert [(frame.step, frame.hires) for frame in frames] == [(1, False), (2, False), (3, False), (4, True), (5, True)]


def test_nothing_is_kept_where_nobody_asks(studio: Studio, settings: Settings) -> None:
    job = draw(studio, film=None)
    assert job["film"] is False and job["images"][0]["film"] is None
    with pytest.raises(NotFound):
        studio.film(job["images"][0]["id"])
    assert not films_in(settings)


class Noting(FakeExecutor):
    """Remembers which steps had a frame."""

    def __init__(self) -> None:
        super().__init__(step_seconds=0.001)
        self.frames: list[bool] = []

    def run(self, slot: str, job: Any) -> Any:
        for event in super().run(slot, job):
            if isinstance(event, Step):
                self.frames.append(bool(event.frame))
            yield event


def test_the_setting_decides_where_a_job_says_nothing(new_studio: Callable[..., Studio]) -> None:
    executor = Noting()
    studio = new_studio(executor, film=True)
    assert draw(studio, film=None)["images"][0]["film"]
    assert not draw(studio, film=False)["images"][0]["film"]
    assert executor.frames == [True] * 3 + [False] * 3


def test_the_picture_is_the_same_with_and_without(studio: Studio) -> None:
    made = [draw(studio, film=film, seed=5)["images"][0] for film in (True, False)]
    pixels = [Image.open(studio.picture_path(image["id"])).tobytes() for image in made]
    assert pixels[0] == pixels[1]


def test_the_wish_outlives_a_restart_and_goes_on_to_copies(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio()
    studio.pause(True)
    waiting = studio.submit(parse_request(SMALL), film=True)
    studio.close()
    studio = new_studio()
    studio.pause(False)
    assert studio.follow(waiting["id"], lambda event: None)["images"][0]["film"]
    assert studio.follow(studio.duplicate(waiting["id"])["id"], lambda event: None)["images"][0]["film"]
    endless = studio.submit(parse_request(SMALL), forever=True, film=True)
    wait_for(lambda: [job for job in studio.queue.page(0, 10)["waiting"] if job["forever"] and job["film"]])
    studio.end_forever()
    studio.follow(endless["id"], lambda event: None)


def test_live_pictures_are_not_filmed(new_studio: Callable[..., Studio], settings: Settings) -> None:
    studio = new_studio(film=True)
    job = studio.submit(parse_request(SMALL), live_client="page")
    wait_for(lambda: _live_or_none(studio, job["id"]))
    assert not films_in(settings)


def test_a_film_that_is_gone_or_damaged_is_missed_by_nobody(new_studio: Callable[..., Studio], settings: Settings) -> None:
    studio = new_studio()
    gone, damaged, whole = (draw(studio)["images"][0] for _ in range(3))
    for image in (gone, damaged):
        path = settings.data_dir / "films" / image["sha256"][:2] / f"{image['sha256']}.zip"
        path.unlink() if image is gone else path.write_bytes(b"PK\3\4 no more")
        with pytest.raises(NotFound, match="no film"):
            studio.film(image["id"])
    assert studio.history_item(gone["id"])["film"] is None
    studio.close()
    again = new_studio()
    assert len(again.film(whole["id"]).frames) == 3
    assert {item["id"] for item in again.history.page()[0] if item["film"]} == {damaged["id"], whole["id"]}


def test_the_oldest_make_room(new_studio: Callable[..., Studio], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.studio.films._MB", 1)
    # One seed, so that all are of one size.
    first = draw(new_studio(films_mb=10**6), seed=7)["images"][0]
    size = films_in(settings)[0].stat().st_size
    studio = new_studio(films_mb=int(size * 2.5))
    second, third = (draw(studio, seed=7)["images"][0] for _ in range(2))
    assert [bool(studio.history_item(image["id"])["film"]) for image in (first, second, third)] == [False, True, True]
    assert len(films_in(settings)) == 2


@pytest.mark.parametrize(
    ("mb", "setting", "words"),
    [(10**12, "disk_reserve_mb", "The film of picture 1 could not be kept: the disk is almost full."), (1, "films_mb", "larger than all")],
)
def test_a_film_without_room_holds_nothing_up(
    new_studio: Callable[..., Studio], settings: Settings, monkeypatch: pytest.MonkeyPatch, mb: int, setting: str, words: str
) -> None:
    # So many bytes as if they were one megabyte: the queue itself waits at the true reserve.
    monkeypatch.setattr("webui.studio.films._MB", mb)
    job = draw(new_studio(**{setting: 1}))
    assert job["status"] == "done" and job["images"][0]["film"] is None
    assert words in job["notes"][0]
    assert not films_in(settings)


def test_the_film_goes_with_its_picture(studio: Studio, settings: Settings) -> None:
    kept, orphan = draw(studio)["images"][0], "ab" * 32
    path = settings.data_dir / "films" / "ab" / f"{orphan}.zip"
    studio.films.keep(bytes.fromhex(orphan), [(FrameFacts(1, 1, False, None), b"x")])
    assert studio.films.sweep() == 0, "its picture may still come"
    for film in films_in(settings):
        os.utime(film, (time.time() - 7200,) * 2)
    part = path.with_name(f"{path.name}.1-1.part")
    part.write_bytes(b"half")
    os.utime(part, (time.time() - 7200,) * 2)
    again = type(studio.films)(settings.data_dir / "films", lambda: settings, studio.history.has_contents)
    assert again.sweep() == 1
    assert not path.exists() and not part.exists()
    assert again.has(bytes.fromhex(kept["sha256"]))


def test_a_picture_that_begins_anew_begins_its_film_anew() -> None:
    reel = Reel(ResolvedTxt2Img(prompt="", steps=4, seed=1, checkpoint="none", checkpoint_hash="0"))
    for step, data in ((1, b"a"), (2, b"b"), (3, b"c"), (1, b"d"), (2, b"e"), (2, b"f")):
        reel.take(Step(0, step, 4, frame=data, sigma=1.0))
    reel.take(Step(1, 1, 4, frame=b"other"))
    reel.take(Step(0, 3, 4))
    assert [data for _, data in reel.cut(0)] == [b"d", b"f"]
    assert reel.cut(0) == [] and len(reel.cut(1)) == 1


def test_pictures_that_were_skipped_leave_no_film(new_studio: Callable[..., Studio], settings: Settings) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.05))
    job = studio.submit(parse_request(SMALL | {"batch_count": 2, "steps": 8}), film=True)
    wait_for(lambda: (studio.job(job["id"])["progress"] or {}).get("step"))
    studio.skip(job["id"])
    (image,) = studio.follow(job["id"], lambda event: None)["images"]
    assert image["film"] and len(films_in(settings)) == 1


@pytest.mark.parametrize("form", ["webp", "gif"])
def test_a_film_is_saved_as_one_picture_that_moves(studio: Studio, form: Any) -> None:
    image = draw(studio, steps=6, width=1024, height=512)["images"][0]
    with opened(studio.exported_film(image["id"], form, 20)) as moving:
        assert (moving.format, moving.n_frames, moving.size) == (form.upper(), 7, (512, 256))  # type: ignore[attr-defined]
        assert moving.info["loop"] == 0
        durations, frames = [], []
        for number in range(7):
            moving.seek(number)
            moving.load()
            durations.append(moving.info["duration"])
            frames.append(moving.convert("RGB"))
    assert durations == [50] * 6 + [1500]
    picture = Image.open(studio.picture_path(image["id"])).resize((512, 256), Image.Resampling.LANCZOS)
    away = [sum(abs(a - b) for a, b in zip(frame.tobytes(), picture.tobytes(), strict=True)) / (512 * 256 * 3) for frame in frames]
    assert away[-1] < 6 < away[0]


def test_a_part_of_another_shape_is_shown_whole(studio: Studio) -> None:
    image = draw(studio, steps=1)["images"][0]
    green = io.BytesIO()
    Image.new("RGB", (64, 16), (0, 255, 0)).save(green, "WEBP", lossless=True)
    studio.films.keep(bytes.fromhex(image["sha256"]), [(FrameFacts(1, 1, False, None), green.getvalue())])
    first = opened(studio.exported_film(image["id"], "webp", 10)).convert("RGB")
    assert first.size == (64, 64)
    assert [first.getpixel((32, y))[1] > 200 for y in (4, 32, 60)] == [False, True, False]  # type: ignore[index]


def test_any_program_opens_a_film(studio: Studio, settings: Settings) -> None:
    draw(studio, steps=2)
    with zipfile.ZipFile(films_in(settings)[0]) as archive:
        assert archive.namelist() == ["film.json", "0001.webp", "0002.webp"]


def test_films_over_the_wire(url: str) -> None:
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client:

        def image_of(path: str, body: object) -> dict[str, Any]:
            answer = client.post(path, json=body)
            assert answer.status_code == 202, answer.text
            told = answer.json()
            identifier = told["jobs"][0]["id"] if "jobs" in told else told["id"]
            while not (images := client.get(f"/jobs/{identifier}").json()["images"]):
                time.sleep(0.01)
            return images[0]

        plain = image_of("/jobs", SMALL)
        assert plain["film"] is None
        assert client.get(f"/images/{plain['id']}/film").json()["error"]["code"] == "film_not_found"
        for path, body in (("/jobs?film=true", SMALL), ("/jobs/batch?film=true", {"requests": [SMALL]})):
            image = image_of(path, body)
            frames = client.get(f"/images/{image['id']}/film").json()["frames"]
            assert [frame["number"] for frame in frames] == [1, 2, 3]
        larger = image_of(f"/images/{plain['id']}/hires?film=true", {"hires_steps": 2})
        assert [frame["hires"] for frame in client.get(f"/images/{larger['id']}/film").json()["frames"]] == [False] * 3 + [True] * 2

        frame = client.get(frames[1]["url"].removeprefix("/api/v1"))
        assert frame.headers["content-type"] == "image/webp" and "immutable" in frame.headers["cache-control"]
        assert client.get(f"/images/{image['id']}/film/4").json()["error"]["code"] == "frame_not_found"
        saved = client.get(f"/images/{image['id']}/film/export", params={"form": "gif"})
        assert saved.headers["content-type"] == "image/gif" and saved.headers["content-disposition"].endswith("-steps.gif")
        for wrong in ({"form": "mp4"}, {"per_second": 0}, {"per_second": 31}):
            assert client.get(f"/images/{image['id']}/film/export", params=wrong).status_code == 422
