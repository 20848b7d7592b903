"""Is this file what its name says? Told from the header, in the words of somebody who downloaded it."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from webui.errors import CheckpointUnusable

_LFS_POINTER = b"version https://git-lfs"
_AGAIN = "Download it again and put it in place of this one."


def check_safetensors(path: Path) -> None:
    """Check header and length of a safetensors file without reading its weights.

    Raises CheckpointUnusable that says what the file is instead: missing, empty, cut off,
    a web page, a git-lfs pointer, or something else.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError as error:
        raise CheckpointUnusable(f"{path.name} can't be read: {error.strerror or error}.", hint="Check that it is there.") from None
    if not head:
        raise CheckpointUnusable(f"{path.name} is empty.", hint=_AGAIN)
    if head.startswith(_LFS_POINTER):
        raise CheckpointUnusable(
            f"{path.name} is a git-lfs pointer, not the weights.",
            hint="Run 'git lfs pull' where it came from, or download the file itself.",
        )
    if head.lstrip()[:1] == b"<":
        raise CheckpointUnusable(f"{path.name} is a web page, not a model.", hint=f"The download link asked for a login. {_AGAIN}")
    try:
        with safe_open(path, framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        raise CheckpointUnusable(f"{path.name} is damaged or cut off ({error}).", hint=_AGAIN) from None
