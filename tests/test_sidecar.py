import json
from pathlib import Path

import pytest

from webui.catalog.sidecar import Sidecar, frequent_tags, image_type, preview_beside, read_sidecar


def read(folder: Path, metadata: dict[str, str] | None = None) -> Sidecar:
    return read_sidecar(folder, "wool", frozenset(path.name for path in folder.iterdir()), metadata or {})


def test_automatic1111s_and_civitais_words(tmp_path: Path) -> None:
    info = {
        "trainedWords": ["wool", "knitted, soft"],
        "baseModel": "SDXL 1.0",
        "description": "<p>Made of <b>wool</b></p><script>x()</script>",
    }
    (tmp_path / "wool.civitai.info").write_text(json.dumps(info))
    found = read(tmp_path)
    assert found.trigger_words == ("wool", "knitted", "soft")
    assert found.base_model == "SDXL 1.0"
    assert found.description.startswith("Made of wool")
    assert "<" not in found.description
    own = {"activation text": "my wool", "preferred weight": 0.7, "notes": "not too strong", "sd version": "SDXL", "description": "mine"}
    (tmp_path / "wool.json").write_text(json.dumps(own))
    assert read(tmp_path) == Sidecar("mine", "not too strong", ("my wool",), 0.7, "SDXL", insert_words=True)


def test_what_trainers_write_is_used_where_no_file_says_it(tmp_path: Path) -> None:
    tags = {"10_wool": {"wool": 5, "cat": 9}, "5_more": {"wool": 7}}
    metadata = {
        "modelspec.trigger_phrase": "wool",
        "modelspec.description": "soft",
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_tag_frequency": json.dumps(tags),
    }
    found = read(tmp_path, metadata)
    assert found == Sidecar("soft", "", ("wool",), None, "sdxl_base_v1-0", ("wool", "cat"))
    (tmp_path / "wool.txt").write_text("from the text file")
    assert read(tmp_path, {}).description == "from the text file"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[]",
        "7",
        "[" * 100_000,
        '{"activation text": 7, "preferred weight": "1", "notes": [1], "trainedWords": {"a": "x"}}',
        "x" * 2_000_000,
    ],
)
def test_hostile_files_say_nothing_and_break_nothing(tmp_path: Path, text: str) -> None:
    for name in ("wool.json", "wool.civitai.info"):
        (tmp_path / name).write_text(text)
    assert read(tmp_path, {"ss_tag_frequency": text}) == Sidecar()


def test_texts_are_bounded_and_without_control_characters(tmp_path: Path) -> None:
    words = ",".join(f"w{number}" for number in range(5_000))
    hostile = {"activation text": words, "notes": "a\x00b\x1b[31m\ud800" + "n" * 100_000, "preferred weight": True}
    (tmp_path / "wool.json").write_text(json.dumps(hostile))
    found = read(tmp_path)
    assert len(found.trigger_words) == 40
    assert found.notes.startswith("ab[31m?n")
    assert len(found.notes) == 4_000
    assert found.weight is None
    found.notes.encode()


def test_hostile_tag_counts() -> None:
    assert frequent_tags('{"a": {"x": "many", "y": 2, "z": null}, "b": 7}') == ["y"]
    assert frequent_tags('{"a": {"x": 1e999}}') == []


def test_previews_are_chosen_in_a_fixed_order() -> None:
    names = frozenset({"a.png", "a.preview.png", "a.jpg", "b.webp", "a.svg", "c.gif"})
    assert [preview_beside(stem, names) for stem in ("a", "b", "c", "d")] == ["a.preview.png", "b.webp", None, None]


def test_a_preview_is_a_picture_by_content(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for content, expected in [
        (b"\x89PNG\r\n\x1a\n1234", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"<svg onload='x()'>", None),
        (b"<html>", None),
        (b"", None),
    ]:
        path.write_bytes(content)
        assert image_type(path) == expected
    assert image_type(tmp_path / "gone.png") is None
