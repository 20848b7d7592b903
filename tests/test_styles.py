"""Styles, as AUTOMATIC1111 reads and writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webui.errors import Conflict, DataUnusable, InvalidRequest, NotFound
from webui.generation.prompt.styles import (
    Style,
    StyleTable,
    add_style,
    apply_styles,
    extract_styles,
    read_table,
    write_table,
)
from webui.generation.request import MAX_PROMPT_CHARACTERS, parse_request
from webui.studio import reading
from webui.studio.studio import Studio
from webui.studio.style_book import StyleBook


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


def styles_of(text: str) -> list[Style]:
    return [row.style for row in read_table(text).styles()]


def test_a1111s_file_is_read() -> None:
    text = '\ufeffname,prompt,negative_prompt\r\n"Oil, thick","oil, ""impasto"" {prompt}",photo\r\n# a note,,\r\n,,\r\nPlain, words ,\r\n'
    assert styles_of(text) == [Style("Oil, thick", 'oil, "impasto" {prompt}', "photo"), Style("Plain", "words ", "")]


def test_the_old_column_is_read() -> None:
    assert styles_of("name,text\nOld,words") == [Style("Old", "words", "")]


NAME = st.text(st.characters(blacklist_characters="\r\n\x00", blacklist_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda name: name.strip() == name and not name.startswith(("#", "\ufeff"))
)
WORDS = st.text(st.characters(blacklist_characters="\r\x00", blacklist_categories=("Cs",)), max_size=30).map(str.lstrip)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAME, st.tuples(WORDS, WORDS), max_size=5))
def test_what_is_written_is_read(styles: dict[str, tuple[str, str]]) -> None:
    written = [Style(name, *words) for name, words in styles.items()]
    table = StyleTable()
    for style in written:
        table = table.with_style(style)
    assert styles_of(write_table(table)) == written


FOREIGN = "name,prompt,negative_prompt,thumb\n# mine,,,\nOil,oil {prompt},photo,oil.png\n\nInk,ink\nOil 2,oils,,two.png,more\n"


def test_what_other_programs_wrote_is_kept() -> None:
    table = read_table(FOREIGN).with_style(Style("Ink", "ink wash", "colour")).with_style(Style("Oils", "oils"), was="Oil 2")
    written = write_table(table)
    assert written == (
        "name,prompt,negative_prompt,thumb\n# mine,,,\nOil,oil {prompt},photo,oil.png\n\nInk,ink wash,colour,\nOils,oils,,two.png,more\n"
    )
    assert write_table(read_table(written)) == written
    (oil, *_) = read_table(FOREIGN).styles()
    gone = read_table(FOREIGN).without("Oil")
    assert "oil.png" not in write_table(gone)
    assert write_table(gone.with_style(oil.style, more=oil.more, place=oil.place)) == FOREIGN


def test_a_table_of_before_1_0_keeps_its_column() -> None:
    table = read_table("name,text\nOld,words\n")
    assert write_table(table.with_style(Style("Old", "other words"))) == "name,text\nOld,other words\n"
    assert write_table(table.with_style(Style("New", "a", "b"))) == "name,text,negative_prompt\nOld,words\nNew,a,b\n"


# taking styles out of texts


@pytest.mark.parametrize(
    ("prompt", "negative", "words", "names"),
    [
        ("a fox, oil, thick", "", "a fox", ["Oil"]),
        ("photo of a fox, film", "blurry, drawing", "a fox", ["Photo"]),
        ("photo of a fox, film", "blurry", None, []),
        ("photo of a fox, oil, thick, film", "drawing", "a fox", ["Oil", "Photo"]),
        ("oil, thick", "", "", ["Oil"]),
        ("a fox,oil, thick", "", None, []),
        ("a fox", "", None, []),
        ("a fox, wet oil, thick", "", None, []),
    ],
)
def test_the_words_of_styles_are_recognised(prompt: str, negative: str, words: str | None, names: list[str]) -> None:
    known = [
        Style("Empty"),
        Style("Thick", "thick and thin"),
        Style("Oil", "oil, thick"),
        Style("Photo", "photo of {prompt}, film", "drawing"),
    ]
    inner, _, found = extract_styles(prompt, negative, known)
    assert ([style.name for style in found], inner) == (names, prompt if words is None else words)


@given(st.text(max_size=20).map(str.strip), st.lists(st.sampled_from(["oil", "a {prompt} b", "x, y"]), max_size=3))
def test_what_is_recognised_gives_the_same_prompt_again(words: str, texts: list[str]) -> None:
    prompt, _ = apply_styles(words, "", [Style("", text) for text in texts])
    inner, negative, found = extract_styles(prompt, "", [Style(text, text) for text in ("oil", "a {prompt} b", "x, y")])
    assert apply_styles(inner, negative, found) == (prompt, "")


@pytest.mark.parametrize(
    ("how", "prompt", "expected"),
    [
        ("Apply if any", "a fox, oil", {"prompt": "a fox", "styles": ["Oil"]}),
        ("Apply if any", "a fox", {"prompt": "a fox"}),
        ("Apply", "a fox", {"prompt": "a fox", "styles": []}),
        ("Discard", "a fox, oil", {"prompt": "a fox"}),
        ("Ignore", "a fox, oil", {"prompt": "a fox, oil"}),
    ],
)
def test_what_pasting_does_with_styles(how: str, prompt: str, expected: dict[str, object]) -> None:
    answer = reading.read_pasted(f"{prompt}\nSteps: 2, Sampler: Euler, CFG scale: 5", [])
    fields = reading.without_styles(answer, [Style("Oil", "oil")], how)["fields"]
    assert {name: fields[name] for name in ("prompt", "styles") if name in fields} == expected


# files


def test_the_file_before_is_kept(tmp_path: Path) -> None:
    book = StyleBook([tmp_path / "styles.csv"])
    assert book.all() == ([], [])
    book.save(Style("one", "Füchse"))
    assert book.home.read_bytes().startswith(b"\xef\xbb\xbfname,prompt,negative_prompt\r\n")
    before = book.home.read_bytes()
    book.save(Style("two", "x"))
    assert [one.style for one in book.all()[0]] == [Style("one", "Füchse"), Style("two", "x")]
    assert (tmp_path / "styles.csv.bak").read_bytes() == before


def test_what_is_no_table_is_told_in_words_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "styles.csv"
    for damaged in (b"\xff\xfe\x00\x01", b"a,b\n1,2\n"):
        path.write_bytes(damaged)
        book = StyleBook([path])
        (problem,) = book.all()[1]
        assert "styles.csv can't be read" in problem
        with pytest.raises(DataUnusable):
            book.save(Style("one", "x"))
        assert path.read_bytes() == damaged


def test_several_files_and_patterns(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.csv").write_text("name,prompt\nB,b\nBoth,later\n")
    (tmp_path / "more" / "a.csv").write_text("name,prompt\nA,a\nBoth,earlier\n")
    book = StyleBook([tmp_path / "own.csv", tmp_path / "more" / "*.csv"])
    assert [(one.style.name, one.style.prompt, one.file.name) for one in book.all()[0]] == [
        ("A", "a", "a.csv"),
        ("Both", "later", "b.csv"),
        ("B", "b", "b.csv"),
    ]
    book.save(Style("New", "n"))
    book.save(Style("B", "bb"))
    assert book.home.name == "own.csv"
    assert "New,n" in book.home.read_text("utf-8-sig")
    assert "B,bb" in (tmp_path / "more" / "b.csv").read_text("utf-8-sig")
    # What another program writes is seen at once.
    (tmp_path / "more" / "b.csv").write_text("name,prompt\nOther,o\n")
    assert {one.style.name for one in book.all()[0]} == {"New", "A", "Both", "Other"}


def test_renaming_deleting_and_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "styles.csv"
    path.write_text("name,prompt,x\nold,1,\nold,2,kept\nother,3,\n")
    book = StyleBook([path])
    book.save(Style("new", "2"), was="old")
    assert path.read_text("utf-8-sig") == "name,prompt,x\nnew,2,kept\nother,3,\n"
    with pytest.raises(Conflict):
        book.save(Style("other", "2"), was="new")
    with pytest.raises(NotFound):
        book.save(Style("newer", "2"), was="old")
    gone = book.delete("new")
    assert path.read_text("utf-8-sig") == "name,prompt,x\nother,3,\n"
    book.save(gone.style, more=gone.more, file=gone.file.name, place=gone.place)
    assert path.read_text("utf-8-sig") == "name,prompt,x\nnew,2,kept\nother,3,\n"
    with pytest.raises(NotFound):
        book.delete("old")
    for bad in (Style("", "x"), Style("# a", "x"), Style(" a", "x"), Style("a\nb", "x"), Style("a"), Style("a" * 201, "x")):
        with pytest.raises(InvalidRequest):
            book.save(bad)


# in requests


def test_a_request_keeps_the_names_and_draws_the_words(studio: Studio) -> None:
    studio.save_style(Style("Oil", "oil painting of {prompt}", "photo"))
    studio.save_style(Style("Soft", "soft light"))
    job = studio.submit(studio.complete({"prompt": "a fox", "styles": ["Soft", "Oil"], "steps": 1, "width": 64, "height": 64}))
    assert job["prompt"] == "oil painting of a fox, soft light"
    asked = studio.asked_of(job["id"])
    assert (asked.prompt, asked.styles) == ("a fox", ("Soft", "Oil"))
    done = studio.follow(job["id"], lambda event: None)
    (image,) = done["images"]
    assert (image["prompt"], image["negative_prompt"]) == ("oil painting of a fox, soft light", "photo")
    assert "Styles" not in image["infotext"]
    again = studio.request_of(image["id"])
    assert (again.prompt, again.styles) == ("oil painting of a fox, soft light", ())
    told = studio.read_pasted(image["infotext"])["fields"]
    assert (told["prompt"], told["negative_prompt"], told["styles"]) == ("a fox", "", ["Soft", "Oil"])
    explained = studio.explain({"prompt": "a fox", "styles": ["Soft"]})["prompt"]
    assert explained.tokens == studio.explain({"prompt": "a fox, soft light"})["prompt"].tokens


def test_styles_that_cannot_be_used_are_refused_at_their_field(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    studio.save_style(Style("Long", "x" * MAX_PROMPT_CHARACTERS))
    for styles in (["None such"], ["Long"]):
        with pytest.raises(InvalidRequest) as caught:
            studio.submit(parse_request({"prompt": "a fox", "styles": styles}))
        assert caught.value.field == "styles"
