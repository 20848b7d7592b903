"""The tools that assistants get, each over the client. Errors are told as Easel tells them, so that an assistant can mend what it asked."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver import Image as Shown
from mcp.server.mcpserver.exceptions import ToolError
from PIL import Image as Pictures
from pydantic import Field

from webui.client import USUAL_ADDRESS, AsyncEasel, EaselError, Image, Img2Img, Job, Txt2Img, Upscale, UpscaleStep

MOST_SHOWN = 4
SHOWN_SIDE = 1024
MAKING_SECONDS = 600.0
INSTRUCTIONS = (
    "Easel makes pictures with Stable Diffusion on the user's own machine. Prompts describe the picture; what it shall not show goes "
    "into negative_prompt. Leave out what you don't need to set: a checkpoint knows its own size and steps. Pictures have ids, by which "
    "they are changed, upscaled and looked at again."
)

Prompt = Annotated[str, Field(description="What the picture shows.", max_length=20_000)]
Negative = Annotated[str, Field(description="What it shall not show.", max_length=20_000)]
Checkpoint = Annotated[str, Field(description="Name of a checkpoint from list_models; empty: the one in use.")]
PictureId = Annotated[str, Field(description="Id of a picture, as the other tools tell it.")]
Seed = Annotated[int, Field(description="The same seed gives the same picture; -1: a random one.", ge=-1)]


Connect = Callable[[str | None], AsyncEasel]
"""Makes a client from a bearer token, or from none."""


def build(connect: Connect) -> MCPServer:
    """The server, not started yet. connect: makes the client that a tool uses, with the token that the assistant sent by HTTP."""
    server = MCPServer("Easel", title="Easel", instructions=INSTRUCTIONS)

    def client(asked: Context) -> AsyncEasel:
        return connect(token_of(asked.headers))

    @server.tool(structured_output=False)
    async def make_picture(
        context: Context,
        prompt: Prompt,
        negative_prompt: Negative = "",
        width: Annotated[int | None, Field(description="Pixels, a multiple of 8.")] = None,
        height: Annotated[int | None, Field(description="Pixels, a multiple of 8.")] = None,
        steps: Annotated[int | None, Field(description="How many times noise is taken away: 20 is usual.")] = None,
        cfg_scale: Annotated[float | None, Field(description="How closely it follows the words: 7 is usual.")] = None,
        seed: Seed = -1,
        pictures: Annotated[int, Field(description="How many pictures.", ge=1, le=MOST_SHOWN)] = 1,
        checkpoint: Checkpoint = "",
    ) -> list[Any]:
        """Make pictures from words, and look at them."""
        async with client(context) as easel:
            asked = _set(width=width, height=height, steps=steps, cfg_scale=cfg_scale)
            more = {"negative_prompt": negative_prompt, "seed": seed, "batch_count": pictures, "checkpoint": checkpoint}
            return await _made(easel, lambda: Txt2Img.model_validate({"prompt": prompt, **more, **asked}))

    @server.tool(structured_output=False)
    async def change_picture(
        context: Context,
        picture: PictureId,
        prompt: Prompt,
        strength: Annotated[float, Field(description="0 changes nothing, 1 everything.", ge=0, le=1)] = 0.6,
        negative_prompt: Negative = "",
        seed: Seed = -1,
        checkpoint: Checkpoint = "",
    ) -> list[Any]:
        """Draw a picture anew from one that is there, and look at it."""
        async with client(context) as easel:
            source = await _told(easel.history.history_item(picture))
            # As large as the source, within what is drawn at once, on the grid of 8 pixels.
            shrink = min(1.0, 1024 / max(source.width, source.height))
            width, height = (max(64, round(side * shrink / 8) * 8) for side in (source.width, source.height))
            fields = {"negative_prompt": negative_prompt, "seed": seed, "checkpoint": checkpoint, "width": width, "height": height}
            body = {"init_image": source.sha256, "prompt": prompt, "denoising_strength": strength, **fields}
            return await _made(easel, lambda: Img2Img.model_validate(body))

    @server.tool(structured_output=False)
    async def upscale_picture(
        context: Context,
        picture: PictureId,
        scale: Annotated[float, Field(description="How many times as large.", ge=1, le=8)] = 2.0,
        upscaler: Annotated[str, Field(description="Name of an upscaler from list_models.")] = "Lanczos",
    ) -> list[Any]:
        """Make a picture larger, and look at it."""
        async with client(context) as easel:
            source = await _told(easel.history.history_item(picture))
            step = UpscaleStep(upscaler=upscaler, scale=scale)
            return await _made(easel, lambda: Upscale(init_image=source.sha256, finishing=[step]))

    @server.tool()
    async def search_history(
        context: Context,
        query: Annotated[
            str, Field(description='Words of the prompt; also steps:>20, seed:7, is:favourite, before:2026-01-31. "": all.')
        ] = "",
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
    ) -> list[dict[str, Any]]:
        """Find pictures that were made, newest first."""
        async with client(context) as easel:
            page = await _told(easel.history.history(q=query, limit=limit))
            return [_facts(image) for image in page.items]

    @server.tool(structured_output=False)
    async def look_at_picture(context: Context, picture: PictureId) -> list[Any]:
        """Look at a picture, with everything that made it."""
        async with client(context) as easel:
            image = await _told(easel.history.history_item(picture))
            return [_facts(image), await _shown(easel, image)]

    @server.tool()
    async def list_models(
        context: Context,
        kind: Annotated[Literal["checkpoints", "upscalers", "loras", "samplers"], Field(description="Which kind.")] = "checkpoints",
    ) -> list[str]:
        """The models that can be named in the other tools. A LoRA is put into a prompt as <lora:name:1>."""
        async with client(context) as easel:
            if kind == "checkpoints":
                return [entry.name for entry in await _told(easel.choices.checkpoints()) if entry.usable]
            if kind == "upscalers":
                return [entry.name for entry in await _told(easel.choices.upscalers())]
            if kind == "samplers":
                return [entry.name for entry in (await _told(easel.choices.sampler_list())).samplers]
            return [entry.prompt_name or entry.name for entry in (await _told(easel.models.model_list(kind=["lora"], limit=500))).items]

    @server.tool()
    async def queue(context: Context) -> dict[str, Any]:
        """What is being made and what waits."""
        async with client(context) as easel:
            page = await _told(easel.queue.queue(limit=20))
            running = [{"id": job.id, "prompt": job.prompt, "done": job.done, "of": job.pictures} for job in page.running]
            return {"running": running, "waiting": page.total, "paused": page.paused, "seconds": page.seconds}

    @server.tool()
    async def cancel_job(context: Context, job: Annotated[str, Field(description="Id of a job, as queue tells it.")]) -> str:
        """End a waiting or running job; finished pictures stay."""
        async with client(context) as easel:
            return (await _told(easel.jobs.cancel(job))).status

    return server


def run(http: int | None = None) -> None:
    """Serve on standard input and output, over the Easel that EASEL_URL and EASEL_TOKEN name.

    http: a port of this machine to serve at instead, at /mcp. Whoever asks there sends a token of their own: with EASEL_TOKEN
    everybody who reaches the port would be its owner.
    """
    if http is None:
        build(lambda _token: AsyncEasel.from_environment()).run("stdio")
    else:
        url = os.environ.get("EASEL_URL") or USUAL_ADDRESS
        build(lambda token: AsyncEasel(url, token)).run("streamable-http", host="127.0.0.1", port=http)


def token_of(headers: Mapping[str, str] | None) -> str | None:
    """The bearer token of a request; None where it has none, or there is no request."""
    scheme, _, token = (headers or {}).get("authorization", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _set(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


async def _told(asked: Any) -> Any:
    """An answer; an error as words that an assistant can act on."""
    try:
        return await asked
    except EaselError as error:
        raise ToolError(str(error)) from None


async def _made(easel: AsyncEasel, request: Callable[[], Any]) -> list[Any]:
    job: Job = await _told(easel.make(request(), timeout=MAKING_SECONDS))
    told: list[Any] = []
    for image in job.images[:MOST_SHOWN]:
        told += [_facts(image), await _shown(easel, image)]
    return told + list(job.notes)


async def _shown(easel: AsyncEasel, image: Image) -> Shown:
    data = await _told(easel.picture(image))
    with Pictures.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=88)
    return Shown(data=buffer.getvalue(), format="jpeg")


def _facts(image: Image) -> dict[str, Any]:
    names = ("id", "prompt", "negative_prompt", "seed", "steps", "sampler", "checkpoint", "width", "height")
    return {"picture": image.id, "file": image.file, **{name: getattr(image, name) for name in names[1:]}}
