"""Routes of add-ons: what there is, installing, switching, going back, finding the one that broke something. For administrators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from webui.api.jobs import schema_of
from webui.api.person import need_admin, person_of
from webui.api.problems import UnsupportedMedia, json_object, new_router, problems
from webui.errors import InvalidRequest
from webui.workshop.extension_desk import ExtensionDesk

ZIP_TYPES = ("application/zip", "application/x-zip-compressed", "application/octet-stream")

_Json = dict[str, Any]
_ZIP: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}},
}
Name = Annotated[str, Query(max_length=200, description="What the file is called.")]


def _body(**fields: dict[str, Any]) -> dict[str, Any]:
    needed = [name for name, schema in fields.items() if not schema.get("optional")]
    told = {name: {key: value for key, value in schema.items() if key != "optional"} for name, schema in fields.items()}
    return schema_of({"type": "object", "properties": told, "required": needed, "additionalProperties": False})


_TEXT = {"type": "string", "minLength": 1, "maxLength": 2000}
_SOURCE = {"source": {**_TEXT, "description": "An https address of a git repository or a zip, a whole path, or the name of a package."}}
_REF = {"ref": {"type": "string", "maxLength": 200, "optional": True, "description": "Branch, tag or commit."}}


async def _fields(request: Request, kinds: dict[str, type], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """A body of these fields alone. Raises InvalidRequest."""
    body = await json_object(request)
    for name in body:
        if name not in kinds:
            raise InvalidRequest(f"There is no field {name[:60]!r}.", field=name[:60], allowed=", ".join(kinds), hint="Leave it out.")
    for name, kind in kinds.items():
        if name not in body and name in optional:
            continue
        if type(body.get(name)) is not kind or (kind is str and len(body[name]) > 2000):
            words = "true or false" if kind is bool else "a text"
            raise InvalidRequest(f"{name} must be {words}.", field=name, allowed=words, hint="Send it like that.")
    return body


async def _done(call: Callable[[], Any]) -> Any:
    # Disks, child processes and locks may take their time; the event loop must not wait.
    return await to_thread.run_sync(call)


def build_extension_router(desk: ExtensionDesk) -> APIRouter:
    """Routes below /extensions."""
    router = new_router("extensions")
    router.dependencies.append(Depends(need_admin))

    def allowed(request: Request) -> None:
        desk.refuse_remote(person_of(request))

    changing = [Depends(allowed)]

    def install_state(request: Request) -> dict[str, Any]:
        try:
            desk.refuse_remote(person_of(request))
        except Exception as error:  # noqa: BLE001 - told as it is
            return {"allowed": False, "why": getattr(error, "message", str(error)), "hint": getattr(error, "hint", "")}
        return {"allowed": True, "why": "", "hint": ""}

    @router.get("/extensions", response_model=_Json, responses=problems())
    def extensions(request: Request) -> Any:
        """All add-ons with state, times and last fault; what is on its way; safe mode; the search for a broken one."""
        return {**desk.view(), "install": install_state(request)}

    @router.get("/extensions/available", response_model=_Json, responses=problems())
    def available() -> Any:
        """The entries of all lists. Nothing is fetched."""
        return {"items": desk.indexes.entries(), "indexes": desk.indexes.all()}

    @router.post(
        "/extensions/stages",
        status_code=202,
        response_model=_Json,
        responses=problems(409, body=True),
        dependencies=changing,
        openapi_extra=_body(**_SOURCE, **_REF),
    )
    async def stage_extension(request: Request) -> Any:
        """Begin to fetch and check an add-on. `extension_stage` events tell how far it is; nothing is installed."""
        body = await _fields(request, {"source": str, "ref": str}, ("ref",))
        return await _done(lambda: desk.stages.begin(body["source"], body.get("ref", "")))

    @router.post(
        "/extensions/zip",
        status_code=202,
        response_model=_Json,
        responses=problems(409, body=True),
        dependencies=changing,
        openapi_extra=_ZIP,
    )
    async def stage_zip(request: Request, name: Name = "add-on.zip") -> Any:
        """The same with a zip as the body."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in ZIP_TYPES:
            raise UnsupportedMedia(f"The body is {kind[:60]!r}.", field="Content-Type", allowed=ZIP_TYPES[0], hint="Send a zip.")
        data = await request.body()
        return await _done(lambda: desk.stages.begin_zip(data, name))

    @router.post(
        "/extensions/listed",
        status_code=202,
        response_model=_Json,
        responses=problems(404, 409, body=True),
        dependencies=changing,
        openapi_extra=_body(index=dict(_TEXT), id=dict(_TEXT)),
    )
    async def stage_listed(request: Request) -> Any:
        """The same with an entry of a list."""
        body = await _fields(request, {"index": str, "id": str})
        return await _done(lambda: desk.stages.begin_listed(body["index"], body["id"]))

    @router.get("/extensions/stages/{stage_id}", response_model=_Json, responses=problems(404))
    def stage_of(stage_id: str) -> Any:
        """How far it is, and what would be installed: source, commit or hash, permissions, packages."""
        return desk.stages.view(stage_id)

    @router.delete("/extensions/stages/{stage_id}", status_code=204, response_class=Response, responses=problems(404))
    async def forget_stage(stage_id: str) -> Response:
        """It is not wanted: end it, and forget what was fetched."""
        await _done(lambda: desk.stages.forget(stage_id))
        return Response(status_code=204)

    @router.post(
        "/extensions/stages/{stage_id}/install", response_model=_Json, responses=problems(404, 409, body=True), dependencies=changing
    )
    async def install_extension(stage_id: str) -> Any:
        """Install what was checked and shown. It runs with all rights that Easel has."""
        return await _done(lambda: desk.install(stage_id))

    @router.post("/extensions/check-updates", response_model=_Json, responses=problems(body=True))
    async def check_updates() -> Any:
        """Ask each source whether it has something newer. Nothing is fetched, and nothing is ever updated by itself."""
        return await _done(desk.check_updates)

    @router.post(
        "/extensions/indexes",
        status_code=204,
        response_class=Response,
        responses=problems(502, body=True),
        dependencies=changing,
        openapi_extra=_body(address=dict(_TEXT)),
    )
    async def add_index(request: Request) -> Response:
        """Use a list of add-ons from now on: an https address, or a whole path. An address is asked now."""
        body = await _fields(request, {"address": str})
        await _done(lambda: desk.indexes.add(body["address"]))
        return Response(status_code=204)

    @router.delete("/extensions/indexes", status_code=204, response_class=Response, responses=problems(404))
    async def remove_index(address: Annotated[str, Query(max_length=2000)]) -> Response:
        """Use a list no more."""
        await _done(lambda: desk.indexes.remove(address))
        return Response(status_code=204)

    @router.post("/extensions/indexes/refresh", response_model=_Json, responses=problems(body=True))
    async def refresh_indexes() -> Any:
        """Fetch all lists anew."""
        return {"problems": await _done(desk.indexes.refresh)}

    @router.post(
        "/extensions/safe-mode", response_model=_Json, responses=problems(409, body=True), openapi_extra=_body(on={"type": "boolean"})
    )
    async def safe_mode(request: Request) -> Any:
        """Without add-ons from now on, also at the next starts; or with them again."""
        body = await _fields(request, {"on": bool})
        await _done(lambda: desk.set_safe_mode(body["on"]))
        return desk.view()

    @router.post("/extensions/restart", status_code=202, response_model=_Json, responses=problems(409, body=True))
    def restart() -> Any:
        """Start Easel anew. What runs goes on from its journal."""
        desk.restart()
        return {}

    @router.post(
        "/extensions/search",
        response_model=_Json,
        responses=problems(404, 409, body=True),
        openapi_extra=_body(image={"type": "string", "maxLength": 40, "optional": True}),
    )
    async def begin_search(request: Request) -> Any:
        """Find the add-on that breaks something, by halves. image: id of a picture that is made again each time; else a person says."""
        body = await _fields(request, {"image": str}, ("image",))
        return await _done(lambda: desk.begin_search(body.get("image")))

    @router.post(
        "/extensions/search/answer",
        response_model=_Json,
        responses=problems(409, body=True),
        openapi_extra=_body(broken={"type": "boolean"}),
    )
    async def answer_search(request: Request) -> Any:
        """Say whether it is broken with those add-ons that are on now."""
        body = await _fields(request, {"broken": bool})
        return await _done(lambda: desk.search.answer(body["broken"]))

    @router.delete("/extensions/search", status_code=204, response_class=Response, responses=problems())
    async def end_search() -> Response:
        """End the search, or put its result away. All add-ons are as they were before."""
        await _done(desk.search.end)
        return Response(status_code=204)

    @router.get("/extensions/{extension_id}", response_model=_Json, responses=problems(404))
    def extension(extension_id: str) -> Any:
        """All about one: readme, log lines, hooks, earlier versions."""
        return desk.details(extension_id)

    def act(name: str, call: Callable[[str], Any], words: str, *, remote: bool) -> None:
        async def run(extension_id: str) -> Response:
            await _done(lambda: call(extension_id))
            return Response(status_code=204)

        run.__name__ = f"{name.replace('-', '_')}_extension"
        run.__doc__ = words
        router.add_api_route(
            f"/extensions/{{extension_id}}/{name}",
            run,
            methods=["POST"],
            status_code=204,
            response_class=Response,
            responses=problems(404, 409, body=True),
            dependencies=changing if remote else [],
        )

    act("enable", desk.enable, "Switch it on; what it did is forgiven.", remote=True)
    act("disable", desk.disable, "Switch it off.", remote=False)
    act("roll-back", desk.roll_back, "Go back to the version before.", remote=True)
    act("bring-back", desk.bring_back, "Undo its removal.", remote=True)

    @router.post(
        "/extensions/{extension_id}/update",
        status_code=202,
        response_model=_Json,
        responses=problems(404, 409, body=True),
        dependencies=changing,
    )
    async def update_extension(extension_id: str) -> Any:
        """Begin to fetch and check its newest version: it is shown, and installed as a new one is."""
        return await _done(lambda: desk.stages.begin_update(extension_id))

    @router.delete("/extensions/{extension_id}", status_code=204, response_class=Response, responses=problems(404, 409))
    async def remove_extension(extension_id: str) -> Response:
        """Take it out. It can be brought back until the next start; its own data stays."""
        await _done(lambda: desk.remove(extension_id))
        return Response(status_code=204)

    return router
