"""The docs say what is so: settings and hooks are all there, and the examples run."""

from __future__ import annotations

import inspect
import logging
import re
import runpy
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from model_files import SDXL, write_safetensors
from PIL import Image
from served import apart, serving
from test_naming import MOMENT, resolved
from typer.testing import CliRunner

from webui import models_cli
from webui.api.sdapi.options import CHECKPOINT, OPTIONS
from webui.api.sdapi.options import SETTINGS as A1111_SETTINGS
from webui.api.sdapi.scripts import SCRIPTS
from webui.catalog.models import ModelCatalog
from webui.catalog.roots import FOLDERS
from webui.cli import cli
from webui.doctor.checks import CHECKS
from webui.extensions import Choices, hookspecs
from webui.extensions.registry import ExtensionRegistry
from webui.extensions.values import check_content
from webui.generation.adapters import loras_named
from webui.generation.fingerprint import LABELS as FACTS
from webui.generation.finishing import STEP_TYPES
from webui.generation.prompt.changes import prompt_changes
from webui.generation.prompt.emphasis import weighted
from webui.generation.prompt.reading import read_prompt
from webui.generation.prompt.schedules import Steps
from webui.generation.request import Txt2Img, parameters_of, parse_request
from webui.generation.samplers import SAMPLERS, SCHEDULES
from webui.logs import about_job, log_to_file
from webui.people import Scope
from webui.pictures.preprocessors import PREPROCESSORS, Preprocessor
from webui.settings import Settings, load_settings
from webui.studio.naming import NOT_POSSIBLE, TOKENS, OutputStyle, Subject, place
from webui.studio.search.fields import FIELDS
from webui.workshop.recipes import RECIPES, parse_recipe

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Easel of their own: examples tell what is there."""
    with serving(tmp_path_factory.mktemp("docs")) as address:
        yield address


def code_blocks(page: Path) -> dict[str, str]:
    """Blocks whose first line names a file, by that name."""
    return {match[1]: match[2] for match in re.finditer(r"```\w*\n# (extensions/\S+)\n(.*?)```", page.read_text(), re.S)}


def test_every_setting_is_documented_with_its_default_and_help() -> None:
    text = (DOCS / "settings.md").read_text()
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", text, re.M)}
    assert set(rows) == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        default, help_text = rows[name]
        assert help_text == field.description, name
        if not isinstance(field.default, Path) and field.default not in ((), None):
            assert default == f"`{field.default}`", name


def test_the_facts_that_a_replay_names_are_documented() -> None:
    text = (DOCS / "history-lineage.md").read_text()
    assert not [label for label in FACTS.values() if label not in text]


def test_changes_of_prompts_are_told_as_documented() -> None:
    lines = re.findall(r"^(.+?) +-> (.+?)(?: {2,}(.+))?$", (DOCS / "history-lineage.md").read_text(), re.M)
    assert len(lines) == 4
    for before, after, told in lines:
        runs = [f"{run.kind} {run.text}" for run in prompt_changes(before, after) if run.kind != "same"]
        assert ", ".join(runs) == told


def test_every_word_of_name_patterns_is_documented_with_what_it_gives() -> None:
    fox = resolved(prompt="a fox, asleep", negative_prompt="blurry", batch_count=2, batch_size=2, seed=7, checkpoint="easel-emoji")
    rows = []
    for word, token in TOKENS.items():
        pattern = token.example or f"[{word}]"
        name = place("top", OutputStyle(name_pattern=pattern), Subject(fox, 1, MOMENT), number_bytes=14).name
        shown = pattern.replace("|", "\\|")
        rows.append(f"| `{shown}` | {token.meaning} | {f'`{name}`' if name else 'nothing'} |")
    text = (DOCS / "where-pictures-go.md").read_text("utf-8")
    assert re.findall(r"^\| `\[.*$", text, re.M) == rows
    assert all(f"`[{word}]`" in text for word in NOT_POSSIBLE)


def test_every_preprocessor_is_documented() -> None:
    def numbers(one: Preprocessor) -> str:
        return ", ".join(f"{number.label} ({number.default:g})" for number in one.thresholds) or "none"

    rows = [f"| {one.label} | `{one.name}` | {one.help} | {numbers(one)} |" for one in PREPROCESSORS]
    text = (DOCS / "control.md").read_text("utf-8")
    assert re.findall(r"^\| [^|]+ \| `\w+` \| .*$", text, re.M) == rows
    told = dict(re.findall(r"^\| ([^|]+?) \| (.*) \|$", text.split("## What can be set")[1].split("## ")[0], re.M))
    assert {"Control mode", "Resize mode", "Weight"} <= told.keys()


def test_lora_tags_mean_what_their_table_says() -> None:
    rows = re.findall(r"^\| `(<lora:.*?>)` \| (\S+) \| (\S+) \|$", (DOCS / "loras-and-embeddings.md").read_text("utf-8"), re.M)
    assert len(rows) == 5
    for tag, words, denoiser in rows:
        (lora,) = loras_named(f"a fox {tag}")
        assert (lora.name, lora.text_encoder_weight, lora.unet_weight) == ("ink", float(words), float(denoiser))


def test_every_sampler_schedule_and_their_options_are_documented() -> None:
    text = (DOCS / "samplers.md").read_text("utf-8")
    parameters = parameters_of(Txt2Img)

    def names(aliases: Sequence[str]) -> str:
        return ", ".join(f"`{alias}`" for alias in aliases)

    def heeds(options: Sequence[str]) -> str:
        return ", ".join(parameters[name].label for name in options) or "none"

    rows = [f"| {it.label} | {names(it.aliases)} | {it.default_schedule} | {it.calls} | {heeds(it.options)} |" for it in SAMPLERS]
    rows += [f"| {it.label} | {names(it.aliases)} | {heeds(it.options)} |" for it in SCHEDULES]
    assert [row for row in rows if row not in text] == []
    told = dict(re.findall(r"^\| [^|]+ \| `(\w+)` \| [^|]+ \| ([^|]+) \| `[^|]+` \| [^|]+ \|$", text, re.M))
    for sampler in (*SAMPLERS, *SCHEDULES):
        assert set(sampler.options) <= told.keys()
    for name, allowed in told.items():
        info = parameters[name]
        assert f"| {info.label} | `{name}` | " in text and f"| {info.allowed or '-'} | `{info.infotext}` | {info.help} |" in text
        assert allowed == (info.allowed or "-")


def rows_of(page: str, heading: str) -> dict[str, str]:
    """The two columns of a table under a heading, the first without its backquotes."""
    section = (DOCS / page).read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(.*?)` \| (.*?) \|$", section, re.M))


def test_weights_are_as_the_page_on_prompts_says() -> None:
    rows = rows_of("prompts.md", "Weights")
    assert len(rows) >= 8
    for text, weight in rows.items():
        found = [segment.weight for segment in weighted(text) if "a" in segment.text]
        assert [f"{round(one, 4):g}" for one in found] == [weight], text


def test_changes_come_when_the_page_on_prompts_says() -> None:
    rows = rows_of("prompts.md", "Words that change on the way")
    assert len(rows) >= 7
    for text, told in rows.items():
        changes = read_prompt(text).parts[0].over(Steps(20))
        first, said = 1, []
        for last, words in zip(changes.lasts, changes.entries, strict=True):
            when = f"step {first}" if first == last else f"steps {first} to {last}"
            said.append(f"{f'`{words}`' if words else 'nothing'} in {when}")
            first = last + 1
        assert ", ".join(said) == told, text


def test_every_hook_is_documented_with_its_exact_arguments() -> None:
    sections = dict(re.findall(r"^### (\w+\(.*?\))\n\n(.*?)(?=^##|\Z)", (DOCS / "hooks.md").read_text(), re.M | re.S))
    expected = {f"{name}({', '.join(inspect.signature(getattr(hookspecs, name)).parameters)})": name for name in hookspecs.HOOKS}
    assert list(sections) == list(expected)
    for title, name in expected.items():
        hook, sentence = hookspecs.HOOKS[name], str(inspect.getdoc(getattr(hookspecs, name))).split("\n\n")[0]
        assert f"*{hook.way} · {' and '.join(hook.sides)}*" in sections[title], title
        assert sentence in sections[title], title


def test_the_add_on_of_the_docs_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, source in code_blocks(DOCS / "writing-an-add-on.md").items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source)
    monkeypatch.setattr(sys, "path", list(sys.path))
    web, worker = ExtensionRegistry(), ExtensionRegistry()
    web.load([tmp_path / "extensions"], "web")
    worker.load([tmp_path / "extensions"], "worker")
    assert web.prepare(parse_request({"prompt": "a bat"})).prompt == "a bat, hanging upside down"
    rain = runpy.run_path(str(tmp_path / "extensions/rainy-days/rainy_days/web.py"))
    assert list(rain["forecast"]({"kind": "shower"}, None))[1] == {"told": "**shower**", "heavy": 5}
    check_content(rain["panel"]().content)
    album = runpy.run_path(str(tmp_path / "extensions/rainy-days/rainy_days/album.py"))["tab"]()
    check_content(album.content)
    easel = SimpleNamespace(history=lambda query: [{"prompt": "a bat"}, {"prompt": "a wet bat"}, {"prompt": "a bat"}])
    assert list(album.on_open({}, easel)) == [{"which": Choices(["a bat", "a wet bat"], "a bat"), "told": "2 prompts with rain"}]
    wet = parse_request({"prompt": "a bat", "extensions": {"rainy-days": {"kind": "drizzle", "heavy": 3}}})
    assert rain["prepare"](wet).prompt == "a bat, drizzle" and rain["prepare"](parse_request({"prompt": "a bat"})) is None
    picture = Image.new("RGB", (1, 2))
    picture.putpixel((0, 0), (255, 0, 0))

    class Context:
        step, steps, sigma = 1, 20, 3.5

    worker.denoise_step(Context())
    assert capsys.readouterr().out == "step 2 of 20: noise level 3.500\n"
    assert worker.image_ready(picture, Context()).getpixel((0, 1)) == (255, 0, 0)
    assert not web.take_faults() and not worker.take_faults()


def test_the_api_examples_run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"```python\n(.*?)```", (DOCS / "api.md").read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    told = []
    for example in examples:
        exec(compile(example.replace("http://127.0.0.1:7860", url), "api.md", "exec"), names)
        told.append(capsys.readouterr().out.strip())
    name, seed = told[0].split()
    assert seed == "7"
    with Image.open(tmp_path / name) as picture:
        assert picture.size == (256, 512)
    assert told[1:] == [
        "384 768",
        "12 1 True\nimage/gif True",
        "waiting\n384 512",
        "3",
        "True True\n900",
        "True",
        "made penguin on a pink background",
        "1 of 1",
        "True",
        "{'steps': 12}",
    ]


def test_the_examples_of_the_client_run(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    told = []
    for example in re.findall(r"```python\n(.*?)```", (DOCS / "client.md").read_text(), re.S):
        code = compile(example.replace("http://127.0.0.1:7860", url), "client.md", "exec")
        apart(lambda code=code: exec(code, names))
        told.append(capsys.readouterr().out.strip())
    names["easel"].close()  # pyright: ignore[reportAttributeAccessIssue]
    assert told[0].endswith(" 7 apple.png")
    assert told[1:] == [
        "True",
        "['red apple on a blue background']\n['small']",
        "made fox",
        "steps | 1 to 150",
        "['fox', 'penguin']",
    ]


def test_the_examples_of_automatic1111s_api_run(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", (DOCS / "automatic1111-api.md").read_text(), re.S):
        exec(compile(example.replace("http://127.0.0.1:7860", url), "automatic1111-api.md", "exec"), names)
    assert capsys.readouterr().out.splitlines() == ["[7, 8] 2", "red apple on a blue background 7", "1 2"]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["apple-7.png", "apple-8.png"]


def test_options_and_scripts_of_automatic1111_are_documented() -> None:
    text = (DOCS / "automatic1111-api.md").read_text()
    told = re.findall(r"^\| `(\w+)` \| `(\w+)` \|$", text, re.M)
    assert told == [(name, option.field or "checkpoint") for name, option in OPTIONS.items() if option.field or name == CHECKPOINT]
    assert all(f"`{name}`" in text for name in A1111_SETTINGS)
    rows = re.findall(r"^\| (.+?)( \(always on\))? \| .+ \|$", text.split("## Scripts")[1].split("## ")[0], re.M)
    listed = {title: bool(always_on) for title, always_on in rows if title not in ("script", "---")}
    assert listed == {"ControlNet": True} | {script.title: script.always_on for script in SCRIPTS}


def test_every_tool_of_the_mcp_server_is_documented() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", (DOCS / "mcp.md").read_text("utf-8"), re.M))
    source = (ROOT / "webui" / "mcp" / "server.py").read_text("utf-8")
    tools = re.findall(r'@server\.tool\(.*?\)\n    async def (\w+)\(.*?"""(.*?)"""', source, re.S)
    assert rows.keys() == {name for name, _ in tools}
    assert {name: words.replace("`", "") for name, words in rows.items()} == dict(tools)


def test_the_example_of_finishing_runs(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    begin = re.findall(r"```python\n(.*?)```", (DOCS / "api.md").read_text(), re.S)[0].split("\njob = ")[0]
    (example,) = re.findall(r"```python\n(.*?)```", (DOCS / "finishing.md").read_text(), re.S)
    exec(compile(f"{begin}\n{example}".replace("http://127.0.0.1:7860", url), "finishing.md", "exec"), {})
    assert capsys.readouterr().out.strip() == "webp 96"


def test_every_finishing_step_is_documented_with_what_it_does() -> None:
    rows = dict(re.findall(r"^\| ([A-Z][a-z ]+) \| (.*) \|$", (DOCS / "finishing.md").read_text("utf-8"), re.M))
    for name, step in STEP_TYPES.items():
        assert rows[name.capitalize()] == (step.__doc__ or "").split("\n")[0]


def test_the_way_of_a_picture_names_real_files_and_things() -> None:
    text = (DOCS / "how-a-picture-is-made.md").read_text()
    for name in re.findall(r"`((?:webui|tests)/[^`]+)`", text):
        assert (ROOT / name).exists(), name
    for thing, file in re.findall(r"[`*]*\b((?:Studio|Journal|Engine)\.\w+)`[*]* \(`(webui/[^`]+)`", text):
        owner, method = thing.split(".")
        source = (ROOT / file).read_text()
        assert f"class {owner}" in source
        assert f"def {method}(" in source
    lines = re.search(r"`webui/studio/line.py`, (\d+) lines", text)
    assert lines
    assert int(lines[1]) == len((ROOT / "webui/studio/line.py").read_text().splitlines())


def test_the_example_of_model_folders_finds_them_all(tmp_path: Path) -> None:
    text = (DOCS / "models.md").read_text()
    example = re.search(r"```yaml\n# data/settings.yaml\n(.*?)```", text, re.S)
    assert example
    home, data = tmp_path / "home", tmp_path / "data"
    for number, folder in enumerate(
        ("stable-diffusion-webui/models/Stable-diffusion", "ComfyUI/models/checkpoints", "disk", "invokeai/models/any", "downloads/loras")
    ):
        write_safetensors(home / folder / f"model {number}.safetensors", SDXL)
    (home / "paths").mkdir()
    (home / "paths" / "extra_model_paths.yaml").write_text(f"mine:\n  base_path: {home}\n  checkpoints: disk\n")
    (home / "invokeai" / "invokeai.yaml").write_text("schema_version: 4\n")
    data.mkdir()
    (data / "settings.yaml").write_text(example[1].replace("/home/me", str(home)))
    catalog = ModelCatalog(load_settings(data_dir=data).models_dirs, data / "cache")
    assert [model.name for model in catalog.all()] == [f"model {number}" for number in range(5)]
    catalog.close()


def test_the_command_lines_about_models_do_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = re.findall(r"^python launch.py models (.*)$", (DOCS / "models.md").read_text(), re.M)
    assert len(lines) >= 10
    asked: list[dict] = []

    class Noting:
        def do(self, fields: dict, on_view: object) -> dict:
            asked.append(fields)
            return {"error": None, "notes": [], "result": None}

        def look_up(self, fields: dict) -> dict:
            return {
                "choices": [],
                "name": "x",
                "kind": "",
                "family": "",
                "size": 1,
                "sha256": "",
                "licence": "",
                "licence_url": "",
                "folder": "",
                "files": 1,
            }

        def look(self, path: str) -> dict:
            return {"path": path, "program": "", "total": 0, "bytes": 0, "counts": {}}

        def adopt(self, path: str) -> None:
            asked.append({"kind": "adopt"})

    monkeypatch.setattr(models_cli, "_bench", lambda *given: nullcontext(Noting()))
    for line in lines:
        result = CliRunner().invoke(cli, ["models", *shlex.split(line)], input="y\n")
        assert result.exit_code == 0, (line, result.output, result.exception)
    works = [fields for fields in asked if fields["kind"] != "adopt"]
    assert {fields["kind"] for fields in works} == set(RECIPES) and len(asked) == len(lines)
    assert all(parse_recipe(fields) for fields in works)


def test_the_folders_of_models_are_those_that_are_looked_into() -> None:
    table = (DOCS / "models.md").read_text().split("## Where files go")[1].split("Sub-folders")[0]
    assert {name.casefold() for name in re.findall(r"`([\w-]+)`", table)} - {"models"} == set(FOLDERS)


def test_every_check_of_the_doctor_is_documented_with_what_it_tells() -> None:
    text = (DOCS / "when-something-is-wrong.md").read_text("utf-8")
    assert re.findall(r"^\| ([\w -]+) \| (.*\.) \|$", section(text, "checks"), re.M) == [
        (check.name, check.look.__doc__) for check in CHECKS
    ]


def test_every_banner_of_the_docs_is_one_of_the_program() -> None:
    text = (DOCS / "when-something-is-wrong.md").read_text("utf-8")
    program = "".join(path.read_text("utf-8") for path in [*(ROOT / "webui").rglob("*.py"), *(ROOT / "webui/ui/static").glob("*.js")])
    banners = re.findall(r"^\| (\S.*?) \| .+ \|$", section(text, "banners"), re.M)[1:]
    assert len(banners) == 10
    for banner in banners:
        assert banner in program, banner


def section(text: str, name: str) -> str:
    """The table below a comment of that name."""
    return text.split(f"<!-- {name}:", 1)[1].split("\n\n", 1)[1].split("\n\n", 1)[0]


def test_the_examples_about_what_is_wrong_run(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DOCS / "when-something-is-wrong.md").read_text("utf-8")
    asking, reading = re.findall(r"```python\n(.*?)```", text, re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(asking.replace("http://127.0.0.1:7860", url), "asking", "exec"), {})
    assert "Checkpoints: 1 can be used: small. 1 can't. Each line" in capsys.readouterr().out
    with log_to_file(tmp_path / "data"), about_job(7):
        logging.getLogger("webui.studio").warning("The disk is full.")
    exec(compile(reading, "reading", "exec"), {})
    assert capsys.readouterr().out == "web 7 The disk is full.\n"
    options = {option for parameter in typer.main.get_command(cli).commands["doctor"].params for option in parameter.opts}  # type: ignore[attr-defined]
    assert {"--json", "--report", "--data-dir", "--models-dir"} <= options


def test_the_fields_of_a_search_stand_in_its_page() -> None:
    text = (DOCS / "history-search.md").read_text("utf-8")
    rows = [f"| `{field.name}:{field.example}` | {field.help} |" for field in FIELDS.values()]
    assert section(text, "fields").splitlines()[2:] == rows
    for named in ("is", "has"):
        told = re.search(rf"\*\*`{named}:`\*\* takes (.*?)[;(]", text, re.S)
        assert told
        assert tuple(re.findall(r"`(\w+)`", told[1])) == FIELDS[named].offers


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = re.findall(r"^\| \[.+?\]\((\S+?)\) \|", (DOCS / "README.md").read_text(), re.M)
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md") if page.name != "README.md")


def test_every_route_is_in_the_api_page() -> None:
    text = re.sub(r"\{\w+\}", "{id}", (DOCS / "api.md").read_text())
    routes = []
    for module in sorted((ROOT / "webui" / "api").glob("*.py")):
        routes += re.findall(r'@router\.(get|post|put|patch|delete)\(\s*"(/[^"]*)"', module.read_text())
    assert len(routes) > 25
    for _, path in routes:
        plain = re.sub(r"\{[\w:]+\}", "{id}", path)
        assert plain in text or f"`{plain[plain.rindex('/') :]}`" in text, path


def test_a_program_gets_in_as_the_page_on_sharing_says(tmp_path: Path) -> None:
    text = (DOCS / "sharing.md").read_text("utf-8")
    code = text.split("# programs/ask.py\n")[1].split("```")[0]
    with serving(tmp_path) as url:
        commands = re.findall(r"^python launch.py (people .*)$", text, re.M)
        assert len(commands) == 4
        for command in commands:
            words = [*shlex.split(command), "--data-dir", str(tmp_path / "data")]
            told = CliRunner().invoke(cli, words, input="seven green bottles\n")
            assert told.exit_code == 0, (command, told.output, told.exception)
        names = {"url": url, "token": told.stdout.strip()}
        exec(code, names)
    assert names["me"]["name"] == "ben" and names["job"]["prompt"] == "a red apple"


def test_every_command_about_people_is_documented() -> None:
    text = (DOCS / "sharing.md").read_text("utf-8")
    commands = typer.main.get_command(cli).commands["people"].commands  # pyright: ignore[reportAttributeAccessIssue]
    assert set(re.findall(r"^\| `people (\w+)", text, re.M)) == set(commands)
    assert set(rows_of("sharing.md", "Programs")) == set(Scope)
