"""Each hook's example in docs/hooks.md is run: it is registered as an add-on's module is, and called as Easel calls it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fastapi import APIRouter
from PIL import Image

from webui.extensions.hookspecs import HOOKS
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import Txt2Img
from webui.settings import PROGRAM_ROOT
from webui.testing import play

SECTIONS = re.findall(r"^### (\w+)\(.*?\)\n(.*?)(?=^##|\Z)", (PROGRAM_ROOT / "docs" / "hooks.md").read_text("utf-8"), re.M | re.S)
EXAMPLES = {name: re.findall(r"```python\n(.*?)```", text, re.S) for name, text in SECTIONS}


def loaded(hook: str) -> ModuleType:
    """The example of a hook as a module, registered for the first of its processes."""
    (source,) = EXAMPLES[hook]
    module = ModuleType(f"example_{hook}")
    exec(compile(source, f"docs/hooks.md: {hook}", "exec"), vars(module))
    registry = ExtensionRegistry()
    registry.register(module, "example", HOOKS[hook].sides[0])
    return module


def test_every_hook_has_one_example_that_can_be_registered() -> None:
    assert list(EXAMPLES) == list(HOOKS)
    assert [name for name, found in EXAMPLES.items() if len(found) != 1] == []
    for hook in HOOKS:
        if hook != "patch_model":  # needs torch, and is run below
            assert callable(getattr(loaded(hook), hook)), hook


def rained(module: ModuleType) -> None:
    assert module.prepare(Txt2Img(prompt="a fox")).prompt == "a fox, in the rain"


def saved_otherwise(module: ModuleType) -> None:
    from webui.extensions import PictureToSave

    picture = PictureToSave(Image.new("RGB", (1, 1)), None, 0, "", {"a": "b"}, "00001")  # type: ignore[arg-type]
    changed = module.before_save(picture)
    assert (changed.name, changed.texts) == ("fox-00001", {"a": "b", "Author": "Ada"})


def fields_go_there_and_back(module: ModuleType) -> None:
    field = module.infotext_fields()
    assert field.read(field.write({"rain": 3})) == {"rain": 3} and field.write({}) is None


def script_is_played(module: ModuleType) -> None:
    played = play(module.job_scripts(), {"prompt": "a"}, {"first": 5, "last": 20})
    assert [one.steps for one in played.requests] == [5, 10, 15, 20] and played.told == ["4 pictures"]  # type: ignore[union-attr]


def completed(module: ModuleType) -> None:
    (one,) = module.complete("a sunse")
    assert one.insert == "sunset over the sea" and list(module.complete("a")) == []


def panel_has_its_fields(module: ModuleType) -> None:
    panel = module.panel(("detailer/face",))
    assert [one.name for one in panel.content] == ["enabled", "rain", "over"] and panel.switch == "enabled"
    assert panel.content[2].choices == ("everything", "detailer/face")


def tab_finds(module: ModuleType) -> None:
    button = module.tab().content[1]
    easel = SimpleNamespace(history=lambda words, limit: [{"id": words}])
    assert button.on_click({"words": "fox"}, easel) == {"found": ["fox"]}


def event_sets(module: ModuleType) -> None:
    on = module.component_events()
    assert (on.callback({"steps": 4}, None), on.callback({"steps": 20}, None)) == ({"cfg_scale": 1.0}, {})


def raw_title(module: ModuleType) -> None:
    title, build = module.gradio_tab()
    assert title == "Raw" and callable(build)


def route_is_there(module: ModuleType) -> None:
    router = APIRouter()
    module.routes(router)
    assert [route.path for route in router.routes] == ["/count"]  # type: ignore[attr-defined]


def source_finds(module: ModuleType) -> None:
    source = module.model_sources()
    (found,) = source.search("in")
    assert found.address == "shelf:ink"
    assert [one.name for one in source.resolve(found.address)] == ["ink.safetensors"] and not source.resolve("https://other.example")


def sampler_samples(module: ModuleType) -> None:
    run = SimpleNamespace(guess=lambda step, latents, sigma: latents * 0 + 2.0)
    assert module.samplers().sample(run, np.ones(3), [4.0, 2.0, 0.0]) == pytest.approx([2.0, 2.0, 2.0])


def schedule_falls(module: ModuleType) -> None:
    levels = module.schedules().sigmas(4, 0.1, 10.0)
    assert len(levels) == 4 and levels[0] == 10 and levels[-1] == pytest.approx(0.1) and levels == sorted(levels, reverse=True)


def denoised_is_warmer(module: ModuleType) -> None:
    context = SimpleNamespace(step=0, steps=4, denoised=np.zeros((1, 4, 2, 2)))
    module.denoise_step(context)
    assert context.denoised[0, 0, 0, 0] == 0.02 and context.denoised[0, 1, 0, 0] == 0


def image_is_framed(module: ModuleType) -> None:
    context = SimpleNamespace(redraw=lambda image, **fields: Image.new("RGB", image.size, "red"))
    framed = module.image_ready(Image.new("RGB", (32, 32)), context)
    assert framed.size == (64, 64) and framed.getpixel((0, 0)) == (255, 255, 255) and framed.getpixel((32, 32)) == (255, 0, 0)


def bright_place_is_found(module: ModuleType) -> None:
    picture = Image.new("RGB", (20, 20))
    picture.paste((255, 255, 255), (5, 5, 9, 9))
    assert [one.box for one in module.detectors().find(picture)] == [(5, 5, 9, 9)]


WHAT: Mapping[str, Callable[[ModuleType], None]] = {
    "prepare": rained,
    "before_save": saved_otherwise,
    "infotext_fields": fields_go_there_and_back,
    "job_scripts": script_is_played,
    "complete": completed,
    "panel": panel_has_its_fields,
    "tab": tab_finds,
    "component_events": event_sets,
    "gradio_tab": raw_title,
    "routes": route_is_there,
    "model_sources": source_finds,
    "samplers": sampler_samples,
    "schedules": schedule_falls,
    "denoise_step": denoised_is_warmer,
    "image_ready": image_is_framed,
    "detectors": bright_place_is_found,
}
ELSEWHERE = {
    "after_save", "settings", "assets", "checkpoints_found", "started", "stopping", "patch_model", "latents_ready", "upscalers",
    "preprocessors",
}  # fmt: skip
"""Those below, each in a test of its own."""


@pytest.mark.parametrize("hook", WHAT)
def test_an_example_does_what_it_says(hook: str) -> None:
    WHAT[hook](loaded(hook))


def test_no_example_is_left_out() -> None:
    assert {*WHAT, *ELSEWHERE} == set(HOOKS)


def test_examples_beside_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    saved = SimpleNamespace(path=tmp_path / "a.png", id="17", request=SimpleNamespace(prompt="a fox"))
    loaded("after_save").after_save(saved)
    assert json.loads((tmp_path / "a.json").read_text()) == {"id": "17", "prompt": "a fox"}
    loaded("checkpoints_found").checkpoints_found([SimpleNamespace(name="a", problem=""), SimpleNamespace(name="b", problem="bad")])
    assert capsys.readouterr().out == "a\n"
    easel: Any = SimpleNamespace(folder=tmp_path / "mine", log=logging.getLogger("example"))
    with caplog.at_level("INFO"):
        loaded("started").started(easel)
        loaded("stopping").stopping(easel)
    assert (tmp_path / "mine" / "words").is_dir() and "good night" in caplog.text
    assert loaded("settings").settings()().place == "Oslo"
    assert loaded("assets").assets().scripts == ("page/rain.js",)


def test_examples_over_pixels() -> None:
    assert loaded("upscalers").upscalers().enlarge(Image.new("RGB", (2, 2)), (8, 6)).size == (8, 6)
    dots = loaded("preprocessors").preprocessors()
    assert dots.see(np.array([[[127, 129, 200]]], np.uint8), 128, 0).tolist() == [[[0, 255, 255]]] and dots.thresholds[0].default == 128
    torch = pytest.importorskip("torch", reason="comes with Easel")
    assert loaded("latents_ready").latents_ready(torch.tensor([[1.0, 2.0]])).tolist() == [[2.0, 1.0]]
    module = loaded("patch_model")
    assert module.patch_model(SimpleNamespace(extensions={})) is None
    with module.patch_model(SimpleNamespace(extensions={"repeatable": {"enabled": True}})):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
