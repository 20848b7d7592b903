"""Which part of a picture is its subject, as a model sees it."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from webui.engine.subject_network import SubjectNetwork

_SIDE, _SIDE_HALVED = 320, 1024
"""Pixels of the square at which a U²-Net, and an IS-Net, looks at a picture: those that they were trained with."""

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, by which a U²-Net measures."""


@torch.no_grad()
def find_subject(picture: Image.Image, network: SubjectNetwork) -> Image.Image:
    """Mode L, of the picture's size (RGB): 255 where it is the subject, 0 where it isn't, its share in between.

    As the published models are used: looked at as a square, the answer stretched from 0 to 1 where it isn't one and the same.
    """
    side = _SIDE_HALVED if network.halves else _SIDE
    seen = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR), np.float32) / 255
    if network.halves:
        seen -= 0.5
    else:
        seen = (seen / max(float(seen.max()), 1 / 255) - _MEAN) / _DEVIATION
    weight = next(network.parameters())
    pixels = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1), np.float32))[None].to(weight.device, weight.dtype)
    share = network(pixels)[0, 0].float()
    least, most = share.aminmax()
    share = (share - least) / (most - least) if most > least else share
    answer = Image.fromarray((share * 255).round().to(torch.uint8).cpu().numpy())
    return answer.resize(picture.size, Image.Resampling.BILINEAR)
