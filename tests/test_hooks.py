"""Every hook of the web process, each in a test of its own that is named after it: `test_hook_<name>`.

Those of the worker are in tests/engine/test_hooks_of_engine.py.
"""

from __future__ import annotations

import ast
import dataclasses
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import BaseModel, Field
from test_studio import wait_for

from webui.app import build_web
from webui.errors import EaselError, InvalidRequest, NotFound
from webui.extensions import (
    Assets,
    Button,
    Checkbox,
    Choice,
    Gallery,
    InfotextField,
    JobScript,
    Markdown,
    On,
    Panel,
    PictureToSave,
    Slider,
    Tab,
    Text,
    hookimpl,
)
from webui.extensions.hookspecs import HOOKS
from webui.extensions.registry import ExtensionRegistry
from webui.generation.prompt.completion import Completion
from webui.generation.request import Txt2Img, parse_request
from webui.studio.studio import Studio

SMALL = {"prompt": "a", "width": 64, "height": 64, "steps": 2, "seed": 3}
NewStudio = Callable[..., Studio]


def registry_of(*plugins: object) -> ExtensionRegistry:
    registry = ExtensionRegistry()
    for plugin in plugins:
        registry.register(plugin, type(plugin).__name__.lower(), "web")
    return registry


def made(studio: Studio, **fields: Any) -> dict[str, Any]:
    job = studio.submit(parse_request({**SMALL, **fields}))["id"]
    wait_for(lambda: studio.job(job)["status"] == "done")
    return studio.job(job)


def test_every_hook_is_tested() -> None:
    tested: set[str] = set()
    for page in Path(__file__).parent.rglob("test_hook*.py"):
        for node in ast.walk(ast.parse(page.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_hook_"):
                name = node.name.removeprefix("test_hook_")
                # What is tested is an implementation: a function of that name within the test or beside it.
                assert f"def {name}(" in page.read_text("utf-8"), name
                tested.add(name)
    assert tested == set(HOOKS)


# requests and their pictures


def test_hook_prepare(new_studio: NewStudio) -> None:
    class Shouts:
        @hookimpl
        def prepare(self, request: Txt2Img) -> Txt2Img:
            return request.model_copy(update={"prompt": request.prompt.upper()})

    job = made(new_studio(extensions=registry_of(Shouts())), prompt="a fox")
    assert job["images"][0]["prompt"] == "A FOX"


def test_hook_before_save(new_studio: NewStudio) -> None:
    class Renames:
        @hookimpl
        def before_save(self, picture: PictureToSave) -> PictureToSave:
            assert picture.image.size == (64, 64) and picture.name.endswith("-3")
            return dataclasses.replace(picture, name="../of: mine", infotext=picture.infotext + ", Mood: calm", texts={"Author": "me"})

    studio = new_studio(extensions=registry_of(Renames()))
    first, second = (made(studio)["images"][0] for _ in range(2))
    assert first["file"] == "_of_ mine.png" and second["file"] != first["file"] and second["file"].startswith("_of_ mine")
    with Image.open(studio.picture_path(first["id"])) as picture:
        assert picture.info["parameters"].endswith(", Mood: calm")  # type: ignore[union-attr]
    assert first["facts"]["texts"] == {"Author": "me"} and first["infotext"].endswith(", Mood: calm")


def test_hook_after_save(new_studio: NewStudio) -> None:
    told: list[Any] = []

    class Hears:
        @hookimpl
        def after_save(self, picture: Any) -> None:
            told.append((picture.id, picture.path.is_file(), picture.number))

    job = made(new_studio(extensions=registry_of(Hears())), batch_count=2)
    assert told == [(image["id"], True, number) for number, image in enumerate(job["images"])]


def test_hook_infotext_fields(new_studio: NewStudio) -> None:
    class Mood:
        @hookimpl
        def panel(self) -> Panel:
            return Panel("Mood", (Text(name="mood"),))

        @hookimpl
        def infotext_fields(self) -> InfotextField:
            return InfotextField("Mood", lambda values: values["mood"], lambda text: {"mood": text})

    studio = new_studio(extensions=registry_of(Mood()))
    image = made(studio, extensions={"mood": {"mood": "calm, blue"}})["images"][0]
    data = studio.picture_path(image["id"]).read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        infotext = str(picture.info["parameters"])
    assert infotext.endswith(', Mood: "calm, blue"') and image["infotext"] == infotext and "infotext" not in image["facts"]
    told = studio.read_pasted(infotext)
    assert told["fields"]["extensions"] == {"mood": {"mood": "calm, blue"}}
    assert not [entry for entry in told["unmapped"] if entry["key"] == "Mood"]


def test_hook_job_scripts(new_studio: NewStudio) -> None:
    class Twice:
        @hookimpl
        def job_scripts(self) -> JobScript:
            return JobScript("Twice", (), self.run, help="Two of them")

        def run(self, request: Txt2Img, values: dict[str, Any], script: Any) -> Iterator[Any]:
            first = yield request
            second = yield request.model_copy(update={"seed": request.seed + 1})
            assert first.pictures[0].sha256 != second.pictures[0].sha256

    studio = new_studio(extensions=registry_of(Twice()))
    run = studio.scripts.submit("twice", parse_request(SMALL), {})["id"]
    wait_for(lambda: studio.scripts.run(run)["status"] == "done")
    assert studio.scripts.run(run)["done"] == 2 and studio.extensions.take_faults() == []


def test_hook_complete(new_studio: NewStudio) -> None:
    class Offers:
        @hookimpl
        def complete(self, text: str) -> Completion:
            return Completion("wildcard", "fox", "fox", text[-2:])

    assert new_studio(extensions=registry_of(Offers())).completer.complete("a fo")[0].insert == "fox"


# the page


class Panelled:
    def pressed(self, values: dict[str, Any], easel: Any) -> Iterator[dict[str, Any]]:
        yield {"said": "*one* <b>"}
        yield {"strength": 1, "shown": [Image.new("RGB", (2, 2))]}

    @hookimpl
    def panel(self) -> Panel:
        fields = (Checkbox(name="on"), Slider(name="strength"), Choice(name="mode", choices=("a", "b")), Markdown(text="", name="said"))
        return Panel("P", (*fields, Gallery(name="shown"), Button(label="Go", on_click=self.pressed)), switch="on")


def test_hook_panel(new_studio: NewStudio) -> None:
    class Wrong:
        @hookimpl
        def panel(self) -> Panel:
            return Panel("Wrong", (Slider(name="a", default=7),), tabs=("nowhere",))

    studio = new_studio(extensions=registry_of(Panelled(), Wrong()))
    (panel,) = studio.add_ons.page()["panels"]
    assert [one["kind"] for one in panel["content"]] == ["checkbox", "slider", "choice", "markdown", "gallery", "button"]
    assert "can't start with 7" in studio.extensions.take_faults()[0].message
    request = studio.add_ons.checked(parse_request({**SMALL, "extensions": {"panelled": {"on": True}, "gone": {"x": 1}}}))
    assert request.extensions == {"panelled": {"on": True, "strength": 0, "mode": "a"}, "gone": {"x": 1}}
    for given, field in (({"strength": 2}, "strength"), ({"mode": "c"}, "mode"), ({"on": 1}, "on"), ({"other": 1}, "other")):
        with pytest.raises(InvalidRequest) as bad:
            studio.submit(parse_request({**SMALL, "extensions": {"panelled": given}}))
        assert bad.value.field == f"extensions.panelled.{field}" and bad.value.allowed
    told = list(studio.add_ons.call("panelled", "panel:0", "Go", {"strength": 0.5}))
    assert told[0]["said"] == [{"tag": "p", "children": [{"tag": "em", "children": ["one"]}, " <b>"]}]
    assert len(told[1]["shown"][0]["image"]) == 64
    with pytest.raises(NotFound):
        list(studio.add_ons.call("panelled", "panel:0", "Stop", {}))


def test_hook_tab(new_studio: NewStudio) -> None:
    class Tabbed:
        @hookimpl
        def tab(self) -> Tab:
            return Tab("My page", (Button(label="Go", on_click=self.pressed),))

        def pressed(self, values: dict[str, Any], easel: Any) -> None:
            easel.need_admin()
            raise ValueError("oh")

    studio = new_studio(extensions=registry_of(Tabbed()))
    (tab,) = studio.add_ons.page()["tabs"]
    assert (tab["page"], tab["title"]) == ("x_tabbed_my_page", "My page")
    with pytest.raises(EaselError, match="The add-on tabbed failed: ValueError: oh"):
        list(studio.add_ons.call("tabbed", tab["key"], "Go", {}))


def test_hook_settings(new_studio: NewStudio) -> None:
    class Section(BaseModel):
        most: int = Field(4, title="Most", description="How many.", ge=1, le=9)

    class Set:
        @hookimpl
        def settings(self) -> type[BaseModel]:
            return Section

    studio = new_studio(extensions=registry_of(Set()))
    assert [answer.value for answer in studio.extensions.collect("settings", type)] == [Section]


def test_hook_component_events(new_studio: NewStudio) -> None:
    class Listens:
        @hookimpl
        def component_events(self) -> On:
            return On("steps", "change", lambda values: {"cfg_scale": values["steps"] / 2})

    studio = new_studio(extensions=registry_of(Listens()))
    (event,) = studio.add_ons.page()["events"]
    assert (event["component"], event["event"]) == ("steps", "change")
    assert list(studio.add_ons.call("listens", event["key"], "change", {"steps": 8})) == [{"cfg_scale": 4}]


def test_hook_assets(new_studio: NewStudio, tmp_path: Path) -> None:
    class Loads:
        @hookimpl
        def assets(self) -> list[Assets]:
            return [Assets(scripts=("static/page.js",)), Assets(scripts=("../secret.js",)), Assets(styles=("page.html",))]

    studio = new_studio(extensions=registry_of(Loads()))
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "page.js").write_text("1")
    studio.extensions.manifest = lambda extension: SimpleNamespace(folder=tmp_path)  # type: ignore[method-assign, assignment]
    assert studio.add_ons.page()["assets"] == [{"extension": "loads", "scripts": ["static/page.js"], "styles": []}]
    assert studio.add_ons.asset("loads", "static/page.js").read_text() == "1"
    for name in ("../secret.js", "static/other.js", "static/../static/page.js", "page.html"):
        with pytest.raises(NotFound):
            studio.add_ons.asset("loads", name)


def test_hook_gradio_tab(new_studio: NewStudio) -> None:
    class Raw:
        @hookimpl
        def gradio_tab(self) -> tuple[str, Callable[[], None]]:
            return "Raw", lambda: built.append(True)

    built: list[bool] = []
    (answer,) = new_studio(extensions=registry_of(Raw())).add_ons.gradio_tabs()
    title, build_page = answer.value
    build_page()
    assert (title, built) == ("Raw", [True])


# beside pictures


def test_hook_routes(new_studio: NewStudio) -> None:
    class Good:
        @hookimpl
        def routes(self, router: APIRouter) -> None:
            @router.get("/hello")
            def hello() -> dict[str, str]:
                return {"hello": "there"}

            @router.post("/bad")
            def bad() -> None:
                raise SystemExit(4)

    class Core:
        @hookimpl
        def routes(self, router: APIRouter) -> None:
            router.prefix = "/api/v1"
            router.add_api_route("/jobs", lambda: "mine")

    class Unguarded:
        @hookimpl
        def routes(self, router: APIRouter) -> None:
            router.mount("/files", lambda scope, receive, send: None)  # type: ignore[arg-type]

    studio = new_studio(extensions=registry_of(Good(), Core(), Unguarded()), start=False)
    with TestClient(build_web(studio), base_url="http://127.0.0.1") as client:
        assert client.get("/api/ext/good/hello").json() == {"hello": "there"}
        assert client.post("/api/ext/good/bad", json={}).json()["error"]["code"] == "add_on_failed"
        assert client.get("/api/v1/jobs").json() != "mine"
        assert client.get("/api/ext/unguarded/files/x").status_code == 404
        assert client.get("/api/ext/good/hello", headers={"host": "evil.example"}).status_code == 403
    messages = {fault.extension: fault.message for fault in studio.extensions.take_faults()}
    assert "/api/v1/jobs" in messages["core"] and "door would not stand before it" in messages["unguarded"]


def test_hook_checkpoints_found(new_studio: NewStudio) -> None:
    seen: list[list[str]] = []

    class Sees:
        @hookimpl
        def checkpoints_found(self, checkpoints: Any) -> None:
            seen.append([one.name for one in checkpoints])

    new_studio(extensions=registry_of(Sees()))
    assert seen and "small" in seen[0]


def test_hook_started(new_studio: NewStudio) -> None:
    seen: list[str] = []

    class Starts:
        @hookimpl
        def started(self, easel: Any) -> None:
            (easel.folder / "here").write_text("x")
            seen.append(easel.id)

    new_studio(extensions=registry_of(Starts()))
    assert seen == ["starts"]


def test_hook_stopping(new_studio: NewStudio) -> None:
    seen: list[str] = []

    class Stops:
        @hookimpl
        def stopping(self, easel: Any) -> None:
            seen.append(easel.id)

    new_studio(extensions=registry_of(Stops())).close()
    assert seen == ["stops"]


def test_one_that_raises_in_each_hook_stops_no_picture(new_studio: NewStudio) -> None:
    def fails(*_given: Any, **_named: Any) -> None:
        raise ValueError("no")

    def bad(name: str) -> Any:
        arguments = ", ".join(("self", *argument_names(name)))
        scope: dict[str, Any] = {"fails": fails}
        exec(f"def {name}({arguments}): fails()", scope)
        return hookimpl(scope[name])

    bad_one = type("Bad", (), {name: bad(name) for name, hook in HOOKS.items() if "web" in hook.sides})
    studio = new_studio(extensions=registry_of(bad_one()))
    studio.add_ons.page()
    job = made(studio)
    assert len(job["images"]) == 1
    notes = [note for note in job["notes"] if "bad" in note]
    assert "The add-on bad failed in prepare (ValueError: no); the picture was made without it." in notes and len(set(notes)) == len(notes)


def argument_names(name: str) -> list[str]:
    import inspect

    from webui.extensions import hookspecs

    return list(inspect.signature(getattr(hookspecs, name)).parameters)
