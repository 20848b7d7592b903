"""The Train page: pictures, what is asked for, and how runs go. Drawn by static/train.js over our routes."""

from __future__ import annotations

import gradio as gr

from webui.ui.pieces import Assets, piece


def build(assets: Assets) -> gr.HTML:
    """Lay out the page inside the current tab."""
    return piece(assets, "train.js", elem_id="ez-train")
