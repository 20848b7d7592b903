"""How the hires pass gets its larger picture: to which size, and by which way of enlarging."""

from __future__ import annotations

from dataclasses import dataclass

from webui.generation.offered import add_on_of

LANCZOS = "Lanczos"
NO_UPSCALER = "None"
LATENT_PIXELS = 8
"""Pixels of a picture's side for one latent, in all families."""


@dataclass(frozen=True)
class Upscaler:
    """One way to enlarge. mode: the filter. latent: on latents (torch's name of it); else on pixels (Pillow's name), through the VAE.

    antialias: of the filter, which matters for latents alone. offered: it is an add-on's, whose function has no filter.
    """

    label: str
    mode: str
    latent: bool = False
    antialias: bool = False
    aliases: tuple[str, ...] = ()
    offered: bool = False


UPSCALERS: tuple[Upscaler, ...] = (
    Upscaler("Latent", "bilinear", latent=True),
    Upscaler("Latent (antialiased)", "bilinear", latent=True, antialias=True),
    Upscaler("Latent (bicubic)", "bicubic", latent=True),
    Upscaler("Latent (bicubic antialiased)", "bicubic", latent=True, antialias=True),
    Upscaler("Latent (nearest)", "nearest", latent=True),
    Upscaler("Latent (nearest-exact)", "nearest-exact", latent=True),
    # "None" is AUTOMATIC1111's name for no upscaler of its own, where the picture is then resized by Lanczos.
    Upscaler(LANCZOS, "LANCZOS", aliases=(NO_UPSCALER,)),
    Upscaler("Nearest", "NEAREST"),
    Upscaler("Bicubic", "BICUBIC"),
)
"""AUTOMATIC1111's, with its labels and in its order, which clients count by; and Bicubic."""

UPSCALER_LABELS = tuple(upscaler.label for upscaler in UPSCALERS)
PIXEL_UPSCALER_LABELS = tuple(upscaler.label for upscaler in UPSCALERS if not upscaler.latent)


def known_upscaler(name: str) -> Upscaler | None:
    """The built-in upscaler of that label or alias, or what an add-on's name stands for; None where a model must be meant."""
    wanted = name.strip().casefold()
    built_in = next((one for one in UPSCALERS if wanted in (one.label.casefold(), *(alias.casefold() for alias in one.aliases))), None)
    return Upscaler(name.strip(), "", offered=True) if built_in is None and add_on_of(name) else built_in


def upscaler_label(name: str) -> str:
    """How an upscaler is called: a built-in one by its label, a model or an add-on's as it was written."""
    known = known_upscaler(name)
    return name.strip() if known is None else known.label


@dataclass(frozen=True)
class Enlargement:
    """From one size to another, in pixels. cover: the whole picture enlarged; size: what is left of it after cutting evenly."""

    cover: tuple[int, int]
    size: tuple[int, int]

    @property
    def latents(self) -> tuple[int, int]:
        """Width and height of the whole, in latents."""
        return self.cover[0] // LATENT_PIXELS, self.cover[1] // LATENT_PIXELS

    @property
    def cut(self) -> tuple[int, int, int, int]:
        """Which of these latents are kept: left, top, right, bottom; of an odd number cut away the larger half is at the end."""
        (width, height), (kept_width, kept_height) = self.latents, (side // LATENT_PIXELS for side in self.size)
        left, top = (width - kept_width) // 2, (height - kept_height) // 2
        return left, top, left + kept_width, top + kept_height


def enlargement(width: int, height: int, scale: float, wanted: tuple[int, int] = (0, 0)) -> Enlargement:
    """How a picture of width x height is enlarged, by AUTOMATIC1111's rules.

    wanted: width and height in pixels; with one of them 0 it follows from the picture's ratio; with both 0 `scale` counts.
    With neither 0 the picture is enlarged to cover that size, and what stands over is cut off at both sides.
    """
    to_width, to_height = wanted
    if not to_width and not to_height:
        cover = int(width * scale), int(height * scale)
    elif not to_height or (to_width and width * to_height < to_width * height):
        cover = to_width, to_width * height // width
    else:
        cover = to_height * width // height, to_height
    # A very long picture made small keeps a latent of its short side.
    cover = max(cover[0], LATENT_PIXELS), max(cover[1], LATENT_PIXELS)
    # Something is cut only where both were asked for; in whole latents, as the cut is made on them.
    both = bool(to_width and to_height)
    over = [max(side - asked, 0) // LATENT_PIXELS if both else 0 for side, asked in zip(cover, wanted, strict=True)]
    columns, rows = (max(side // LATENT_PIXELS - gone, 1) for side, gone in zip(cover, over, strict=True))
    return Enlargement(cover, (columns * LATENT_PIXELS, rows * LATENT_PIXELS))
