"""Folders of other programs taken into history: all good files, each broken one with its reason, nothing twice, nothing touched."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from other_programs import FIRST, Outputs, write_outputs
from PIL import Image
from sqlalchemy import func, select

from webui.errors import Conflict, InvalidRequest, NotFound
from webui.studio import tables
from webui.studio.imports import Imports
from webui.studio.studio import Studio

ROOT = Path(__file__).resolve().parent.parent
MANY = 60


def settled(imports: Imports, identifier: str, wanted: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
    """The import once it is as wanted, or at rest."""
    wanted = wanted or (lambda view: view["status"] not in ("active", "paused"))
    for _ in range(1200):
        view = imports.one(identifier)
        if wanted(view):
            return view
        time.sleep(0.05)
    raise AssertionError(f"it stays {view}")


def snapshot(root: Path) -> dict[str, tuple[str, int]]:
    """Content and time of every file."""
    return {
        path.relative_to(root).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


def pictures(studio: Studio) -> dict[str, dict[str, Any]]:
    """All pictures of history, by the path of their file."""
    items: list[dict[str, Any]] = []
    before = None
    while True:
        page, following = studio.history.page(before=before, limit=200)
        items += page
        if following is None:
            return {f"{item['imported']['folder']}/{item['file']}": item for item in items if item["imported"]}
        before = int(following)


def check_whole(studio: Studio, root: Path, written: Outputs, view: dict[str, Any]) -> None:
    """All good files are in history as they tell, and each of the others is listed with its reason."""
    found = {Path(path).relative_to(root).as_posix(): item for path, item in pictures(studio).items()}
    assert set(found) == set(written.prompts)
    assert {path: item["prompt"] for path, item in found.items()} == written.prompts
    assert {path: item["imported"]["tool"] for path, item in found.items()} == written.tools
    listed = studio.imports.files(view["id"], 0, 10_000)
    assert listed["total"] == len(written.broken | written.foreign)
    assert {entry["path"] for entry in listed["items"] if entry["state"] == "broken"} == written.broken
    assert {entry["path"] for entry in listed["items"] if entry["state"] == "foreign"} == written.foreign
    reasons = {entry["reason"] for entry in listed["items"]}
    assert None not in reasons and len(reasons) >= 2, reasons


@pytest.fixture
def outputs(tmp_path: Path) -> tuple[Path, Outputs]:
    root = tmp_path / "elsewhere"
    return root, write_outputs(root, MANY, broken=0.1)


def test_six_programs_are_taken_in_and_each_broken_file_is_listed(studio: Studio, outputs: tuple[Path, Outputs]) -> None:
    root, written = outputs
    before = snapshot(root)
    view = settled(studio.imports, studio.imports.submit(str(root))["id"])
    assert view["status"] == "done"
    assert view["counts"] == {
        **dict.fromkeys(("waiting", "double"), 0),
        "imported": len(written.prompts),
        "foreign": len(written.foreign),
        "broken": len(written.broken),
    }
    check_whole(studio, root, written, view)
    assert snapshot(root) == before

    again = settled(studio.imports, studio.imports.submit(str(root))["id"])
    assert again["id"] == view["id"]
    assert again["counts"] == view["counts"]
    check_whole(studio, root, written, again)


def test_pictures_stand_where_they_were_made_with_all_they_tell(studio: Studio, outputs: tuple[Path, Outputs]) -> None:
    root, _ = outputs
    settled(studio.imports, studio.imports.submit(str(root))["id"])
    items = list(pictures(studio).values())
    assert [item["created_at"] for item in items] == sorted((item["created_at"] for item in items), reverse=True)
    first = next(item for item in items if item["imported"]["tool"] == "AUTOMATIC1111")
    assert first["created_at"].startswith("2022-04-15")
    assert first["infotext"].startswith(first["prompt"] + "\nNegative prompt: blurry\nSteps: ")
    assert (first["checkpoint"], first["checkpoint_hash"], first["width"], first["height"]) == ("dreamlike", "6ce0161689", 64, 64)
    assert first["imported"]["unmapped"] == []
    path, kind = studio.image_file(first["id"])
    assert path.is_relative_to(root) and kind.startswith("image/")
    with Image.open(studio.thumbnail_path(first["id"])) as small:
        assert small.size == (64, 64)
    request = studio.request_of(first["id"])
    assert (request.words[0], request.image_seeds) == (first["prompt"], (int(first["seed"]),))


def test_a_picture_whose_file_is_gone_says_so(studio: Studio, outputs: tuple[Path, Outputs]) -> None:
    root, _ = outputs
    settled(studio.imports, studio.imports.submit(str(root))["id"])
    path, item = next(iter(pictures(studio).items()))
    Path(path).unlink()
    assert studio.history_item(item["id"])["imported"]["gone"] is True
    with pytest.raises(NotFound, match="no longer there") as caught:
        studio.image_file(item["id"])
    assert caught.value.code == "picture_gone"


def test_a_link_in_place_of_a_picture_is_not_followed(studio: Studio, outputs: tuple[Path, Outputs], tmp_path: Path) -> None:
    root, _ = outputs
    settled(studio.imports, studio.imports.submit(str(root))["id"])
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    path, item = next(iter(pictures(studio).items()))
    Path(path).unlink()
    Path(path).symlink_to(secret)
    with pytest.raises(NotFound):
        studio.image_file(item["id"])
    parent = Path(path).parent
    parent.rename(tmp_path / "moved")
    parent.symlink_to(tmp_path / "moved", target_is_directory=True)
    for other in (other for other in pictures(studio).values() if Path(other["imported"]["folder"]) == parent):
        with pytest.raises(NotFound):
            studio.image_file(other["id"])


def test_moved_files_are_found_again_and_copies_are_no_second_picture(studio: Studio, outputs: tuple[Path, Outputs]) -> None:
    root, written = outputs
    identifier = studio.imports.submit(str(root))["id"]
    settled(studio.imports, identifier)
    first, second = sorted(written.prompts)[:2]
    (root / "kept").mkdir()
    (root / first).rename(root / "kept" / "moved.png")
    shutil.copy(root / second, root / "kept" / "copy.png")
    view = settled(studio.imports, studio.imports.resume(identifier)["id"])
    assert len(pictures(studio)) == len(written.prompts)
    assert pictures(studio)[str(root / "kept" / "moved.png")]["prompt"] == written.prompts[first]
    assert view["counts"]["double"] == 2


def test_a_file_that_was_overwritten_is_a_new_picture_and_the_old_one_is_gone(studio: Studio, outputs: tuple[Path, Outputs]) -> None:
    root, written = outputs
    identifier = studio.imports.submit(str(root))["id"]
    settled(studio.imports, identifier)
    first, second = sorted(written.prompts)[:2]
    old = pictures(studio)[str(root / first)]
    (root / first).write_bytes(b"".join(((root / second).read_bytes(), b"tail")))
    settled(studio.imports, studio.imports.resume(identifier)["id"])
    assert pictures(studio)[str(root / first)]["prompt"] == written.prompts[second]
    assert studio.history_item(old["id"])["imported"]["gone"] is True


def test_text_beside_a_picture_tells_where_the_picture_does_not(studio: Studio, tmp_path: Path) -> None:
    root = tmp_path / "elsewhere"
    root.mkdir()
    Image.new("RGB", (64, 64), "red").save(root / "plain.png")
    (root / "plain.txt").write_text("a red wall\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 5, Size: 64x64, Model: paint\n")
    view = settled(studio.imports, studio.imports.submit(str(root))["id"])
    assert view["counts"]["imported"] == 1
    (item,) = pictures(studio).values()
    assert (item["prompt"], item["sampler"], item["schedule_type"]) == ("a red wall", "DPM++ 2M", "Karras")


def test_grids_thumbnails_hidden_folders_and_links_are_left_out(studio: Studio, tmp_path: Path) -> None:
    root = tmp_path / "elsewhere"
    write_outputs(root, 6, broken=0)
    one = next(path for path in root.rglob("*.png") if "txt2img" in str(path))
    for name in ("grid-0001.png", "thumbnails/a.png", ".cache/b.png"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(one, root / name)
    with open(root / "grid-0001.png", "ab") as file:
        file.write(b"other")
    (root / "link.png").symlink_to(one)
    (root / "loop").symlink_to(root, target_is_directory=True)
    view = settled(studio.imports, studio.imports.submit(str(root))["id"])
    assert view["total"] == 7
    (grid,) = studio.imports.files(view["id"], 0, 60)["items"]
    assert (grid["path"], grid["state"]) == ("grid-0001.png", "foreign")


def test_easels_own_pictures_and_bad_folders_are_refused(studio: Studio, tmp_path: Path, settings: Any) -> None:
    for folder, words in (
        ("outputs", "whole path"),
        (str(tmp_path / "nowhere"), "no folder"),
        (str(settings.data_dir), "Easel's own"),
        ("/", "whole disk"),
        ("\0", "whole path"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            studio.imports.submit(folder)
    studio.imports.submit(str(tmp_path))
    view = settled(studio.imports, studio.imports.all()[0]["id"])
    assert not [entry for entry in pictures(studio) if Path(entry).is_relative_to(settings.data_dir)], view


def test_it_is_paused_resumed_cancelled_and_forgotten(new_studio: Callable[..., Studio], outputs: tuple[Path, Outputs]) -> None:
    root, written = outputs
    studio = new_studio(start=False)  # nothing is read by itself
    view = studio.imports.submit(str(root))
    identifier = view["id"]
    assert studio.imports.pause(identifier)["status"] == "paused"
    with pytest.raises(Conflict):
        studio.imports.pause(identifier)
    with pytest.raises(Conflict):
        studio.imports.forget(identifier)
    assert studio.imports.cancel(identifier)["status"] == "cancelled"
    assert studio.imports.resume(identifier)["status"] == "active"
    studio.start()
    assert settled(studio.imports, identifier)["counts"]["imported"] == len(written.prompts)
    studio.imports.forget(identifier)
    assert studio.imports.all() == []
    assert len(pictures(studio)) == len(written.prompts)
    with pytest.raises(NotFound):
        studio.imports.one(identifier)


def test_a_folder_that_is_unplugged_is_told_and_looked_at_again(studio: Studio, outputs: tuple[Path, Outputs]) -> None:
    root, _ = outputs
    identifier = studio.imports.submit(str(root))["id"]
    settled(studio.imports, identifier)
    away = root.with_name("away")
    root.rename(away)
    view = settled(studio.imports, studio.imports.resume(identifier)["id"])
    assert (view["status"], view["error"]["field"]) == ("failed", "folder")
    away.rename(root)
    assert settled(studio.imports, studio.imports.resume(identifier)["id"])["status"] == "done"


def test_a_watched_folder_is_taken_in_as_it_grows(new_studio: Callable[..., Studio], outputs: tuple[Path, Outputs], tmp_path: Path) -> None:
    root, written = outputs
    studio = new_studio()
    identifier = studio.imports.submit(str(root), watch=True)["id"]
    settled(studio.imports, identifier)
    later = tmp_path / "later"
    more = write_outputs(later, 12, broken=0, seed=2)
    paths = sorted(more.prompts)
    target = root / "new"
    target.mkdir()
    for path in paths[:6]:
        shutil.copy2(later / path, target / Path(path).name)
    wanted = len(written.prompts) + 6
    settled(studio.imports, identifier, lambda view: view["status"] == "done" and view["counts"]["imported"] == wanted)
    studio.close()
    # What came while Easel was off.
    for path in paths[6:]:
        shutil.copy2(later / path, target / Path(path).name)
    studio = new_studio()
    settled(studio.imports, identifier, lambda view: view["status"] == "done" and view["counts"]["imported"] == wanted + 6)


def test_a_broken_file_of_just_now_is_read_again_until_it_has_settled(studio: Studio, tmp_path: Path) -> None:
    root = tmp_path / "elsewhere"
    written = write_outputs(root, 1, broken=0)
    (path,) = written.prompts
    whole = (root / path).read_bytes()
    (root / path).write_bytes(whole[: len(whole) // 2])
    now = time.time()
    os.utime(root / path, (now + 3600,) * 2)  # of times to come it is never old enough
    identifier = studio.imports.submit(str(root))["id"]
    settled(studio.imports, identifier, lambda view: view["counts"]["waiting"] == 1)
    (root / path).write_bytes(whole)
    os.utime(root / path, (now + 3600,) * 2)
    view = settled(studio.imports, identifier)
    assert view["counts"]["imported"] == 1
    (item,) = pictures(studio).values()
    assert item["created_at"] <= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 1))


_IMPORTING = """
import sys, time
from pathlib import Path
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import load_settings
from webui.studio.studio import Studio
data, models, folder = map(Path, sys.argv[1:])
catalog = CheckpointCatalog([models], data / "cache")
studio = Studio(load_settings(data_dir=data, executor="fake"), FakeExecutor(), catalog, ExtensionRegistry())
studio.start()
identifier = studio.imports.all()[0]["id"] if studio.imports.all() else studio.imports.submit(str(folder))["id"]
while True:
    view = studio.imports.one(identifier)
    print(view["total"] - view["counts"]["waiting"], flush=True)
    time.sleep(0.02)
"""


def kill_in_the_middle(root: Path, data: Path, models: Path, marks: list[int]) -> None:
    """Import in a process that is killed, and started again, each time that so many files were read."""
    for mark in marks:
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPORTING, str(data), str(models), str(root)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= mark:
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_in_the_middle_it_goes_on_and_takes_nothing_in_twice(
    new_studio: Callable[..., Studio], outputs: tuple[Path, Outputs], settings: Any, models_dir: Path
) -> None:
    root, written = outputs
    kill_in_the_middle(root, settings.data_dir, models_dir, [24])
    studio = new_studio(start=False)
    (view,) = studio.imports.all()
    read = view["total"] - view["counts"]["waiting"]
    assert read >= 24
    with studio.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(tables.image)).scalar_one() == view["counts"]["imported"]
    studio.start()
    view = settled(studio.imports, view["id"])
    check_whole(studio, root, written, view)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.timeout(900)
def test_five_thousand_files_of_six_programs(
    new_studio: Callable[..., Studio], tmp_path: Path, settings: Any, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "elsewhere"
    written = write_outputs(root, 5000)
    before = snapshot(root)
    began = time.monotonic()
    kill_in_the_middle(root, settings.data_dir, models_dir, [500, 1700, 3100])
    studio = new_studio()
    (view,) = studio.imports.all()
    view = settled(studio.imports, view["id"], lambda now: now["status"] == "done" or time.sleep(0.2) is not None)
    seconds = time.monotonic() - began
    check_whole(studio, root, written, view)
    counts = view["counts"]
    again = settled(studio.imports, studio.imports.submit(str(root))["id"])
    assert again["counts"] == counts
    check_whole(studio, root, written, again)
    assert snapshot(root) == before
    assert min(item["created_at"] for item in pictures(studio).values()) >= time.strftime("%Y-%m-%d", time.gmtime(FIRST))
    with capsys.disabled():
        print(f"\n5,000 files, killed three times: {counts}, {seconds:.0f} s")
