"""Settings while Easel runs: changed from the page or by API, and written so that no fault loses them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from webui.errors import Conflict, DiskFull, SettingInvalid, StartupOnly
from webui.settings import load_settings, read_settings_file
from webui.studio.preferences import Preferences
from webui.studio.studio import Studio


def open_preferences(data_dir: Path, **given: object) -> Preferences:
    return Preferences(load_settings(data_dir=data_dir, **given), lambda settings: None)


def test_a_change_takes_effect_at_once_and_after_a_restart(tmp_path: Path) -> None:
    preferences = open_preferences(tmp_path)
    preferences.change({"picture_format": "webp", "queue_limit": 7})
    assert (preferences.current.picture_format, preferences.current.queue_limit) == ("webp", 7)
    again = open_preferences(tmp_path).current
    assert (again.picture_format, again.queue_limit) == ("webp", 7)
    preferences.change({"picture_format": None})
    assert open_preferences(tmp_path).current.picture_format == "png"
    assert "picture_format" not in (tmp_path / "settings.yaml").read_text()


def test_comments_and_order_of_the_file_stay(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("# mine\nthreads: 3  # as many as I like\nqueue_limit: 5\n")
    open_preferences(tmp_path).change({"queue_limit": 6, "save_grids": True})
    assert (tmp_path / "settings.yaml").read_text() == ("# mine\nthreads: 3  # as many as I like\nqueue_limit: 6\nsave_grids: true\n")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"queue_limit": 0}, "queue_limit"),
        ({"queue_limit": "many"}, "queue_limit"),
        ({"picture_format": "gif"}, "picture_format"),
        ({"no_such": 1}, "no_such"),
        ({"save_grids": True, "picture_quality": 101}, "picture_quality"),
        ({"preview_interval": float("nan")}, "preview_interval"),
        ({"folder_pattern": ["x"]}, "folder_pattern"),
    ],
)
def test_a_wrong_value_changes_nothing(tmp_path: Path, values: dict, field: str) -> None:
    preferences = open_preferences(tmp_path)
    before = preferences.current
    with pytest.raises(SettingInvalid) as caught:
        preferences.change(values)
    assert caught.value.field == field
    assert preferences.current == before
    assert not (tmp_path / "settings.yaml").exists()


def test_a_pattern_with_an_unknown_word_is_refused_by_the_studio(studio: Studio) -> None:
    with pytest.raises(SettingInvalid) as caught:
        studio.preferences.change({"name_pattern": "[sed]"})
    assert caught.value.field == "name_pattern"
    assert "[seed]" in str(caught.value.allowed)
    assert studio.preferences.current.name_pattern == "[seed]"


@pytest.mark.parametrize("name", ["outputs_dir", "data_dir", "port", "host", "executor"])
def test_what_is_read_at_start_can_not_be_changed(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartupOnly) as caught:
        open_preferences(tmp_path).change({name: "/etc"})
    assert (caught.value.code, caught.value.field) == ("setting_is_startup_only", name)
    assert "settings.yaml" in caught.value.hint


def test_what_the_command_line_or_the_environment_says_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_SAVE_GRIDS", "true")
    preferences = open_preferences(tmp_path, queue_limit=9)
    with pytest.raises(StartupOnly, match="command line"):
        preferences.change({"queue_limit": 8})
    with pytest.raises(StartupOnly, match="environment"):
        preferences.change({"save_grids": False})
    pinned = {entry["name"]: entry["pinned_by"] for entry in preferences.schema()}
    assert pinned["queue_limit"] == "the command line"
    assert pinned["picture_format"] is None


def test_two_who_change_at_once_are_told(tmp_path: Path) -> None:
    preferences = open_preferences(tmp_path)
    seen = preferences.revision
    preferences.change({"queue_limit": 5}, seen)
    with pytest.raises(Conflict):
        preferences.change({"queue_limit": 6}, seen)
    assert preferences.current.queue_limit == 5
    preferences.change({"queue_limit": 6}, preferences.revision)


def test_many_changes_at_once_all_arrive(tmp_path: Path) -> None:
    preferences = open_preferences(tmp_path)
    names = ["queue_limit", "picture_quality", "disk_reserve_mb"]
    threads = [threading.Thread(target=lambda n=n, v=v: preferences.change({names[n]: 10 + v})) for v in range(5) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read_settings_file(tmp_path / "settings.yaml")) == set(names)


@pytest.mark.parametrize("damage", [b"", b"queue_limit: [", b"\xff\xfe\x00", b"just words", b"- a\n- b\n"])
def test_a_damaged_file_leaves_the_last_good_settings_in_force(tmp_path: Path, damage: bytes) -> None:
    open_preferences(tmp_path).change({"queue_limit": 77})
    (tmp_path / "settings.yaml").write_bytes(damage)
    preferences = open_preferences(tmp_path)
    assert preferences.current.queue_limit == 77
    assert preferences.damage is not None
    preferences.change({"save_grids": True})
    assert preferences.damage is None
    assert read_settings_file(tmp_path / "settings.yaml") == {"queue_limit": 77, "save_grids": True}
    assert (tmp_path / "settings.damaged.yaml").read_bytes() == damage, "what the user wrote stays at hand"


def test_damage_shows_as_a_notice_until_it_is_mended(new_studio: Callable[..., Studio], tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    open_preferences(data_dir).change({"queue_limit": 77})
    (data_dir / "settings.yaml").write_bytes(b"a: [")
    studio = new_studio()
    (notice,) = studio.snapshot()["notices"]
    assert notice["code"] == "settings_damaged"
    studio.preferences.change({"save_grids": True})
    assert not studio.notices.all()


def test_a_full_disk_keeps_the_old_file_and_the_old_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preferences = open_preferences(tmp_path)
    preferences.change({"queue_limit": 5})
    before = (tmp_path / "settings.yaml").read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("webui.studio.preferences.write_durably", full)
    with pytest.raises(DiskFull):
        preferences.change({"queue_limit": 6})
    assert preferences.current.queue_limit == 5
    assert (tmp_path / "settings.yaml").read_bytes() == before
