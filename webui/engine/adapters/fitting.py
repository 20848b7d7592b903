"""What a job puts on its checkpoint: LoRAs, embeddings and controls, fitted once, put on for each stage that they matter to."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from webui.engine.adapters.controls import ControlSet, fit_controls
from webui.engine.adapters.embeddings import Embeddings, EmbeddingSet
from webui.engine.adapters.lora import DENOISER, Loras, LoraSet
from webui.engine.adapters.picture_prompts import LoadBeside, PicturePrompts
from webui.engine.context import DenoiseContext
from webui.engine.families.base import Family
from webui.engine.hooks import EngineHooks, NoHooks
from webui.errors import AdapterUnusable, InvalidRequest, LoraDoesNotFit
from webui.generation.job import JobSpec, LoraUse
from webui.planning.peaks import DECODE, DENOISE, ENCODE


@dataclass(frozen=True)
class Adapters:
    """LoRAs, embeddings and controls that fit a checkpoint; it is unchanged until they are put on."""

    loras: LoraSet
    embeddings: EmbeddingSet
    controls: ControlSet

    @property
    def text_key(self) -> Hashable:
        """What of them changes conditioning: equal keys, equal conditioning of equal texts."""
        return self.embeddings.key, tuple((part, self.loras.key(part)) for part in self._text_parts)

    def on_text_encoders(self) -> AbstractContextManager[None]:
        """LoRAs on the text encoders within the block. Embeddings are put in where text is encoded."""
        return self.loras.on(*self._text_parts)

    @contextmanager
    def on_denoiser(self, family: Family, context: DenoiseContext) -> Iterator[None]:
        """LoRAs on the denoiser, and controls that steer it, within the block."""
        with self.loras.on(DENOISER), self.controls.on(family, context):
            yield

    def bytes_made(self, number: int, *, stay: bool) -> dict[str, int]:
        """Stage -> bytes of weights that LoRAs make and that are there in it. stay: whether they are kept from stage to stage."""
        text = sum(self.loras.bytes_to_make(part, number) for part in self._text_parts)
        denoiser = self.loras.bytes_to_make(DENOISER, number)
        return {ENCODE: text, DENOISE: denoiser + text * stay, DECODE: (denoiser + text) * stay}

    @property
    def _text_parts(self) -> list[str]:
        return [part for part in self.loras.parts if part.startswith("text_encoder")]


class AdapterShelf:
    """Reads adapters and fits them to checkpoints; what was read and computed is kept for the next job."""

    def __init__(self, hooks: EngineHooks | None = None) -> None:
        """hooks: knows the preprocessors of add-ons."""
        self._hooks = hooks or NoHooks()
        self._loras = Loras()
        self._embeddings = Embeddings()
        self._pictures = PicturePrompts()

    def fit_what_fits(self, job: JobSpec, family: Family, note: Callable[[str], None], beside: LoadBeside) -> Adapters:
        """The same for a checkpoint that takes over: what is made for another family is left out, and noted."""
        fitting: list[LoraUse] = []
        for lora in job.loras:
            try:
                self._loras.fit([lora], family.modules, family.content, note)
                fitting.append(lora)
            except LoraDoesNotFit as error:
                note(f"The refiner draws without the LoRA {lora.name}: {error.message}")
        own = replace(job, loras=tuple(fitting))
        try:
            return self.fit(own, family, note, beside)
        except (AdapterUnusable, InvalidRequest) as error:
            note(f"The refiner draws without controls: {error.message}")
            without = replace(own, controls=(), request=own.request.model_copy(update={"controls": ()}))
            return self.fit(without, family, note, beside)

    def fit(self, job: JobSpec, family: Family, note: Callable[[str], None], beside: LoadBeside) -> Adapters:
        """The job's adapters. note: told what fits nothing. Raises AdapterUnusable, LoraDoesNotFit, InvalidRequest."""
        return Adapters(
            self._loras.fit(job.loras, family.modules if job.loras else {}, family.content, note),
            self._embeddings.fit(job.embeddings, family.text_encoders, note),
            fit_controls(job, family, beside, self._pictures, self._hooks),
        )
