"""The page's scripts among each other."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from webui.ui.pieces import STATIC_FOLDER

IMPORT = re.compile(r'^(?:import|export)[^;]*?from "(\.[^"]+)";', re.MULTILINE)
MODELS = re.compile(r"models[-a-z]*\.js")
"""Those of the Models page know each other; all of them come through models.js, so they always start in the same order."""


def imports_of(script: Path) -> set[Path]:
    return {(script.parent / address).resolve() for address in IMPORT.findall(script.read_text(encoding="utf-8"))}


def test_no_scripts_import_each_other_in_a_circle() -> None:
    """Gradio fetches each part of the page by itself: in a circle it depends on the network which script runs first, and whether it can."""
    scripts = [path for path in STATIC_FOLDER.rglob("*.js") if "vendor" not in path.parts]
    graph = {
        script: {one for one in imports_of(script) if not (MODELS.match(one.name) and MODELS.match(script.name))} for script in scripts
    }
    assert len(graph) > 100 and sum(map(len, graph.values())) > 300
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(path.name for path in error.args[1])
        raise AssertionError(f"They import each other: {circle}") from None
