"""Carries out plans for memory: where weights are, attention kernels, tiles, fewer latents at once, and what to do when it runs out."""
