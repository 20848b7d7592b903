"""The add-ons of one process: loaded, and each hook as a typed method. How they are called is in `calling`."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL.Image import Image

from webui.extensions.calling import STRIKES, Fault, HookCaller
from webui.extensions.hookspecs import Side
from webui.extensions.loading import Loader
from webui.extensions.manifest import Manifest
from webui.extensions.named import Offer, OfferBook
from webui.extensions.starting import Start
from webui.extensions.states import Marker
from webui.generation.events import Note
from webui.generation.prompt.completion import Completion
from webui.generation.request import BaseRequest, GenerationRequest, ResolvedRequest

__all__ = ["STRIKES", "ExtensionRegistry", "Fault"]


class ExtensionRegistry(HookCaller):
    """The add-ons of one process. May be called from any thread once loaded."""

    def __init__(self, start: Start | None = None) -> None:
        """start: what this process was started with; None where add-ons are put in by hand."""
        super().__init__()
        self.start = start
        self.offers = OfferBook(self)
        self._loaders: dict[Side, Loader] = {side: Loader(self, side) for side in ("web", "worker")}

    def load(self, roots: Sequence[Path], side: Side) -> None:
        """Load every add-on folder under `roots` that has a module for this side."""
        self._loaders[side].load(roots)

    def load_folders(self, folders: Sequence[Path], side: Side, marker: Marker | None = None, without: Set[str] = frozenset()) -> None:
        """Load these add-ons. marker: names the one being loaded, should it end the process. without: ids that are left out."""
        self._loaders[side].marker = marker
        self._loaders[side].load_folders(folders, without)

    def loader(self, side: Side) -> Loader:
        """What loads, and unloads, for that side."""
        return self._loaders[side]

    def load_folder(self, folder: Path, side: Side) -> None:
        """Load one add-on if it has a module for this side; a failure is recorded."""
        self._loaders[side].load_folder(folder)

    def not_loaded(self) -> tuple[str, ...]:
        """The add-ons that could not be loaded, each with what it raised."""
        return tuple(line for loader in self._loaders.values() for line in loader.not_loaded())

    def manifest(self, extension: str) -> Manifest | None:
        """Of a loaded add-on; None for one that was registered by hand."""
        return next((found for loader in self._loaders.values() if (found := loader.manifests.get(extension))), None)

    # web

    def prepare(self, request: GenerationRequest) -> GenerationRequest:
        """The request after every add-on's `prepare`."""
        return self.chain("prepare", "request", BaseRequest, request)  # type: ignore[return-value]

    def complete(self, text: str) -> list[Completion]:
        """What every add-on offers as a way on from the end of a text."""
        return [answer.value for answer in self.collect("complete", Completion, text=text)]

    # worker

    def denoise_step(self, context: Any) -> None:
        """Tell every add-on about one denoising step."""
        self.notify("denoise_step", context=context)

    def patches(self) -> bool:
        """Whether any add-on changes models."""
        return self.has("patch_model")

    def patched(self, model: Any, request: ResolvedRequest) -> AbstractContextManager[None]:
        """The model as add-ons change it, for the block."""
        return self.entered("patch_model", model=model, request=request)

    def latents_ready(self, latents: Any, context: Any) -> Any:
        """The latents after every add-on's `latents_ready`; those of another shape or kind are a fault."""
        return self.chain("latents_ready", "latents", _like(latents), latents, context=context)

    def offered(self, hook: str, name: str) -> Offer:
        """What an add-on offers by that name. Raises InvalidRequest where it isn't there."""
        return self.offers.find(hook, name)

    def told(self) -> list[Note]:
        """The faults since the last call, for the user, each once."""
        faults = {str(fault): fault for fault in self.take_faults()}
        return [Note(text, asdict(fault)) for text, fault in faults.items()]

    def image_ready(self, image: Image, context: Any) -> Image:
        """The picture after every add-on's `image_ready`."""
        return self.chain("image_ready", "image", Image, image, context=context)


def _like(tensor: Any) -> Callable[[Any], bool]:
    """Whether something can stand in for a tensor. (Nothing here knows torch.)"""
    return lambda other: type(other) is type(tensor) and getattr(other, "shape", None) == tensor.shape
