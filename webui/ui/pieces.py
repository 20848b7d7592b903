"""Parts of the page that our own scripts draw: each is a gr.HTML filled by one module under static/."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import gradio as gr

STATIC_FOLDER = Path(__file__).with_name("static")


class Assets:
    """Addresses of our scripts and styles. The version stands in the path, so modules that import each other share it.

    names: all of them, those in folders as "canvas/canvas.js".
    """

    def __init__(self, folder: Path = STATIC_FOLDER) -> None:
        digest = hashlib.sha256()
        files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
        self.names = list(files)
        for name, path in files.items():
            digest.update(name.encode() + b"\0" + path.read_bytes())
        # Gradio serves its own files under /static, so ours take a folder of their own below it.
        self.prefix = f"/static/easel/{digest.hexdigest()[:12]}"

    def url(self, name: str) -> str:
        """Address of one file."""
        return f"{self.prefix}/{name}"

    def call(self, module: str, call: str) -> str:
        """Source of a browser-side event that calls a function of a module; `values` are the event's inputs."""
        return f'async (...values) => {{ (await import("{self.url(module)}")).{call}; return []; }}'


def piece(assets: Assets, module: str, *, elem_id: str, **options: Any) -> gr.HTML:
    """A place on the page that `module` fills through its `mount(element, props)`."""
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=f'import("{assets.url(module)}").then((part) => part.mount(element.querySelector("div") ?? element, props));',
        elem_id=elem_id,
        elem_classes="ez-html",
        apply_default_css=False,
        **options,
    )
