"""Prints one table: PSNR and SSIM of the shipped upscaler beside Lanczos and bicubic, on pictures that no training has seen.

    python -m training.measure_upscaler [--folder FOLDER] [--model FILE] [--each 32]

The pictures are the held-out emoji (5 % by the hash of their code points) in three styles, each on a ground of a named colour, made four
times smaller in one way a row: by area, bicubically, and as the shipped checkpoint's VAE draws them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from spandrel import ImageModelDescriptor, ModelLoader

from training.packages import FOLDER
from training.pictures import FLAT, MODERN, THREE_D, Pixels, Style, composed, draw, drawings, read_emoji
from training.quality import psnr, ssim
from training.upscaler import NATIVE, OUT, SCALE, VAE, vae_drawn, vae_from
from webui.engine.device import use_threads

Enlarge = Callable[[Pixels], Pixels]

STYLES: tuple[tuple[Style, int], ...] = ((THREE_D, 256), (MODERN, SCALE * NATIVE), (FLAT, SCALE * NATIVE))
"""Styles, and the side in pixels of the pictures that are to come back."""


def by_pillow(filter_: Image.Resampling) -> Enlarge:
    """Enlarging by one of Pillow's filters."""
    return lambda small: np.asarray(Image.fromarray(small).resize((small.shape[1] * SCALE, small.shape[0] * SCALE), filter_))


def by_model(path: Path) -> Enlarge:
    """Enlarging by a model file that spandrel reads."""
    model = ModelLoader("cpu").load_from_file(path)
    assert isinstance(model, ImageModelDescriptor)

    @torch.no_grad()
    def enlarge(small: Pixels) -> Pixels:
        seen = torch.from_numpy(small.copy()).permute(2, 0, 1)[None].float() / 255
        return np.asarray((model.eval()(seen)[0] * 255).round().clamp(0, 255).permute(1, 2, 0).byte())

    return enlarge


def held_out(folder: Path, each: int) -> list[Image.Image]:
    """So many held-out emoji in each style on a ground of a named colour, the same ones each time."""
    random = Random(1)
    emoji = [one for one in read_emoji(folder) if one.held_out]
    chosen = [(drawing, size) for style, size in STYLES for drawing in list(drawings(style, emoji, folder).values())[:each]]
    return [composed(draw(drawing, size), size, random) for drawing, size in chosen]


def measured(pictures: list[Image.Image], smaller: Callable[[Image.Image], Pixels], enlarge: Enlarge) -> tuple[float, float]:
    """Mean PSNR in dB and mean SSIM."""
    pairs = [(np.asarray(picture), enlarge(smaller(picture))) for picture in pictures]
    return float(np.mean([psnr(*pair) for pair in pairs])), float(np.mean([ssim(*pair) for pair in pairs]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages are kept")
    parser.add_argument("--model", type=Path, default=OUT)
    parser.add_argument("--each", type=int, default=32, help="how many emoji of each style, at most")
    given = parser.parse_args()
    use_threads(1)
    vae, pictures = vae_from(VAE), held_out(given.folder, given.each)
    resized = lambda filter_: lambda large: np.asarray(large.resize((large.width // SCALE, large.height // SCALE), filter_))  # noqa: E731
    ways: Mapping[str, tuple[list[Image.Image], Callable[[Image.Image], Pixels]]] = {
        "by area": (pictures, resized(Image.Resampling.BOX)),
        "bicubically": (pictures, resized(Image.Resampling.BICUBIC)),
        "drawn by the VAE": ([one for one in pictures if one.width == SCALE * NATIVE], lambda large: vae_drawn(large, vae)),
    }
    enlarging = {
        "Bicubic": by_pillow(Image.Resampling.BICUBIC),
        "Lanczos": by_pillow(Image.Resampling.LANCZOS),
        given.model.stem: by_model(given.model),
    }
    print(f"{'made smaller':18}{'pictures':>9}" + "".join(f"{name:>22}" for name in enlarging))
    for way, (some, smaller) in ways.items():
        row = [measured(some, smaller, enlarge) for enlarge in enlarging.values()]
        print(f"{way:18}{len(some):>9}" + "".join(f"{f'{ratio:.2f} dB   {alike:.4f}':>22}" for ratio, alike in row), flush=True)


if __name__ == "__main__":
    main()
