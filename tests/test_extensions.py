import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from webui.extensions import hookimpl, hookspecs
from webui.extensions.registry import STRIKES, ExtensionRegistry
from webui.generation.request import Txt2Img, parse_request
from webui.settings import PROGRAM_ROOT


class Shouts:
    @hookimpl
    def prepare(self, request: Txt2Img) -> Txt2Img:
        return request.model_copy(update={"prompt": request.prompt.upper()})


class AddsWord:
    @hookimpl
    def prepare(self, request: Txt2Img) -> Txt2Img:
        return request.model_copy(update={"prompt": request.prompt + " more"})


class Broken:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    @hookimpl
    def prepare(self) -> None:
        raise self.error

    @hookimpl
    def denoise_step(self, context: object) -> None:
        raise self.error

    @hookimpl
    def image_ready(self, image: Image.Image) -> Image.Image:
        raise self.error


class Counts:
    def __init__(self) -> None:
        self.steps: list[object] = []

    @hookimpl
    def denoise_step(self, context: object) -> None:
        self.steps.append(context)

    @hookimpl
    def image_ready(self, image: Image.Image) -> Image.Image:
        return image.rotate(180)


def registry_of(*plugins: object) -> ExtensionRegistry:
    registry = ExtensionRegistry()
    for number, plugin in enumerate(plugins):
        registry.register(plugin, f"{type(plugin).__name__.lower()}-{number}")
    return registry


def test_prepare_is_a_chain() -> None:
    assert registry_of(AddsWord(), Shouts()).prepare(parse_request({"prompt": "a fox"})).prompt in ("A FOX MORE", "A FOX more")


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), RecursionError()])
def test_one_that_fails_stops_nobody_else(error: BaseException) -> None:
    counts = Counts()
    registry = registry_of(Broken(error), counts, Broken(error))
    context = SimpleNamespace()
    registry.denoise_step(context)
    assert counts.steps == [context]
    white = Image.new("RGB", (2, 1))
    white.putpixel((0, 0), (255, 0, 0))
    assert registry.image_ready(white, context).getpixel((1, 0)) == (255, 0, 0)
    assert registry.prepare(parse_request({"prompt": "a"})).prompt == "a"
    faults = registry.take_faults()
    assert {fault.hook for fault in faults} == {"denoise_step", "image_ready", "prepare"}
    assert all(fault.extension.startswith("broken") and fault.details for fault in faults)
    assert registry.take_faults() == []


def test_after_three_faults_an_add_on_is_off() -> None:
    registry = registry_of(Broken(ValueError("no")))
    for _ in range(STRIKES + 5):
        registry.denoise_step(None)
    assert len(registry.take_faults()) == STRIKES


def test_a_hook_that_does_not_exist_is_refused() -> None:
    class Misspelt:
        @hookimpl
        def prepair(self, request: Txt2Img) -> None: ...

    with pytest.raises(Exception, match="prepair"):
        registry_of(Misspelt())


def write_add_on(root: Path, name: str, source: str, manifest: str | None = None) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    module = name.replace("-", "_") + "_module"
    (folder / f"{module}.py").write_text(source)
    (folder / "pyproject.toml").write_text(manifest or f'[project]\nname = "{name}"\nversion = "1"\n[tool.easel]\nweb = "{module}"\n')


def test_folders_are_loaded_and_bad_ones_are_told(tmp_path: Path) -> None:
    body = "def prepare(request):\n    return request.model_copy(update={'prompt': 'good'})\n"
    good = f"from webui.extensions import hookimpl\n@hookimpl\n{body}"
    write_add_on(tmp_path, "good-one", good)
    write_add_on(tmp_path, "bad-syntax", "def broken(:\n")
    write_add_on(tmp_path, "bad-exit", "import sys\nsys.exit(1)\n")
    write_add_on(tmp_path, "bad-manifest", "", manifest="not toml [")
    write_add_on(tmp_path, "worker-only", "raise ValueError", manifest='[project]\nname="w"\n[tool.easel]\nworker="nothing"\n')
    registry = ExtensionRegistry()
    before = list(sys.path)
    try:
        registry.load([tmp_path], "web")
    finally:
        sys.path[:] = before
    assert registry.names() == ["good-one"]
    assert {fault.extension for fault in registry.take_faults()} == {"bad-syntax", "bad-exit", "bad-manifest"}
    assert registry.prepare(parse_request({})).prompt == "good"


@pytest.fixture(scope="module")
def built_ins() -> ExtensionRegistry:
    registry = ExtensionRegistry()
    registry.load([PROGRAM_ROOT / "extensions"], "web")
    return registry


def test_dynamic_prompts_expands_only_when_asked(built_ins: ExtensionRegistry) -> None:
    assert built_ins.names() == ["dynamic-prompts"]
    text = "{red|blue} __animal__"
    assert built_ins.prepare(parse_request({"prompt": text})).prompt == text
    on = {"dynamic-prompts": {"enabled": True}}
    seen = {built_ins.prepare(parse_request({"prompt": text, "seed": seed, "extensions": on})).prompt for seed in range(20)}
    assert len(seen) > 3
    assert all(prompt.split()[0] in ("red", "blue") and "_" not in prompt for prompt in seen)


def test_dynamic_prompts_expands_regions_as_the_prompt(built_ins: ExtensionRegistry) -> None:
    text, on = "{a|b|c|d|e|f|g}", {"dynamic-prompts": {"enabled": True}}
    regions = [{"prompt": text, "mask": "0" * 64}]
    for seed in range(5):
        prepared = built_ins.prepare(parse_request({"prompt": text, "regions": regions, "seed": seed, "extensions": on}))
        assert prepared.regions[0].prompt == prepared.prompt != text


def test_dynamic_prompts_follows_the_seed(built_ins: ExtensionRegistry) -> None:
    request = parse_request({"prompt": "{a|b|c|d|e|f|g}", "seed": 4, "extensions": {"dynamic-prompts": {"enabled": True}}})
    assert built_ins.prepare(request) == built_ins.prepare(request)


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("a __", ["__animal__", "__colour__"]),
        ("a __col", ["__colour__"]),
        ("__animal__ and __ANI", ["__animal__"]),
        ("__animal__", []),
        ("a _", []),
        ("a fox", []),
        ("__animal__ \n__co", ["__colour__"]),
    ],
)
def test_dynamic_prompts_offers_its_wildcards(built_ins: ExtensionRegistry, text: str, offered: list[str]) -> None:
    found = built_ins.complete(text)
    assert [one.insert for one in found] == offered
    assert all(text.endswith(one.replaces) for one in found)


@pytest.mark.parametrize("text", ["{unclosed", "}", "__", "__../../etc/passwd__", "{" * 50, "$$", "{2$$a|b}", "<lora:x:1> {a}"])
def test_dynamic_prompts_never_stops_a_job(built_ins: ExtensionRegistry, text: str) -> None:
    prompt = built_ins.prepare(parse_request({"prompt": text, "extensions": {"dynamic-prompts": {"enabled": True}}})).prompt
    assert "root:" not in prompt
    built_ins.take_faults()
    built_ins._strikes.clear()


def test_every_hook_is_tested_here() -> None:
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.PROJECT}_spec")]
    source = Path(__file__).read_text()
    assert hooks
    for hook in hooks:
        assert f".{hook}(" in source, hook
