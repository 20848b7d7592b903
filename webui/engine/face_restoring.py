"""A face restorer at work on one face."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from webui.engine.loading.face_restorer import FaceRestorer
from webui.engine.memory.exhaustion import OutOfMemory, is_out_of_memory
from webui.errors import GenerationFailed


def restored_face(face: Image.Image, restorer: FaceRestorer, weight: float) -> Image.Image:
    """What the restorer makes of a face (RGB, 512x512, upright): the same size. weight: CodeFormer's, 0 to 1.

    Raises GenerationFailed for NaN, OutOfMemory where memory doesn't suffice.
    """
    place = next(restorer.module.parameters())
    seen = torch.from_numpy(np.array(face)).permute(2, 0, 1)[None].to(place.device, place.dtype) / 127.5 - 1
    try:
        with torch.inference_mode():
            made = restorer.asked(seen, weight)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        words = "There was not enough memory for this face restorer."
        raise OutOfMemory(words, hint="End other programs, or choose another restorer.") from error.with_traceback(None)
    if made.isnan().any():
        words = f"The face restorer {restorer.name} produced numbers that make no picture (NaN)."
        raise GenerationFailed(words, code="model_produced_nan", hint="Its file may be damaged: download it again, or choose another one.")
    pixels = (made[0].float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())
