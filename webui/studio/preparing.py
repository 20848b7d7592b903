"""From what is asked to the job that will run: completed by the checkpoint's defaults, worded by styles and add-ons, resolved."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any, Self

from webui.catalog.adapters import find_adapters
from webui.catalog.checkpoints import Checkpoint, CheckpointCatalog
from webui.catalog.finishing import find_step_models
from webui.catalog.upscalers import UPSCALER, find_upscaler_model
from webui.errors import EaselError, InvalidRequest
from webui.extensions.registry import ExtensionRegistry
from webui.generation.adapters import NO_ADAPTERS
from webui.generation.images import images_of
from webui.generation.request import (
    DrawnRequest,
    GenerationRequest,
    Inpaint,
    PictureFromPicture,
    ResolvedDrawn,
    ResolvedRequest,
    ResolvedUpscale,
    Upscale,
    parse_request,
    upscaler_model_of,
)
from webui.generation.resolve import CheckpointIdentity, UpscalerIdentity, resolve, resolve_upscale
from webui.generation.stock_pipelines import notes_for
from webui.people import HOUSEHOLD, Person
from webui.pictures.decoding import read_upright, upright_size
from webui.pictures.masking import as_mask, check_mask, check_region
from webui.settings import Settings
from webui.studio import reading
from webui.studio.image_store import ImageStore
from webui.studio.journal import NewJob
from webui.studio.line import NORMAL_PRIORITY
from webui.studio.offered_names import with_offers
from webui.studio.origin import Origin
from webui.studio.style_book import StyleBook
from webui.studio.whose import Whose


class Preparer:
    """Prepares requests of everybody, or of one person (`of`). May be called from any thread.

    checked: a request whose values for add-ons are as these declare them. settings: those in force.
    """

    def __init__(
        self,
        catalog: CheckpointCatalog,
        images: ImageStore,
        styles: StyleBook,
        extensions: ExtensionRegistry,
        checked: Callable[[GenerationRequest], GenerationRequest],
        settings: Callable[[], Settings],
        rng: random.Random,
    ) -> None:
        self._catalog = catalog
        self._images = images
        self._styles = styles
        self._extensions = extensions
        self._checked = checked
        self._settings = settings
        self._rng = rng
        self._person = HOUSEHOLD

    def of(self, person: Person) -> Self:
        """The same for somebody, whose pictures alone can be started from. Cheap."""
        view = copy.copy(self)
        view._person, view._images = person, self._images.of(Whose(person.id))
        return view

    def complete(self, fields: Any) -> GenerationRequest:
        """A request from untrusted fields; those left out are the checkpoint's own defaults, then the declared ones.

        Raises InvalidRequest or CheckpointUnusable.
        """
        asked = parse_request(fields)
        if isinstance(asked, Upscale):
            return asked
        given = {name: getattr(asked, name) for name in asked.model_fields_set}
        known = type(asked).model_fields
        defaults = {name: value for name, value in self._catalog.find(asked.checkpoint).defaults.items() if name in known}
        return parse_request({**defaults, **given})

    def prepared(self, request: GenerationRequest, *, film: bool | None = None, **how: Any) -> NewJob:
        """A job for a request. film: whether a view of each step is kept; None: as the setting says. how: other fields of the job.

        Raises InvalidRequest or CheckpointUnusable.
        """
        film = self._settings().film if film is None else film
        prepared = self.worded(request)
        # What failed elsewhere (a page, a callback) is no matter of this job.
        notes = tuple(dict.fromkeys(str(fault) for fault in self._extensions.take_faults("prepare")))
        for field, digest in images_of(request):
            self._images.require(digest, field)
        resolved, told = self.resolved(prepared)
        lane = self.lane(how.get("priority", NORMAL_PRIORITY))
        return NewJob(asked=request, resolved=resolved, notes=(*notes, *told), film=film, lane=lane, **how)

    def lane(self, priority: int) -> int:
        """What a priority raises among others' jobs: an administrator's word counts there."""
        return priority if self._person.is_admin else 0

    def worded(self, request: GenerationRequest) -> GenerationRequest:
        """A request with the words of its styles, and as add-ons want it. Raises InvalidRequest for values that an add-on can't use."""
        request = self._checked(request)
        return self._extensions.prepare(request if isinstance(request, Upscale) else self._styles.apply(request))

    def prepared_again(self, request: GenerationRequest, origin: Origin) -> NewJob:
        """A job for a request that was resolved before: styles and add-ons have had their say."""
        resolved, told = self.resolved(request)
        return NewJob(asked=request, resolved=resolved, notes=told, origin=origin)

    def resolved(self, prepared: GenerationRequest) -> tuple[ResolvedRequest, tuple[str, ...]]:
        """A request as it will run, and what its maker should know."""
        prepared = with_offers(prepared, self._extensions.offers, self._upscaler_called)
        prepared = prepared.model_copy(update={"finishing": find_step_models(self._catalog.models, prepared.finishing)})
        for field, digest in images_of(prepared):
            self._images.require(digest, field)
        return (self.upscale(prepared), ()) if isinstance(prepared, Upscale) else self._drawn(prepared)

    def upscale(self, prepared: Upscale) -> ResolvedUpscale:
        """An upscale as it will run."""
        path = self._images.require(prepared.init_image, "init_image")
        return resolve_upscale(prepared, upright_size(path), reading.infotext_of(path.read_bytes()))

    def _drawn(self, prepared: DrawnRequest) -> tuple[ResolvedDrawn, tuple[str, ...]]:
        """A request as it will be drawn, and what its maker should know."""
        checkpoint = self._catalog.find(prepared.checkpoint)
        identity = self._identity(checkpoint)
        if checkpoint.pipeline:
            adapters, told = NO_ADAPTERS, notes_for(prepared, checkpoint.pipeline)
            hires = refiner = upscaler = None
        else:
            adapters, told = find_adapters(self._catalog.models, prepared, checkpoint)
            hires = self._further("hires_checkpoint", prepared.other_hires_checkpoint)
            refiner = self._further("refiner", prepared.other_refiner)
            upscaler = self._upscaler_model(prepared)
        self._check_regions(prepared)
        return resolve(prepared, identity, self._rng, adapters, hires, refiner, self._source_size(prepared), upscaler), told

    def _source_size(self, request: GenerationRequest) -> tuple[int, int] | None:
        """Width and height of the picture that it starts from. Raises InvalidRequest for a mask that doesn't fit it, or masks nothing."""
        if not isinstance(request, PictureFromPicture):
            return None
        size = upright_size(self._images.require(request.init_image, "init_image"))
        if isinstance(request, Inpaint) and request.mask:
            mask = as_mask(read_upright(self._images.require(request.mask, "mask"), request.mask))
            check_mask(mask, size, inverted=request.inverted)
        return size

    def _check_regions(self, request: DrawnRequest) -> None:
        """Raises InvalidRequest for a region that is nowhere, and where regions can't be drawn."""
        if request.regions and isinstance(request, Inpaint) and any(request.extends):
            hint = "Extend the picture first and draw the regions then, or leave them out."
            raise InvalidRequest("A picture can't be extended and have regions at once.", field="regions", hint=hint)
        for number, region in enumerate(request.regions):
            field = f"regions[{number}].mask"
            check_region(as_mask(read_upright(self._images.require(region.mask, field), region.mask)), field)

    def _identity(self, checkpoint: Checkpoint) -> CheckpointIdentity:
        return CheckpointIdentity(checkpoint.name, self._catalog.content_hash(checkpoint), checkpoint.pipeline)

    def _upscaler_model(self, request: DrawnRequest) -> UpscalerIdentity | None:
        """The model that enlarges before something is drawn, where one does. Raises as `find_upscaler_model` does."""
        wanted = upscaler_model_of(request)
        if wanted is None:
            return None
        field, name = wanted
        model = find_upscaler_model(self._catalog.models, name, field)
        return UpscalerIdentity(model.name, self._catalog.models.short_hash(model), field)

    def _further(self, field: str, name: str | None) -> CheckpointIdentity | None:
        """A checkpoint that a field of a request names beside the first one. Raises as CheckpointCatalog.find does, of that field."""
        if name is None:
            return None
        try:
            checkpoint = self._catalog.find(name)
        except EaselError as problem:
            problem.field = field
            raise
        if checkpoint.pipeline:
            raise InvalidRequest(
                f"{checkpoint.name} is drawn by diffusers' own {checkpoint.pipeline}, which can't go on with another one's picture.",
                field=field,
                hint="Pick another checkpoint for this.",
            )
        return self._identity(checkpoint)

    def _upscaler_called(self, name: str) -> str | None:
        model = self._catalog.models.find(name, frozenset((UPSCALER,)))
        return None if model is None else model.name
