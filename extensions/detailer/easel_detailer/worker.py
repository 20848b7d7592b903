"""With each finished picture: what was found is drawn again, larger, and put back."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from PIL import Image

from easel_detailer import asked as asking
from easel_detailer.asked import PAINTED, Asked, asked_of, find_detector
from easel_detailer.finding import chosen, drawn_size, mask_of
from easel_detailer.models import Find, load
from webui.extensions import Detector, Found, hookimpl


@functools.lru_cache(maxsize=2)
def _loaded(path: Path, changed: int) -> Find:
    return load(path)


def finder(path: Path) -> Find:
    """What finds with a detector; kept until two others were used, read again where its file changed."""
    return _loaded(path, (path / "config.json" if path.is_dir() else path).stat().st_mtime_ns)


@hookimpl
def detectors() -> list[Detector]:
    """Its detectors, for other add-ons."""
    return [Detector(name, lambda picture, path=path: finder(path)(picture)) for name, path in asking.detectors().items()]


@hookimpl
def image_ready(image: Image.Image, context: Any) -> Image.Image | None:
    """The picture with its details drawn again; as it is where nothing is found, and where diffusers' own pipeline draws."""
    asked = asked_of(context.request)
    if asked is None or getattr(context, "sub_requests", None) is None:
        return None
    for number, one in enumerate(_found(image, asked, context)):
        prompt = asked.prompt_of(number, context.request.prompt)
        if prompt is not None:
            mask = mask_of(one, image.size, asked.grow)
            image = context.redraw(image, mask, **_changes(prompt, drawn_size(mask, asked.size, asked.padding), asked, context))
    return image


def _found(image: Image.Image, asked: Asked, context: Any) -> list[Found]:
    if asked.detector == PAINTED:
        if not asked.mask:
            return []
        mask = context.picture(asked.mask).convert("L").resize(image.size)
        box = mask.point([0] * 128 + [255] * 128).getbbox()
        return [] if box is None else [Found(box, 1.0, mask, PAINTED)]
    # Those of other add-ons are called "<id>/<label>"; names of files have no stroke.
    found = context.detect(asked.detector, image) if "/" in asked.detector else finder(find_detector(asked.detector))(image)
    return chosen(found, asked, image.size)


def _changes(prompt: str, size: tuple[int, int], asked: Asked, context: Any) -> dict[str, Any]:
    """What is otherwise than in the picture's own request."""
    own = context.request
    return {
        "prompt": prompt,
        "negative_prompt": asked.negative_prompt or own.negative_prompt,
        "seed": own.image_seeds[context.images[0]],
        "width": size[0],
        "height": size[1],
        "steps": asked.steps or own.steps,
        "denoising_strength": asked.strength,
        "inpaint_area": "Only masked",
        "masked_padding": asked.padding,
        "mask_blur": asked.blur,
        "masked_content": "original",
        "refiner": "None",
        "tiling": "Off",
        "extend_left": 0,
        "extend_right": 0,
        "extend_top": 0,
        "extend_bottom": 0,
    }
