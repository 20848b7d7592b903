"""Routes of the workshop: orders for long work, looking up downloads, tokens, and model folders used in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from webui.api import answers
from webui.api.jobs import schema_of
from webui.api.problems import json_object, new_router, problems
from webui.errors import InvalidRequest
from webui.workshop.folders import ModelFolders
from webui.workshop.plan import free_bytes
from webui.workshop.recipes import RECIPES, Download
from webui.workshop.workshop import Workshop

_PATH: dict[str, Any] = {
    "type": "object",
    "properties": {"path": {"type": "string", "description": "Absolute path of a folder, or of an extra_model_paths.yaml."}},
    "required": ["path"],
    "additionalProperties": False,
}
_TOKEN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "host": {"type": "string", "description": "Whom it is for, such as huggingface.co."},
        "token": {"type": ["string", "null"], "description": "The token; null: forget it."},
    },
    "required": ["host", "token"],
    "additionalProperties": False,
}
_LOOK_UP = Download.model_json_schema()
_ORDER = {"oneOf": [recipe.model_json_schema(ref_template="#/components/schemas/{model}") for recipe in RECIPES.values()]}


async def _in_thread(call: Callable[[], Any]) -> Any:
    # Disks, databases and servers may take their time; the event loop must not wait.
    return await to_thread.run_sync(call)


async def _texts(request: Request, *names: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """A body of some texts. Raises InvalidRequest."""
    body = await json_object(request)
    kinds = {name: str | None if name in optional else str for name in names}
    wrong = next((name for name, kind in kinds.items() if name not in body or not isinstance(body[name], kind)), None)
    extra = next((name for name in body if name not in names), None)
    if wrong is not None or extra is not None:
        raise InvalidRequest(
            f"The body must be an object of {' and '.join(names)}.",
            field=wrong or extra,
            allowed=", ".join(names),
            hint="Send these alone.",
        )
    return body


def build_workshop_router(workshop: Workshop, folders: ModelFolders) -> APIRouter:
    """Routes below /workshop and /models/folders."""
    router = new_router("workshop")

    @router.get("/workshop/orders", response_model=answers.OrderList, responses=problems())
    def orders() -> Any:
        """All orders, newest first. `order` and `order_progress` events bring them up to date."""
        return {"items": workshop.orders()}

    @router.post(
        "/workshop/orders",
        status_code=202,
        response_model=answers.Order,
        responses=problems(409, body=True),
        openapi_extra=schema_of(_ORDER),
    )
    async def submit_order(request: Request) -> Any:
        """Take an order of one of the kinds. It is written down when this answers, and done in the background."""
        fields = await json_object(request)
        return await _in_thread(lambda: workshop.submit(fields))

    @router.get("/workshop/recipes", response_model=dict[str, dict[str, Any]], responses=problems())
    def recipes() -> Any:
        """What can be ordered: for each kind the JSON schema of its fields, with labels, help, ranges and defaults."""
        return {kind: recipe.model_json_schema() for kind, recipe in RECIPES.items()}

    @router.get("/workshop/orders/{order_id}", response_model=answers.Order, responses=problems(404))
    def order(order_id: str) -> Any:
        """One order."""
        return workshop.order(order_id)

    @router.delete("/workshop/orders/{order_id}", status_code=204, response_class=Response, responses=problems(404, 409))
    def remove_order(order_id: str) -> Response:
        """Forget an ended order, with what an unfinished download has fetched. What was made stays."""
        workshop.remove(order_id)
        return Response(status_code=204)

    @router.post("/workshop/orders/{order_id}/cancel", response_model=answers.Order, responses=problems(404, 409, body=True))
    def cancel_order(order_id: str) -> Any:
        """End an order. What a download has fetched stays, to be resumed."""
        return workshop.cancel(order_id)

    @router.post("/workshop/orders/{order_id}/resume", response_model=answers.Order, responses=problems(404, 409, body=True))
    def resume_order(order_id: str) -> Any:
        """Take a cancelled or failed order up again. A download goes on where it stopped; other work begins anew."""
        return workshop.resume(order_id)

    @router.post(
        "/workshop/look-up", response_model=answers.Offer, responses=problems(409, 502, body=True), openapi_extra=schema_of(_LOOK_UP)
    )
    async def look_up(request: Request) -> Any:
        """What a download would fetch: name, size, checksum, licence, kind. This asks the source over the network; nothing is fetched."""
        fields = await json_object(request)
        return await _in_thread(lambda: {**workshop.look_up(fields).as_dict(), "free": free_bytes(workshop.models_folder)})

    @router.get("/workshop/sources", response_model=answers.ModelSourceList, responses=problems())
    def model_sources() -> Any:
        """Places of add-ons where models can be fetched from; `searches` says whether one can be searched."""
        return {"items": workshop.sources.all()}

    @router.get("/workshop/sources/search", response_model=answers.FoundModelList, responses=problems())
    async def search_models(words: Annotated[str, Query(max_length=200, description="What is looked for.")]) -> Any:
        """What these places know. This asks them over the network; nothing is fetched. The address goes to look-up."""
        return await _in_thread(lambda: workshop.sources.search(words))

    @router.get("/workshop/tokens", response_model=answers.TokenHosts, responses=problems())
    def token_hosts() -> Any:
        """The hosts that have a token. Tokens themselves are never told."""
        return {"hosts": workshop.tokens.hosts()}

    @router.put("/workshop/tokens", response_model=answers.TokenHosts, responses=problems(body=True), openapi_extra=schema_of(_TOKEN))
    async def set_token(request: Request) -> Any:
        """Keep the token of a host, or forget it. It is sent to that host alone."""
        body = await _texts(request, "host", "token", optional=("token",))
        await _in_thread(lambda: workshop.tokens.set(body["host"], body["token"]))
        return {"hosts": workshop.tokens.hosts()}

    @router.get("/models/folders", response_model=answers.FolderList, responses=problems())
    def model_folders() -> Any:
        """The folders that models are looked for in, Easel's own first."""
        return {"items": folders.all()}

    @router.post("/models/folders", response_model=answers.FolderLook, responses=problems(409, body=True), openapi_extra=schema_of(_PATH))
    async def adopt_folder(request: Request) -> Any:
        """Use the models in a folder where they are, from now on. Nothing there is moved, copied or changed."""
        body = await _texts(request, "path")
        return (await _in_thread(lambda: folders.adopt(body["path"]))).as_dict()

    @router.post("/models/folders/look", response_model=answers.FolderLook, responses=problems(body=True), openapi_extra=schema_of(_PATH))
    async def look_at_folder(request: Request) -> Any:
        """What a folder holds, by kind; nothing is taken yet."""
        body = await _texts(request, "path")
        return (await _in_thread(lambda: folders.look(body["path"]))).as_dict()

    @router.post(
        "/models/folders/release", response_model=answers.FolderList, responses=problems(body=True), openapi_extra=schema_of(_PATH)
    )
    async def release_folder(request: Request) -> Any:
        """Use a folder no more that was added. It stays as it is."""
        body = await _texts(request, "path")
        await _in_thread(lambda: folders.release(body["path"]))
        return {"items": folders.all()}

    return router
