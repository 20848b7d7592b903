"""Routes of words: what prompts mean, and what pasted text and dropped pictures say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webui.api import answers
from webui.api.jobs import REQUEST_SCHEMA, schema_of
from webui.api.person import Asker
from webui.api.problems import PREFIX, UnsupportedMedia, json_object, new_router, problems
from webui.errors import InvalidRequest
from webui.generation.infotext import MAX_INFOTEXT_CHARACTERS
from webui.generation.prompt.completion import Completion
from webui.generation.prompt.styles import Style
from webui.generation.request import explain_validation
from webui.studio.studio import Studio
from webui.studio.style_book import KnownStyle

PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/avif", "image/gif")

_TEXT: dict[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": MAX_INFOTEXT_CHARACTERS}},
    "required": ["text"],
    "additionalProperties": False,
}
_PICTURE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _TEXT}, **dict.fromkeys(PICTURE_TYPES, _PICTURE)},
    }
}


Text = Annotated[str, Query(max_length=1000, description="What stands before the caret, or the end of it.")]
Negative = Annotated[bool, Query(description="It is a negative prompt.")]


def _way_on(completion: Completion) -> dict[str, Any]:
    model = completion.model
    return {name: getattr(completion, name) for name in ("kind", "label", "insert", "replaces", "detail", "uses")} | {
        "preview": f"{PREFIX}/models/{model}/preview" if model else None
    }


StyleName = Annotated[str, Query(max_length=200, description="Its name.")]


class _StyleBody(BaseModel):
    """A style to save, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    prompt: str = ""
    negative_prompt: str = ""
    was: str | None = Field(None, description="Its name so far, to rename it.")
    more: dict[str, str] | None = Field(None, description="For other columns of its row; null leaves them.")
    file: str | None = Field(None, description="Name of the file for a new one; null: the first.")
    place: int | None = Field(None, ge=0, le=1_000_000, description="How many rows stand before a new one; null: it is the last.")


_STYLE = _StyleBody.model_json_schema()


def _style(one: KnownStyle) -> dict[str, Any]:
    style = one.style
    return {"name": style.name, "prompt": style.prompt, "negative_prompt": style.negative_prompt} | {
        "file": one.file.name,
        "more": dict(one.more),
        "place": one.place,
    }


async def _text_of(request: Request) -> str:
    """The one field of the body. Raises InvalidRequest."""
    body = await json_object(request)
    text = body.get("text")
    if set(body) != {"text"} or not isinstance(text, str) or len(text) > MAX_INFOTEXT_CHARACTERS:
        raise InvalidRequest(
            "The body must be an object with text alone.",
            field="text",
            allowed=f"text of at most {MAX_INFOTEXT_CHARACTERS:,} characters",
            hint='Send {"text": "..."}.',
        )
    return text


def build_word_router(studio: Studio) -> APIRouter:
    """Routes below /prompt, /completions, /styles and /metadata."""
    router = new_router("words")

    @router.post(
        "/prompt/explain", response_model=answers.PromptAnswer, responses=problems(body=True), openapi_extra=schema_of(REQUEST_SCHEMA)
    )
    async def explain_prompt(request: Request) -> Any:
        """Explain the prompts of a request: tokens by chunk with their weights, what changes when, extra networks, warnings with fixes.

        All fields may be left out; checkpoint, steps, sampler and the fields about prompts have a say in it.
        """
        fields = await json_object(request)
        told = await to_thread.run_sync(lambda: studio.explain(fields))
        return {name: asdict(explanation) for name, explanation in told.items()}

    @router.get("/completions", response_model=answers.CompletionList, responses=problems())
    def completions(asker: Asker, text: Text = "", negative: Negative = False) -> Any:
        """Ways on for a prompt that is being typed: LoRAs in a tag, embeddings, wildcards, and words from history, most used first."""
        found = studio.of(asker).completer.complete(text, negative=negative)
        return {"items": [_way_on(completion) for completion in found]}

    @router.get("/styles", response_model=answers.StyleList, responses=problems())
    def styles() -> Any:
        """All styles in the order of their files; names of these go into a request's `styles`."""
        known, troubles = studio.styles.all()
        return {"items": [_style(one) for one in known], "problems": troubles}

    @router.put("/styles", response_model=answers.StyleAnswer, responses=problems(404, 409, body=True), openapi_extra=schema_of(_STYLE))
    async def save_style(request: Request) -> Any:
        """Save a style: a new one, another text for the one of that name, or (with `was`) another name for one."""
        body = await json_object(request)
        try:
            asked = _StyleBody.model_validate(body)
        except ValidationError as error:
            raise explain_validation(error, _StyleBody) from None
        style = Style(asked.name, asked.prompt, asked.negative_prompt)
        how = {"was": asked.was, "more": asked.more, "file": asked.file, "place": asked.place}
        return _style(await to_thread.run_sync(lambda: studio.save_style(style, **how)))

    @router.delete("/styles", response_model=answers.StyleAnswer, responses=problems(404, body=True))
    def delete_style(name: StyleName) -> Any:
        """Delete a style. The answer, sent back by PUT, puts it where it was."""
        return _style(studio.delete_style(name))

    @router.post("/metadata", response_model=answers.MetadataAnswer, responses=problems(body=True), openapi_extra=_BODY)
    async def metadata(request: Request) -> Any:
        """Read a picture of AUTOMATIC1111, Forge, SD.Next, ComfyUI, InvokeAI, Fooocus, NovelAI or Easel, or pasted text.

        Send the picture's bytes with its own Content-Type, or {"text": "..."} as JSON. What it says of the picture comes back as
        fields of a request, and what has no place here as a list with reasons. Nothing is kept.
        """
        kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
        if kind.startswith("image/"):
            if kind not in PICTURE_TYPES:
                raise UnsupportedMedia(
                    f"The picture is {kind[:60]!r}.", field="Content-Type", allowed=", ".join(PICTURE_TYPES), hint="Send one of these."
                )
            data = await request.body()
            return await to_thread.run_sync(lambda: studio.read_picture(data))
        text = await _text_of(request)
        return await to_thread.run_sync(lambda: studio.read_pasted(text))

    return router
