"""Finishing chains kept by name: saved, renamed, deleted, never lost to a file that can't be read, and by API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from webui.errors import Conflict, DataUnusable, InvalidRequest, NotFound
from webui.studio.preset_book import FILE_NAME, PresetBook, read_preset

SHARP: dict[str, Any] = {"step": "sharpen", "amount": 0.7}
SMALL: dict[str, Any] = {"step": "resize", "way": "Long side", "long_side": 640}


@pytest.fixture
def book(tmp_path: Path) -> PresetBook:
    return PresetBook(tmp_path / FILE_NAME)


def names(book: PresetBook) -> list[str]:
    return [preset.name for preset in book.all()[0]]


def test_presets_are_kept_in_order_of_name(book: PresetBook, tmp_path: Path) -> None:
    assert book.all() == ([], [])
    for name in ("web", "Print", "a  line\n more"):
        book.save(read_preset({"name": name, "steps": [SHARP, SMALL]}))
    assert names(book) == ["a line more", "Print", "web"]
    again = PresetBook(tmp_path / FILE_NAME).all()[0]
    assert [step.model_dump()["step"] for step in again[0].steps] == ["sharpen", "resize"]
    assert book.all()[0] == again


def test_a_preset_is_changed_renamed_and_deleted(book: PresetBook) -> None:
    book.save(read_preset({"name": "web", "steps": [SHARP]}))
    book.save(read_preset({"name": "print", "steps": [SMALL]}))
    book.save(read_preset({"name": "web", "steps": [SMALL]}))
    assert names(book) == ["print", "web"]
    book.save(read_preset({"name": "Web 2", "steps": [SMALL]}), was="web")
    assert names(book) == ["print", "Web 2"]
    with pytest.raises(Conflict):
        book.save(read_preset({"name": "print", "steps": [SMALL]}), was="Web 2")
    with pytest.raises(NotFound):
        book.save(read_preset({"name": "x", "steps": [SMALL]}), was="web")
    gone = book.delete("print")
    assert gone == read_preset({"name": "print", "steps": [SMALL]}) and names(book) == ["Web 2"]
    with pytest.raises(NotFound):
        book.delete("print")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"name": "", "steps": [SHARP]}, "name"),
        ({"name": "x" * 101, "steps": [SHARP]}, "name"),
        ({"name": "x", "steps": []}, "steps"),
        ({"name": "x"}, "steps"),
        ({"name": "x", "steps": [{"step": "sharpen", "amount": 99}]}, "steps[0].amount"),
        ({"name": "x", "steps": [SHARP, {"step": "melt"}]}, "steps[1].step"),
        ({"name": "x", "steps": [SHARP, {}]}, "steps[1].step"),
        ({"name": "x", "steps": [SHARP], "more": 1}, "more"),
        ([], None),
    ],
)
def test_what_is_no_preset_is_refused_with_the_field(data: Any, field: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_preset(data)
    assert refused.value.field == field and refused.value.hint


def test_a_preset_of_a_later_version_is_told_and_stays_in_the_file(book: PresetBook, tmp_path: Path) -> None:
    later = {"name": "later", "steps": [{"step": "melt", "heat": 3}]}
    (tmp_path / FILE_NAME).write_text(json.dumps({"form": 1, "presets": [later]}), "utf-8")
    presets, (problem,) = book.all()
    assert presets == [] and "'later'" in problem
    book.save(read_preset({"name": "web", "steps": [SHARP]}))
    assert json.loads((tmp_path / FILE_NAME).read_text("utf-8"))["presets"][0] == later
    with pytest.raises(InvalidRequest):
        book.delete("later")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"form": 2, "presets": []}', '{"form": 1}', '{"form": 1, "presets": 3}', "\x00"])
def test_a_file_that_can_t_be_read_is_told_and_not_overwritten(book: PresetBook, tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text, "utf-8")
    presets, (problem,) = book.all()
    assert presets == [] and FILE_NAME in problem
    with pytest.raises(DataUnusable):
        book.save(read_preset({"name": "web", "steps": [SHARP]}))
    assert (tmp_path / FILE_NAME).read_text("utf-8") == text


def test_what_was_there_before_is_beside_the_file(book: PresetBook, tmp_path: Path) -> None:
    book.save(read_preset({"name": "web", "steps": [SHARP]}))
    before = (tmp_path / FILE_NAME).read_bytes()
    book.delete("web")
    assert (tmp_path / f"{FILE_NAME}.bak").read_bytes() == before
