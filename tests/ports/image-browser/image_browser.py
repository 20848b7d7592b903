"""The idea of image browser add-ons: a page that looks through pictures, shows their parameters, and answers other programs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from webui.extensions import Button, Gallery, Number, Row, Tab, Text, hookimpl
from webui.extensions.easel import Easel


def look(values: dict[str, Any], easel: Easel) -> dict[str, Any]:
    """The newest pictures that are found, each with its prompt below it."""
    found = easel.history(values["words"], limit=int(values["number"]))
    return {"found": [{"image": item["id"], "label": item["prompt"][:60]} for item in found]}


def tell(values: dict[str, Any], easel: Easel) -> dict[str, Any]:
    """The parameters of one picture."""
    return {"parameters": easel.infotext(values["picture"])}


@hookimpl
def tab() -> Tab:
    return Tab(
        "Browser",
        [
            Row([Text(name="words", label="Search"), Number(name="number", label="At most", default=50, minimum=1, maximum=500, step=1)]),
            Button(label="Look", on_click=look, primary=True),
            Gallery(name="found", label="Found"),
            Row([Text(name="picture", label="Number of a picture"), Button(label="Tell", on_click=tell)]),
            Text(name="parameters", label="Parameters", lines=6),
        ],
    )


@hookimpl
def routes(router: APIRouter) -> None:
    @router.get("/newest")
    def newest(request: Request, words: str = "") -> list[str]:
        return [item["id"] for item in request.state.easel.history(words, limit=20)]
