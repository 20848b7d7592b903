"""The System page: what is wrong and what to do. Drawn by static/system.js over our routes."""

from __future__ import annotations

import gradio as gr

from webui.ui.pieces import Assets, piece


def build(assets: Assets) -> gr.HTML:
    """Lay out the page inside the current tab."""
    return piece(assets, "system.js", elem_id="ez-system")
