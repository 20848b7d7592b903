import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from webui.extensions import Tab, hookimpl
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
    assert "dynamic-prompts" in built_ins.names() and not built_ins.take_faults()
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
    built_ins.switch_on("dynamic-prompts")


class Told:
    @hookimpl
    def started(self, easel: object) -> None: ...

    @hookimpl
    def tab(self) -> int:
        return 3


def test_every_answer_is_kept_and_a_wrong_one_is_a_fault() -> None:
    class Several:
        @hookimpl
        def tab(self) -> list[Tab]:
            return [Tab("one", ()), Tab("two", ())]

    registry = registry_of(Told(), Several())
    assert [(answer.extension, answer.value.title) for answer in registry.collect("tab", Tab)] == [
        ("several-1", "one"),
        ("several-1", "two"),
    ]
    (fault,) = registry.take_faults()
    assert fault.extension == "told-0" and "int where Tab is wanted" in fault.message


def test_what_was_entered_is_left_in_reverse_whatever_fails() -> None:
    seen: list[str] = []

    class Enters:
        def __init__(self, name: str, fails: str = "") -> None:
            self.name, self.fails = name, fails

        @hookimpl
        @contextmanager
        def patch_model(self) -> Iterator[None]:
            if self.fails == "entering":
                raise ValueError(self.name)
            seen.append(f"+{self.name}")
            try:
                yield
            finally:
                seen.append(f"-{self.name}")
                if self.fails == "leaving":
                    raise ValueError(self.name)

    registry = registry_of(Enters("a"), Enters("b", "entering"), Enters("c", "leaving"), Enters("d"))
    with pytest.raises(KeyError, match="block"), registry.entered("patch_model", model=None, request=None):
        raise KeyError("block")
    assert seen == ["+a", "+c", "+d", "-d", "-c", "-a"]
    assert [fault.message for fault in registry.take_faults()] == ["ValueError: b", "ValueError: c"]


def test_strikes_count_in_jobs_only_and_are_forgiven() -> None:
    class Fails:
        @hookimpl
        def complete(self) -> None:
            raise ValueError("typing")

        @hookimpl
        def image_ready(self) -> None:
            raise ValueError("drawing")

    registry = registry_of(Fails())
    off: list[str] = []
    registry.switched_off = lambda extension, fault: off.append(f"{extension} {fault.hook}")
    for _ in range(STRIKES + 1):
        registry.complete("a")
    assert registry.off() == frozenset() and len(registry.take_faults()) == STRIKES + 1
    white = Image.new("RGB", (1, 1))
    for _ in range(STRIKES + 1):
        registry.image_ready(white, None)
    assert registry.off() == {"fails-0"} and off == ["fails-0 image_ready"]
    registry.switch_on("fails-0")
    registry.take_faults()
    registry.image_ready(white, None)
    assert len(registry.take_faults()) == 1


def test_a_hook_of_the_other_process_is_refused() -> None:
    with pytest.raises(Exception, match="denoise_step is called in the worker process"):
        ExtensionRegistry().register(Counts(), "counts", "web")


def test_those_that_want_to_be_last_are_last() -> None:
    seen: list[str] = []

    class First:
        @hookimpl(trylast=True)
        def denoise_step(self) -> None:
            seen.append("last")

    class Second:
        @hookimpl
        def denoise_step(self) -> None:
            seen.append("middle")

    class Third:
        @hookimpl(tryfirst=True)
        def denoise_step(self) -> None:
            seen.append("first")

    registry = registry_of(First(), Second(), Third())
    registry.denoise_step(None)
    assert seen == ["first", "middle", "last"]
    assert registry.spent()["second-1"]["denoise_step"].calls == 1
