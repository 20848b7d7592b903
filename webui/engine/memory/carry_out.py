"""A plan, carried out for one stage of a picture: weights where it wants them, its kernel, its number of latents, its tiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from webui.engine.device import Device
from webui.engine.memory.attention import attention
from webui.engine.memory.loaded import DENOISER, VAE, Loaded
from webui.engine.memory.measures import decoding, rows_at_once
from webui.engine.memory.streaming import streamed
from webui.planning.memory import PARTIAL, RESIDENT, SEQUENTIAL, Plan
from webui.planning.peaks import DECODE, DENOISE, ENCODE


@contextmanager
def carrying_out(plan: Plan, stage: str, loaded: Loaded, device: Device, *, width: int, height: int) -> Iterator[None]:
    """Within the block that stage runs as planned; afterwards every part is as it was, errors included."""
    kinds = {ENCODE: loaded.text_kinds, DENOISE: (DENOISER,), DECODE: (VAE,)}[stage]
    with ExitStack() as stack:
        _place(plan, kinds, loaded, device, stack)
        stack.enter_context(attention(plan.attention))
        if stage == DENOISE and plan.rows < plan.wanted_rows:
            stack.enter_context(rows_at_once(loaded.parts[DENOISER], plan.rows))
        if stage == DECODE:
            stack.enter_context(decoding(loaded.parts[VAE], plan.vae, width, height))
        yield


def _place(plan: Plan, kinds: tuple[str, ...], loaded: Loaded, device: Device, stack: ExitStack) -> None:
    if not device.copies:
        return
    if plan.residency == RESIDENT:
        loaded.place(tuple(loaded.parts))
    elif plan.residency == SEQUENTIAL or (plan.residency == PARTIAL and DENOISER in kinds):
        loaded.place(())
        # Each step fetches them anew.
        loaded.lock(kinds)
        for kind in kinds:
            stack.enter_context(streamed(loaded.parts[kind], partial(device.upload, kind=kind), plan.resident_bytes))
    else:
        loaded.place(kinds)
