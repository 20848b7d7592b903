"""The door to spandrel (github.com/chaiNNer-org/spandrel) and its extra architectures: a table of tensors -> its descriptor of a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from webui.errors import AdapterUnusable

_TABLES = ("params_ema.", "params-ema.", "params.", "model_state_dict.", "state_dict.", "model.", "net.")
"""What training programs call the table of weights, the averaged ones first; names in it have this before them here."""

_MOST_IN_A_ROW = 1024
"""Layers of one kind, one after the other; a larger number in a name is no number of a layer."""

_NUMBER = re.compile(r"\.(\d+)\.")


def require_sane_names(path: Path, names: Iterable[str], what: str, hint: str) -> None:
    """Raise AdapterUnusable where names count more layers than any model has: spandrel would make as many. what: "an upscaler"."""
    if any(int(number) > _MOST_IN_A_ROW for name in names for number in _NUMBER.findall(f".{name}.")):
        raise AdapterUnusable(f"{path.name} is not {what} that Easel knows.", hint=hint)


def described(tensors: Mapping[str, torch.Tensor]) -> Any:
    """spandrel's descriptor of the model that has such weights; None where it knows none. Raises what its architectures do."""
    import spandrel
    from spandrel_extra_arches import EXTRA_REGISTRY

    registry = spandrel.MAIN_REGISTRY.copy()
    registry.add(*EXTRA_REGISTRY)
    for table in _tables(tensors):
        try:
            return registry.load(table)
        except spandrel.UnsupportedModelError:
            continue
    return None


def _tables(tensors: Mapping[str, torch.Tensor]) -> Iterator[dict[str, torch.Tensor]]:
    """What may be the weights: all there is, or one of the tables in it."""
    yield dict(tensors)
    for table in _TABLES:
        inner = {name.removeprefix(table): tensor for name, tensor in tensors.items() if name.startswith(table)}
        if inner:
            yield inner


@contextmanager
def told_in_words(path: Path) -> Iterator[None]:
    """What spandrel and its architectures raise about weights that don't fit, as AdapterUnusable; no memory stays what it is."""
    try:
        yield
    except (AdapterUnusable, MemoryError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, ValueError, TypeError, AssertionError, KeyError, IndexError, AttributeError, ZeroDivisionError, OSError) as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise AdapterUnusable(f"{path.name} can't be loaded: {detail}", hint="Download it again, or pick another one.") from error
