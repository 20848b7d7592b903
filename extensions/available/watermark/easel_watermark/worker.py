"""Draws the words."""

from typing import Any

from PIL import Image, ImageDraw, ImageFont

from webui.extensions import hookimpl


@hookimpl
def image_ready(image: Image.Image, context: Any) -> Image.Image | None:
    """The picture with the words in its lower right corner."""
    values = context.request.extensions.get("watermark", {})
    words = str(values.get("words", "")).strip()
    if not words:
        return None
    height = max(8, round(image.height * float(values.get("size", 3)) / 100))
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    place = (image.width - height // 2, image.height - height // 2)
    font = ImageFont.load_default(height)
    draw.text(place, words, fill="white", font=font, anchor="rs", stroke_width=max(1, height // 12), stroke_fill="black")
    return marked
