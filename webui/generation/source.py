"""Which program this is: one hash over Easel's own Python files.

Web process and worker compare theirs at Hello, so that files changed under a running server
(a git pull) ask for a restart instead of mixing two versions.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
"""The folder of the package `webui`."""


def source_hash(package: Path = PACKAGE) -> str:
    """First 16 hex digits of a sha256 over the names and contents of every .py file below `package`."""
    total = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        total.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()[:16]
