"""What holds for a studio over SQLite holds over PostgreSQL: the very tests of queue, history, marks, imports, batches and replays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import test_batches
import test_imports
import test_queue
import test_replays
import test_studio
from postgresql_server import Server, needs_postgresql, serving

from webui.settings import Settings, load_settings

pytestmark = [needs_postgresql, pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, server: Server) -> Settings:
    return load_settings(data_dir=tmp_path / "data", executor="fake", database_url=server.database())


TWO_AT_ONCE = {
    "test_after_a_crash_only_the_missing_pictures_are_made",
    "test_a_picture_written_before_the_crash_is_adopted",
    "test_a_damaged_picture_of_a_crashed_job_stops_nothing_and_is_made_again",
}
"""They begin a second studio while the first one is still there, as if it had crashed: a server lets in only one."""


def _take(module: ModuleType) -> None:
    """Its tests and fixtures, to be run with the settings above."""
    for name, one in vars(module).items():
        fixture = type(one).__name__ == "FixtureFunctionDefinition" and name != "settings"
        if (name.startswith("test_") and callable(one) and name not in TWO_AT_ONCE) or fixture:
            globals().setdefault(name, one)


for _module in (test_studio, test_queue, test_imports, test_batches, test_replays):
    _take(_module)
