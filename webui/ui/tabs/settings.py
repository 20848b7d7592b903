"""The Settings page: every setting with its words and range. Drawn by static/settings.js over our routes."""

from __future__ import annotations

import gradio as gr

from webui.ui.pieces import Assets, piece


def build(assets: Assets) -> gr.HTML:
    """Lay out the page inside the current tab."""
    return piece(assets, "settings.js", elem_id="ez-settings")
