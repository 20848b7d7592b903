"""Any checkpoint on disk, whatever its form -> its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from webui.engine.loading.component import CheckpointSource
from webui.engine.loading.diffusers_folder import open_diffusers_folder
from webui.engine.loading.single_file import open_tensors
from webui.engine.loading.tensors import TensorFile
from webui.errors import CheckpointUnusable


def open_checkpoint(path: Path, roots: Sequence[Path] = ()) -> CheckpointSource:
    """Look at a checkpoint: headers only. roots: models folders to look for parts in that a file does not hold.

    Raises CheckpointUnusable saying in one sentence why it can't be drawn with.
    """
    if path.is_dir():
        return open_diffusers_folder(path)
    if not path.exists():
        raise CheckpointUnusable(f"The checkpoint {path.name} is not there.", hint="Refresh the list and pick another checkpoint.")
    return open_tensors(TensorFile(path), roots)
