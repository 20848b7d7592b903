"""Routes by which something is done with all that a search finds, however much that is."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webui.api import answers
from webui.api.jobs import schema_of
from webui.api.person import Asker
from webui.api.problems import json_object, new_router, problems
from webui.generation.request import explain_validation
from webui.studio.bulk import Act, Whole
from webui.studio.journal import parse_id
from webui.studio.marks import ID_PATTERN, MOST_AT_ONCE, Change
from webui.studio.studio import Studio

_TOKEN = r"^[0-9A-Za-z-]{8,64}$"
PictureId = Annotated[str, Field(pattern=ID_PATTERN)]


class SearchBody(BaseModel):
    """All that a search finds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    query: str = Field(description="Words and fields as the search box takes them.")
    newest: PictureId = Field(description="Id of the first picture that is meant: those that came since aren't.")
    without: list[PictureId] = Field(default_factory=list, max_length=MOST_AT_ONCE, description="Pictures that are left out.")

    @property
    def whole(self) -> Whole:
        """As the studio takes it. Raises NotFound for what is larger than any id."""
        return Whole(self.query, parse_id(self.newest), frozenset(map(parse_id, self.without)))


class _ActBody(SearchBody):
    """What is done with them, in slices."""

    act: Act = Field(description="mark: say `change` of them.")
    change: Change | None = Field(None, description="What is said anew; of `mark` alone.")
    undo: str = Field(pattern=_TOKEN, description="A token of yours for the whole act, by which it is taken back.")
    below: PictureId | None = Field(None, description="`next` of the slice before; left out of the first one.")


def schema_with_parts(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI's words for a body of that shape; what it is made of stands in its place, since it has no name there."""
    schema = model.model_json_schema()
    # Without their titles: those who make clients of it name each by where it stands.
    parts = {
        f"#/$defs/{name}": {key: told for key, told in part.items() if key != "title"} for name, part in schema.pop("$defs", {}).items()
    }
    for told in schema["properties"].values():
        if "anyOf" in told:
            told["anyOf"] = [parts.get(one.get("$ref"), one) for one in told["anyOf"]]
    return schema_of(schema)


def build_bulk_router(studio: Studio) -> APIRouter:
    """Routes below /history/acts."""
    router = new_router("history")

    @router.post(
        "/history/acts", response_model=answers.BulkSlice, responses=problems(404, body=True), openapi_extra=schema_with_parts(_ActBody)
    )
    async def act_on_search(asker: Asker, request: Request) -> Any:
        """Mark all that a search finds, put it into the trash or take it out, for half a second; go on with below=next."""
        try:
            body = _ActBody.model_validate(await json_object(request))
        except ValidationError as error:
            raise explain_validation(error, _ActBody) from None
        below = None if body.below is None else parse_id(body.below)
        whole = body.whole
        done = await to_thread.run_sync(lambda: studio.of(asker).bulk.act(whole, body.act, body.change, body.undo, below))
        return {"done": done.done, "next": None if done.next is None else str(done.next)}

    @router.post("/history/acts/{token}/undo", response_model=answers.BulkUndone, responses=problems(404, body=True))
    def undo_act(asker: Asker, token: Annotated[str, Path(pattern=_TOKEN)]) -> Any:
        """Take back what was done with all that a search found, for half a second; once more as long as there is more."""
        done = studio.of(asker).bulk.undo(token)
        return {"done": done.done, "more": done.next is not None}

    return router
