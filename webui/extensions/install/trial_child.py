"""The child of a trial: imports an add-on's modules as both processes would, and tells how that went, a JSON object a line."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_HOOK_NEEDS = {"routes": "routes", "assets": "javascript", "gradio_tab": "gradio"}
"""Hooks that an add-on may have only where its manifest asks for the permission."""

_ENGINE_WORDS = (b"torch", b"diffusers", b"transformers")


def _main(folder: Path, most_bytes: int, site: Path | None) -> None:
    # Whatever the add-on prints goes where complaints go; only this file talks to the parent.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(what: str, **more: Any) -> None:
        out.write(json.dumps({"what": what, **more}) + "\n")
        out.flush()

    from webui.extensions.calling import HookCaller
    from webui.extensions.hookspecs import HOOKS
    from webui.extensions.loading import Loader, use_site
    from webui.extensions.manifest import read_manifest

    use_site(site)
    manifest = read_manifest(folder)
    for side in ("web", "worker"):
        if side not in manifest.modules:
            continue
        if side == "worker" and _mentions_engine(folder):
            # As it is in the worker; how long that takes is not the add-on's fault.
            tell("before", side=side)
            importlib.import_module("torch")
        caller = HookCaller()
        loader = Loader(caller, side)
        tell("importing", side=side)
        _limit_memory(most_bytes)
        started = time.perf_counter()
        loaded = loader.load_one(manifest)
        took = (time.perf_counter() - started) * 1000
        _limit_memory(None)
        fault = loader.failure(manifest.id)
        if not loaded and fault is not None:
            tell("failed", side=side, message=fault.message, details=fault.details)
            os._exit(0)
        missing = [
            (hook, need) for hook, need in _HOOK_NEEDS.items() if hook in HOOKS and caller.has(hook) and need not in manifest.permissions
        ]
        if missing:
            hook, need = missing[0]
            tell("failed", side=side, message=f"it has the hook {hook}, and its manifest doesn't ask for the permission {need}", details="")
            os._exit(0)
        tell("imported", side=side, milliseconds=took)
        caller.unregister(manifest.id)
    tell("done")
    # Threads that it may have started are not waited for.
    os._exit(0)


def _mentions_engine(folder: Path) -> bool:
    return any(word in path.read_bytes() for path in folder.rglob("*.py") for word in _ENGINE_WORDS)


def _limit_memory(most: int | None) -> None:
    """So many bytes more of address space than now; None: as much as the system has. Linux alone can say how much that is."""
    try:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if most is None:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        else:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (used + most, hard))
    except (ImportError, OSError, ValueError, IndexError):
        pass  # the parent looks at its memory, too


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
