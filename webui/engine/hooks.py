"""Where add-ons reach into the engine. The registry (webui.extensions) stands behind this seam and isolates faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL import Image

    from webui.engine.context import DenoiseContext


class EngineHooks(Protocol):
    """The moments of a picture that add-ons may take part in."""

    def denoise_step(self, context: DenoiseContext) -> None:
        """Called once in each step, after the denoiser and before the sampler uses `context.denoised`."""
        ...

    def image_ready(self, image: Image.Image, context: DenoiseContext) -> Image.Image:
        """Called with each finished picture (RGB); returns the picture to keep."""
        ...

    def notes(self) -> list[str]:
        """What the user should know (an add-on that failed) since the last call."""
        ...


class NoHooks:
    """No add-ons: every moment passes unchanged."""

    def denoise_step(self, context: DenoiseContext) -> None:
        """Leave the step as it is."""

    def image_ready(self, image: Image.Image, context: DenoiseContext) -> Image.Image:
        """Keep the picture as it is."""
        return image

    def notes(self) -> list[str]:
        """Nothing to say."""
        return []
