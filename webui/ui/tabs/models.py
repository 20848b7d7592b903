"""The Models page: every model file, what is in memory, and what its owner says of it. Drawn by static/models.js over our routes."""

from __future__ import annotations

import gradio as gr

from webui.ui.pieces import Assets, piece


def build(assets: Assets) -> gr.HTML:
    """Lay out the page inside the current tab."""
    return piece(assets, "models.js", elem_id="ez-models")
