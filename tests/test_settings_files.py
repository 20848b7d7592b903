"""Settings: carried as files, undone, of add-ons; each told with where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field

from webui.errors import Conflict, SettingInvalid, SettingsTextInvalid
from webui.settings import load_settings, read_settings_file
from webui.studio.preferences import Preferences
from webui.studio.setting_sections import Section
from webui.studio.settings_text import MOST_CHARACTERS


class Weather(BaseModel):
    """Settings of an add-on."""

    model_config = ConfigDict(title="Weather of pictures")

    rain: bool = Field(False, title="Rain", description="Whether it rains.")
    wind: int = Field(3, ge=0, le=12, description="How it blows.", json_schema_extra={"unit": "Bft"})
    sky: Literal["blue", "grey"] = "blue"
    places: list[str] = Field(default_factory=list)
    table: dict[str, int] = Field(default_factory=dict)
    note: str | None = None


WEATHER = Section("weather", "Weather of pictures", Weather)


def open_preferences(folder: Path, sections: tuple[Section, ...] = (WEATHER,), **given: object) -> Preferences:
    return Preferences(load_settings(data_dir=folder, **given), lambda settings: None, sections=lambda: sections)


def row(preferences: Preferences, name: str) -> dict:
    return next(row for row in preferences.schema() if row["name"] == name)


def test_each_tells_where_its_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.yaml").write_text("film: true\nthreads: 2\n")
    monkeypatch.setenv("EASEL_SAVE_GRIDS", "true")
    preferences = open_preferences(tmp_path, queue_limit=7)
    told = {row["name"]: row["source"] for row in preferences.schema()}
    assert {name: told[name] for name in ("film", "threads", "save_grids", "queue_limit", "sidecar")} == {
        "film": "file",
        "threads": "file",
        "save_grids": "environment",
        "queue_limit": "command line",
        "sidecar": "default",
    }
    preferences.change({"sidecar": "json"})
    assert row(preferences, "sidecar")["source"] == "file"
    preferences.change({"sidecar": None})
    assert row(preferences, "sidecar")["source"] == "default"


def test_changes_are_undone_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("# mine\nfilm: true\n")
    before = (tmp_path / "settings.yaml").read_bytes()
    preferences = open_preferences(tmp_path)
    assert preferences.undoable is None
    preferences.change({"film": False})
    preferences.change({"picture_format": "webp", "picture_quality": 50})
    assert preferences.undoable == "Format, Quality"
    assert preferences.undo() == "Format, Quality"
    assert (preferences.current.picture_format, preferences.current.picture_quality) == ("png", 90)
    assert preferences.undo() == "Film every picture"
    assert preferences.current.film
    assert (tmp_path / "settings.yaml").read_bytes() == before
    with pytest.raises(Conflict):
        preferences.undo()


def test_an_undo_that_is_too_late_is_told(tmp_path: Path) -> None:
    preferences = open_preferences(tmp_path)
    preferences.change({"film": True})
    seen = preferences.revision
    preferences.change({"save_grids": True})
    with pytest.raises(Conflict):
        preferences.undo(seen)
    assert preferences.current.save_grids


def test_settings_of_an_add_on_are_told_as_others_are(tmp_path: Path) -> None:
    preferences = open_preferences(tmp_path)
    wind = row(preferences, "extensions.weather.wind")
    assert (wind["section"], wind["label"], wind["type"], wind["minimum"], wind["maximum"], wind["unit"], wind["default"]) == (
        "Weather of pictures",
        "Wind",
        "integer",
        0,
        12,
        "Bft",
        3,
    )
    assert row(preferences, "extensions.weather.sky")["choices"] == ["blue", "grey"]
    kinds = {name: row(preferences, f"extensions.weather.{name}")["type"] for name in ("rain", "places", "table", "note")}
    assert kinds == {"rain": "boolean", "places": "array", "table": "other", "note": "string"}


def test_settings_of_an_add_on_are_kept_under_its_name(tmp_path: Path) -> None:
    preferences = open_preferences(tmp_path)
    preferences.change({"extensions.weather.wind": 9, "film": True})
    assert read_settings_file(tmp_path / "settings.yaml") == {"extensions": {"weather": {"wind": 9}}, "film": True}
    values = open_preferences(tmp_path).of_add_on("weather")
    assert isinstance(values, Weather)
    assert values.wind == 9
    assert preferences.of_add_on("nobody") is None
    with pytest.raises(SettingInvalid, match="12") as wrong:
        preferences.change({"extensions.weather.wind": 13})
    assert wrong.value.field == "extensions.weather.wind"
    preferences.undo()
    assert read_settings_file(tmp_path / "settings.yaml") == {}
    preferences.change({"extensions.weather.wind": 9})
    preferences.change({"extensions.weather.wind": None})
    assert "extensions" not in (tmp_path / "settings.yaml").read_text()


def test_what_an_add_on_that_is_away_had_set_stays(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("extensions:\n  weather:\n    wind: 20\n    rain: true\n  gone:\n    a: 1\n")
    preferences = open_preferences(tmp_path)
    values = preferences.of_add_on("weather")
    assert isinstance(values, Weather)
    assert (values.wind, values.rain) == (3, True), "a value that can't be used is at its default, the others are as they were set"
    preferences.change({"extensions.weather.sky": "grey"})
    assert read_settings_file(tmp_path / "settings.yaml")["extensions"]["gone"] == {"a": 1}
    assert open_preferences(tmp_path, sections=()).schema()


def test_what_is_exported_is_what_an_import_takes(tmp_path: Path) -> None:
    one, other = open_preferences(tmp_path / "one"), open_preferences(tmp_path / "other")
    one.change({"picture_format": "webp", "name_pattern": "[seed] # ü", "extensions.weather.places": ["a", "b: c"], "film": True})
    text = one.as_text()
    assert "How new pictures are saved" in text
    assert "save_grids" not in text
    found = other.take_in(text)
    assert {change["name"] for change in found.changes} == {"picture_format", "name_pattern", "extensions.weather.places", "film"}
    assert other.current.name_pattern == "[seed] # ü"
    assert other.as_text() == text
    assert other.undo()
    assert other.as_text() == open_preferences(tmp_path / "third").as_text()
    everything = one.as_text(everything=True)
    assert not other.look_at(everything).left_out
    other.take_in(everything)
    assert other.as_text() == text


BAD = """\
picture_format: bmp
no_such: 1
film: maybe
queue_limit: [1, 2]
save_grids: true
save_grids: false
extensions:
  weather:
    wind: strong
    hail: true
  unknown:
    a: 1
"""


def test_every_bad_line_is_told_and_nothing_is_applied(tmp_path: Path) -> None:
    preferences = open_preferences(tmp_path)
    with pytest.raises(SettingsTextInvalid) as refused:
        preferences.take_in(BAD)
    assert [(problem["line"], problem["name"]) for problem in refused.value.problems] == [
        (1, "picture_format"),
        (2, "no_such"),
        (3, "film"),
        (4, "queue_limit"),
        (6, "save_grids"),
        (9, "extensions.weather.wind"),
        (10, "extensions.weather.hail"),
        (12, "extensions.unknown.a"),
    ]
    assert all(problem["message"] for problem in refused.value.problems)
    assert preferences.current == open_preferences(tmp_path).current
    assert not (tmp_path / "settings.yaml").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "no YAML"),
        ("- film\n", "name: value"),
        ("film", "name: value"),
        ("a: &x [1]\nb: [*x, *x]\n", "Anchors"),
        ("film: !!python/object/apply:os.system ['true']\n", "tags"),
        ("film: true\n" + "#" * MOST_CHARACTERS, "too large"),
        ("[" * 5000, "nested too deep"),
        ("film: \x00", "no YAML"),
    ],
)
def test_what_is_no_file_of_settings_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsTextInvalid, match=words):
        open_preferences(tmp_path).look_at(text)


def test_what_can_not_be_changed_here_is_left_out_and_told(tmp_path: Path) -> None:
    preferences = open_preferences(tmp_path, queue_limit=7)
    found = preferences.take_in("port: 1234\nqueue_limit: 9\nfilm: true\n")
    assert [(line.number, line.name) for line in found.left_out] == [(1, "port"), (2, "queue_limit")]
    assert [change["name"] for change in found.changes] == ["film"]
    assert read_settings_file(tmp_path / "settings.yaml") == {"film": True}


def test_files_by_program(url: str) -> None:
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client:
        seen = client.post("/settings/import", json={"text": "keep_uploads_hours: 99\n", "apply": False}).json()
        assert [(change["before"], change["after"]) for change in seen["changes"]] == [(168, 99)]
        done = client.post("/settings/import", json={"text": "keep_uploads_hours: 99\n"}).json()
        assert done["settings"]["undo"] == "Keep unused uploads"
        exported = client.get("/settings/export.yaml")
        assert exported.headers["content-type"].startswith("application/yaml")
        assert "keep_uploads_hours: 99" in exported.text
        undone = client.post("/settings/undo", json={"revision": done["settings"]["revision"]})
        assert undone.status_code == 200
        assert "keep_uploads_hours" not in client.get("/settings/export.yaml").text
        refused = client.post("/settings/import", json={"text": BAD})
        assert refused.status_code == 422
        assert len(refused.json()["error"]["problems"]) >= 6
        assert client.post("/settings/import", json={"text": 3}).status_code == 422
        assert client.post("/settings/import", content=b'{"text": "' + b"#" * (3 << 20) + b'"}').status_code == 413


def test_every_bad_line_is_named_at_once(tmp_path: Path) -> None:
    preferences = open_preferences(tmp_path)
    with pytest.raises(SettingsTextInvalid) as told:
        preferences.look_at("port: abc\nprot: 7860\npicture_quality: 900\nport_range: 1\n")
    assert [(problem["line"], problem["name"]) for problem in told.value.problems] == [
        (1, "port"),
        (2, "prot"),
        (3, "picture_quality"),
        (4, "port_range"),
    ]
    assert [problem.name for problem in preferences.look_at("port: 7861\n").left_out] == ["port"]
