"""Any checkpoint on disk, whatever its form -> its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from webui.catalog.header import sniff
from webui.engine.loading.component import CheckpointSource
from webui.engine.loading.diffusers_folder import open_diffusers_folder
from webui.engine.loading.gguf_file import GgufFile
from webui.engine.loading.pickle_file import converted
from webui.engine.loading.single_file import open_tensors
from webui.engine.loading.tensors import TensorFile, TensorSource
from webui.errors import CheckpointUnusable


def open_checkpoint(path: Path, roots: Sequence[Path] = (), cache: Path | None = None) -> CheckpointSource:
    """Look at a checkpoint: headers only, but for old pickles, which are converted first.

    roots: models folders to look for parts in that a file does not hold. cache: folder to keep converted pickles in.
    Raises CheckpointUnusable saying in one sentence why it can't be drawn with.
    """
    if path.is_dir():
        return open_diffusers_folder(path)
    if not path.exists():
        raise CheckpointUnusable(f"The checkpoint {path.name} is not there.", hint="Refresh the list and pick another checkpoint.")
    return open_tensors(open_file(path, cache), roots)


def open_file(path: Path, cache: Path | None) -> TensorSource:
    """The tensors in a file, by what it is and not by what it is called."""
    form = sniff(path)
    if form == "safetensors":
        return TensorFile(path)
    if form == "gguf":
        return GgufFile(path)
    if cache is None:
        raise CheckpointUnusable(
            f"{path.name} is an old pickle file, and there is no folder to convert it into.", hint="Get the safetensors."
        )
    return converted(path, cache)
