"""Small ports of the ideas of five popular add-on families, by public hooks only: three in tests/ports, and two of the built-ins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter

from webui.extensions.authoring import check_add_on
from webui.extensions.components import buttons_of
from webui.testing import AddOnStudio, built_in, open_studio, registry_of

PORTS = Path(__file__).parent / "ports"
FAMILIES = [*sorted(path for path in PORTS.iterdir() if path.is_dir()), built_in("dynamic-prompts"), built_in("detailer")]

Opened = Callable[[str], tuple[AddOnStudio, ModuleType]]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Opens a studio with one port; returns it and the port's module."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    made: list[AddOnStudio] = []

    def make(name: str) -> tuple[AddOnStudio, ModuleType]:
        studio = open_studio(registry_of(PORTS / name), tmp_path)
        studio.start()
        made.append(AddOnStudio(studio))
        return made[-1], sys.modules[name.replace("-", "_")]

    yield make
    for one in made:
        assert one.studio.extensions.take_faults() == []
        one.studio.close()


@pytest.mark.parametrize("folder", FAMILIES, ids=lambda folder: folder.name)
def test_five_families_stand_on_public_hooks_alone(folder: Path) -> None:
    remarks = [remark for remark in check_add_on(folder) if "no tests" not in remark.message]
    assert len(FAMILIES) == 5 and remarks == []


def test_tags_of_a_list_of_ones_own_are_offered(opened: Opened) -> None:
    studio, _ = opened("tag-completion")
    folder = studio.studio.easel("tag-completion").folder
    assert studio.studio.extensions.complete("a blue h") == []
    (folder / "tags.csv").write_text('blue_hair,0,900,"azure_hair"\nblue_hat,0,50,\nhair_(long),0,2000,"long_hair"\nred,0,1,\n')
    found = studio.studio.extensions.complete("a fox, blue ha")
    assert [(one.insert, one.replaces, one.uses) for one in found] == [("blue hair", "blue ha", 900), ("blue hat", "blue ha", 50)]
    (other,) = studio.studio.extensions.complete("azure")
    assert (other.insert, other.detail) == ("blue hair", "azure hair")
    assert [one.insert for one in studio.studio.extensions.complete("long h")] == ["hair \\(long\\)"]
    assert studio.studio.extensions.complete("x") == []


def test_columns_have_prompts_of_their_own(opened: Opened) -> None:
    studio, module = opened("regional-prompts")
    assert module.boxes([1, 2, 1], (64, 32), False) == [(0, 0, 16, 32), (16, 0, 48, 32), (48, 0, 64, 32)]
    values = {"enabled": True, "shares": "1,3", "common": True, "way": "Rows"}
    job = studio.make(prompt="calm ADDCOL a sky ADDROW a sea", width=64, height=64, extensions={"regional-prompts": values})
    assert job["status"] == "done", job
    made = studio.studio.request_of(studio.pictures()[0]["id"])
    assert [region.prompt for region in made.regions] == ["calm, a sky", "calm, a sea"]  # type: ignore[union-attr]
    masks = [studio.studio.easel("regional-prompts").picture(region.mask) for region in made.regions]  # type: ignore[union-attr]
    assert [mask.convert("L").getbbox() for mask in masks] == [(0, 0, 64, 16), (0, 16, 64, 64)]
    assert made.words[0] == "calm, a sky, a sea"
    studio.make(prompt="a ADDCOL b", width=64, height=64)
    assert not studio.studio.request_of(studio.pictures()[0]["id"]).regions  # type: ignore[union-attr]


def test_pictures_are_looked_through(opened: Opened) -> None:
    studio, module = opened("image-browser")
    for prompt in ("a red fox", "a green frog"):
        studio.make(prompt=prompt)
    easel: Any = studio.studio.easel("image-browser")
    buttons = buttons_of(module.tab().content)
    told = buttons["Look"].on_click({"words": "frog", "number": 10}, easel)
    assert [one["label"] for one in told["found"]] == ["a green frog"]
    picture = told["found"][0]["image"]
    assert "a green frog" in buttons["Tell"].on_click({"picture": picture}, easel)["parameters"]
    router = APIRouter()
    module.routes(router)
    (route,) = router.routes
    asked: Any = SimpleNamespace(state=SimpleNamespace(easel=easel))
    assert len(route.endpoint(asked)) == 2 and route.endpoint(asked, "frog") == [picture]  # type: ignore[attr-defined]
