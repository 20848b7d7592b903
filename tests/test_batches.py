"""Batches: a folder or many files through img2img and inpainting, and what a person does with one meanwhile."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, PngImagePlugin
from small_checkpoint import make_checkpoint
from test_studio import wait_for

from webui.errors import CheckpointUnusable, Conflict, InvalidRequest, NotFound
from webui.executors.fake import FakeExecutor
from webui.settings import Settings
from webui.studio.batch_order import scaled
from webui.studio.batches import AHEAD
from webui.studio.source_folder import look_into, read_from
from webui.studio.studio import Studio

REQUEST = {"kind": "img2img", "prompt": "a fox", "width": 64, "height": 64, "steps": 2, "seed": 7}
INPAINT = REQUEST | {"kind": "inpaint"}
FRAMES = 5
View = dict[str, Any]


def png(picture: Image.Image, **how: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, how.pop("format", "PNG"), **how)
    return buffer.getvalue()


def plain(number: int, size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.new("RGB", size, (number % 256, number // 256, 99))


def fill_folder(folder: Path, count: int, ending: str = "png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"frame{number}.{ending}").write_bytes(png(plain(number)))
    return folder


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return fill_folder(tmp_path / "frames", FRAMES)


def submit(studio: Studio, folder: Path | None = None, *, request: dict[str, Any] = REQUEST, **more: Any) -> str:
    files = {} if folder is None else {"folder": str(folder)}
    return studio.batches.submit({"request": request, **files, **more})["id"]


def ended(studio: Studio, batch_id: str, seconds: float = 30) -> View:
    wait_for(lambda: studio.batches.batch(batch_id)["status"] in ("done", "cancelled"), seconds)
    return studio.batches.batch(batch_id)


def files_of(studio: Studio, batch_id: str, state: str | None = None) -> list[View]:
    return studio.batches.files(batch_id, 0, 200, state)["items"]


def requests_of(studio: Studio, batch_id: str) -> dict[str, Any]:
    """File name -> what was asked for it."""
    return {file["name"]: studio.asked_of(file["job"]) for file in files_of(studio, batch_id) if file["job"]}


def held(studio: Studio) -> bool:
    """Whether files of batches wait, and as many as there may be."""
    return studio.waiting_count() == AHEAD


# --- Files ---


def test_a_folder_is_read_as_people_count_and_links_are_not_followed(tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "a b", 11)
    (folder / "notes.txt").write_text("hello")
    (folder / ".hidden.png").write_bytes(png(plain(1)))
    (folder / "below").mkdir()
    outside = tmp_path / "private.png"
    outside.write_bytes(png(plain(3)))
    (folder / "link.png").symlink_to(outside)
    (folder / "UPPER.JPG").write_bytes(png(plain(2), format="JPEG"))
    found = look_into(f"  {folder}/../a b/ ", "folder")
    assert found.path == folder
    assert found.names == (*(f"frame{number}.png" for number in range(11)), "UPPER.JPG")
    assert (found.others, found.links) == (1, 1)
    with pytest.raises(InvalidRequest, match="link"):
        read_from(folder, "link.png")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "whole path"),
        ("frames", "whole path"),
        ("/", "whole disk"),
        ("/there/is/none", "There is no folder"),
        ("{file}", "There is no folder"),
        ("{empty}", "There is no picture in"),
        ("a\0b", "whole path"),
        ("/" + "x" * 3000, "can't be looked into"),
    ],
)
def test_folders_that_can_not_be_used(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match=words) as refused:
        look_into(text.format(file=tmp_path / "file", empty=tmp_path / "empty"), "folder")
    assert refused.value.field == "folder"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_a_pipe_is_no_file_and_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InvalidRequest, match="no file"):
        read_from(tmp_path, "pipe.png")


@pytest.mark.parametrize(
    ("size", "factor", "fields"),
    [((100, 60), 1, (104, 64)), ((1000, 500), 0.5, (504, 248)), ((4000, 1000), 1, (2048, 512)), ((10, 10), 1, (64, 64))],
)
def test_sizes_of_their_own(size: tuple[int, int], factor: float, fields: tuple[int, int]) -> None:
    assert tuple(scaled(size, factor).values()) == fields


# --- From a folder to pictures ---


def test_each_file_of_a_folder_is_drawn_on_once_in_order(studio: Studio, frames: Path) -> None:
    batch_id = submit(studio, frames)
    batch = ended(studio, batch_id)
    assert (batch["status"], batch["total"], batch["done"], batch["failed"]) == ("done", FRAMES, FRAMES, 0)
    assert batch["ended_at"] is not None and batch["folder"] == str(frames)
    names = [f"frame{number}.png" for number in range(FRAMES)]
    files = files_of(studio, batch_id)
    assert [file["name"] for file in files] == names
    assert len({file["job"] for file in files}) == len({file["image"] for file in files}) == FRAMES
    for number, file in enumerate(files):
        request = studio.request_of(file["image"])
        assert (request.kind, request.init_name, request.seed) == ("img2img", names[number], 7)
        path, _ = studio.image_file(request.init_image)  # type: ignore[union-attr]
        assert path.read_bytes() == (frames / names[number]).read_bytes()
        assert f"Source file: {names[number]}" in studio.history_item(file["image"])["infotext"]
        assert studio.job(file["job"])["source_name"] == names[number]
    assert studio.history.total() == FRAMES


def test_the_line_holds_a_few_at_a_time_and_what_is_asked_for_by_hand_goes_first(new_studio: Callable[..., Studio], tmp_path: Path) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.001))
    studio.pause(True)
    batch_id = submit(studio, fill_folder(tmp_path / "first", 12))
    wait_for(lambda: held(studio))
    assert studio.batches.batch(batch_id)["waiting"] == 12
    by_hand = studio.submit(studio.complete({"prompt": "by hand", "width": 64, "height": 64, "steps": 2}))
    assert studio.queue.page()["waiting"][0]["id"] == by_hand["id"]
    second = submit(studio, fill_folder(tmp_path / "second", 3))
    time.sleep(0.3)
    assert studio.waiting_count() == AHEAD + 1, "the first batch has the line until its last file is in it"
    studio.pause(False)
    ended(studio, second)
    assert studio.ended_jobs(100)[-1]["prompt"] == "by hand"
    order = [job["source_name"] for job in reversed(studio.ended_jobs(100))][1:]
    assert order == [*(f"frame{number}.png" for number in range(12)), *(f"frame{number}.png" for number in range(3))]


def test_files_that_can_not_be_used_are_named_and_the_others_go_on(studio: Studio, tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "mixed", 2)
    (folder / "text.png").write_text("I am no picture")
    (folder / "cut.png").write_bytes(png(plain(1, (200, 200)))[:120])
    frames = [plain(number) for number in range(3)]
    (folder / "moving.gif").write_bytes(png(frames[0], format="GIF", save_all=True, append_images=frames[1:]))
    (folder / "bomb.png").write_bytes(png(Image.new("1", (12_000, 12_000))))
    (folder / "print.jpg").write_bytes(png(Image.new("CMYK", (16, 16)), format="JPEG"))
    (folder / "deep.png").write_bytes(png(Image.new("I;16", (16, 16), 999)))
    batch_id = submit(studio, folder)
    batch = ended(studio, batch_id)
    assert (batch["done"], batch["failed"]) == (4, 4)
    told = {file["name"]: file["error"]["message"] for file in files_of(studio, batch_id, "failed")}
    assert told.pop("bomb.png") == "The picture has too many pixels (12000 x 12000)."
    assert told.pop("moving.gif") == "The picture is animated."
    assert all(message.startswith("This is not a whole picture") for message in told.values())
    assert sorted(told) == ["cut.png", "text.png"]
    assert all(file["error"]["hint"] for file in files_of(studio, batch_id, "failed"))

    (folder / "text.png").write_bytes(png(plain(9)))
    (folder / "cut.png").unlink()
    studio.batches.retry(batch_id)
    wait_for(lambda: studio.batches.batch(batch_id)["done"] == 5)
    batch = ended(studio, batch_id)
    assert (batch["done"], batch["failed"]) == (5, 3)
    assert {file["name"]: file["error"]["message"] for file in files_of(studio, batch_id, "failed")}["cut.png"] == "The file is gone."


def test_files_that_were_uploaded(studio: Studio) -> None:
    stored = [studio.images.put(png(plain(number))).sha256 for number in range(3)]
    files: list[dict[str, str]] = [{"name": f"{name}.png", "image": digest} for name, digest in zip("abc", stored, strict=True)]
    batch_id = submit(studio, files=[*files, {"name": "broken.png", "problem": "This is not a whole picture."}, files[0]])
    batch = ended(studio, batch_id)
    assert (batch["total"], batch["done"], batch["failed"], batch["folder"]) == (5, 4, 1, "")
    assert [request.init_image for request in requests_of(studio, batch_id).values()] == stored  # type: ignore[union-attr]
    assert files_of(studio, batch_id)[3]["error"]["message"] == "This is not a whole picture."
    with pytest.raises(Conflict, match="No file"):
        studio.batches.retry(batch_id)
    with pytest.raises(InvalidRequest, match="not here") as refused:
        submit(studio, files=[{"name": "x.png", "image": "ab" * 32}])
    assert refused.value.field == "files[0].image"


def test_what_a_batch_needs_stays_while_it_waits(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    digests = [studio.images.put(png(plain(number))).sha256 for number in range(3)]
    submit(studio, files=[{"name": "a.png", "image": digests[0]}], masks=[{"name": "m.png", "image": digests[1]}], request=INPAINT)
    for digest in digests:
        path, _ = studio.images.get(digest)
        os.utime(path, (0, 0))
    assert studio.images.sweep() == 1
    for digest in digests[:2]:
        studio.images.get(digest)
    with pytest.raises(NotFound):
        studio.images.get(digests[2])


# --- Masks ---


def test_masks_of_the_same_name_and_one_for_all(studio: Studio, tmp_path: Path) -> None:
    folder, masks = fill_folder(tmp_path / "in", 3, "jpg"), tmp_path / "masks"
    masks.mkdir()
    for number in (0, 1):
        (masks / f"Frame{number}.PNG").write_bytes(png(Image.new("L", (16, 16), 255 - number)))
    look = studio.batches.look(str(folder), str(masks))
    assert (look["total"], look["masks"], look["unmasked"], look["first_unmasked"]) == (3, 2, 1, "frame2.jpg")
    batch_id = submit(studio, folder, mask_folder=str(masks), request=INPAINT)
    batch = ended(studio, batch_id)
    assert (batch["kind"], batch["done"], batch["failed"]) == ("inpaint", 2, 1)
    (missing,) = files_of(studio, batch_id, "failed")
    assert (missing["name"], missing["error"]["message"]) == ("frame2.jpg", "There is no mask of that name.")
    for number in (0, 1):
        request = requests_of(studio, batch_id)[f"frame{number}.jpg"]
        assert studio.images.get(request.mask)[0].read_bytes() == (masks / f"Frame{number}.PNG").read_bytes()

    (masks / "Frame1.PNG").unlink()
    one = requests_of(studio, ended_id(studio, submit(studio, folder, mask_folder=str(masks), request=INPAINT)))
    assert len({request.mask for request in one.values()}) == 1 and len(one) == 3


def ended_id(studio: Studio, batch_id: str) -> str:
    assert ended(studio, batch_id)["failed"] == 0
    return batch_id


@pytest.mark.slow
def test_masks_that_do_not_fit_fail_alone(studio: Studio, tmp_path: Path) -> None:
    folder, masks = fill_folder(tmp_path / "in", 3), tmp_path / "masks"
    masks.mkdir()
    for number, mask in enumerate((Image.new("L", (8, 8), 255), Image.new("L", (16, 16), 0), Image.new("L", (16, 16), 255))):
        (masks / f"frame{number}.png").write_bytes(png(mask))
    batch_id = submit(studio, folder, mask_folder=str(masks), request=INPAINT)
    assert ended(studio, batch_id)["done"] == 1
    assert [file["error"]["message"] for file in files_of(studio, batch_id, "failed")] == [
        "The mask is 8 x 8, and the picture 16 x 16.",
        "Nothing is masked.",
    ]


# --- What each file decides ---


def with_text(text: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text)
    return png(plain(5), pnginfo=info)


TEXT = (
    "an owl\nNegative prompt: blurry\n"
    "Steps: 5, Sampler: Euler a, Schedule type: Simple, CFG scale: 3.5, Seed: 77, Size: 512x768, Model hash: 0, Model: {}, Version: v1.10.1"
)


def test_a_file_brings_its_own_parameters_along(studio: Studio, tmp_path: Path, models_dir: Path) -> None:
    make_checkpoint(models_dir / "checkpoints" / "other")
    studio.catalog.models.refresh()
    folder = fill_folder(tmp_path / "in", 1)
    (folder / "owl.png").write_bytes(with_text(TEXT.format("other")))
    (folder / "lost.png").write_bytes(with_text(TEXT.format("gone")))
    (folder / "plain.bmp").write_bytes(png(plain(4), format="BMP"))
    own = ["prompt", "negative_prompt", "seed", "steps", "cfg_scale", "sampler", "checkpoint"]
    batch_id = ended_id(studio, submit(studio, folder, own=own, request=REQUEST | {"negative_prompt": "ugly", "checkpoint": "small"}))
    asked = requests_of(studio, batch_id)
    owl = asked["owl.png"]
    assert (owl.prompt, owl.negative_prompt) == ("a fox an owl", "ugly blurry")
    assert (owl.seed, owl.steps, owl.cfg_scale, owl.sampler, owl.schedule_type) == (77, 5, 3.5, "Euler a", "Simple")
    assert (owl.checkpoint, asked["lost.png"].checkpoint) == ("other", "small")
    assert (owl.width, owl.height) == (64, 64), "sizes are no matter of the words"
    for name in ("frame0.png", "plain.bmp"):
        assert (asked[name].prompt, asked[name].seed) == ("a fox", 7)
    notes = {file["name"]: studio.job(file["job"])["notes"] for file in files_of(studio, batch_id)}
    assert notes["owl.png"] == []
    assert notes["frame0.png"] == ["frame0.png doesn't say how it was made, so all is as the batch says."]
    assert "no checkpoint of that name" in notes["lost.png"][0]

    some = requests_of(studio, ended_id(studio, submit(studio, folder, own=["seed"], request=REQUEST | {"checkpoint": "small"})))["owl.png"]
    assert (some.prompt, some.seed, some.steps, some.checkpoint) == ("a fox", 77, 2, "small")


@pytest.mark.slow
def test_one_seed_for_all_or_each_its_own(studio: Studio, frames: Path) -> None:
    random = REQUEST | {"seed": -1}
    seeds = {}
    for one_seed in (True, False):
        batch_id = ended_id(studio, submit(studio, frames, request=random, one_seed=one_seed))
        seeds[one_seed] = {studio.job(file["job"])["seed"] for file in files_of(studio, batch_id)}
    assert (len(seeds[True]), len(seeds[False])) == (1, FRAMES)


def test_each_at_its_own_size(studio: Studio, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "wide.png").write_bytes(png(plain(1, (128, 72))))
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "turned.jpg").write_bytes(png(plain(1, (96, 80)), format="JPEG", exif=exif))
    asked = requests_of(studio, ended_id(studio, submit(studio, folder, scale_by=1)))
    assert {name: (request.width, request.height) for name, request in asked.items()} == {"turned.jpg": (80, 96), "wide.png": (128, 72)}


# --- Where pictures go ---


def saved(settings: Settings, folder: str = "") -> list[str]:
    return sorted(path.relative_to(settings.pictures_dir).as_posix() for path in (settings.pictures_dir / folder).rglob("*.png"))


def test_a_folder_of_its_own_keeps_the_names_and_overwrites_nothing(studio: Studio, settings: Settings, tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "in", 2)
    (folder / "frame0.jpg").write_bytes(png(plain(7), format="JPEG"))
    request = REQUEST | {"batch_count": 2}
    ended_id(studio, submit(studio, folder, output_folder="my: holiday/..", request=request))
    once = [
        "img2img-images/my_ holiday_/frame0 (2).png",
        "img2img-images/my_ holiday_/frame0-2 (2).png",
        *(f"img2img-images/my_ holiday_/frame{name}.png" for name in ("0-2", "0", "1-2", "1")),
    ]
    assert saved(settings) == sorted(once)
    before = {name: (settings.pictures_dir / name).read_bytes() for name in once}
    ended_id(studio, submit(studio, folder, output_folder="my_ holiday_", request=request))
    assert len(saved(settings)) == 12
    assert {name: (settings.pictures_dir / name).read_bytes() for name in once} == before
    ended_id(studio, submit(studio, folder))
    assert all(name.split("/")[1] != "my_ holiday_" for name in set(saved(settings)) - set(once) if "00000" in name)


# --- Buttons ---


@pytest.fixture
def going(new_studio: Callable[..., Studio], frames: Path) -> tuple[Studio, str]:
    """A batch that takes its time, in its second file."""
    studio = new_studio(FakeExecutor(step_seconds=0.05))
    batch_id = submit(studio, frames, request=REQUEST | {"steps": 10})
    wait_for(lambda: studio.batches.batch(batch_id)["done"] == 1 and studio.batches.batch(batch_id)["running"] == 1)
    return studio, batch_id


def each_once(studio: Studio, batch_id: str) -> None:
    batch = ended(studio, batch_id)
    assert (batch["status"], batch["done"]) == ("done", FRAMES), batch
    made = [studio.request_of(item["id"]).init_name for item in studio.history.page(limit=200)[0]]  # type: ignore[union-attr]
    assert sorted(made) == sorted(f"frame{number}.png" for number in range(FRAMES))


def quiet(studio: Studio) -> bool:
    return not studio._journal.running() and studio.waiting_count() == 0


@pytest.mark.slow
def test_pause_lets_the_file_finish_and_resume_goes_on(going: tuple[Studio, str]) -> None:
    studio, batch_id = going
    assert studio.batches.pause(batch_id)["status"] == "paused"
    wait_for(lambda: quiet(studio))
    batch = studio.batches.batch(batch_id)
    assert (batch["status"], batch["done"], batch["cancelled"], batch["waiting"]) == ("paused", 2, 0, FRAMES - 2)
    with pytest.raises(Conflict):
        studio.batches.pause(batch_id)
    with pytest.raises(Conflict):
        studio.batches.remove(batch_id)
    studio.batches.resume(batch_id)
    each_once(studio, batch_id)


def test_an_interrupt_pauses_the_batch_and_its_file_is_drawn_after_all(going: tuple[Studio, str]) -> None:
    studio, batch_id = going
    (running,) = studio.running_jobs()
    studio.interrupt(str(running))
    assert studio.batches.batch(batch_id)["status"] == "paused"
    wait_for(lambda: quiet(studio))
    batch = studio.batches.batch(batch_id)
    assert (batch["done"], batch["waiting"]) == (1, FRAMES - 1)
    studio.batches.resume(batch_id)
    each_once(studio, batch_id)


@pytest.mark.slow
def test_resumed_before_the_interrupted_file_has_ended(going: tuple[Studio, str]) -> None:
    studio, batch_id = going
    (running,) = studio.running_jobs()
    studio.interrupt(str(running))
    studio.batches.resume(batch_id)
    each_once(studio, batch_id)


def test_cancel_ends_it_and_resume_brings_it_back(going: tuple[Studio, str]) -> None:
    studio, batch_id = going
    studio.batches.cancel(batch_id)
    wait_for(lambda: quiet(studio))
    batch = studio.batches.batch(batch_id)
    assert (batch["status"], batch["done"], batch["cancelled"], batch["waiting"]) == ("cancelled", 1, FRAMES - 1, 0)
    studio.batches.resume(batch_id)
    each_once(studio, batch_id)
    studio.batches.remove(batch_id)
    assert studio.batches.all() == []
    assert studio.history.total() == FRAMES


@pytest.mark.slow
def test_a_paused_batch_is_cancelled_and_resumed(going: tuple[Studio, str]) -> None:
    studio, batch_id = going
    studio.batches.pause(batch_id)
    wait_for(lambda: quiet(studio))
    studio.batches.cancel(batch_id)
    studio.batches.resume(batch_id)
    each_once(studio, batch_id)


def test_clearing_the_queue_ends_the_batch_and_undo_brings_both_back(going: tuple[Studio, str]) -> None:
    studio, batch_id = going
    count, stamp = studio.clear_queue()
    assert 0 < count < FRAMES
    wait_for(lambda: quiet(studio))
    assert studio.batches.batch(batch_id)["status"] == "cancelled"
    time.sleep(0.3)
    assert quiet(studio), "nothing fills the queue again"
    studio.restore_queue(stamp)
    each_once(studio, batch_id)


@pytest.mark.slow
def test_a_single_file_is_taken_out_of_the_line_and_the_others_go_on(going: tuple[Studio, str]) -> None:
    studio, batch_id = going
    waiting = next(file for file in reversed(files_of(studio, batch_id)) if file["job"])
    studio.cancel(waiting["job"])
    batch = ended(studio, batch_id)
    assert (batch["done"], batch["cancelled"]) == (FRAMES - 1, 1)
    assert [file["name"] for file in files_of(studio, batch_id, "cancelled")] == [waiting["name"]]


@pytest.mark.slow
def test_the_queue_paused_holds_the_batch(going: tuple[Studio, str]) -> None:
    studio, batch_id = going
    studio.pause(True)
    wait_for(lambda: not studio.running_jobs())
    done = studio.batches.batch(batch_id)["done"]
    time.sleep(0.2)
    assert studio.batches.batch(batch_id)["done"] == done
    assert studio.batches.batch(batch_id)["status"] == "active"
    studio.pause(False)
    each_once(studio, batch_id)


@pytest.mark.slow
def test_what_every_file_would_meet_pauses_it_and_is_told_once(new_studio: Callable[..., Studio], frames: Path, models_dir: Path) -> None:
    studio = new_studio(start=False)
    batch_id = submit(studio, frames)
    shutil.move(models_dir / "checkpoints" / "small", models_dir / "away")
    studio.catalog.models.refresh()
    studio.start()
    wait_for(lambda: studio.batches.batch(batch_id)["status"] == "paused")
    batch = studio.batches.batch(batch_id)
    assert batch["error"]["message"] and (batch["failed"], batch["waiting"]) == (0, FRAMES)
    with pytest.raises((CheckpointUnusable, InvalidRequest)):
        submit(studio, frames)
    shutil.move(models_dir / "away", models_dir / "checkpoints" / "small")
    studio.catalog.models.refresh()
    studio.batches.resume(batch_id)
    each_once(studio, batch_id)
    assert studio.batches.batch(batch_id)["error"] is None


@pytest.mark.slow
def test_a_full_queue_only_slows_it_down(new_studio: Callable[..., Studio], frames: Path) -> None:
    studio = new_studio(queue_limit=2)
    each_once(studio, submit(studio, frames))


def test_it_goes_on_after_a_restart_and_time_is_told(new_studio: Callable[..., Studio], frames: Path) -> None:
    before = new_studio(FakeExecutor(step_seconds=0.02))
    batch_id = submit(before, frames)
    wait_for(lambda: before.batches.batch(batch_id)["done"] >= 2)
    assert before.batches.batch(batch_id)["seconds_left"] > 0
    before.close()
    after = new_studio()
    each_once(after, batch_id)
    assert after.batches.batch(batch_id)["seconds_left"] is None


# --- Over the wire ---


def test_the_routes(url: str, tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "wire", 3)
    (folder / "frame9.png").write_text("no picture")
    with httpx.Client(base_url=f"{url}/api/v1", timeout=20) as client:
        assert client.post("/batches/look", json={"folder": str(folder)}).json()["total"] == 4
        refused = client.post("/batches/look", json={"folder": "relative"})
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, "folder")
        answer = client.post(
            "/batches", json={"request": {"kind": "img2img", "steps": 2, "width": 64, "height": 64}, "folder": str(folder)}
        )
        assert answer.status_code == 202, answer.text
        batch_id = answer.json()["id"]
        wait_for(lambda: client.get(f"/batches/{batch_id}").json()["status"] == "done")
        assert batch_id in [batch["id"] for batch in client.get("/batches").json()["items"]]
        page = client.get(f"/batches/{batch_id}/files?offset=1&limit=2").json()
        assert ([file["name"] for file in page["items"]], page["total"]) == (["frame1.png", "frame2.png"], 4)
        assert client.get(f"/batches/{batch_id}/files?state=failed").json()["total"] == 1
        small = client.get(f"/batches/{batch_id}/files/0/thumbnail")
        assert Image.open(io.BytesIO(small.content)).size == (16, 16) and small.headers["content-type"] == "image/webp"
        for number in (3, 4):
            assert client.get(f"/batches/{batch_id}/files/{number}/thumbnail").status_code == 404
        assert client.post(f"/batches/{batch_id}/pause").status_code == 409
        assert client.delete(f"/batches/{batch_id}").status_code == 204
        assert client.get(f"/batches/{batch_id}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"request": {}}, "request.kind"),
        ({"request": {"kind": "txt2img"}}, "request.kind"),
        ({"request": REQUEST | {"init_image": "ab" * 32}}, "request.init_image"),
        ({"request": REQUEST | {"steps": 0}, "files": []}, "folder"),
        ({"request": REQUEST | {"steps": 0}}, "request.steps"),
        ({"request": INPAINT}, "mask_folder"),
        ({"request": REQUEST, "mask_folder": "/masks"}, "mask_folder"),
        ({"request": REQUEST, "own": ["size"]}, "own[0]"),
        ({"request": REQUEST, "scale_by": 5}, "scale_by"),
        ({"request": REQUEST, "scale_by": "1"}, "scale_by"),
        ({"request": REQUEST, "output_folder": ".."}, "output_folder"),
        ({"request": REQUEST, "surprise": 1}, "surprise"),
    ],
)
def test_orders_that_can_not_be_taken(studio: Studio, frames: Path, fields: dict[str, Any], field: str) -> None:
    given = {"folder": str(frames)} | fields if "files" not in fields else fields
    with pytest.raises(InvalidRequest) as refused:
        studio.batches.submit(given)
    assert refused.value.field == field
    assert studio.batches.all() == []
