"""Pictures that are there already: enlarged, read, described."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request

from webui.api.sdapi import answers
from webui.api.sdapi.asking import Asking, asking
from webui.api.sdapi.bodies import ExtraBatchBody, ExtrasBody, ExtraSingleBody, InterrogateBody, PngInfoBody, body_of, schema_of
from webui.api.sdapi.faces import steps_for_extras
from webui.api.sdapi.pictures import checked, decoded, encoded, file_encoded, kept
from webui.api.sdapi.problems import CLIENT_GONE, A1111Route, AsTold
from webui.api.sdapi.work import ClientGone, Desk
from webui.errors import EaselError, InvalidRequest, NotFound
from webui.generation.enlarging import NO_UPSCALER
from webui.generation.infotext import PNG_TEXT_KEY, read_infotext
from webui.generation.metadata.tools import USER_COMMENT
from webui.generation.request import GenerationRequest, parse_request
from webui.people import Scope
from webui.studio.picture_texts import read_picture_texts
from webui.studio.reading import infotext_of
from webui.studio.studio import Studio

_TO_SIZE = 1


def build_extras_router(studio: Studio, desk: Desk) -> APIRouter:
    """Routes of pictures that are there already."""
    router = APIRouter(prefix="/sdapi/v1", tags=["pictures"], route_class=A1111Route)

    @router.post("/extra-single-image", response_model=answers.Extra, openapi_extra=schema_of(ExtraSingleBody))
    async def extra_single(request: Request) -> Any:
        """One picture, enlarged, its faces restored."""
        body = await body_of(request, ExtraSingleBody)
        made = await enlarged(request, body, [("image", body.image, "")])
        if made is None:
            return CLIENT_GONE
        return {"html_info": made[0][1], "image": made[0][0] if body.show_extras_results else ""}

    @router.post("/extra-batch-images", response_model=answers.ExtraBatch, openapi_extra=schema_of(ExtraBatchBody))
    async def extra_batch(request: Request) -> Any:
        """Several of them, in order."""
        body = await body_of(request, ExtraBatchBody)
        pictures = [(f"imageList.{number}.data", one.data, one.name) for number, one in enumerate(body.image_list)]
        made = await enlarged(request, body, pictures)
        if made is None:
            return CLIENT_GONE
        return {"html_info": "".join(words for _, words in made), "images": [picture for picture, _ in made]}

    async def enlarged(request: Request, body: ExtrasBody, pictures: Sequence[tuple[str, str, str]]) -> list[tuple[str, str]] | None:
        """Of each picture what became of it, and words about that; None when the client has gone."""
        who = asking(studio, request).need(Scope.GENERATE)
        steps = _steps_of(who.studio, body)
        files = await to_thread.run_sync(lambda: [_taken(who.studio, picture, field) for field, picture, _ in pictures])
        if not steps:
            return await to_thread.run_sync(lambda: [(encoded(data), _words(infotext_of(data))) for data, _ in files])
        named = [(sha256, name) for (_, sha256), (_, _, name) in zip(files, pictures, strict=True)]
        try:
            views = await desk.run(request, who, [_finished(sha256, name, steps) for sha256, name in named])
        except ClientGone:
            return None
        images = [image for view in views for image in view["images"]]
        if len(images) < len(named):
            raise AsTold("The picture was not finished: it was interrupted.", "Somebody ended the job.", status=500, hint="Try again.")
        return await to_thread.run_sync(lambda: [(file_encoded(who.studio, image["id"]), _words(image["infotext"])) for image in images])

    @router.post("/png-info", response_model=answers.PngInfo, openapi_extra=schema_of(PngInfoBody))
    async def png_info(request: Request) -> Any:
        """What a picture says of how it was made."""
        body = await body_of(request, PngInfoBody)
        return await to_thread.run_sync(lambda: _said_by(studio, decoded(studio, body.image, "image")))

    @router.post("/interrogate", response_model=answers.Caption, openapi_extra=schema_of(InterrogateBody))
    async def interrogate(request: Request) -> Any:
        """What is seen on a picture, by the add-on image-to-prompt; 404 where it is off, or has no such model."""
        body = await body_of(request, InterrogateBody)
        if not body.image:
            raise AsTold("Image not found", "There is no picture in the body.", status=404, field="image", hint="Send it in image.")
        who = asking(studio, request).need(Scope.GENERATE)
        return await to_thread.run_sync(lambda: {"caption": _described(who, body)})

    return router


_DESCRIBES, _PAGE, _BUTTON = "image-to-prompt", "tab:image-to-prompt", "describe"
_ANY_MODEL = "clip"
"""What clients call the model that writes sentences, whichever that is."""


def _described(who: Asking, body: InterrogateBody) -> str:
    """What a picture shows, in words. Raises AsTold (404) where nothing can tell, GenerationFailed."""
    data = decoded(who.studio, body.image, "image")
    checked(who.studio, data, "image")
    model = "" if body.model.strip().casefold() == _ANY_MODEL else body.model.strip()
    values = {"picture": kept(who.studio, data, "image"), "model": model}
    words = ""
    try:
        for told in who.studio.add_ons.call(_DESCRIBES, _PAGE, _BUTTON, values, who.person):
            words = str(told.get("words", words))
    except (NotFound, InvalidRequest) as problem:
        there = f" There are: {problem.allowed}." if problem.allowed else ""
        hint = problem.hint if problem.code != "callback_not_found" else f"Switch the add-on {_DESCRIBES} on."
        message = problem.message if problem.code != "callback_not_found" else "Nothing that describes pictures is switched on."
        raise AsTold("Model not found", f"{message}{there}", status=404, field="model", hint=hint) from None
    return words


def _steps_of(studio: Studio, body: ExtrasBody) -> list[dict[str, Any]]:
    """What is done to the picture; nothing where nothing is asked for."""
    faces = steps_for_extras(studio, body)
    if body.upscaler_1.strip().casefold() == NO_UPSCALER.casefold():
        return faces
    size: dict[str, Any] = {"scale": body.upscaling_resize}
    if body.resize_mode == _TO_SIZE:
        size = {"width": body.upscaling_resize_w, "height": body.upscaling_resize_h, "crop": body.upscaling_crop}
    second = {"upscaler_2": body.upscaler_2, "upscaler_2_visibility": body.extras_upscaler_2_visibility}
    upscale = {"step": "upscale", "upscaler": body.upscaler_1, **size, **second}
    return [upscale, *faces] if body.upscale_first else [*faces, upscale]


def _finished(sha256: str, name: str, steps: Sequence[dict[str, Any]]) -> GenerationRequest:
    return parse_request({"kind": "upscale", "init_image": sha256, "init_name": name[:255], "finishing": steps})


def _taken(studio: Studio, picture: str, field: str) -> tuple[bytes, str]:
    """Bytes and SHA-256 of a picture that was sent."""
    data = decoded(studio, picture, field)
    return data, kept(studio, data, field)


def _words(infotext: str) -> str:
    """Text as HTML that can't be anything else."""
    return "".join(f"<p>{html.escape(line)}</p>\n" for line in infotext.split("\n") if line)


def _said_by(studio: Studio, data: bytes) -> dict[str, Any]:
    try:
        texts = read_picture_texts(data)
    except EaselError:
        checked(studio, data, "image")  # a picture, if this says nothing, but of a form that has no room for words
        texts = {}
    info = infotext_of(data)
    own = (PNG_TEXT_KEY, USER_COMMENT)
    return {"info": info, "items": {key: text for key, text in texts.items() if key not in own}, "parameters": _parameters(info)}


def _parameters(infotext: str) -> dict[str, str]:
    """Parameters as text; a size as two numbers, as clients expect it."""
    if not infotext:
        return {}
    told = read_infotext(infotext)
    parameters = dict(told.parameters)
    width, _, height = parameters.pop("Size", "").partition("x")
    sides = {"Size-1": width, "Size-2": height} if width.isdigit() and height.isdigit() else {}
    return {"Prompt": told.prompt, "Negative prompt": told.negative_prompt, **parameters, **sides}
