"""What IP-Adapters make of the pictures of a request: made once for each picture, kept for the jobs to come."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

from webui.engine.adapters.ip_adapter import PicturePrompt, look, pixels_for, require_fit
from webui.engine.families.base import Family
from webui.engine.loading.component import ComponentKind, fingerprint_of
from webui.errors import AdapterUnusable, CheckpointUnusable
from webui.generation.control import ControlUnit
from webui.generation.job import ControlUse, JobSpec
from webui.pictures.decoding import read_stored
from webui.pictures.preprocessors import encoder_picture

LoadBeside = Callable[[Sequence[tuple[ComponentKind, Path]]], list[Any]]
"""Kinds and files -> modules on the device, beside the checkpoint; those of the call before are let go of."""

MOST_KEPT = 16
"""Pictures whose keys and values are kept; each takes a few megabytes."""


class PicturePrompts:
    """Keys and values by adapter, image encoder and picture, so that neither network is loaded again for the same picture."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, PicturePrompt] = OrderedDict()

    def of(self, unit: ControlUnit, use: ControlUse, field: str, job: JobSpec, family: Family, beside: LoadBeside) -> PicturePrompt:
        """What the adapter of a control makes of its picture. Raises AdapterUnusable, with that field, and InvalidRequest."""
        try:
            files = fingerprint_of(Path(use.path), Path(use.image_encoder))
            key = (files, unit.image, unit.resize_mode, family.dtype)
            if key not in self._made:
                self._made[key] = _made(unit, use, job, beside)
            require_fit(family.modules["denoiser"], self._made[key])
        except (AdapterUnusable, CheckpointUnusable) as error:
            raise AdapterUnusable(error.message, field=field, allowed=error.allowed, hint=error.hint) from None
        self._made.move_to_end(key)
        made = self._made[key]
        while len(self._made) > MOST_KEPT:
            self._made.popitem(last=False)
        return made


def _made(unit: ControlUnit, use: ControlUse, job: JobSpec, beside: LoadBeside) -> PicturePrompt:
    picture = read_stored(Path(job.image_paths[unit.image]), unit.image)
    try:
        adapter, encoder = beside([("ip_adapter", Path(use.path)), ("image_encoder", Path(use.image_encoder))])
        square = encoder_picture(picture, unit.resize_mode, encoder.config.image_size)
        return adapter.keys_and_values(look(encoder, pixels_for(square), tokens=adapter.reads_tokens))
    finally:
        # An image encoder may be larger than the U-Net that is to draw next.
        beside([])
