"""The link between the page's scripts and Python: scripts ask by event name, Python answers with a receipt."""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components import Component

from webui.errors import EaselError
from webui.people import HOUSEHOLD, Person
from webui.redaction import told
from webui.ui.pieces import Assets

log = logging.getLogger(__name__)

EVENTS = (
    "generate",
    "live",
    "plan",
    "use",
    "carry",
    "enlarge",
    "example",
    "catalog",
    "put",
    "soon",
    "forever",
    "batch",
    "reopen",
    "save",
    "fields",
    "preset",
)
"""What scripts may ask for. Gradio takes an event name only if it stands in quotes in the script."""


def link(assets: Assets, **known: Any) -> gr.HTML:
    """The hidden component that carries questions one way and receipts the other. `known` reaches the scripts as props."""
    names = ", ".join(f'"{name}"' for name in EVENTS)
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=f'import("{assets.url("link.js")}").then((part) => part.mount(trigger, watch, props, [{names}]));',
        elem_id="ez-link",
        visible="hidden",
        apply_default_css=False,
        **known,
    )


def asker(request: gr.Request) -> Person:
    """Who asks, of a request that the door let in; the household where nobody has to log in."""
    return getattr(request.request.state, "person", HOUSEHOLD) if request.request else HOUSEHOLD


def answered(name: str, receipt: Component, handler: Callable[..., dict[Any, Any]]) -> Callable[..., dict[Any, Any]]:
    """Turn what `handler` returns, or the error it raises, into a receipt; components it sets pass through.

    The handler returns {component: value} and may put {"receipt": {...}} beside them.
    """

    @functools.wraps(handler)  # Gradio reads the handler's annotations to hand over the event's data
    def answer(*arguments: Any) -> dict[Any, Any]:
        try:
            result = dict(handler(*arguments))
            content = {**result.pop("receipt", {}), "error": None}
        except EaselError as error:
            result, content = {}, {"error": told(error)}
        except Exception:
            # The last wall before the browser: a bug must reach the log and, in words, the person.
            log.exception("The page's %s handler failed.", name)
            unexpected = EaselError("Something unexpected went wrong in Easel.", hint="Try again; the log says more.")
            result, content = {}, {"error": unexpected.as_dict()}
        # The time makes each receipt differ from the one before, else the page would not notice an equal one.
        return {**result, receipt: json.dumps({"about": name, "time": time.monotonic_ns(), **content})}

    return answer
