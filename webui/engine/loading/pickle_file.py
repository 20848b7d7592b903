"""Old pickle checkpoints: converted once by a child process (pickle_converter), then opened like any safetensors file."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from webui.engine.loading import pickle_converter
from webui.engine.loading.component import fingerprint_of
from webui.engine.loading.tensors import TensorFile
from webui.errors import CheckpointUnusable

SECONDS_LIMIT = 1800
"""For converting one file; a slow disk takes minutes for the largest ones."""

_OTHER_COPY = "Get the safetensors of it, or another copy."


class ConvertedFile(TensorFile):
    """The safetensors file that was made of a pickle. It goes by the pickle's name, and changes when that changes."""

    def __init__(self, source: Path, made: Path) -> None:
        super().__init__(made)
        self.path = source
        self.paths = (source,)


def converted(source: Path, cache: Path) -> ConvertedFile:
    """The tensors of an old pickle, from the cache folder if they were converted before. Raises CheckpointUnusable."""
    name = hashlib.sha256(fingerprint_of(source).encode()).hexdigest()[:24]
    target = cache / "converted" / f"{source.stem[:60]}-{name}.safetensors"
    if not target.exists():
        _convert(source, target)
    return ConvertedFile(source, target)


def _convert(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    # -I: neither environment nor working folder decide what is imported.
    command = [sys.executable, "-I", pickle_converter.__file__, str(source), str(part)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_LIMIT, check=False)
        problem = json.loads(done.stdout).get("problem") if done.returncode == 0 else f"the child ended with code {done.returncode}"
        if problem is None:
            part.replace(target)
            return
    except (subprocess.TimeoutExpired, ValueError, OSError) as error:
        problem = " ".join(str(error).split())[:200] or type(error).__name__
    finally:
        part.unlink(missing_ok=True)
    raise CheckpointUnusable(f"{source.name} can't be read: {problem}.", hint=_OTHER_COPY)
