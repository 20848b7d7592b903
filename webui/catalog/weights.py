"""Is this file what its name says? Told from the header, in the words of somebody who downloaded it."""

from __future__ import annotations

from pathlib import Path

from webui.catalog.header import AGAIN, read_safetensors, sniff
from webui.errors import CheckpointUnusable


def check_safetensors(path: Path) -> None:
    """Check header and length of a safetensors file without reading its weights.

    Raises CheckpointUnusable that says what the file is instead: missing, empty, cut off,
    a web page, a git-lfs pointer, or something else.
    """
    found = sniff(path)
    if found != "safetensors":
        raise CheckpointUnusable(f"{path.name} is a {found} file, not safetensors.", hint=AGAIN)
    read_safetensors(path)
