"""Small copies of the pictures beside model files, made when they are first shown and kept in the cache."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

from PIL import Image

from webui.catalog.models import ModelCatalog, ModelFile
from webui.durable import write_durably
from webui.errors import NotFound

THUMBNAIL_SIDE = 480
"""Longest side in pixels."""

_FORMATS = ("PNG", "JPEG", "WEBP")


class Thumbnails:
    """Thumbnails of previews in a folder of the cache: one for each model, made anew when its preview changes. For any thread."""

    def __init__(self, models: ModelCatalog, folder: Path) -> None:
        self._models = models
        self._folder = folder

    def get(self, model: ModelFile) -> Path:
        """A WebP of at most THUMBNAIL_SIDE pixels. Raises NotFound where there is no preview that can be read."""
        path, _ = self._models.preview_path(model)
        version = hashlib.sha256(model.words_stamp.encode()).hexdigest()[:8]
        target = self._folder / model.id[:2] / f"{model.id}-{version}.webp"
        if not target.exists():
            small = _shrunk(path)
            for older in target.parent.glob(f"{model.id}-*.webp"):
                older.unlink(missing_ok=True)
            write_durably(target, small)
        return target


def _shrunk(path: Path) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                picture.draft("RGB", (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
                small = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotFound("The preview of this model can't be read.", hint=f"Look at {path.name}.") from None
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()
