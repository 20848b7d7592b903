"""Merges checkpoints: weighted sum and add difference, whole or by block, tensor by tensor."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from webui.catalog.detect import ModelKind
from webui.catalog.models import DRAWS, KIND_TITLES
from webui.catalog.usable import FAMILY_TITLES, VARIANT_TITLES
from webui.errors import InvalidRequest
from webui.workshop.blocks import BASE, FAMILIES, BlockNames
from webui.workshop.numbers import cast, widened
from webui.workshop.packed import WRITTEN, packed, packed_size
from webui.workshop.plan import Plan, planned
from webui.workshop.precision import aimed
from webui.workshop.recipes import Merge
from webui.workshop.weights import NewTensor, Tensor, Weights

_TEXT = "text_encoder"


@dataclass(frozen=True)
class Parents:
    """What is merged; the third only for add difference."""

    first: Weights
    second: Weights
    third: Weights | None = None

    @property
    def others(self) -> Sequence[Weights]:
        """All but the first."""
        return (self.second,) if self.third is None else (self.second, self.third)


class Overflow:
    """Counts the numbers that were too large for the new type."""

    def __init__(self) -> None:
        self.count = 0


def what_is(weights: Weights) -> str:
    """A model and its family, for people."""
    kind = weights.kind
    if kind.kind not in DRAWS:
        return f"{weights.name} is a {KIND_TITLES[kind.kind]}"
    variant = "" if kind.variant == "base" else f" for {VARIANT_TITLES[kind.variant]}"
    return f"{weights.name} is {_family(kind)}{variant}"


def _family(kind: ModelKind) -> str:
    return " ".join(part for part in (FAMILY_TITLES.get(kind.family, "of no known family"), kind.version) if part)


def check_parents(parents: Parents, recipe: Merge) -> None:
    """Raise InvalidRequest, naming both, where two parents don't go together, or where blocks are named that aren't there."""
    first = parents.first
    for name, other in zip(("second", "third"), parents.others, strict=False):
        _check_pair(first, other, name)
    if not recipe.blocks:
        return
    if first.kind.family not in FAMILIES:
        raise InvalidRequest(
            f"{what_is(first)}, whose denoiser is no U-Net, so it has no such blocks.",
            field="blocks",
            hint="Leave the shares by block out.",
        )
    known = (BASE, *BlockNames(tensor for _, tensor in first.tensors()).names)
    unknown = [name for name in recipe.blocks if name not in known]
    if unknown:
        raise InvalidRequest(
            f"{first.name} has no block called {unknown[0][:20]!r}.",
            field="blocks",
            allowed=", ".join(known),
            hint="Name blocks as listed; those left out get the one share.",
        )


def _check_pair(first: Weights, other: Weights, field: str) -> None:
    for weights in (first, other):
        if weights.kind.kind not in DRAWS:
            raise InvalidRequest(f"{what_is(weights)}; only checkpoints are merged.", field=field, hint="Pick a checkpoint.")
    if (first.kind.family, first.kind.version, first.kind.variant) != (other.kind.family, other.kind.version, other.kind.variant):
        raise InvalidRequest(
            f"{what_is(first)} and {what_is(other)}: these don't go together.",
            field=field,
            hint="Merge checkpoints of one family and kind.",
        )
    if first.is_folder != other.is_folder:
        folder, file = (first, other) if first.is_folder else (other, first)
        raise InvalidRequest(
            f"{folder.name} is a diffusers folder and {file.name} a single file, whose tensors have other names.",
            field=field,
            hint="Take both as single files, or both as folders.",
        )
    ours, theirs = ({(tensor.part, tensor.name): tensor for _, tensor in weights.tensors()} for weights in (first, other))
    for key, tensor in ours.items():
        there = theirs.get(key)
        if there is None and tensor.part == "denoiser":
            lacking = sum(key not in theirs for key in ours if key[0] == "denoiser")
            raise InvalidRequest(
                f"{other.name} lacks {lacking} tensors that {first.name} has, {tensor.name[:80]} for one.",
                field=field,
                hint="Merge others.",
            )
        if there is not None and there.info.shape != tensor.info.shape:
            raise InvalidRequest(
                f"{tensor.name[:80]} has the shape {_shape(tensor)} in {first.name} and {_shape(there)} in {other.name}.",
                field=field,
                hint="Merge checkpoints of one build.",
            )


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.info.shape)) or "of one number"


def plan_merge(parents: Parents, recipe: Merge, metadata: Mapping[str, Mapping[str, str]]) -> tuple[Plan, Overflow]:
    """How the merge is written, in the form of the first parent. Raises as `check_parents` does."""
    check_parents(parents, recipe)
    blocks = BlockNames(tensor for _, tensor in parents.first.tensors())
    others = [{(file, tensor.name): tensor for file, tensor in _lined_up(parents.first, weights)} for weights in parents.others]
    overflow = Overflow()
    alone: Counter[str] = Counter()
    files: dict[str, list[NewTensor]] = {file: [] for file in parents.first.files}
    for file, tensor in parents.first.tensors():
        if tensor.part == "ema":
            continue
        partners = [found for other in others if (found := other.get((file, tensor.name)))]
        if len(partners) < len(others):
            alone[tensor.part] += 1
            partners = []
        files[file].append(_merged(tensor, partners, recipe, blocks, overflow))
    notes = [
        f"{count} tensors ({part or 'of no part'}) are in {parents.first.name} alone and were taken from there."
        for part, count in alone.items()
    ]
    return planned(files, metadata, parents.first, notes), overflow


def _lined_up(first: Weights, other: Weights) -> Iterator[tuple[str, Tensor]]:
    """The other's tensors under the first's file names: a part's file may be called .fp16.safetensors in one of two folders."""
    of_folder = {file.rpartition("/")[0]: file for file in first.files}
    for file, tensor in other.tensors():
        yield of_folder.get(file.rpartition("/")[0], file), tensor


def _take(tensor: Tensor, recipe: Merge) -> str:
    if tensor.part == "vae":
        return recipe.vae
    return recipe.text_encoder if tensor.part.startswith(_TEXT) else "merge"


def _merged(tensor: Tensor, partners: Sequence[Tensor], recipe: Merge, blocks: BlockNames, overflow: Overflow) -> NewTensor:
    take = _take(tensor, recipe)
    share = recipe.blocks.get(blocks.of(tensor), recipe.share)
    if take == "first" or not partners or not tensor.is_float or not all(partner.is_float for partner in partners):
        return _as_it_is(tensor, recipe, overflow)
    if take == "second":
        return _as_it_is(partners[0], recipe, overflow)
    # Parents come through bit by bit; in floating point 0 x b alone can change the sign of a zero.
    if share == 0:
        return _as_it_is(tensor, recipe, overflow)
    if share == 1 and recipe.method == "weighted sum":
        return _as_it_is(partners[0], recipe, overflow)
    dtype = aimed(tensor, recipe.precision)
    return NewTensor.computed(
        tensor.name, dtype, tensor.info.shape, lambda: _mixed((tensor, *partners), _METHODS[recipe.method], share, dtype, overflow)
    )


def _as_it_is(tensor: Tensor, recipe: Merge, overflow: Overflow) -> NewTensor:
    return recast(tensor, aimed(tensor, recipe.precision), overflow)


def recast(tensor: Tensor, dtype: str, overflow: Overflow) -> NewTensor:
    """A tensor in another type; its own bytes where that is the same."""
    if dtype == tensor.info.dtype:
        return NewTensor.copied(tensor)
    if dtype in WRITTEN:
        size = packed_size(math.prod(tensor.info.shape), dtype)
        return NewTensor(tensor.name, dtype, tensor.info.shape, size, lambda: (packed(piece, dtype).data for piece in tensor.pieces()))
    return NewTensor.computed(tensor.name, dtype, tensor.info.shape, lambda: _recast_pieces(tensor, dtype, overflow))


def _recast_pieces(tensor: Tensor, dtype: str, overflow: Overflow) -> Iterator[np.ndarray]:
    for piece in tensor.pieces():
        numbers, beyond = cast(piece, dtype)
        overflow.count += beyond
        yield numbers


def _weighted_sum(share: float, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first * first.dtype.type(1 - share) + second * first.dtype.type(share)


def _add_difference(share: float, first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    return first + (second - third) * first.dtype.type(share)


_METHODS: Mapping[str, Callable[..., np.ndarray]] = {"weighted sum": _weighted_sum, "add difference": _add_difference}


def _mixed(
    tensors: Sequence[Tensor], method: Callable[..., np.ndarray], share: float, dtype: str, overflow: Overflow
) -> Iterator[np.ndarray]:
    for pieces in zip(*(tensor.pieces() for tensor in tensors), strict=True):
        numbers, beyond = cast(method(share, *map(widened, pieces)), dtype)
        overflow.count += beyond
        yield numbers
