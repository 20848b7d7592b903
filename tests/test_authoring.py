import subprocess
import sys
from pathlib import Path

import pytest

from webui.errors import Conflict, EaselError
from webui.extensions.authoring import Remark, arguments_of, check_add_on, new_add_on
from webui.extensions.hookspecs import HOOKS
from webui.settings import PROGRAM_ROOT

HEAD = "from webui.extensions import hookimpl\n"


def add_on(root: Path, web: str = "", worker: str | None = None, more: str = "", **files: str) -> Path:
    """An add-on folder with these modules; `more` goes into [tool.easel]."""
    package = root / "mine" / "mine_pkg"
    package.mkdir(parents=True)
    (root / "mine" / "tests").mkdir()
    (root / "mine" / "tests" / "test_it.py").write_text("def test_it(): ...\n")
    lines = ["[project]", 'name = "mine"', 'version = "1"', "[tool.easel]", 'api = "1"', 'web = "mine_pkg.web"', more]
    if worker is not None:
        lines.append('worker = "mine_pkg.worker"')
        (package / "worker.py").write_text(HEAD + worker)
    (root / "mine" / "pyproject.toml").write_text("\n".join(lines))
    for name, text in {"__init__": "", "web": HEAD + web, **files}.items():
        (package / f"{name}.py").write_text(text)
    return root / "mine"


GOOD = "@hookimpl\ndef prepare(request): ...\n"


def said(folder: Path, severity: str = "error") -> list[str]:
    return [str(one) for one in check_add_on(folder) if one.severity == severity]


@pytest.mark.parametrize("name", ["upside-down", "a1"])
def test_a_new_add_on_has_nothing_wrong(tmp_path: Path, name: str) -> None:
    written = new_add_on(name, tmp_path)
    assert check_add_on(tmp_path / name) == []
    assert all(path.is_file() for path in written) and len(written) >= 7
    with pytest.raises(Conflict):
        new_add_on(name, tmp_path)


@pytest.mark.parametrize("name", ["", "../up", "Big", "a b", "torch", "über", "a" * 90, "-a", "a/b"])
def test_a_name_that_cannot_be_one_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(EaselError):
        new_add_on(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_tests_of_a_new_add_on_are_green(tmp_path: Path) -> None:
    new_add_on("green-one", tmp_path)
    lines = (
        "import sys",
        "from pathlib import Path",
        "from webui.extensions.authoring import run_tests",
        "sys.exit(run_tests(Path(sys.argv[1])))",
    )
    command = [sys.executable, "-c", "; ".join(lines), str(tmp_path / "green-one")]
    ran = subprocess.run(command, cwd=PROGRAM_ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


def test_hooks_and_arguments_that_are_not_there_are_named_with_what_was_meant(tmp_path: Path) -> None:
    functions = ("def prepair(request)", "def prepare(requst)", "def complete(text, *more)", "async def tab()")
    web = "".join(f"@hookimpl\n{function}: ...\n" for function in functions)
    assert said(add_on(tmp_path, web)) == [
        "mine_pkg/web.py:3: error: There is no hook prepair. Did you mean prepare?",
        "mine_pkg/web.py:5: error: prepare has no argument requst. Did you mean request? It has request.",
        "mine_pkg/web.py:7: error: complete takes arguments by name, those that it needs: leave * and ** out.",
        "mine_pkg/web.py:9: error: tab is called as a plain function: write def, not async def.",
    ]


def test_hooks_stand_in_the_module_of_their_process(tmp_path: Path) -> None:
    folder = add_on(tmp_path, "@hookimpl\ndef denoise_step(context): ...\n", "@hookimpl\ndef prepare(): ...\n")
    assert said(folder) == [
        "mine_pkg/web.py:3: error: denoise_step is called in the worker process: put it into that module.",
        "mine_pkg/worker.py:3: error: prepare is called in the web process: put it into that module.",
    ]


def test_what_is_offered_by_name_is_wanted_on_both_sides(tmp_path: Path) -> None:
    offers = "@hookimpl\ndef samplers(): ...\n"
    assert said(add_on(tmp_path / "a", GOOD, offers)) == [
        "mine_pkg/worker.py:3: error: samplers is not in the web module, so no list of the page has it: put it into both, or name one "
        "module for both."
    ]
    (remark,) = said(add_on(tmp_path / "b", offers, "@hookimpl\ndef denoise_step(context): ...\n"))
    assert "samplers is not in the worker module, so a request that names it can't be drawn" in remark
    assert said(add_on(tmp_path / "c", offers, offers)) == []


@pytest.mark.parametrize(
    "web",
    [
        "import torch\n" + GOOD,
        "from torch.nn import functional\n" + GOOD,
        GOOD + "def later():\n    import torch.nn\n",
        "from mine_pkg import other\n" + GOOD,
        "from . import other\n" + GOOD,
        "from .other import x\n" + GOOD,
    ],
)
def test_torch_is_found_in_the_web_module_and_in_all_that_it_imports(tmp_path: Path, web: str) -> None:
    (remark,) = said(add_on(tmp_path, web, other="import torch\nx = 1\n"))
    assert "reaches torch" in remark


def test_the_worker_module_may_have_torch(tmp_path: Path) -> None:
    folder = add_on(
        tmp_path, GOOD, "import torch\nfrom webui.engine.context import DenoiseContext\n@hookimpl\ndef denoise_step(context): ...\n"
    )
    assert check_add_on(folder) == []


@pytest.mark.parametrize(
    ("web", "permission"),
    [
        ("import httpx\n" + GOOD, "network"),
        (GOOD + "def later():\n    from urllib import request\n", "network"),
        ("import subprocess\n" + GOOD, "programs"),
        ("import os\nos.system('x')\n" + GOOD, "programs"),
        ("@hookimpl\ndef routes(router): ...\n", "routes"),
        ("@hookimpl\ndef assets(): ...\n", "javascript"),
        ("@hookimpl\ndef gradio_tab(): ...\n", "gradio"),
    ],
)
def test_what_it_uses_it_has_to_say(tmp_path: Path, web: str, permission: str) -> None:
    (remark,) = said(add_on(tmp_path / "a", web))
    assert f'permissions = ["{permission}"]' in remark
    assert said(add_on(tmp_path / "b", web, more=f'permissions = ["{permission}"]')) == []


def test_files_that_are_written_are_warned_of(tmp_path: Path) -> None:
    (remark,) = said(add_on(tmp_path / "a", "import os\nos.remove('x')\n" + GOOD), "warning")
    assert 'permissions = ["files"]' in remark
    harmless = "def f(easel, text):\n    (easel.folder / 'a').write_text(text.replace('a', 'b'))\n    open('x').read()\n"
    assert said(add_on(tmp_path / "b", GOOD + harmless), "warning") == []


def test_what_may_go_wrong_is_warned_of(tmp_path: Path) -> None:
    inner = said(
        add_on(tmp_path / "a", "from webui.studio.studio import Studio\nimport gradio\n" + GOOD, more='permissions = ["routes"]'), "warning"
    )
    assert len(inner) == 3 and "webui.studio" in inner[0] and "Gradio" in inner[1] and "routes" in inner[2]
    assert said(add_on(tmp_path / "b", "x = 1\n"), "warning") == [
        "warning: No function in its modules is marked with @hookimpl: it does nothing."
    ]


@pytest.mark.parametrize(
    "manifest", ["", "not toml [", '[project]\nname = "mine"\nversion = "1"\n', '[project]\nname="mine"\n[tool.easel]\napi="9"\n']
)
def test_a_manifest_that_cannot_be_used_is_the_first_thing_told(tmp_path: Path, manifest: str) -> None:
    folder = add_on(tmp_path, GOOD)
    (folder / "pyproject.toml").write_text(manifest)
    (remark,) = check_add_on(folder)
    assert (remark.severity, remark.file) == ("error", "pyproject.toml")
    assert len(check_add_on(tmp_path / "nowhere")) == 1


def test_what_is_no_python_is_told_with_its_line(tmp_path: Path) -> None:
    folder = add_on(tmp_path, "def broken(:\n")
    assert said(folder)[0].startswith("mine_pkg/web.py:2: error: It is no Python")
    (folder / "mine_pkg" / "web.py").write_bytes(b"\x00\xff")
    assert "no Python" in said(folder)[0]
    (folder / "mine_pkg" / "web.py").write_text("(" * 5000)
    assert "no Python" in said(folder)[0]


def test_nothing_of_it_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    check_add_on(add_on(tmp_path, f"open({str(mark)!r}, 'w')\n" + GOOD))
    assert not mark.exists()


def test_every_hook_can_be_written_with_its_arguments(tmp_path: Path) -> None:
    sides: dict[str, list[str]] = {"web": [], "worker": []}
    for name, hook in HOOKS.items():
        for side in hook.sides:
            sides[side].append(f"@hookimpl\ndef {name}({', '.join(arguments_of(name))}): ...\n")
    folder = add_on(tmp_path, "".join(sides["web"]), "".join(sides["worker"]), more='permissions = ["routes", "javascript", "gradio"]')
    assert check_add_on(folder) == []


def test_the_add_ons_that_come_with_easel_have_nothing_wrong() -> None:
    folders = sorted(path.parent for path in (PROGRAM_ROOT / "extensions").glob("*/pyproject.toml"))
    remarks: dict[str, list[Remark]] = {folder.name: check_add_on(folder) for folder in folders}
    assert len(folders) >= 4
    assert {name: list(map(str, found)) for name, found in remarks.items() if found} == {}
