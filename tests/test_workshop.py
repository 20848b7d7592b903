"""The house's own rules: lint, layers, types, and that each module says what it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for folder in ("webui", "extensions") for path in (ROOT / folder).rglob("*.py"))


def check(*command: str) -> None:
    result = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]


def test_lint() -> None:
    check("ruff", "check", ".")


def test_format() -> None:
    check("ruff", "format", "--check", ".")


def test_layers() -> None:
    code = "import sys; from importlinter.cli import lint_imports_command as run; sys.argv = ['lint-imports']; run()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stdout[-6000:]
    assert "0 broken" in result.stdout


def test_types() -> None:
    check("pyright")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_import_does_nothing(path: Path) -> None:
    """No `global`, no calls at import time but declarations; no module named for nothing in particular."""
    assert path.stem not in ("utils", "helpers", "common", "misc")
    tree = ast.parse(path.read_text("utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)]
    assert ast.get_docstring(tree) or path.name == "__init__.py"


def test_nothing_names_the_machine_it_was_made_on() -> None:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT).stdout.split("\n")
    tracked = [ROOT / name for name in listed if name.endswith((".py", ".md", ".toml", ".txt", ".js", ".css", ".yaml", ".json", "run"))]
    home = str(Path.home())
    for path in tracked:
        if path.is_file() and path != Path(__file__) and "tokenizer" not in path.name:
            text = path.read_text("utf-8", "replace")
            assert str(ROOT) + "/" not in text and (len(home) < 6 or home not in text), path
