"""The History page: every picture, newest first, with all that made it. Drawn by static/history.js over our paged routes."""

from __future__ import annotations

import gradio as gr

from webui.ui.pieces import Assets, piece


def build(assets: Assets) -> gr.HTML:
    """Lay out the page inside the current tab."""
    return piece(assets, "history.js", elem_id="ez-history")
