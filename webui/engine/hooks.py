"""Where add-ons reach into the engine. The registry (webui.extensions) stands behind this seam and isolates faults."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from webui.errors import InvalidRequest

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from webui.engine.context import DenoiseContext
    from webui.extensions.named import Offer
    from webui.generation.events import Note
    from webui.generation.request import ResolvedRequest


class EngineHooks(Protocol):
    """The moments of a picture that add-ons may take part in."""

    def patches(self) -> bool:
        """Whether anybody changes models."""
        ...

    def patched(self, model: Any, request: ResolvedRequest) -> AbstractContextManager[None]:
        """Around the drawing of a pass: the model (`webui.engine.patching.PatchableModel`) as add-ons change it."""
        ...

    def denoise_step(self, context: DenoiseContext) -> None:
        """Called once in each step, after the denoiser and before the sampler uses `context.denoised`."""
        ...

    def latents_ready(self, latents: torch.Tensor, context: DenoiseContext) -> torch.Tensor:
        """Called with the finished latents of a pass; returns those to decode, of the same shape."""
        ...

    def image_ready(self, image: Image.Image, context: DenoiseContext) -> Image.Image:
        """Called with each finished picture (RGB); returns the picture to keep."""
        ...

    def offered(self, hook: str, name: str) -> Offer:
        """What an add-on offers by that name ("samplers", "ada/Plain Euler"). Raises InvalidRequest where it isn't there."""
        ...

    def told(self) -> list[Note]:
        """What the user should know (an add-on that failed) since the last call."""
        ...

    def took(self) -> dict[str, float]:
        """Seconds spent in each add-on since the last call."""
        ...


class NoHooks:
    """No add-ons: every moment passes unchanged."""

    def patches(self) -> bool:
        """Nobody does."""
        return False

    def patched(self, model: Any, request: ResolvedRequest) -> AbstractContextManager[None]:
        """The model as it is."""
        return nullcontext()

    def denoise_step(self, context: DenoiseContext) -> None:
        """Leave the step as it is."""

    def latents_ready(self, latents: torch.Tensor, context: DenoiseContext) -> torch.Tensor:
        """Keep the latents as they are."""
        return latents

    def image_ready(self, image: Image.Image, context: DenoiseContext) -> Image.Image:
        """Keep the picture as it is."""
        return image

    def offered(self, hook: str, name: str) -> Offer:
        """There is none."""
        raise InvalidRequest(f"No add-on offers {name[:120]!r} here.", hint="Switch it on, or choose another one.", code="add_on_missing")

    def told(self) -> list[Note]:
        """Nothing to say."""
        return []

    def took(self) -> dict[str, float]:
        """None."""
        return {}
