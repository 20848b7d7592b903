"""The Upscale page: pictures and folders made larger, before and after. Drawn by static/upscale.js over our own routes."""

from __future__ import annotations

from dataclasses import asdict

import gradio as gr

from webui.generation.enlarging import NO_UPSCALER, PIXEL_UPSCALER_LABELS
from webui.generation.finishing import UpscaleStep
from webui.generation.request import parameters_of
from webui.ui.pieces import Assets, piece


def build(assets: Assets) -> gr.HTML:
    """Lay out the page inside the current tab. Its fields are those of the finishing step `upscale`, as declared there."""
    return piece(
        assets,
        "upscale.js",
        elem_id="ez-upscale",
        fields=[asdict(info) for info in parameters_of(UpscaleStep).values()],
        upscalers=list(PIXEL_UPSCALER_LABELS),
        none=NO_UPSCALER,
    )
