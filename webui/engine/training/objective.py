"""What a step wants: that the U-Net tells noise (or velocity) from a noisy picture, each noise level weighed by its worth."""

from __future__ import annotations

import math

import torch

from webui.engine.families.base import Conditioning
from webui.engine.families.sd import PREDICTIONS, UNetModel


def predicts_v(family: UNetModel) -> bool:
    """Whether its U-Net predicts velocity; else it predicts noise."""
    return family.x0 is PREDICTIONS["v_prediction"]


def weights_of(signal: torch.Tensor, gamma: float, *, velocity: bool) -> torch.Tensor:
    """How much each picture's loss counts, (batch,), from alpha-bar, (batch,).

    Min-SNR weighting: Hang et al. 2023 (arXiv:2303.09556), for losses of noise and of velocity. gamma: 0 counts all alike.
    """
    if not gamma:
        return torch.ones_like(signal)
    snr = signal / (1 - signal)
    return snr.clamp(max=gamma) / (snr + 1) if velocity else (gamma / snr).clamp(max=1.0)


def losses_of(
    family: UNetModel, latents: torch.Tensor, conditioning: Conditioning, places: torch.Tensor, noise: torch.Tensor, gamma: float
) -> torch.Tensor:
    """Loss of each picture, (batch,) fp32 with gradients.

    latents, noise: (batch, channels, h, w) fp32 on the device. places: (batch,) whole numbers, the noise levels' places among the model's.
    """
    levels = torch.from_numpy(family.sigmas.levels).to(torch.float64)[places]
    signal = (1 / (levels**2 + 1)).float().to(latents.device)
    kept, spread = signal.sqrt().reshape(-1, 1, 1, 1), (1 - signal).sqrt().reshape(-1, 1, 1, 1)
    noisy = kept * latents + spread * noise
    velocity = predicts_v(family)
    wanted = kept * noise - spread * latents if velocity else noise
    said = family.unet(
        noisy.to(family.dtype, memory_format=family.device.denoiser_format),
        places.to(latents.device, torch.float32),
        encoder_hidden_states=conditioning.tokens,
        added_cond_kwargs=family.added(latents, conditioning),
        return_dict=False,
    )[0]
    each = (said.float() - wanted).square().mean(dim=(1, 2, 3))
    return each * weights_of(signal, gamma, velocity=velocity)


def rate_at(step: int, steps: int, schedule: str, warmup: int) -> float:
    """What the learning rate is multiplied by in a step, from 0: rises over the warmup, then as the schedule says."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    match schedule:
        case "cosine":
            return (1 + math.cos(math.pi * done)) / 2
        case "linear":
            return 1 - done
        case _:
            return 1.0
