"""What requests can name: the models that are here, Easel's own ways of doing something, and those of add-ons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from webui.catalog.adapters import CONTROL_FAMILIES, control_models, knows_network, vae_choices, what_lacks
from webui.catalog.checkpoints import Checkpoint, CheckpointCatalog, Example
from webui.catalog.finishing import has_step_models
from webui.catalog.models import ModelFile
from webui.catalog.upscalers import upscaler_choices
from webui.extensions.named import preprocessor_of
from webui.extensions.registry import ExtensionRegistry
from webui.generation.samplers import SAMPLERS, SCHEDULE_LABELS, Sampler
from webui.pictures.preprocessors import PREPROCESSORS, Preprocessor
from webui.settings import Settings
from webui.studio.field_presets import WhatIsHere


class Choices:
    """Looked up at each question, so files and add-ons that come and go are seen. May be called from any thread."""

    def __init__(self, catalog: CheckpointCatalog, extensions: ExtensionRegistry, settings: Callable[[], Settings]) -> None:
        self._catalog = catalog
        self._extensions = extensions
        self._settings = settings

    def vae_names(self) -> list[str]:
        """What the field `vae` can be: automatic, none, and each VAE that was found."""
        return vae_choices(self._catalog.models)

    def control_models(self, checkpoint: str) -> list[ModelFile]:
        """The models that steer that checkpoint (empty: the one in use). Raises InvalidRequest or CheckpointUnusable."""
        family = self._catalog.find(checkpoint).kind.family
        return control_models(self._catalog.models, family) if family in CONTROL_FAMILIES | {""} else []

    def lacking(self, model: ModelFile) -> str:
        """What a model of a control needs that is not here, and what to do about it; empty when it can be used."""
        return str(what_lacks(self._catalog.models, model) or "")

    def upscalers(self, *, latent: bool) -> list[str]:
        """What enlarges, by name: built-in ones, then models, then add-ons'. latent: those on latents, too, which hires alone has."""
        return [*upscaler_choices(self._catalog.models, latent=latent), *self._extensions.offers.names("upscalers")]

    def samplers(self) -> list[Sampler]:
        """Easel's own, then those of add-ons."""
        offered = self._extensions.offers.all("samplers")
        return [*SAMPLERS, *(Sampler(offer.name, (), str(offer.value.default_schedule)) for offer in offered)]

    def schedules(self) -> list[str]:
        """Labels of Easel's own, Automatic first, then those of add-ons."""
        return [*SCHEDULE_LABELS, *self._extensions.offers.names("schedules")]

    def preprocessors(self) -> list[Preprocessor]:
        """Easel's own, then those of add-ons, whose names are their labels."""
        offered = self._extensions.offers.all("preprocessors")
        return [*PREPROCESSORS, *(preprocessor_of(offer) for offer in offered)]

    def examples(self) -> list[Example]:
        """Pictures that the checkpoints are known to draw, for the first visit; made as a page that picks the checkpoint makes them."""
        return [
            replace(example, request=example.request.model_copy(update=self.usual_of(checkpoint)))
            for checkpoint in self._catalog.all()
            if checkpoint.usable
            for example in checkpoint.examples
        ]

    def usual_of(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """What goes into the fields of a page beside the checkpoint's defaults, which come first; no chain whose models aren't here."""
        if not self._settings().usual_finishing:
            return {}
        return {
            name: value
            for name, value in checkpoint.usual.items()
            if name not in checkpoint.defaults and (name != "finishing" or has_step_models(self._catalog.models, value))
        }

    def what_presets_name(self) -> WhatIsHere:
        """The models that are here, by the fields that may name them."""
        checkpoints = [entry.name for entry in self._catalog.all() if entry.usable]
        upscalers = self.upscalers(latent=True)
        names = {"checkpoint": checkpoints, "hires_checkpoint": checkpoints, "refiner": checkpoints}
        names |= {"vae": self.vae_names(), "hires_upscaler": upscalers, "tiled_upscaler": upscalers}
        return WhatIsHere(names, lambda name: bool(knows_network(self._catalog.models, "lora", name)))
