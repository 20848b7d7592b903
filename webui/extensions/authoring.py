"""For authors: `new_add_on` writes an add-on that works, with tests; `check_add_on` says what is wrong with one, without running it."""

from __future__ import annotations

import ast
import difflib
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal

from webui.errors import Conflict, EaselError
from webui.extensions import hookspecs
from webui.extensions.hookspecs import HOOKS
from webui.extensions.manifest import Manifest, checked_id, read_manifest
from webui.extensions.named import SORTS
from webui.settings import PROGRAM_ROOT

Side = Literal["web", "worker"]

HEAVY = frozenset({"torch", "diffusers", "transformers", "torchvision", "accelerate", "xformers"})
"""What only the worker process may import."""

PUBLIC = ("webui.extensions", "webui.errors", "webui.generation", "webui.pictures", "webui.testing", "webui.people")
"""Rooms of Easel that add-ons may rely on; in the worker module webui.engine, too."""

_USES: dict[str, tuple[str, ...]] = {
    "network": (
        "httpx", "requests", "urllib.request", "urllib3", "socket", "aiohttp", "http.client", "ftplib", "smtplib", "websockets",
        "huggingface_hub",
    ),
    "programs": ("subprocess", "pty", "multiprocessing", "os.system", "os.popen", "os.spawnv", "os.execv", "os.startfile"),
    "gradio": ("gradio",),
}  # fmt: skip
"""Permission -> imports and calls that want it."""
_HOOK_USES = {"routes": "routes", "assets": "javascript", "gradio_tab": "gradio"}
_WRITES = frozenset(
    {"write_text", "write_bytes", "unlink", "remove", "removedirs", "makedirs", "rmtree", "rename", "replace", "mkdir", "touch"}
)
_MOST_FILES = 500
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Remark:
    """Something about an add-on: an "error" keeps it from working, a "warning" may. file: within its folder; line: 0 for all of it."""

    severity: Literal["error", "warning"]
    message: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else (f"{self.file}: " if self.file else "")
        return f"{place}{self.severity}: {self.message}"


# a new one


def new_add_on(name: str, root: Path) -> list[Path]:
    """Write an add-on of that name below `root`, which works as it is; returns its files.

    Raises InvalidRequest for a name that can't be one, Conflict where there is something already.
    """
    identifier = checked_id(name)
    folder = root / identifier
    if folder.exists():
        raise Conflict(f"There is something at {folder} already.", field="name", hint="Choose another name.", code="id_taken")
    module = identifier.replace("-", "_")
    words = {"id": identifier, "module": module, "title": identifier.replace("-", " ").capitalize()}
    written = []
    for path, text in _SKELETON.items():
        target = folder / Template(path).substitute(words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(target)
    return written


_SKELETON = {
    "pyproject.toml": """\
[project]
name = "$id"
version = "0.1.0"
description = "Adds words to the prompt, and a coloured edge to the picture"
requires-python = ">=3.11"
dependencies = []

[tool.easel]
api = "1"
title = "$title"
web = "$module.web"
worker = "$module.worker"
permissions = []
""",
    "README.md": """\
# $title

Adds words to the prompt, and a coloured edge to the picture. Both are examples: keep what you need.

- `$module/web.py` runs where the page lives. There is no torch there.
- `$module/worker.py` runs where pictures are drawn.
- `tests/` run with `python launch.py extension test FOLDER`; `python launch.py extension check FOLDER` says what is wrong without
  running anything.

Every hook, with an example each: docs/hooks.md of Easel.
""",
    "$module/__init__.py": '"""Adds words to the prompt, and a coloured edge to the picture."""\n',
    "$module/values.py": '''\
"""What the panel asks for, as both sides read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ID = "$id"


def values_of(request: Any) -> Mapping[str, Any] | None:
    """The panel's values in a request; None where it is switched off."""
    values = request.extensions.get(ID, {})
    return values if values.get("enabled") else None
''',
    "$module/web.py": '''\
"""Where the page lives: a panel with fields, and what they do to a request before it is drawn."""

from __future__ import annotations

from typing import Any

from $module.values import values_of

from webui.extensions import Checkbox, Panel, Slider, Text, hookimpl


@hookimpl
def panel() -> Panel:
    """A section in txt2img, img2img and Inpaint. Its values are request.extensions["$id"]."""
    return Panel(
        "$title",
        [
            Checkbox(name="enabled", label="On"),
            Text(name="words", label="Words", default="in the rain", help="Added to the end of the prompt."),
            Slider(name="edge", label="Edge", default=8, minimum=0, maximum=64, step=1, unit="px", help="Width of the coloured edge."),
        ],
        switch="enabled",
    )


@hookimpl
def prepare(request: Any) -> Any | None:
    """The request as it should be drawn; None leaves it as it is."""
    values = values_of(request)
    words = (values or {}).get("words", "").strip()
    if not words or not hasattr(request, "prompt"):
        return None
    return request.model_copy(update={"prompt": f"{request.prompt}, {words}" if request.prompt else words})
''',
    "$module/worker.py": '''\
"""Where pictures are drawn: what is done to each finished one."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageOps

from $module.values import values_of

from webui.extensions import hookimpl


@hookimpl
def image_ready(image: Image.Image, context: Any) -> Image.Image | None:
    """The picture as it should be saved; None leaves it as it is."""
    values = values_of(context.request)
    width = int((values or {}).get("edge", 0))
    if not width:
        return None
    inner = image.crop((width, width, image.width - width, image.height - width))
    return ImageOps.expand(inner, width, fill=(200, 60, 60))
''',
    "tests/conftest.py": """\
from webui.testing import *  # noqa: F403 - the fixtures add_on, studio and url
from webui.testing import use_add_on_of

use_add_on_of(__file__)
""",
    "tests/test_$module.py": """\
from types import SimpleNamespace

from PIL import Image

from $module import worker
from webui.testing import AddOnStudio

ON = {"$id": {"enabled": True, "words": "in the rain", "edge": 8}}


def test_words_are_added_where_it_is_on(studio: AddOnStudio) -> None:
    job = studio.make(prompt="a fox", extensions=ON)
    assert job["status"] == "done" and not job["notes"]
    assert studio.pictures()[0]["prompt"] == "a fox, in the rain"


def test_it_does_nothing_where_it_is_off(studio: AddOnStudio) -> None:
    studio.make(prompt="a fox")
    assert studio.pictures()[0]["prompt"] == "a fox"


def test_the_picture_gets_an_edge_and_keeps_its_size() -> None:
    white = Image.new("RGB", (64, 64), "white")
    framed = worker.image_ready(white, SimpleNamespace(request=SimpleNamespace(extensions=ON)))
    assert framed is not None and framed.size == white.size
    assert framed.getpixel((0, 0)) == (200, 60, 60) and framed.getpixel((32, 32)) == (255, 255, 255)
""",
}


def run_tests(folder: Path) -> int:
    """Run an add-on's tests in a process of their own, with Easel's kit; returns pytest's exit status, 0 where all pass."""
    paths = [str(PROGRAM_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), "-c", os.devnull, str(folder)]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}, check=False).returncode


# what is wrong with one


def check_add_on(folder: Path) -> list[Remark]:
    """What keeps the add-on in a folder from working, and what may; nothing of it is imported or run. Errors come first."""
    try:
        manifest = read_manifest(folder)
    except EaselError as error:
        return [Remark("error", f"{error.message} {error.hint}".strip(), "pyproject.toml")]
    remarks = list(_check(manifest))
    return sorted(remarks, key=lambda one: (one.severity != "error", one.file, one.line))


def _check(manifest: Manifest) -> Iterator[Remark]:
    if not manifest.modules:
        yield Remark("error", "[tool.easel] names neither a web nor a worker module, so nothing of it is ever loaded.", "pyproject.toml")
    wanted: dict[str, tuple[str, int]] = {}
    implemented = 0
    by_name: dict[Side, dict[str, tuple[str, int]]] = {"web": {}, "worker": {}}
    for side, module in manifest.modules.items():
        reached = _reached(manifest.root, module)
        for path, tree in reached.items():
            name = path.relative_to(manifest.folder).as_posix()
            if isinstance(tree, SyntaxError):
                yield Remark("error", f"It is no Python: {tree.msg}.", name, tree.lineno or 0)
                continue
            yield from _check_imports(tree, side, name)
            for permission, line in _permissions(tree):
                wanted.setdefault(permission, (name, line))
        entry = next(iter(reached.values()), None)
        if isinstance(entry, ast.Module):
            first = next(iter(reached)).relative_to(manifest.folder).as_posix()
            hooks = list(_implementations(entry))
            implemented += len(hooks)
            for function in hooks:
                yield from _check_hook(function, side, first)
                if function.name in SORTS:
                    by_name[side][function.name] = first, function.lineno
                if function.name in _HOOK_USES:
                    wanted.setdefault(_HOOK_USES[function.name], (first, function.lineno))
    yield from _check_both_sides(by_name)
    if manifest.modules and not implemented:
        yield Remark("warning", "No function in its modules is marked with @hookimpl: it does nothing.")
    yield from _check_permissions(manifest, wanted)
    if not any((manifest.folder / "tests").glob("test_*.py")):
        yield Remark("warning", "It has no tests (tests/test_*.py).")


def _check_both_sides(found: Mapping[Side, Mapping[str, tuple[str, int]]]) -> Iterator[Remark]:
    """What is offered by name is listed by the page and at work in the engine."""
    ways: tuple[tuple[Side, Side, str], ...] = (
        ("web", "worker", "so no list of the page has it"),
        ("worker", "web", "so a request that names it can't be drawn"),
    )
    for side, other, so in ways:
        for hook, (file, line) in found[other].items():
            if hook not in found[side]:
                words = f"{hook} is not in the {side} module, {so}: put it into both, or name one module for both."
                yield Remark("warning" if hook == "detectors" and side == "web" else "error", words, file, line)


def _reached(root: Path, module: str) -> dict[Path, ast.Module | SyntaxError]:
    """The module's file and all others of the add-on that it imports, when it is imported or later, read; its own comes first."""
    found: dict[Path, ast.Module | SyntaxError] = {}
    waiting = [module]
    while waiting and len(found) < _MOST_FILES:
        path = _file_of(root, waiting.pop(0))
        if path is None or path in found:
            continue
        found[path] = tree = _parsed(path)
        if isinstance(tree, ast.Module):
            package = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            waiting += [name for name, _ in _imports(tree, package, path.name == "__init__.py")]
    return found


def _file_of(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split("."))
    for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if path.is_file() and path.resolve().is_relative_to(root.resolve()):
            return path
    return None


def _parsed(path: Path) -> ast.Module | SyntaxError:
    try:
        raw = path.read_bytes()
        if len(raw) > _MOST_BYTES:
            return SyntaxError("it is too long to be looked at")
        return ast.parse(raw)
    except SyntaxError as error:
        return error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return SyntaxError(str(error))


def _imports(tree: ast.Module, module: str = "", package: bool = False) -> Iterator[tuple[str, int]]:
    """Every module that is imported anywhere in a file, with its line; of "from a import b" both a and a.b, which may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: len(module.split(".")) - node.level + package]
                base = ".".join([*above, *filter(None, [base])])
            yield base, node.lineno
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def _check_imports(tree: ast.Module, side: Side, file: str) -> Iterator[Remark]:
    told = set()
    for name, line in _imports(tree):
        top = name.partition(".")[0]
        if side == "web" and top in HEAVY and top not in told:
            told.add(top)
            yield Remark(
                "error",
                f"The web module reaches {top}, which only the worker process may import. Move it to the worker module.",
                file,
                line,
            )
        if top == "gradio" and top not in told:
            told.add(top)
            yield Remark(
                "warning",
                "Gradio itself is unstable ground: an update of Easel may break it. Panel, Tab and their fields are not.",
                file,
                line,
            )
        if top == "webui" and not _public(name, side) and line not in told:
            told.add(line)
            yield Remark("warning", f"{name} is a room of Easel's own, which may be another in the next version.", file, line)


def _public(name: str, side: Side) -> bool:
    rooms = (*PUBLIC, "webui.engine") if side == "worker" else PUBLIC
    return name == "webui" or any(name == room or name.startswith(f"{room}.") for room in rooms)


def _implementations(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The module's own functions that are marked with @hookimpl."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(_is_mark(one) for one in node.decorator_list):
            yield node


def _is_mark(decorator: ast.expr) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (isinstance(target, ast.Name) and target.id == "hookimpl") or (isinstance(target, ast.Attribute) and target.attr == "hookimpl")


def _check_hook(function: ast.FunctionDef | ast.AsyncFunctionDef, side: Side, file: str) -> Iterator[Remark]:
    name, line = function.name, function.lineno
    hook = HOOKS.get(name)
    if hook is None:
        yield Remark("error", f"There is no hook {name}.{_instead(name, HOOKS)}", file, line)
        return
    if isinstance(function, ast.AsyncFunctionDef):
        yield Remark("error", f"{name} is called as a plain function: write def, not async def.", file, line)
    if side not in hook.sides:
        yield Remark("error", f"{name} is called in the {hook.sides[0]} process: put it into that module.", file, line)
    known = arguments_of(name)
    arguments = function.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        if argument.arg not in known:
            had = f"It has {', '.join(known)}." if known else "It has none."
            yield Remark("error", f"{name} has no argument {argument.arg}.{_instead(argument.arg, known)} {had}", file, line)
    if arguments.vararg or arguments.kwarg:
        yield Remark("error", f"{name} takes arguments by name, those that it needs: leave * and ** out.", file, line)


def arguments_of(hook: str) -> tuple[str, ...]:
    """The names of a hook's arguments."""
    code = getattr(hookspecs, hook).__code__
    return code.co_varnames[: code.co_argcount]


def _instead(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f" Did you mean {near[0]}?" if near else ""


def _permissions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """What a file does that an add-on says before, with the line."""
    named = [*_imports(tree), *((_dotted(node.func), node.lineno) for node in ast.walk(tree) if isinstance(node, ast.Call))]
    for permission, uses in _USES.items():
        for name, line in named:
            if any(name == use or name.startswith(f"{use}.") for use in uses):
                yield permission, line
                break
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _writes(node):
            yield "files", node.lineno
            return


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _writes(call: ast.Call) -> bool:
    """Whether a call writes a file somewhere else than below `folder`, as far as can be seen."""
    target = call.func
    if isinstance(target, ast.Name) and target.id == "open":
        mode = call.args[1] if len(call.args) > 1 else next((one.value for one in call.keywords if one.arg == "mode"), None)
        return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(re.search("[wax+]", mode.value))
    if not isinstance(target, ast.Attribute) or target.attr not in _WRITES or _dotted(target).startswith("dataclasses."):
        return False
    # text.replace(a, b) and the like are no files.
    if target.attr == "replace" and len(call.args) != 1:
        return False
    return any(isinstance(one, ast.Name) and one.id in ("Path", "shutil", "os") for one in ast.walk(target.value)) or _dotted(
        target
    ).startswith(("os.", "shutil."))


def _check_permissions(manifest: Manifest, wanted: dict[str, tuple[str, int]]) -> Iterator[Remark]:
    for permission, (file, line) in wanted.items():
        if permission in manifest.permissions:
            continue
        if permission == "files":  # where it writes can't be seen
            words = 'It seems to write files: outside its own folder (easel.folder) that needs permissions = ["files"].'
            yield Remark("warning", words, file, line)
        else:
            yield Remark("error", f'It uses what "{permission}" stands for: say so with permissions = ["{permission}"].', file, line)
    # What is read from files and what libraries do can't be seen: asking for more than is seen may be right.
    unseen: Sequence[str] = [one for one in manifest.permissions if one not in wanted and one not in ("files", "network", "programs")]
    for permission in unseen:
        yield Remark("warning", f'It asks for "{permission}" and doesn\'t seem to use it.', "pyproject.toml")
