"""Styles, as AUTOMATIC1111 reads and writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webui.errors import DataUnusable
from webui.generation.prompt.styles import Style, add_style, apply_styles, read_styles, write_styles
from webui.studio.style_file import load_styles, save_styles


@pytest.mark.parametrize(
    ("words", "style", "expected"),
    [
        ("a fox", "oil painting", "a fox, oil painting"),
        ("a fox", "photo of {prompt}, film", "photo of a fox, film"),
        ("a fox", "", "a fox"),
        ("", "oil painting", "oil painting"),
        (" a fox ", " oil ", "a fox, oil"),
        ("a", "{prompt} and {prompt}", "a and a"),
    ],
)
def test_adding(words: str, style: str, expected: str) -> None:
    assert add_style(words, style) == expected


def test_several_apply_in_order() -> None:
    styles = [Style("one", "a {prompt}", "bad"), Style("two", "c")]
    assert apply_styles("b", "", styles) == ("a b, c", "bad")


def test_a1111s_file_is_read() -> None:
    text = '\ufeffname,prompt,negative_prompt\r\n"Oil, thick","oil, ""impasto"" {prompt}",photo\r\n# a note,,\r\n,,\r\nPlain, words ,\r\n'
    assert read_styles(text) == (Style("Oil, thick", 'oil, "impasto" {prompt}', "photo"), Style("Plain", "words ", ""))


def test_the_old_column_is_read() -> None:
    assert read_styles("name,text\nOld,words") == (Style("Old", "words", ""),)


NAME = st.text(st.characters(blacklist_characters="\r\n\x00", blacklist_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda name: name.strip() == name and not name.startswith(("#", "\ufeff"))
)
WORDS = st.text(st.characters(blacklist_characters="\r\x00", blacklist_categories=("Cs",)), max_size=30).map(str.lstrip)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAME, st.tuples(WORDS, WORDS), max_size=5))
def test_what_is_written_is_read(styles: dict[str, tuple[str, str]]) -> None:
    written = tuple(Style(name, *words) for name, words in styles.items())
    assert read_styles(write_styles(written)) == written


def test_the_file_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "styles.csv"
    assert load_styles(path) == ()
    save_styles(path, [Style("one", "Füchse")])
    assert path.read_bytes().startswith(b"\xef\xbb\xbfname,prompt,negative_prompt\r\n")
    save_styles(path, [Style("two")])
    assert load_styles(path) == (Style("two"),)
    assert load_styles(tmp_path / "styles.csv.bak") == (Style("one", "Füchse"),)


def test_what_is_no_table_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "styles.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataUnusable, match=r"styles\.csv"):
        load_styles(path)
