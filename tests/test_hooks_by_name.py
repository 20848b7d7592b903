"""Hooks whose offers requests choose by name, on the web side: listed, checked, written down, read again, and gone with their add-on.

What they do to pictures is in tests/engine/test_hooks_by_name_of_engine.py.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from test_hooks import SMALL, made, registry_of
from test_studio import wait_for

from webui.app import build_web
from webui.errors import InvalidRequest
from webui.extensions import (
    Detector,
    FoundModel,
    ModelFileAddress,
    ModelSource,
    NewSampler,
    NewSchedule,
    NewUpscaler,
    Panel,
    Preprocessor,
    Text,
    Threshold,
    hookimpl,
)
from webui.extensions.named import AddOnFailed
from webui.generation.request import parse_request
from webui.studio.studio import Studio
from webui.workshop.workshop import Workshop

NewStudio = Callable[..., Studio]


class Ada:
    """Offers one of each."""

    @hookimpl
    def samplers(self) -> list[NewSampler]:
        return [NewSampler("Plain Euler", default_schedule="Karras"), NewSampler("Other")]

    @hookimpl
    def schedules(self) -> NewSchedule:
        return NewSchedule("Even", lambda steps, lowest, highest: list(np.linspace(highest, lowest, steps)))

    @hookimpl
    def upscalers(self) -> NewUpscaler:
        return NewUpscaler("Blocks", lambda picture, size: picture.resize(size))

    @hookimpl
    def preprocessors(self) -> Preprocessor:
        return Preprocessor("Negative", lambda pixels, a, b: 255 - pixels, thresholds=(Threshold("Share", 7, 0, 10),))

    @hookimpl
    def detectors(self) -> Detector:
        return Detector("Bright")


@pytest.fixture
def studio(new_studio: NewStudio) -> Studio:
    return new_studio(extensions=registry_of(Ada()))


def refused(studio: Studio, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refusal:
        studio.submit(parse_request({**SMALL, **fields}))
    return refusal.value


def infotext_of(studio: Studio, job: dict[str, Any]) -> str:
    with Image.open(studio.picture_path(job["images"][0]["id"])) as picture:
        return str(picture.info["parameters"])


def kept(studio: Studio) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (10, 20, 30)).save(buffer, "PNG")
    return studio.images.put(buffer.getvalue()).sha256


def test_hook_samplers(studio: Studio) -> None:
    # Ada's `def samplers(self)` stands above.
    assert [one.label for one in studio.choices.samplers()][-2:] == ["ada/Plain Euler", "ada/Other"]
    job = made(studio, sampler="ADA/plain euler", hires=True, hires_sampler="ada/Other", hires_schedule_type="Automatic")
    text = infotext_of(studio, job)
    assert "Sampler: ada/Plain Euler, Schedule type: Karras" in text and "Hires sampler: ada/Other" in text
    assert studio.read_pasted(text)["fields"]["sampler"] == "ada/Plain Euler"
    replay = studio.replays.replay(job["images"][0]["id"])["id"]
    wait_for(lambda: studio.job(replay)["status"] == "done")
    wrong = refused(studio, sampler="ada/Nothing")
    assert (wrong.field, wrong.allowed) == ("sampler", "ada/Plain Euler, ada/Other") and "add-on ada has no sampler" in wrong.message

    studio.extensions.switch_off("ada")
    assert all("/" not in one.label for one in studio.choices.samplers())
    gone = refused(studio, sampler="ada/Plain Euler")
    assert (gone.field, gone.code) == ("sampler", "add_on_missing") and "of the add-on ada, which is off" in gone.message
    assert refused(studio, hires=True, hires_sampler="ada/Other").field == "hires_sampler"
    pasted = studio.read_pasted(text)
    assert "sampler" not in pasted["fields"] and "add-on ada" in str(pasted["unmapped"])
    with pytest.raises(InvalidRequest, match="of the add-on ada, which is off"):
        studio.replays.replay(job["images"][0]["id"])
    # What was made by it is still there to be looked at.
    assert studio.request_of(job["images"][0]["id"]).sampler == "ada/Plain Euler"  # type: ignore[union-attr]


def test_hook_schedules(studio: Studio) -> None:
    assert studio.choices.schedules()[-1] == "ada/Even"
    job = made(studio, schedule_type="ada/even", hires=True, hires_schedule_type="ada/Even")
    assert "Schedule type: ada/Even" in infotext_of(studio, job)
    studio.extensions.switch_off("ada")
    assert refused(studio, schedule_type="ada/Even").field == "schedule_type" and studio.choices.schedules()[-1] != "ada/Even"


def test_hook_upscalers(studio: Studio) -> None:
    step = {"step": "upscale", "upscaler": "ada/blocks", "scale": 2}
    assert studio.choices.upscalers(latent=False)[-1] == "ada/Blocks"
    text = infotext_of(studio, made(studio, finishing=[step], hires=True, hires_upscaler="ada/Blocks"))
    assert "Hires upscaler: ada/Blocks" in text and "Postprocess upscaler: ada/Blocks" in text
    assert "finishing" in studio.read_pasted(text)["fields"]
    studio.extensions.switch_off("ada")
    assert refused(studio, finishing=[step]).field == "finishing[0].upscaler"
    assert refused(studio, hires=True, hires_upscaler="ada/Blocks").field == "hires_upscaler"
    pasted = studio.read_pasted(text)
    assert not pasted["fields"].get("finishing") and "hires_upscaler" not in pasted["fields"]
    # A field that has no effect may name what is gone.
    assert made(studio, hires_upscaler="ada/Blocks")["images"]


def test_hook_preprocessors(new_studio: NewStudio) -> None:
    class Wrong:
        @hookimpl
        def preprocessors(self) -> list[Preprocessor]:
            return [Preprocessor("Small", lambda pixels, a, b: pixels[:1])]

    studio = new_studio(extensions=registry_of(Ada(), Wrong()))
    fields = {"image": kept(studio), "preprocessor": "ada/negative"}
    with Image.open(io.BytesIO(studio.control_preview(fields, 64, 64))) as picture:
        assert picture.convert("RGB").getpixel((5, 5)) == (245, 235, 225)
    with pytest.raises(AddOnFailed, match="add-on wrong failed in its preprocessor Small"):
        studio.control_preview({**fields, "preprocessor": "wrong/Small"}, 64, 64)
    studio.extensions.switch_off("ada")
    control = {"model": "any", **fields}
    assert refused(studio, controls=[control]).field == "controls[0].preprocessor"
    with pytest.raises(InvalidRequest, match="Use one of none"):
        parse_request({**SMALL, "controls": [{**control, "preprocessor": "nothing"}]})


def test_hook_detectors(new_studio: NewStudio) -> None:
    class Panelled:
        @hookimpl
        def panel(self, detectors: tuple[str, ...]) -> Panel:
            return Panel("Find", (Text(name="found", default=", ".join(detectors)),))

    studio = new_studio(extensions=registry_of(Ada(), Panelled()))
    assert studio.add_ons.page()["panels"][0]["content"][0]["default"] == "ada/Bright"
    studio.extensions.switch_off("ada")
    assert studio.add_ons.page()["panels"][0]["content"][0]["default"] == ""


class Shelf:
    @hookimpl
    def model_sources(self) -> list[ModelSource]:
        return [ModelSource("My shelf", self.search, self.resolve), ModelSource("Broken", self.broken, self.broken)]

    def search(self, words: str) -> list[FoundModel]:
        return [FoundModel("Ink", "shelf:ink", "lora", "lines", 5)] if words in "ink" else []

    def resolve(self, address: str) -> list[ModelFileAddress] | None:
        return [ModelFileAddress("http://127.0.0.1:9/ink.bin", "ink.safetensors", "lora")] if address == "shelf:ink" else None

    def broken(self, text: str) -> None:
        raise ValueError("the shelf is on fire")


def test_hook_model_sources(new_studio: NewStudio) -> None:
    # Shelf's `def model_sources(self)` stands above.
    studio = new_studio(extensions=registry_of(Shelf()))
    workshop = Workshop(studio)
    assert [(one["name"], one["searches"]) for one in workshop.sources.all()] == [("My shelf", True), ("Broken", True)]
    found = workshop.sources.search("in")
    ink = {"title": "Ink", "address": "shelf:ink", "kind": "lora", "detail": "lines", "size": 5}
    assert found["items"] == [{"extension": "shelf", "source": "My shelf", **ink}]
    assert found["problems"] == ["Broken could not be asked: the add-on shelf failed."]
    # Where an add-on says that a file is, is asked by the same rules as what a person pastes.
    with pytest.raises(InvalidRequest, match="is this machine itself"):
        workshop.look_up({"source": "shelf:ink"})
    with pytest.raises(InvalidRequest, match="by https only"):
        workshop.submit({"kind": "download", "source": "shelf:other"})
    assert "on fire" in studio.extensions.last_fault("shelf").message  # type: ignore[union-attr]
    # Looking is no job: nobody is switched off for it.
    assert studio.extensions.off() == frozenset()
    studio.extensions.switch_off("shelf")
    assert workshop.sources.all() == []
    with pytest.raises(InvalidRequest, match="by https only"):
        workshop.look_up({"source": "shelf:ink"})


def test_both_apis_list_what_is_offered_and_forget_it_with_its_add_on(new_studio: NewStudio) -> None:
    studio = new_studio(extensions=registry_of(Ada(), Shelf()), start=False)
    with TestClient(build_web(studio), base_url="http://127.0.0.1") as client:

        def listed() -> dict[str, Any]:
            ours, theirs = "/api/v1", "/sdapi/v1"
            steps = client.get(f"{ours}/finishing").json()["steps"]
            return {
                "samplers": client.get(f"{ours}/samplers").json()["samplers"][-1]["name"],
                "schedules": client.get(f"{ours}/samplers").json()["schedules"][-1],
                "upscalers": client.get(f"{ours}/upscalers").json()[-1],
                "finishing": next(field["choices"][-1] for field in steps[0]["fields"] if field["name"] == "upscaler"),
                "preprocessors": client.get(f"{ours}/control").json()["preprocessors"][-1],
                "sources": client.get(f"{ours}/workshop/sources").json()["items"],
                "their samplers": client.get(f"{theirs}/samplers").json()[-1]["name"],
                "their schedulers": client.get(f"{theirs}/schedulers").json()[-1]["label"],
                "their upscalers": client.get(f"{theirs}/upscalers").json()[-1]["name"],
                "their modules": client.get("/controlnet/module_list").json()["module_list"][-2],
            }

        there = listed()
        assert there["upscalers"] == {"name": "ada/Blocks", "model": False} and len(there["sources"]) == 2
        assert (there["preprocessors"]["name"], there["preprocessors"]["thresholds"][0]["default"]) == ("ada/Negative", 7)
        assert {name: value for name, value in there.items() if isinstance(value, str)} == {
            "samplers": "ada/Other",
            "schedules": "ada/Even",
            "finishing": "ada/Blocks",
            "their samplers": "ada/Other",
            "their schedulers": "ada/Even",
            "their upscalers": "ada/Blocks",
            "their modules": "ada/Negative",
        }
        assert client.get("/api/v1/workshop/sources/search?words=in").json()["items"][0]["title"] == "Ink"
        for name in ("ada", "shelf"):
            studio.extensions.switch_off(name)
        assert "ada/" not in str(listed()) and listed()["sources"] == []
        answer = client.post("/sdapi/v1/txt2img", json={**SMALL, "sampler_name": "ada/Plain Euler"})
        assert answer.status_code == 422 and "add-on ada, which is off" in answer.text


# what can't be used


@pytest.mark.parametrize(
    ("offered", "words"),
    [
        (NewSampler(""), "is no label"),
        (NewSampler(" a"), "is no label"),
        (NewSampler("a\nb"), "is no label"),
        (NewSampler("x" * 90), "is no label"),
        (NewSampler("a", 3), "can't be called"),  # type: ignore[arg-type]
        ([NewSampler("a"), NewSampler("A")], "two samplers called 'A'"),
        ("DDIM", "str where NewSampler is wanted"),
    ],
)
def test_what_cannot_be_used_is_a_fault_of_its_add_on(offered: Any, words: str) -> None:
    class Bad:
        @hookimpl
        def samplers(self) -> Any:
            return offered

    registry = registry_of(Bad(), Ada())
    assert [name for name in registry.offers.names("samplers") if name.startswith("ada")] == ["ada/Plain Euler", "ada/Other"]
    (fault,) = registry.take_faults()
    assert fault.extension == "bad" and words in fault.message and not fault.strikes
    # It is asked again only when others are there.
    assert registry.offers.names("samplers") and registry.take_faults() == []


def test_a_function_that_is_not_there_is_said_to_be_missing() -> None:
    offer = registry_of(Ada()).offers.find("samplers", "ada/Other")
    with pytest.raises(AddOnFailed, match="offers the sampler Other, and no function for it here"):
        offer.function()


def test_a_path_of_a_model_that_is_not_there_is_refused_as_an_add_ons_name(new_studio: NewStudio) -> None:
    studio = new_studio()
    assert refused(studio, hires=True, hires_upscaler="folder/model").field == "hires_upscaler"
