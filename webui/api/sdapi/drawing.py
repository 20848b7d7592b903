"""POST txt2img and img2img: open until the pictures are there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request

from webui.api.sdapi import answers
from webui.api.sdapi.asking import Asking, asking
from webui.api.sdapi.bodies import DrawBody, Img2ImgBody, Txt2ImgBody, body_of, schema_of
from webui.api.sdapi.info import info_of, with_grids
from webui.api.sdapi.options import OptionBook
from webui.api.sdapi.pictures import drawn_so_far, file_encoded
from webui.api.sdapi.problems import CLIENT_GONE, A1111Route, AsTold
from webui.api.sdapi.translation import Translated, Translator
from webui.api.sdapi.work import ClientGone, Desk
from webui.errors import NotFound
from webui.people import Scope
from webui.studio.journal import CANCELLED
from webui.studio.scripts.runs import RunView
from webui.studio.studio import JobView, Studio


def build_drawing_router(studio: Studio, options: OptionBook, desk: Desk) -> APIRouter:
    """Both routes that draw."""
    router = APIRouter(prefix="/sdapi/v1", tags=["drawing"], route_class=A1111Route)

    @router.post("/txt2img", response_model=answers.Drawn, openapi_extra=schema_of(Txt2ImgBody))
    async def txt2img(request: Request) -> Any:
        """Pictures from words."""
        body = await body_of(request, Txt2ImgBody)
        return await drawn(request, body, lambda who: Translator(who, options).txt2img(body))

    @router.post("/img2img", response_model=answers.Drawn, openapi_extra=schema_of(Img2ImgBody))
    async def img2img(request: Request) -> Any:
        """Pictures from pictures, or with a mask new pieces in them."""
        body = await body_of(request, Img2ImgBody)
        return await drawn(request, body, lambda who: Translator(who, options).img2img(body))

    async def drawn(request: Request, body: DrawBody, translate: Callable[[Asking], Translated]) -> Any:
        who = asking(studio, request).need(Scope.GENERATE)
        translated = await to_thread.run_sync(lambda: translate(who))
        try:
            if translated.script is not None:
                run = await desk.run_script(request, who, translated.requests[0], translated.script, body.force_task_id)
                return await to_thread.run_sync(lambda: answer_of_script(who, body, translated, run))
            views = await desk.run(request, who, translated.requests, body.force_task_id)
        except ClientGone:
            return CLIENT_GONE
        return await to_thread.run_sync(lambda: answer(who, body, translated, views))

    def answer_of_script(who: Asking, body: DrawBody, translated: Translated, run: RunView) -> dict[str, Any]:
        assert translated.script is not None, "there is one"
        if translated.keep:
            options.change(who.person, translated.keep)
        views = [who.studio.job(part["job"]) for part in run["parts"]]
        views = [view for view in views if view["images"]]
        if not views:
            raise AsTold("Nothing was drawn.", "The script ended before its first picture.", status=500, hint="Try again.")
        grids = [who.studio.history_item(identifier) for identifier in run["kept"]]
        cells = [image for view in views for image in view["images"]] if translated.script.cells else []
        info = with_grids(info_of(who.studio, views, body.styles, translated.notes), grids, cells=bool(cells))
        sent = [*grids, *cells] if body.send_images else []
        pictures = [file_encoded(who.studio, image["id"]) for image in sent]
        return {"images": pictures, "parameters": body.echo(), "info": json.dumps(info, ensure_ascii=False)}

    def answer(who: Asking, body: DrawBody, translated: Translated, views: list[JobView]) -> dict[str, Any]:
        if translated.keep:
            options.change(who.person, translated.keep)
        info = info_of(who.studio, views, body.styles, translated.notes)
        pictures = [file_encoded(who.studio, image["id"]) for view in views for image in view["images"]] if body.send_images else []
        if body.send_images and not pictures and (half := _half_drawn(who.studio, views)):
            pictures = [half]
        return {"images": pictures, "parameters": body.echo(), "info": json.dumps(info, ensure_ascii=False)}

    return router


def _half_drawn(studio: Studio, views: list[JobView]) -> str | None:
    """What there is of a picture that was interrupted before it was done; None where nothing was seen of it."""
    for view in views:
        if view["status"] == CANCELLED:
            try:
                return drawn_so_far(studio.preview(view["id"]), (view["width"], view["height"]))
            except NotFound:
                continue
    return None
