"""What opening the file of an adapter may raise, in the words of adapters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webui.errors import AdapterUnusable, CheckpointUnusable


@contextmanager
def told_of_adapter(path: Path) -> Iterator[None]:
    """What opening and loading may raise, as AdapterUnusable."""
    try:
        yield
    except (KeyError, ValueError, StopIteration, IndexError) as error:
        raise AdapterUnusable(f"{path.name} is not complete ({error} is missing).", hint="Download it again.") from None
    except CheckpointUnusable as error:
        raise AdapterUnusable(error.message, hint=error.hint) from None
