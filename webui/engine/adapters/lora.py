"""LoRAs put on a checkpoint and taken off again.

Putting on means other weights for a while (see patching): each changed weight is computed once in fp32 from the
checkpoint's own and all changes, rounded once to the checkpoint's dtype, and costs nothing in the steps.
What was computed in main memory is kept for the next picture, so that a LoRA goes on and off at the speed of assignments;
on a graphics card it is computed anew, which takes it milliseconds, instead of holding memory between two pictures.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import Module, Parameter

from webui.engine.adapters.lora_changes import Change, TensorsDontMatch
from webui.engine.adapters.lora_file import LayerChange, LoraFile, fingerprint_of, read_lora
from webui.engine.adapters.lora_names import Layers, layers_of
from webui.engine.adapters.patching import Slot, replaced, slots_of
from webui.errors import AdapterUnusable, LoraDoesNotFit
from webui.generation.job import LoraUse

DENOISER = "denoiser"

_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class _Fitted:
    """A change with its place in one part of the checkpoint. slots: names of the parameters it changes, of one layer or of several."""

    change: Change
    slots: tuple[str, ...]
    halves_swapped: bool
    shown: str

    def deltas(self, weights: Mapping[str, Slot]) -> Iterator[tuple[str, torch.Tensor]]:
        """What to add to each of `slots`, fp32."""
        bases = [_fp32(weights[name]) for name in self.slots]
        base = bases[0] if len(bases) == 1 else torch.cat(bases)
        delta = _swap_halves(self.change.delta(_swap_halves(base))) if self.halves_swapped else self.change.delta(base)
        yield from zip(self.slots, delta.split([len(each) for each in bases]), strict=True)


@dataclass(frozen=True)
class _FittedLora:
    """A LoRA fitted to a checkpoint."""

    use: LoraUse
    fingerprint: str
    changes: Mapping[str, Sequence[_Fitted]]


class Loras:
    """Puts LoRAs on checkpoints. Files read and weights computed are kept, least recently used first to go.

    most_bytes: of computed weights kept beside those in use; the last ones stay whatever their size.
    """

    def __init__(self, most_bytes: int = 512 * 1024 * 1024, most_files: int = 16) -> None:
        self._most_bytes = most_bytes
        self._most_files = most_files
        self._files: OrderedDict[str, LoraFile] = OrderedDict()
        self._weights: OrderedDict[Hashable, dict[str, Parameter]] = OrderedDict()

    def fit(self, uses: Sequence[LoraUse], parts: Mapping[str, Module], content: str, note: Callable[[str], None]) -> LoraSet:
        """The LoRAs, fitted to a checkpoint. parts: its modules, the denoiser's called DENOISER. content: of the checkpoint.

        note: told what of a LoRA fits nothing. Raises AdapterUnusable for files that can't be read, LoraDoesNotFit for
        those made for another family. Nothing has been changed by then.
        """
        fitted = [self._fitted(use, parts, note) for use in uses]
        # In an order of their own, so that the order of the prompt changes no bit.
        fitted.sort(key=lambda lora: (lora.fingerprint, lora.use.text_encoder_weight, lora.use.unet_weight))
        return LoraSet(tuple(fitted), parts, content, self._kept, self._weights.__contains__)

    def free(self) -> None:
        """Give the memory of all computed weights back."""
        self._weights.clear()

    def _fitted(self, use: LoraUse, parts: Mapping[str, Module], note: Callable[[str], None]) -> _FittedLora:
        file = self._read(Path(use.path))
        fitted, misfits = _fit(file, use.name, parts)
        misfits += file.unread
        if misfits:
            named = ", ".join(misfits[:_NAMED_AT_MOST])
            note(f"LoRA {use.name}: {len(misfits)} of its layers fit nothing in this checkpoint and were left out ({named}).")
        return _FittedLora(use, file.fingerprint, fitted)

    def _read(self, path: Path) -> LoraFile:
        fingerprint = fingerprint_of(path)
        file = self._files.pop(fingerprint, None) or read_lora(path)
        self._files[fingerprint] = file
        while len(self._files) > self._most_files:
            self._files.popitem(last=False)
        return file

    def _kept(self, key: Hashable, make: Callable[[], dict[str, Parameter]]) -> dict[str, Parameter]:
        weights = self._weights.pop(key, None)
        if weights is None:
            self._make_room(self._most_bytes)
            weights = make()
        self._weights[key] = weights
        self._make_room(self._most_bytes)
        return weights

    def _make_room(self, most_bytes: int) -> None:
        sizes = [sum(weight.nbytes for weight in weights.values()) for weights in self._weights.values()]
        for older in sizes[:-1]:
            if sum(sizes) <= most_bytes:
                break
            self._weights.popitem(last=False)
            sizes.remove(older)


@dataclass(frozen=True)
class LoraSet:
    """LoRAs fitted to one checkpoint, not on it yet. kept: computed weights by key, made where there are none; has: whether there are."""

    loras: tuple[_FittedLora, ...]
    parts: Mapping[str, Module]
    content: str
    kept: Callable[[Hashable, Callable[[], dict[str, Parameter]]], dict[str, Parameter]]
    has: Callable[[Hashable], bool]

    def key(self, part: str) -> tuple[tuple[str, float], ...]:
        """Which LoRAs change a part, and how strongly: equal keys, equal weights. Empty where none does."""
        return tuple((lora.fingerprint, _weight(lora.use, part)) for lora in self._active(part))

    def bytes_to_make(self, part: str, number: int) -> int:
        """Bytes of the weights that putting them on a part makes, in numbers of `number` bytes; none where they are kept."""
        active = self._active(part)
        if not active:
            return 0
        slots = slots_of(self.parts[part])
        names = {name for lora in active for change in lora.changes[part] for name in change.slots}
        if self.has(self._kept_as(part, slots[next(iter(names))].weight.dtype)):
            return 0
        return sum(math.prod(_shape(slots[name])) for name in names) * number

    def _kept_as(self, part: str, dtype: torch.dtype) -> Hashable:
        return self.content, part, dtype, self.key(part)

    def on(self, *parts: str) -> AbstractContextManager[None]:
        """On these parts within the block. After it the checkpoint has its own weights, the same objects, whatever happened.

        Raises AdapterUnusable when a LoRA holds numbers that are none; nothing has been changed then.
        """
        return self._on([part for part in parts if self.key(part)])

    @contextmanager
    def _on(self, parts: Sequence[str]) -> Iterator[None]:
        with ExitStack() as stack:
            for part in parts:
                stack.enter_context(self._on_part(part))
            yield

    def _on_part(self, part: str) -> AbstractContextManager[None]:
        slots = slots_of(self.parts[part])
        active = self._active(part)
        touched = [slots[name].weight for lora in active for change in lora.changes[part] for name in change.slots]
        if all(weight.device.type == "cpu" for weight in touched):
            weights = self.kept(self._kept_as(part, touched[0].dtype), lambda: _changed(slots, part, active))
        else:
            weights = _changed(slots, part, active)
        return replaced({slots[name]: weight for name, weight in weights.items()})

    def _active(self, part: str) -> list[_FittedLora]:
        return [lora for lora in self.loras if lora.changes.get(part) and _weight(lora.use, part) != 0]


def _weight(use: LoraUse, part: str) -> float:
    """How strongly a LoRA works on a part of the checkpoint."""
    return use.unet_weight if part == DENOISER else use.text_encoder_weight


def _changed(slots: Mapping[str, Slot], part: str, loras: Sequence[_FittedLora]) -> dict[str, Parameter]:
    """The weights of a part with all changes, by name."""
    wanted: dict[str, list[tuple[_FittedLora, _Fitted]]] = {}
    for lora in loras:
        for change in lora.changes[part]:
            for name in change.slots:
                wanted.setdefault(name, []).append((lora, change))
    # What a change that reaches over several weights says about those that are not yet at hand.
    waiting: dict[tuple[int, str], torch.Tensor] = {}
    changed = {}
    for name, changes in wanted.items():
        slot = slots[name]
        total = _fp32(slot).clone()
        for lora, change in changes:
            if (id(change), name) not in waiting:
                waiting |= {(id(change), each): delta for each, delta in _sound_deltas(change, slots, lora.use)}
            total.add_(waiting.pop((id(change), name)), alpha=_weight(lora.use, part))
        changed[name] = _like(slot, total)
    return changed


def _sound_deltas(change: _Fitted, slots: Mapping[str, Slot], use: LoraUse) -> Iterator[tuple[str, torch.Tensor]]:
    try:
        for name, delta in change.deltas(slots):
            if not math.isfinite(float(delta.sum())):
                raise AdapterUnusable(
                    f"LoRA {use.name} holds numbers that are none (NaN), in {change.shown}.", hint="Download it again, or leave it out."
                )
            yield name, delta
    except TensorsDontMatch:
        raise AdapterUnusable(
            f"LoRA {use.name} is damaged: its tensors for {change.shown} do not belong together.", hint="Download it again."
        ) from None


def _fp32(slot: Slot) -> torch.Tensor:
    """The weight in fp32, unpacked where it is quantised."""
    weight = slot.weight
    if hasattr(weight, "quant_type"):
        from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

        weight = dequantize_gguf_tensor(weight)
    return weight.detach().float()


def _like(slot: Slot, total: torch.Tensor) -> Parameter:
    """A Parameter as the slot's module expects it: dtype, device and memory layout of the one it stands for."""
    weight = slot.weight
    if hasattr(weight, "quant_type"):
        return Parameter(total.to(getattr(slot.module, "compute_dtype")), requires_grad=False)  # noqa: B009
    return Parameter(torch.empty_like(weight).copy_(total), requires_grad=False)


def _shape(slot: Slot) -> tuple[int, ...]:
    return tuple(getattr(slot.weight, "quant_shape", slot.weight.shape))


def _swap_halves(rows: torch.Tensor) -> torch.Tensor:
    return rows.roll(len(rows) // 2, 0)


def _fit(file: LoraFile, name: str, parts: Mapping[str, Module]) -> tuple[dict[str, list[_Fitted]], list[str]]:
    """The file's changes by part, and the names of those that fit nothing. Raises LoraDoesNotFit."""
    layers = {part: layers_of(module) for part, module in parts.items()}
    slots = {part: slots_of(module) for part, module in parts.items()}
    fitted: dict[str, list[_Fitted]] = {}
    misfits = []
    for change in file.changes:
        part = next((part for part in change.parts if part in parts), None)
        place = layers[part].get(change.layer) if part else None
        names = _slot_names(place, change.parameter)
        if part is None or place is None or not all(each in slots[part] for each in names):
            misfits.append(change.shown)
            continue
        _require_size(change, [slots[part][each] for each in names], file, name)
        fitted.setdefault(part, []).append(_Fitted(change.change, names, place.halves_swapped, change.shown))
    for_denoiser = any(DENOISER in change.parts for change in file.changes)
    if not fitted or (for_denoiser and DENOISER not in fitted):
        raise LoraDoesNotFit(
            f"The LoRA {name} is not made for this kind of checkpoint: none of its layers is in it, {misfits[0]} for one.",
            hint=_hint(file),
        )
    return fitted, misfits


def _slot_names(layers: Layers | None, parameter: str) -> tuple[str, ...]:
    return tuple(f"{layer}.{parameter}" for layer in layers.names) if layers else ()


def _require_size(change: LayerChange, slots: Sequence[Slot], file: LoraFile, name: str) -> None:
    shapes = [_shape(slot) for slot in slots]
    rows, columns = sum(shape[0] for shape in shapes), math.prod(shapes[0][1:])
    if (change.change.rows, change.change.columns) != (rows, columns):
        raise LoraDoesNotFit(
            f"The LoRA {name} is not made for this kind of checkpoint: its {change.shown} is "
            f"{change.change.rows} x {change.change.columns}, the checkpoint's {rows} x {columns}.",
            hint=_hint(file),
        )


def _hint(file: LoraFile) -> str:
    trained = f"It was trained on {file.base[:60]}. " if file.base else ""
    return f"{trained}Pick a checkpoint of its family, or leave it out."
