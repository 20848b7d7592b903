"""Presets of fields: kept by name in a readable file, carried as files, and used as far as what they name is here."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from webui.errors import Conflict, DataUnusable, InvalidRequest, NotFound
from webui.studio import field_presets
from webui.studio.field_presets import FieldPreset, FieldPresetBook, WhatIsHere, as_text, fit, from_text, read_preset

HERE = WhatIsHere({"checkpoint": ["small"], "vae": ["Automatic", "None"]}, lambda name: name == "ink")


def preset(name: str = "Soft", page: str = "txt2img", usual: bool = False, **fields: object) -> FieldPreset:
    return read_preset({"name": name, "page": page, "usual": usual, "fields": fields or {"steps": 12}})


def test_they_are_kept_renamed_and_deleted(tmp_path: Path) -> None:
    book = FieldPresetBook(tmp_path / "presets.yaml")
    book.save(preset("b", steps=3))
    book.save(preset("a", "img2img", denoising_strength=0.3))
    book.save(preset("a", prompt="ü: [x]\n# y"))
    assert [(one.page, one.name) for one in book.all()] == [("img2img", "a"), ("txt2img", "a"), ("txt2img", "b")]
    assert FieldPresetBook(tmp_path / "presets.yaml").get("txt2img", "a").fields == {"prompt": "ü: [x]\n# y"}
    book.save(preset("c", steps=3), was="b")
    with pytest.raises(Conflict):
        book.save(preset("c", steps=3), was="a")
    with pytest.raises(NotFound):
        book.save(preset("d"), was="nobody")
    gone = book.delete("txt2img", "c")
    book.save(gone)
    assert book.get("txt2img", "c") == gone
    with pytest.raises(NotFound):
        book.delete("inpaint", "c")


def test_one_of_each_page_is_usual_at_most(tmp_path: Path) -> None:
    book = FieldPresetBook(tmp_path / "presets.yaml")
    for name, page in (("a", "txt2img"), ("b", "txt2img"), ("c", "inpaint")):
        book.save(preset(name, page, usual=True))
    assert [(one.name, one.usual) for one in book.all()] == [("c", True), ("a", False), ("b", True)]


def test_what_is_about_one_picture_is_not_kept() -> None:
    assert preset(steps=3, init_image="0" * 64, kind="img2img").fields == {"steps": 3}
    with pytest.raises(InvalidRequest, match="no field"):
        preset(init_image="0" * 64)


def test_what_is_missing_is_told_and_the_rest_is_used() -> None:
    told = fit(preset(checkpoint="gone", vae="None", steps=12, width=9, hyper=3, prompt="fox <lora:ink:1> <lora:oil:0.5>"), HERE)
    assert told.fields == {"vae": "None", "steps": 12, "prompt": "fox <lora:ink:1> <lora:oil:0.5>"}
    words = " ".join(told.missing)
    assert all(part in words for part in ("hyper", "Checkpoint 'gone' is not here", "Width", "LoRA 'oil'"))
    assert "ink" not in words
    assert fit(preset(checkpoint="small", steps=3), HERE).missing == ()


def test_files_carry_them_and_taken_names_get_a_number(tmp_path: Path) -> None:
    one, other = FieldPresetBook(tmp_path / "one.yaml"), FieldPresetBook(tmp_path / "other.yaml")
    one.save(preset("Soft", usual=True, cfg_scale=5.5, styles=["a", "b"]))
    text = as_text(one.all())
    assert text.startswith("easel_presets: 1\n")
    assert "cfg_scale: 5.5" in text
    assert [made.name for made in other.add(from_text(text))] == ["Soft"]
    assert [made.name for made in other.add(from_text(text))] == ["Soft (2)"]
    assert not any(made.usual for made in other.all())


def test_older_forms_are_brought_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_presets, "FORM", 2)
    monkeypatch.setattr(field_presets, "UPGRADERS", {1: lambda row: {**row, "name": row["name"].upper()}})
    text = "easel_presets: 1\npresets:\n- name: soft\n  page: txt2img\n  fields: {steps: 3}\n"
    assert from_text(text)[0].name == "SOFT"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "presets: []",
        "easel_presets: 9\npresets:\n- {name: a, page: txt2img, fields: {steps: 3}}",
        "easel_presets: 1\npresets:\n- {name: a, page: nowhere, fields: {steps: 3}}",
        "easel_presets: 1\npresets:\n- &a {name: a, page: txt2img, fields: {steps: 3}}\n- *a",
        "easel_presets: 1\npresets: [[[[[[[[[[[[[[[[[[[[[[[",
    ],
)
def test_what_is_no_file_of_presets_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        from_text(text)


def test_a_damaged_book_is_told_and_never_written_over(tmp_path: Path) -> None:
    book = FieldPresetBook(tmp_path / "presets.yaml")
    (tmp_path / "presets.yaml").write_text("easel_presets: [")
    with pytest.raises(DataUnusable):
        book.all()
    with pytest.raises(DataUnusable):
        book.save(preset())
    assert (tmp_path / "presets.yaml").read_text() == "easel_presets: ["


def test_presets_by_program(url: str) -> None:
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client:
        body = {"name": "Program's", "page": "txt2img", "fields": {"steps": 5, "checkpoint": "gone"}}
        saved = client.put("/presets", json=body).json()
        assert (saved["usable"], len(saved["missing"])) == ({"steps": 5}, 1)
        text = client.get("/presets/export.yaml", params={"page": "txt2img", "name": "Program's"}).text
        added = client.post("/presets/import", json={"text": text}).json()["items"]
        assert [one["name"] for one in added] == ["Program's (2)"]
        assert client.post("/presets/import", json={"text": "nothing"}).status_code == 422
        for name in ("Program's", "Program's (2)"):
            assert client.delete("/presets", params={"page": "txt2img", "name": name}).status_code == 200
        assert client.get("/presets", params={"page": "txt2img"}).json() == {"items": []}
