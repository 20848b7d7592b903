"""The Extensions page: add-ons, installing them, and finding what broke. Drawn by static/extensions.js over our routes."""

from __future__ import annotations

import gradio as gr

from webui.ui.pieces import Assets, piece


def build(assets: Assets) -> gr.HTML:
    """Lay out the page inside the current tab."""
    return piece(assets, "extensions.js", elem_id="ez-extensions")
