"""How alike two pictures are, in the two measures that papers about upscaling give."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from training.pictures import Pixels


def psnr(one: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio over all channels in dB; infinite for equal pictures."""
    error = float(np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2))
    return 10 * math.log10(255**2 / error) if error else math.inf


def ssim(one: Pixels, other: Pixels) -> float:
    """Structural similarity, the mean over all channels: 1 for equal pictures (Wang et al. 2004; Gaussian window of 11, sigma 1.5)."""
    a, b = (each.astype(np.float64) for each in (one, other))
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a, variance_b = _windowed(a * a) - mean_a**2, _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    alike = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
    return float(alike[5:-5, 5:-5].mean())


def _windowed(values: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(values, (1.5, 1.5, 0), truncate=3.5)
