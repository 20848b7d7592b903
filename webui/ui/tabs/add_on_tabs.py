"""Pages of add-ons: those that they declare, drawn by our own script, and those that they build with Gradio itself."""

from __future__ import annotations

import json
import logging
import time

import gradio as gr

from webui.extensions.calling import Answer
from webui.studio.add_ons import AddOnDesk, page_name, slug, tab_key
from webui.ui.pieces import Assets, piece

log = logging.getLogger(__name__)


def build(assets: Assets, add_ons: AddOnDesk) -> dict[str, gr.Tab]:
    """Lay out a tab for each, by the name of its page."""
    tabs: dict[str, gr.Tab] = {}
    for answer in add_ons.tabs():
        name = page_name(answer)
        with gr.Tab(str(answer.value.title), id=name, elem_id=f"ez-page-{name}", render_children=True) as tabs[name]:
            piece(assets, "add-on-tab.js", elem_id=f"ez-{name}", extension=answer.extension, place=tab_key(answer))
    for answer in add_ons.gradio_tabs():
        _build_with_gradio(tabs, add_ons, answer)
    return tabs


def _build_with_gradio(tabs: dict[str, gr.Tab], add_ons: AddOnDesk, answer: Answer) -> None:
    """A page that an add-on builds. One that fails while it does so has what it had made by then taken away again."""
    started = time.perf_counter()
    name = gradio_page_name(answer)
    title, build_page = answer.value
    with gr.Tab(str(title), id=name, elem_id=f"ez-page-{name}", render_children=True) as tab:
        column = gr.Column()
        try:
            with column:
                build_page()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an add-on may raise anything
            add_ons.failed(answer.extension, "gradio_tab", error, time.perf_counter() - started)
            column.children.clear()
            gr.Textbox("This add-on's page could not be built; the log says why.", show_label=False, container=False, interactive=False)
    tabs[name] = tab


def gradio_page_name(answer: Answer) -> str:
    """What such a page is called in the address of the page."""
    return f"g_{slug(answer.extension)}_{slug(str(answer.value[0]))}".replace("-", "_")


def names_for_scripts(add_ons: AddOnDesk) -> str:
    """Page -> title of all of them, for the page's scripts, as an element of the document's head."""
    names = {page_name(answer): str(answer.value.title) for answer in add_ons.tabs()}
    names |= {gradio_page_name(answer): str(answer.value[0]) for answer in add_ons.gradio_tabs()}
    # A title is somebody else's text: nothing in it may end this element.
    text = json.dumps(names).replace("<", "\\u003c").replace("&", "\\u0026")
    return f'<script type="application/json" id="ez-more-pages">{text}</script>'
