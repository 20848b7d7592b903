"""Dynamic prompts, as an add-on."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from easel_dynamic_prompts import web
from easel_dynamic_prompts.templates import MOST_LETTERS, every, expand, unknown_wildcards
from easel_dynamic_prompts.wildcards import LeadsNowhere, WildcardFolder

from webui.errors import Conflict, EaselError, InvalidRequest, NotFound, TooLarge
from webui.extensions.components import buttons_of
from webui.generation.request import Txt2Img, parse_request
from webui.testing import AddOnStudio, play

SCRIPT = web.job_scripts()
ON = {"dynamic-prompts": {"enabled": True}}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[WildcardFolder]:
    """A person's folder of wildcards, as `started` finds it."""
    before = web._Here.folder
    web.started(SimpleNamespace(folder=tmp_path / "add-on"))  # type: ignore[arg-type]
    yield web._Here.folder
    web._Here.folder = before


def test_files_are_found_in_folders_and_in_yaml(own: WildcardFolder) -> None:
    own.write("places/city", "Rome\nOslo\n")
    own.write("clothes.yaml", "hats:\n  tall: [top hat, wizard hat]\n  flat:\n    - beret\n")
    assert own.names() == ["animal", "colour", "hats/flat", "hats/tall", "places/city"]
    assert [(one.name, one.own) for one in own.files()] == [
        ("clothes.yaml", True),
        ("places/city", True),
        ("animal", False),
        ("colour", False),
    ]
    assert every("__places/city__ __hats/flat__", own.wildcards(), 10) == ["Oslo beret", "Rome beret"]
    assert set(every("__hats/*__", own.wildcards(), 10)) == {"top hat", "wizard hat", "beret"}


def test_a_file_takes_the_place_of_a_shipped_one(own: WildcardFolder) -> None:
    own.write("colour", "ultraviolet")
    assert every("__colour__", own.wildcards(), 1000) == ["ultraviolet"]
    assert own.read("colour") == "ultraviolet"
    own.delete("colour")
    assert "ultraviolet" not in own.read("colour")
    with pytest.raises(Conflict):
        own.delete("colour")
    with pytest.raises(NotFound):
        own.delete("nothing")


def test_writing_keeps_the_file_before(own: WildcardFolder) -> None:
    own.write("a", "one")
    path = own.write("a", "two\r\nthree")
    assert path.read_text() == "two\nthree" and path.with_name("a.txt.bak").read_text() == "one"
    assert {one.name for one in own.files() if one.own} == {"a"}


@pytest.mark.parametrize(
    "name", ["../up", "/etc/passwd", "a/../../b", "", ".hidden", "a//b", "con\x00", "a/" * 20 + "b", "x" * 200, "a\\..\\..\\b"]
)
def test_names_never_lead_elsewhere(own: WildcardFolder, name: str) -> None:
    for act in (own.read, own.delete, lambda name: own.write(name, "x")):
        with pytest.raises(EaselError):
            act(name)


def test_links_are_not_followed(own: WildcardFolder, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (own.folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (own.folder / "folder").symlink_to(tmp_path)
    for name in ("link", "folder/secret"):
        with pytest.raises(InvalidRequest):
            own.read(name)


@pytest.mark.parametrize(
    "text", ["a: &x [b]\nc: *x\n", "- a\n", "a: {b: 1}\n", "a: [[1]]", "a: [", "just words", "a: !!python/object:os.system x"]
)
def test_yaml_that_holds_no_lists_is_refused(own: WildcardFolder, text: str) -> None:
    with pytest.raises(InvalidRequest):
        own.write("bad.yaml", text)
    assert not (own.folder / "bad.yaml").exists()


def test_what_is_too_large_or_empty_is_refused(own: WildcardFolder) -> None:
    with pytest.raises(TooLarge):
        own.write("big", "x" * 6_000_000)
    with pytest.raises(InvalidRequest):
        own.write("empty", " \n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__self__", "lead back"),
        ("__twice0__", "without end"),
        ("__long__", "letters"),
        ("{" * 60 + "a" + "}" * 60, "deep"),
    ],
)
def test_a_prompt_never_explodes(own: WildcardFolder, text: str, said: str) -> None:
    own.write("self", "a __self__")
    own.write("long", "x" * (MOST_LETTERS + 1))
    for number in range(40):
        own.write(f"twice{number}", f"__twice{number + 1}__ __twice{number + 1}__" if number < 39 else "end")
    with pytest.raises(LeadsNowhere, match=said):
        expand(text, 1, own.wildcards())
    request = parse_request({"prompt": text, "extensions": ON})
    assert web.prepare(request).prompt == text  # type: ignore[union-attr]


def test_every_variant_is_made_once_and_at_most_so_many(own: WildcardFolder) -> None:
    assert every("{a|b} {x|y}", own.wildcards(), 100) == ["a x", "a y", "b x", "b y"]
    assert every("{a|a|b}", own.wildcards(), 100) == ["a", "b"]
    assert len(every("{a|b}" * 60, own.wildcards(), 50)) == 50
    assert every("plain", own.wildcards(), 5) == ["plain"]
    assert unknown_wildcards("__colour__ __nothing__", own.wildcards()) == ["nothing"]


def test_the_script_draws_every_variant(own: WildcardFolder) -> None:
    request = {"prompt": "a {red|blue} {fox|owl}", "negative_prompt": "{x|y}", "seed": 3, "extensions": {**ON, "other": {"a": 1}}}
    played = play(SCRIPT, request)
    assert [one.prompt for one in played.requests] == ["a red fox", "a red owl", "a blue fox", "a blue owl"]  # type: ignore[union-attr]
    assert {one.seed for one in played.requests} == {3}  # type: ignore[union-attr]
    assert {tuple(one.extensions) for one in played.requests} == {("other",)}
    assert len(play(SCRIPT, request, {"negative": True}).parts) == 8
    assert [one.seed for one in play(SCRIPT, request, {"vary_seed": True, "most": 3}).requests] == [3, 4, 5]  # type: ignore[union-attr]
    assert len({one.seed for one in play(SCRIPT, {**request, "seed": -1}).requests}) == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("prompt", "values"), [("a fox", {}), ("{a|b}{a|b}", {"most": 3, "refuse": True}), ("{" * 60 + "a|b" + "}" * 60, {})]
)
def test_what_has_no_variants_is_told(own: WildcardFolder, prompt: str, values: dict) -> None:
    with pytest.raises(InvalidRequest) as told:
        play(SCRIPT, {"prompt": prompt}, values)
    assert told.value.field in ("prompt", "most") and told.value.hint


def test_the_cost_is_known_before(own: WildcardFolder) -> None:
    assert SCRIPT.count and SCRIPT.count(Txt2Img(prompt="{a|b|c}"), {"most": 1000}) == 3


def test_a_preview_tells_what_a_prompt_becomes(own: WildcardFolder) -> None:
    told = web.preview({"trial": "a {red|blue} fox"})["preview"]
    assert "In all 2" in told and "- a red fox" in told and "- a blue fox" in told
    assert "no wildcard nothing" in web.preview({"trial": "__nothing__"})["preview"]
    assert "more than 1,000" in web.preview({"trial": "{a|b}" * 20})["preview"]
    assert "can't be used" in web.preview({"trial": "{" * 60})["preview"]
    assert "\\<b\\>" in web.preview({"trial": "<b>{a|b}"})["preview"]


def test_files_are_kept_by_the_page(own: WildcardFolder) -> None:
    assert {"save", "delete"} <= buttons_of(web.tab().content).keys()
    easel = SimpleNamespace()
    told = web.save_file({"name": "mood", "text": "calm\nwild"}, easel)  # type: ignore[arg-type]
    assert "**mood**" in told["files"]
    assert told["chosen"].value == "mood" and web.show({"chosen": "mood"})["chosen"].value == "mood"
    assert web.open_file({"chosen": "mood"}) == {"name": "mood", "text": "calm\nwild"}
    assert web.open_file({"chosen": web.NEW}) == {"name": "", "text": ""}
    assert [one.insert for one in web.complete("a __mo")] == ["__mood__"]
    assert "mood" not in web.delete_file({"name": "mood"}, easel)["files"]  # type: ignore[arg-type]
    assert list(web.complete("a __mo")) == []


def test_prompts_are_expanded_in_the_run(studio: AddOnStudio) -> None:
    studio.make(prompt="a {red|blue} fox", seed=5, extensions=ON)
    studio.make(prompt="a {red|blue} fox", seed=5, extensions=ON)
    first, second = studio.pictures()[:2]
    assert first["prompt"] == second["prompt"] and first["prompt"] in ("a red fox", "a blue fox")
