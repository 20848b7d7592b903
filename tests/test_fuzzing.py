"""Readers of untrusted text under atheris, a minute each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 60


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="atheris has builds for Linux only")
@pytest.mark.timeout(SECONDS * 5)
@pytest.mark.parametrize("target", ["prompt", "infotext", "metadata"])
def test_a_minute_of_fuzzing_finds_nothing(target: str, tmp_path: Path) -> None:
    # By a shell of its own: libFuzzer looks at the most memory ever used, which Linux counts on from this process, torch and all.
    apart = ["sh", "-c", '"$@"; exit $?', "sh"]
    command = [*apart, sys.executable, str(Path(__file__).with_name("fuzzing.py")), target, str(SECONDS)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert not list(tmp_path.glob("crash-*"))
