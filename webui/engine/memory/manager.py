"""Checkpoints in memory: a switch puts other weights on the same skeletons. All or nothing: a failed one changes nothing."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from webui.engine.adapters.vae import with_vae
from webui.engine.device import Device
from webui.engine.families.base import Family
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.component import CheckpointSource, ComponentKind, ComponentSource, stored_as
from webui.engine.loading.controlnet import open_controlnet
from webui.engine.loading.face_restorer import FaceRestorer, FaceRestorerSource, open_face_restorer
from webui.engine.loading.ip_adapter import open_image_encoder, open_ip_adapter
from webui.engine.loading.stock_folder import StockPipeline, StockSource, open_stock_folder
from webui.engine.loading.subject import load_subject_model, open_subject_model
from webui.engine.loading.upscaler import DrawingUpscalerSource, UpscalerModel, UpscalerSource, open_upscaler
from webui.engine.memory.cast_cache import CastCache, Numbers
from webui.engine.memory.identity import Identities, text_identity
from webui.engine.memory.loaded import DENOISER, VAE, Loaded
from webui.engine.memory.low_bits import require_widening
from webui.engine.memory.meter import give_back
from webui.engine.memory.read_ahead import in_order_of_use, read_ahead
from webui.engine.memory.skeleton import Skeleton
from webui.engine.memory.weights import MAPPED, RAM, Weights, WeightStore
from webui.engine.subject_network import SubjectNetwork
from webui.errors import AdapterUnusable, CheckpointUnusable
from webui.generation.weight_storage import AS_COMPUTED

Open = Callable[[Path], CheckpointSource]

BESIDE: Mapping[ComponentKind, Callable[[Path, Path | None], ComponentSource]] = {
    "controlnet": open_controlnet,
    "ip_adapter": open_ip_adapter,
    "image_encoder": open_image_encoder,
}
"""Kinds of parts that are asked beside a checkpoint -> how one is opened, from its path and the folder for converted pickles."""

DEVICE = "device"
"""Where weights are that a graphics card computes with; others see webui.engine.memory.weights."""

MOST_OPEN = 64
"""Checkpoints whose headers and tokenizers are kept."""

CAST_FOLDER, IDENTITY_FILE = "weights", "part-identities.json"


class Checkpoints(Protocol):
    """Where the engine gets checkpoints from."""

    def get(self, path: Path, loading: Callable[[], None], vae: Path | None = None, storage: str = AS_COMPUTED) -> Loaded:
        """The checkpoint at `path`, ready to draw; `loading` is called where that is not so already. vae: in place of its own.

        storage: of its denoiser's weights (webui.generation.weight_storage). Raises CheckpointUnusable, AdapterUnusable,
        InvalidRequest.
        """
        ...

    def beside(self, parts: Sequence[tuple[ComponentKind, Path]]) -> list[torch.nn.Module]:
        """These parts that no checkpoint has, ready to be asked beside it; those of before are let go of. Raises AdapterUnusable."""
        ...

    def get_pipeline(self, path: Path, loading: Callable[[], None]) -> StockPipeline:
        """The pipeline of diffusers that draws with the folder at `path`, likewise. Raises CheckpointUnusable."""
        ...

    def get_upscaler(self, path: Path, loading: Callable[[], None]) -> UpscalerModel:
        """The upscaler in the file at `path`, likewise; what draws stays as it is. Raises AdapterUnusable."""
        ...

    def get_cut_out(self, path: Path, loading: Callable[[], None]) -> SubjectNetwork:
        """The network in the file at `path` that finds subjects, in main memory; what draws stays as it is. Raises AdapterUnusable."""
        ...

    def get_face_restorer(self, path: Path, loading: Callable[[], None]) -> FaceRestorer:
        """The face restorer in the file at `path`, likewise. Raises AdapterUnusable."""
        ...

    def unload(self, path: Path | None = None) -> None:
        """Let go of all weights, or of those that only the checkpoint at `path` has. The next picture loads what it needs."""
        ...

    def resident(self) -> list[dict[str, Any]]:
        """What is where (see webui.generation.events.InMemory)."""
        ...


@dataclass(eq=False)
class _Known:
    """A checkpoint that was opened. loaded: made once its skeletons were there; it serves whenever the checkpoint is put on."""

    source: CheckpointSource
    loaded: Loaded | None = None


def _loaded_whole(source: UpscalerSource | DrawingUpscalerSource | FaceRestorerSource) -> Weights:
    """A model that wears no skeleton of ours, in main memory."""
    model = source.load()
    return Weights(source.content, source.shown, model.tensors, RAM, worn_by=model)


class ModelManager:
    """Keeps skeletons, weights and opened checkpoints. Used by one thread."""

    def __init__(self, device: Device, open_source: Open = open_checkpoint, cache: Path | None = None, most_cast_bytes: int = 0) -> None:
        """cache: folder for casts, at most so many bytes, and for what is known of files; without one, casts are in memory."""
        self._device = device
        self._open = open_source
        casts = CastCache(cache / CAST_FOLDER, most_cast_bytes) if cache is not None and most_cast_bytes else None
        identities = Identities(None if cache is None else cache / IDENTITY_FILE)
        # A device of its own casts by itself, when weights are copied there.
        self._store = WeightStore(
            lambda kind: Numbers(device.dtype, device.memory_format(kind)), identities, casts, as_in_file=device.copies
        )
        self._skeletons: dict[tuple[str, str], Skeleton] = {}
        self._worn: dict[Skeleton, Weights] = {}
        self._known: OrderedDict[tuple[Path, Path | None, str], _Known] = OrderedDict()
        self._current: Loaded | None = None
        self._cache = cache
        self._beside: tuple[Skeleton, ...] = ()
        self._on_device: dict[Skeleton, list[tuple[torch.Tensor, torch.Tensor]]] = {}
        self._brought: dict[str, tuple[str, set[Path]]] = {}
        """Identity of weights -> kind of part, and the checkpoints that they were brought in for."""
        self._pipeline: Weights | None = None
        self._of_steps: dict[str, Weights] = {}
        """Kind of model -> the one that a step of a finishing chain has used last."""

    def get(self, path: Path, loading: Callable[[], None], vae: Path | None = None, storage: str = AS_COMPUTED) -> Loaded:
        """The checkpoint at `path`. If it is not the current one, or its files have changed, `loading` is called and it is put on.

        vae: another VAE in place of its own; the two share all other parts. storage: of the denoiser's weights, likewise.
        Raises CheckpointUnusable, AdapterUnusable, InvalidRequest for a storage that the device can't read; the current one
        stays then.
        """
        require_widening(storage, self._device.torch_device)
        known = self._opened(path, vae, storage)
        if self._current is not None and known.loaded is self._current:
            return self._current
        loading()
        source = known.source
        skeletons = {kind: self._skeleton(source, kind) for kind in source.components}
        # All weights are there before the first one moves: whatever fails, fails before the switch.
        weights: dict[Any, Weights] = {}
        reading: threading.Thread | None = None
        # The denoiser's first, so that the disk is at work while the rest is looked for.
        for kind in sorted(source.components, key=lambda kind: kind != DENOISER):
            weights[kind] = self._weights(path, source, kind, skeletons[kind])
            # The text encoder may not be asked at all; the VAE is the last one to be.
            if kind in (DENOISER, VAE) and weights[kind].state == MAPPED:
                at_home = weights[kind].at_home
                reading = read_ahead([at_home[name] for name in in_order_of_use(at_home)], after=reading)
        modules: dict[Any, torch.nn.Module] = {kind: skeleton.module for kind, skeleton in skeletons.items()}
        family = known.loaded.family if known.loaded else source.assemble(modules, self._device)
        self._put_on({skeletons[kind]: weights[kind] for kind in skeletons})
        self._pipeline = None
        if known.loaded is None:
            encoders = [part.identity for kind, part in weights.items() if kind.startswith("text_encoder")]
            known.loaded = self._loaded(source, family, text_identity(family, source.family, encoders), skeletons)
        self._current = known.loaded
        self._store.keep_within_budget(self._leased)
        if self._device.copies:
            self._device.free_memory()
        return self._current

    def beside(self, parts: Sequence[tuple[ComponentKind, Path]]) -> list[torch.nn.Module]:
        """These parts that no checkpoint has (see BESIDE), each on a skeleton of its own; one that is named twice is one.

        Those of before are let go of. Raises AdapterUnusable; those stay then.
        """
        number: Counter[str] = Counter()
        wanted: dict[tuple[ComponentKind, Path], tuple[Skeleton, Weights]] = {}
        for part in dict.fromkeys(parts):
            source = self._open_beside(part)
            key = (source.architecture, f"{source.kind} {number[source.architecture]}")
            number[source.architecture] += 1
            if key not in self._skeletons:
                self._skeletons[key] = Skeleton(source)
            leased = [*self._leased, *(weights for _, weights in wanted.values())]
            wanted[part] = self._skeletons[key], self._weights_beside(source, self._skeletons[key], part, leased)
        changed = {skeleton: weights for skeleton, weights in wanted.values() if self._worn.get(skeleton) is not weights}
        kept = [skeleton for skeleton, _ in wanted.values() if skeleton not in changed]
        for skeleton in [skeleton for skeleton in self._beside if skeleton not in kept]:
            self._take_off([skeleton])
            skeleton.wear(None)
            del self._worn[skeleton]
        for skeleton, weights in changed.items():
            skeleton.wear(weights.tensors, weights.storage)
            self._worn[skeleton] = weights
        self._beside = tuple(skeleton for skeleton, _ in wanted.values())
        if self._device.copies:
            self._make_room_beside()
            for skeleton in self._beside:
                self._take_up(skeleton, "controlnet")
        self._store.keep_within_budget(self._leased)
        return [wanted[part][0].module for part in parts]

    def _make_room_beside(self) -> None:
        """Take the checkpoint off the device where what is needed beside it wouldn't fit else; it comes back when it is used."""
        missing = sum(self._worn[skeleton].nbytes for skeleton in self._beside if skeleton not in self._on_device)
        if missing + self._device.reserve > self._device.free_bytes():
            self._take_off([skeleton for skeleton in self._on_device if skeleton not in self._beside])

    def _open_beside(self, part: tuple[ComponentKind, Path]) -> ComponentSource:
        kind, path = part
        return BESIDE[kind](path, self._cache)

    def _weights_beside(
        self, source: ComponentSource, skeleton: Skeleton, part: tuple[ComponentKind, Path], leased: Collection[Weights]
    ) -> Weights:
        content = source.content_id
        try:
            weights = self._store.get(source, skeleton.slots, lambda: self._open_beside(part).content_id == content, leased)
        except CheckpointUnusable as error:
            raise AdapterUnusable(error.message, hint=error.hint) from None
        self._note_brought(weights, source.kind, part[1])
        return weights

    def get_pipeline(self, path: Path, loading: Callable[[], None]) -> StockPipeline:
        """The pipeline of the folder at `path`, as `get` gets a checkpoint: all or nothing, kept while there is room.

        It is loaded by diffusers, so a first switch reads all of its weights. Raises CheckpointUnusable.
        """
        source = open_stock_folder(path)
        if self._pipeline is None or self._pipeline.identity != source.content:
            loading()
        self._pipeline = self._store.hold(source.content, lambda: self._load_pipeline(source))
        self._note_brought(self._pipeline, "pipeline", path)
        self._put_on({})
        self._current = None
        self._store.keep_within_budget(self._leased)
        self._device.free_memory()
        return self._pipeline.worn_by

    def _load_pipeline(self, source: StockSource) -> Weights:
        stock = source.load(self._device)
        return Weights(source.content, source.shown, stock.tensors, RAM, worn_by=stock)

    def get_upscaler(self, path: Path, loading: Callable[[], None]) -> UpscalerModel:
        """The upscaler in the file at `path`, kept while there is room; what draws stays as it is. Raises AdapterUnusable."""
        source = open_upscaler(path, self._cache)
        return self._of_step("upscaler", path, source.content, loading, lambda: _loaded_whole(source))

    def get_face_restorer(self, path: Path, loading: Callable[[], None]) -> FaceRestorer:
        """The face restorer in the file at `path`, kept while there is room; what draws stays as it is. Raises AdapterUnusable."""
        source = open_face_restorer(path, self._cache)
        return self._of_step("face_restorer", path, source.content, loading, lambda: _loaded_whole(source))

    def get_cut_out(self, path: Path, loading: Callable[[], None]) -> SubjectNetwork:
        """The network in the file at `path` that finds subjects, kept while there is room. Raises AdapterUnusable."""
        source = open_subject_model(path, self._cache)
        return self._of_step(source.kind, path, source.content_id, loading, lambda: self._load_cut_out(source))

    def _of_step(self, kind: str, path: Path, content: str, loading: Callable[[], None], load: Callable[[], Weights]) -> Any:
        """What wears the weights of that content, which a step of a finishing chain asks for."""
        if all(weights.identity != content for weights in self._store.kept):
            loading()
        held = self._of_steps[kind] = self._store.hold(content, load)
        self._note_brought(held, kind, path)
        self._store.keep_within_budget(self._leased)
        return held.worn_by

    def _load_cut_out(self, source: ComponentSource) -> Weights:
        network = load_subject_model(source)
        return Weights(source.content_id, source.shown, network.state_dict(), RAM, worn_by=network)

    @property
    def _leased(self) -> list[Weights]:
        """What is at work."""
        return [*self._worn.values(), *([self._pipeline] if self._pipeline else []), *self._of_steps.values()]

    def unload(self, path: Path | None = None) -> None:
        """Let go of all weights, or of those that only the checkpoint at `path` has. The next picture loads what it needs."""
        gone = {weights.identity for weights in self._store.kept if path is None or self._brought[weights.identity][1] == {path}}
        for _, users in self._brought.values():
            users.difference_update(users if path is None else (path,))
        for skeleton in [skeleton for skeleton, weights in self._worn.items() if weights.identity in gone]:
            self._take_off([skeleton])
            skeleton.wear(None)
            del self._worn[skeleton]
            self._current = None
        self._beside = tuple(skeleton for skeleton in self._beside if skeleton in self._worn)
        if self._pipeline is not None and self._pipeline.identity in gone:
            self._pipeline = None
        self._of_steps = {kind: weights for kind, weights in self._of_steps.items() if weights.identity not in gone}
        self._store.drop(gone)
        # They hold their files open.
        for known in [known for known in self._known if path in (None, known[0])]:
            del self._known[known]
        give_back()
        self._device.free_memory()

    def _weights(self, path: Path, source: CheckpointSource, kind: ComponentKind, skeleton: Skeleton) -> Weights:
        part = source.components[kind]
        weights = self._store.get(part, skeleton.slots_in(part.storage), source.unchanged, self._leased)
        self._note_brought(weights, kind, path)
        return weights

    def _note_brought(self, weights: Weights, kind: str, path: Path) -> None:
        self._brought.setdefault(weights.identity, (kind, set()))[1].add(path)

    def resident(self) -> list[dict[str, Any]]:
        """What is where, most recently used first (see webui.generation.events.InMemory)."""
        in_use = {id(weights) for weights in self._leased}
        on_device = {id(weights) for skeleton, weights in self._worn.items() if skeleton in self._on_device}
        return [
            {
                "part": weights.shown,
                "kind": self._brought[weights.identity][0],
                "state": DEVICE if id(weights) in on_device else weights.state,
                "bytes": weights.nbytes,
                "in_use": id(weights) in in_use,
                "checkpoints": sorted(str(path) for path in self._brought[weights.identity][1]),
            }
            for weights in reversed(self._store.kept)
        ]

    def _opened(self, path: Path, vae: Path | None, storage: str) -> _Known:
        known = self._known.get((path, vae, storage))
        if known is None or not known.source.unchanged():
            source = self._open(path)
            source = source if vae is None else with_vae(source, vae)
            known = self._known[path, vae, storage] = _Known(source if storage == AS_COMPUTED else stored_as(source, storage))
            while len(self._known) > MOST_OPEN:
                self._known.popitem(last=False)
        self._known.move_to_end((path, vae, storage))
        return known

    def _skeleton(self, source: CheckpointSource, kind: Any) -> Skeleton:
        # Two parts of one checkpoint may be built alike, and both are at work at a time.
        part = source.components[kind]
        key = (part.architecture, str(kind))
        if key not in self._skeletons:
            self._skeletons[key] = Skeleton(part)
        return self._skeletons[key]

    def _put_on(self, wanted: Mapping[Skeleton, Weights]) -> None:
        changed = {skeleton: weights for skeleton, weights in wanted.items() if self._worn.get(skeleton) is not weights}
        self._take_off(changed)
        for skeleton in [skeleton for skeleton in self._worn if skeleton not in wanted and skeleton not in self._beside]:
            # Of another family: its weights would stay in memory only because it has them on.
            self._take_off([skeleton])
            skeleton.wear(None)
            del self._worn[skeleton]
        for skeleton, weights in changed.items():
            skeleton.wear(weights.tensors, weights.storage)
            self._worn[skeleton] = weights

    def _loaded(self, source: CheckpointSource, family: Family, text: str, skeletons: Mapping[Any, Skeleton]) -> Loaded:
        return Loaded(
            family,
            source.components[DENOISER].architecture,
            text,
            place=lambda kinds: self._place({str(kind): skeleton for kind, skeleton in skeletons.items()}, kinds),
            lock=lambda kinds: self._lock([skeletons[kind] for kind in kinds]),
            held=self._held,
        )

    def _held(self) -> int:
        # What is asked beside it stays where it is while it draws, so their room can't be had.
        if self._device.copies:
            return sum(tensor.nbytes for skeleton, moved in self._on_device.items() if skeleton not in self._beside for tensor, _ in moved)
        return sum(weights.private_bytes for skeleton, weights in self._worn.items() if skeleton not in self._beside)

    def _lock(self, skeletons: Collection[Skeleton]) -> None:
        """Have the weights of these where the card fetches them quickly. Untested on hardware."""
        if self._device.lock is not None:
            for skeleton in skeletons:
                self._store.pin(self._worn[skeleton], self._device.lock, self._leased)

    def _place(self, skeletons: Mapping[str, Skeleton], kinds: Collection[str]) -> None:
        """Only these kinds on the device. Untested on hardware."""
        self._take_off([skeleton for kind, skeleton in skeletons.items() if kind not in kinds and skeleton in self._on_device])
        for kind in kinds:
            self._take_up(skeletons[kind], kind)

    def _take_up(self, skeleton: Skeleton, kind: str) -> None:
        if skeleton in self._on_device:
            return
        weights = self._worn[skeleton]
        if weights.fetched:
            # They come and go; what goes up once doesn't earn a copy.
            self._lock([skeleton])
        weights.fetched += 1
        moved = self._on_device[skeleton] = []
        for tensor in (*skeleton.module.parameters(), *skeleton.module.buffers()):
            moved.append((tensor, tensor.data))
            tensor.data = self._device.upload(tensor.data, kind)

    def _take_off(self, skeletons: Collection[Skeleton]) -> None:
        # What is in main memory never changed, so nothing has to be copied back.
        for skeleton in list(skeletons):
            for tensor, at_home in self._on_device.pop(skeleton, ()):
                tensor.data = at_home
