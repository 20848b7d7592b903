"""Sub-requests: pictures that an add-on has drawn while another one is made, in the same job and by the same checkpoint."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from webui.errors import GenerationFailed, NotFound
from webui.extensions.offers import Found
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedDrawn, ResolvedImg2Img, ResolvedInpaint, ResolvedTxt2Img, parse_resolved
from webui.pictures.decoding import read_upright

MOST_SUB_REQUESTS = 64
"""Of one picture."""

_OWN = {"kind", "batch_count", "batch_size", "extensions", "finishing", "regions", "controls", "loops", "hires", "styles"}
_KINDS: dict[str, type[Any]] = {"txt2img": ResolvedTxt2Img, "img2img": ResolvedImg2Img, "inpaint": ResolvedInpaint}


@dataclass
class SubRequests:
    """Draws them for one picture, and remembers what was asked for. draw: a job of one picture -> that picture (RGB).

    find: a detector's name and a picture (RGB) -> what it finds.
    """

    job: JobSpec
    draw: Callable[[JobSpec], Image.Image]
    find: Callable[[str, Image.Image], list[Found]]
    made: list[dict[str, Any]] = field(default_factory=list)
    _files: dict[str, str] = field(default_factory=dict)
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def generate(self, request: ResolvedDrawn) -> Image.Image:
        """The first picture of a resolved request (RGB). Raises what drawing raises, and GenerationFailed beyond the limit."""
        if len(self.made) >= MOST_SUB_REQUESTS:
            raise GenerationFailed(f"An add-on drew {MOST_SUB_REQUESTS} pictures for one.", hint="Switch it off, or let it find less.")
        alone = parse_resolved({**request.model_dump(), "batch_count": 1, "batch_size": 1, "finishing": ()})
        paths = {**self.job.image_paths, **self._files}
        picture = self.draw(replace(self.job, request=alone, images=(0,), image_paths=paths, finishing=(), film=False))
        self.made.append(alone.model_dump(mode="json", exclude_defaults=True))
        return picture

    def redraw(self, picture: Image.Image, mask: Image.Image | None = None, **fields: Any) -> Image.Image:
        """A picture drawn on: all of it, or what is white in `mask`; by the job's own request, with other values for these fields."""
        kind = "img2img" if mask is None else "inpaint"
        known = set(_KINDS[kind].model_fields)
        own = {name: value for name, value in self.job.drawn.model_dump().items() if name in known and name not in _OWN}
        given: Mapping[str, Any] = {"init_image": self._stored(picture), "init_name": ""}
        if mask is not None:
            given = {**given, "mask": self._stored(mask), "picture_width": picture.width, "picture_height": picture.height}
        request = parse_resolved({**own, **given, "kind": kind, **fields})
        return self.generate(request)  # type: ignore[arg-type]

    def picture(self, digest: str) -> Image.Image:
        """A picture that the job's request refers to, by its content hash. Raises NotFound, or InvalidRequest where it can't be read."""
        path = self.job.image_paths.get(digest)
        if path is None:
            raise NotFound(f"The request has no picture {digest[:10]}.", hint="Put it in again.")
        return read_upright(Path(path), digest)

    def _stored(self, picture: Image.Image) -> str:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        if digest not in self._files:
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="easel-sub-")
            path = Path(self._folder.name) / f"{digest}.png"
            path.write_bytes(buffer.getvalue())
            self._files[digest] = str(path)
        return digest

    def close(self) -> None:
        """Let go of the files."""
        if self._folder is not None:
            self._folder.cleanup()
