import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from webui.errors import CheckpointUnusable, Conflict, EaselError, InvalidRequest, NotFound, QueueFull
from webui.executors.fake import FakeExecutor, paint
from webui.extensions import hookimpl
from webui.extensions.registry import ExtensionRegistry
from webui.generation.events import Failed, Step, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.request import Txt2Img, load_resolved, parse_request
from webui.settings import Settings
from webui.studio.dispatcher import MOST_WORKER_DEATHS
from webui.studio.studio import Studio

SMALL = {"width": 64, "height": 64, "steps": 3}


def finish(studio: Studio, **fields: object) -> dict:
    job = studio.submit(parse_request(SMALL | fields))
    return studio.follow(job["id"], lambda event: None)


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_a_job_makes_its_pictures_and_history_holds_them(studio: Studio) -> None:
    job = finish(studio, prompt="a red apple", seed=5, batch_count=3)
    assert job["status"] == "done"
    assert [image["seed"] for image in job["images"]] == ["5", "6", "7"]
    items, following = studio.history.page()
    assert [item["id"] for item in items] == [image["id"] for image in reversed(job["images"])]
    assert following is None
    assert studio.history.total() == 3


def test_the_file_holds_infotext_and_the_whole_request(studio: Studio) -> None:
    job = finish(studio, prompt="a fox, größer\nsecond line", negative_prompt="blurry", seed=5, batch_count=2)
    with Image.open(studio.picture_path(job["images"][1]["id"])) as picture:
        assert picture.info["parameters"] == job["images"][1]["infotext"]
        own = json.loads(picture.info["easel"])
        assert picture.convert("RGB").tobytes() == paint(load_resolved(json.dumps(own["request"])), 6).tobytes()
    assert own["request"]["prompt"] == "a fox, größer\nsecond line"
    assert own["image"] == 1


def test_the_request_of_a_picture_makes_it_again(studio: Studio) -> None:
    job = finish(studio, prompt="{x}", batch_count=3)
    again = studio.request_of(job["images"][2]["id"])
    fields = again.model_dump(include=set(Txt2Img.model_fields))
    repeat = studio.follow(studio.submit(parse_request(fields))["id"], lambda event: None)
    old, new = (Image.open(studio.picture_path(image["id"])) for image in (job["images"][2], repeat["images"][0]))
    assert old.tobytes() == new.tobytes()


def test_files_are_numbered_and_never_overwritten(studio: Studio, settings: Settings, new_studio: Callable[..., Studio]) -> None:
    first = finish(studio, seed=1)["images"][0]["file"]
    second = finish(studio, seed=1)["images"][0]["file"]
    studio.close()
    third = finish(new_studio(), seed=1)["images"][0]["file"]
    assert [first, second, third] == ["00000-1.png", "00001-1.png", "00002-1.png"]
    assert len(list(settings.pictures_dir.rglob("*.png"))) == 3


def test_interrupt_keeps_what_is_done(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.02))
    job = studio.submit(parse_request(SMALL | {"batch_count": 50}))
    wait_for(lambda: studio.job(job["id"])["done"] >= 2)
    studio.interrupt(job["id"])
    ended = studio.follow(job["id"], lambda event: None)
    assert ended["status"] == "cancelled"
    assert 2 <= ended["done"] < 50
    assert studio.history.total() == ended["done"]
    with pytest.raises(Conflict):
        studio.interrupt(job["id"])


def test_skip_ends_one_picture(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.05))
    job = studio.submit(parse_request(SMALL | {"batch_count": 3, "steps": 20}))
    wait_for(lambda: (studio.job(job["id"])["progress"] or {}).get("step"))
    studio.skip(job["id"])
    ended = studio.follow(job["id"], lambda event: None)
    assert ended["status"] == "done"
    assert [image["index"] for image in ended["images"]] == [1, 2]
    with pytest.raises(Conflict):
        studio.skip(job["id"])


def test_a_waiting_job_is_cancelled_at_once(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.05))
    long = studio.submit(parse_request(SMALL | {"batch_count": 10, "steps": 20}))
    waiting = studio.submit(parse_request(SMALL))
    assert studio.cancel(waiting["id"])["status"] == "cancelled"
    studio.interrupt(long["id"])


def test_a_live_job_supersedes_the_earlier_one_and_is_not_kept(new_studio: Callable[..., Studio], settings: Settings) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.02))
    first = studio.submit(parse_request(SMALL | {"prompt": "a", "steps": 150}), live_client="page")
    wait_for(lambda: studio.job(first["id"])["status"] == "running")
    second = studio.submit(parse_request(SMALL | {"prompt": "ab", "steps": 150}), live_client="page")
    third = studio.submit(parse_request(SMALL | {"prompt": "abc"}), live_client="page")
    wait_for(lambda: _live_or_none(studio, third["id"]))
    assert _live_or_none(studio, first["id"]) is None
    assert _live_or_none(studio, second["id"]) is None
    wait_for(lambda: not studio.snapshot()["jobs"])
    assert studio.history.total() == 0
    assert not list(settings.pictures_dir.rglob("*.png"))


def _live_or_none(studio: Studio, job_id: str) -> bytes | None:
    try:
        return studio.live_picture(job_id)
    except NotFound:
        return None


def test_the_queue_has_a_limit(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False, queue_limit=2)
    studio.submit(parse_request(SMALL))
    studio.submit(parse_request(SMALL))
    with pytest.raises(QueueFull):
        studio.submit(parse_request(SMALL))


def test_jobs_survive_a_restart(new_studio: Callable[..., Studio]) -> None:
    before = new_studio(start=False)
    ids = [before.submit(parse_request(SMALL | {"prompt": str(number)}))["id"] for number in range(3)]
    before.close()
    after = new_studio()
    for job_id in ids:
        assert after.follow(job_id, lambda event: None)["status"] == "done"


class DiesBetween(FakeExecutor):
    """Closes the studio's program, as kill -9 does, after so many pictures: nothing after that is recorded."""

    def __init__(self, pictures: int) -> None:
        super().__init__(step_seconds=0.001)
        self.left = pictures

    def run(self, slot: str, job: JobSpec) -> Iterator[WorkerEvent]:
        for event in super().run(slot, job):
            if event.type == "picture":
                if self.left == 0:
                    raise SystemExit  # ends the dispatcher's thread where it stands
                self.left -= 1
            yield event


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_after_a_crash_only_the_missing_pictures_are_made(new_studio: Callable[..., Studio]) -> None:
    crashed = new_studio(DiesBetween(pictures=2))
    job = crashed.submit(parse_request(SMALL | {"batch_count": 4, "seed": 9}))
    wait_for(lambda: crashed.job(job["id"])["done"] == 2)
    time.sleep(0.2)
    kept = [image["id"] for image in crashed.job(job["id"])["images"]]
    ended = new_studio().follow(job["id"], lambda event: None)
    assert ended["status"] == "done"
    assert [image["seed"] for image in ended["images"]] == ["9", "10", "11", "12"]
    assert [image["id"] for image in ended["images"]][:2] == kept


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_picture_written_before_the_crash_is_adopted(new_studio: Callable[..., Studio], settings: Settings) -> None:
    studio = new_studio()
    studio._machine._journal.record_picture = lambda *args, **kwargs: (_ for _ in ()).throw(SystemExit)  # type: ignore[method-assign]
    job = studio.submit(parse_request(SMALL | {"seed": 3}))
    wait_for(lambda: list(settings.pictures_dir.rglob("*.png")))
    time.sleep(0.1)
    (written,) = settings.pictures_dir.rglob("*.png")
    content = written.read_bytes()
    ended = new_studio().job(job["id"])
    assert ended["status"] == "done"
    assert [image["file"] for image in ended["images"]] == [written.name]
    assert written.read_bytes() == content


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_damaged_picture_of_a_crashed_job_stops_nothing_and_is_made_again(new_studio: Callable[..., Studio], settings: Settings) -> None:
    studio = new_studio()
    studio._machine._journal.record_picture = lambda *args, **kwargs: (_ for _ in ()).throw(SystemExit)  # type: ignore[method-assign]
    job = studio.submit(parse_request(SMALL | {"seed": 3}))
    wait_for(lambda: list(settings.pictures_dir.rglob("*.png")))
    time.sleep(0.1)
    (written,) = settings.pictures_dir.rglob("*.png")
    written.write_bytes(b"damaged")
    ended = new_studio().follow(job["id"], lambda event: None)
    assert ended["status"] == "done"
    assert written.read_bytes() == b"damaged", "a file that is there is never overwritten"
    assert ended["images"][0]["file"] != written.name


class LosesWorkers(FakeExecutor):
    def __init__(self, times: int) -> None:
        super().__init__(step_seconds=0.001)
        self.times = times

    def run(self, slot: str, job: JobSpec) -> Iterator[WorkerEvent]:
        if "deadly" in job.request.prompt and self.times > 0:
            self.times -= 1
            yield Step(0, 1, 3)
            yield Failed({"code": "worker_lost", "message": "The worker ended.", "hint": ""}, worker_lost=True)
            return
        yield from super().run(slot, job)


def test_a_job_whose_worker_died_is_made_again(new_studio: Callable[..., Studio]) -> None:
    job = finish(new_studio(LosesWorkers(times=MOST_WORKER_DEATHS - 1)), prompt="deadly")
    assert job["status"] == "done"
    assert "tried again" in job["notes"][0]


def test_a_job_that_kills_its_workers_is_set_aside_and_its_neighbours_run(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(LosesWorkers(times=100))
    bad = studio.submit(parse_request(SMALL | {"prompt": "deadly"}))
    good = studio.submit(parse_request(SMALL | {"prompt": "good"}))
    assert studio.follow(bad["id"], lambda event: None)["error"]["code"] == "worker_killed"
    assert studio.follow(good["id"], lambda event: None)["status"] == "done"


def test_a_full_disk_holds_the_queue_and_the_picture_until_there_is_room(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes, **how: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("webui.studio.storage_guard.AGAIN_SECONDS", 0.02)
    monkeypatch.setattr("webui.studio.picture_file.write_durably", full)
    job = studio.submit(parse_request(SMALL))
    behind = studio.submit(parse_request(SMALL))
    wait_for(lambda: studio.notices.all())
    (notice,) = studio.snapshot()["notices"]
    assert "disk is full" in notice["message"]
    time.sleep(0.1)
    assert studio.job(job["id"])["status"] == "running"
    assert studio.job(behind["id"])["status"] == "waiting"
    assert studio.history.total() == 0
    monkeypatch.undo()
    assert studio.follow(job["id"], lambda event: None)["status"] == "done"
    assert studio.follow(behind["id"], lambda event: None)["status"] == "done"
    assert studio.notices.all() == []


def test_an_add_on_that_fails_leaves_a_note(new_studio: Callable[..., Studio]) -> None:
    class Broken:
        @hookimpl
        def prepare(self) -> None:
            raise ValueError("no")

    registry = ExtensionRegistry()
    registry.register(Broken(), "broken")
    job = finish(new_studio(extensions=registry))
    assert job["status"] == "done"
    assert "broken" in job["notes"][0]


def test_wrong_checkpoints_are_refused_before_anything_is_journalled(studio: Studio, models_dir: Path) -> None:
    weights = models_dir / "checkpoints" / "small" / "unet" / "diffusion_pytorch_model.safetensors"
    with pytest.raises(InvalidRequest):
        studio.submit(parse_request({"checkpoint": "no such"}))
    weights.write_bytes(b"<html>")
    studio.catalog.refresh()
    with pytest.raises(CheckpointUnusable):
        studio.submit(parse_request({"checkpoint": "small"}))
    assert studio.snapshot()["jobs"] == []


def test_estimates_come_from_what_was_measured(studio: Studio) -> None:
    request = parse_request(SMALL | {"batch_count": 4})
    assert studio.estimate(request).seconds is None
    assert "not known yet" in studio.estimate(request).text
    finish(studio)
    known = studio.estimate(request).seconds
    double = studio.estimate(request.model_copy(update={"steps": 6})).seconds
    assert known and double
    assert double == pytest.approx(2 * known)


def test_pages_go_on_where_the_last_one_ended(studio: Studio) -> None:
    finish(studio, batch_count=7)
    seen, before = [], None
    while True:
        items, following = studio.history.page(before=before, limit=3)
        seen += [item["id"] for item in items]
        if following is None:
            break
        before = int(following)
    assert len(seen) == 7
    assert seen == sorted(seen, key=int, reverse=True)


@pytest.mark.parametrize("identifier", ["", "x", "-1", "9" * 30, "../../etc/passwd", "1", "٣"])
def test_ids_that_are_none_are_not_found(studio: Studio, identifier: str) -> None:
    for call in (studio.job, studio.history_item, studio.picture_path, studio.thumbnail_path, studio.preview, studio.live_picture):
        with pytest.raises(EaselError) as caught:
            call(identifier)
        assert caught.value.status == 404


def test_a_job_can_be_stopped_from_the_moment_it_is_seen(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.01))
    for _ in range(30):
        job = studio.submit(parse_request(SMALL | {"steps": 150}))
        studio.interrupt(job["id"])
        assert studio.follow(job["id"], lambda event: None)["status"] == "cancelled"
