"""Routes of history: pages and searches, marks, trash."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from anyio import to_thread
from fastapi import APIRouter, BackgroundTasks, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webui.api import answers
from webui.api.jobs import Limit, schema_of
from webui.api.person import Asker
from webui.api.problems import json_object, new_router, problems
from webui.generation.request import explain_validation
from webui.people import Person
from webui.studio.journal import parse_id
from webui.studio.marks import ID_PATTERN, MOST_AT_ONCE, Change, Marks
from webui.studio.search.compiling import ReadTerm
from webui.studio.search.terms import MOST_CHARACTERS
from webui.studio.studio import Studio

Search = Annotated[
    str,
    Query(description=f"Words and fields as the search box takes them (docs/history-search.md), at most {MOST_CHARACTERS:,} characters."),
]
Before = Annotated[str | None, Query(max_length=19, description="An id: older pictures only.")]
PictureId = Annotated[str, Field(pattern=ID_PATTERN)]


class _Pictures(BaseModel):
    """Pictures by their ids; those that are gone are left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ids: list[PictureId] = Field(min_length=1, max_length=MOST_AT_ONCE)

    @property
    def numbers(self) -> list[int]:
        """The ids as the database has them. Raises NotFound for what is larger than any id."""
        return list(dict.fromkeys(map(parse_id, self.ids)))


class _MarksBody(_Pictures, Change):
    """What is said anew of these pictures."""


class _BeforeBody(BaseModel):
    """What a change answered."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    before: list[Marks] = Field(max_length=MOST_AT_ONCE)


class _QueryBody(BaseModel):
    """The text of a search."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    query: str


class _Nothing(BaseModel):
    """Nothing has to be said."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Body = TypeVar("Body", bound=BaseModel)


async def _read(request: Request, model: type[Body]) -> Body:
    """The body of a request. Raises InvalidRequest naming the field at fault."""
    try:
        return model.model_validate(await json_object(request))
    except ValidationError as error:
        raise explain_validation(error, model) from None


def _taking(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI's words for a body of that shape."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})
    if "before" in schema["properties"]:
        schema["properties"]["before"]["items"] = parts["Marks"]
    return schema_of(schema)


def _units(text: str) -> int:
    """How long JavaScript says that a text is: it counts in UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _before_caret(text: str, caret: int | None) -> int:
    """How many characters stand before a caret that JavaScript tells."""
    units = text.encode("utf-16-le", "surrogatepass")
    return len(text) if caret is None else len(units[: 2 * caret].decode("utf-16-le", "ignore"))


def _term(text: str, one: ReadTerm) -> dict[str, Any]:
    term = one.term
    return {
        "start": _units(text[: term.start]),
        "end": _units(text[: term.end]),
        "text": text[term.start : term.end],
        "field": term.field,
        "operator": term.operator,
        "value": ",".join(value.text for value in term.values),
        "negated": term.negated,
        "problem": one.problem or None,
    }


def build_history_router(studio: Studio) -> APIRouter:
    """Routes below /history."""
    router = new_router("history")

    def page(asker: Person, later: BackgroundTasks, q: str, limit: int, before: str | None, *, whole: bool) -> dict[str, Any]:
        search = studio.of(asker).search
        found = search.page(q, below=None if before is None else parse_id(before), limit=limit, whole=whole)
        if found.next is not None and not found.partial:
            later.add_task(search.look_ahead, q, below=parse_id(found.next), limit=limit)
        return asdict(found)

    @router.get("/history", response_model=answers.HistoryPage, responses=problems(404))
    def history(asker: Asker, later: BackgroundTasks, q: Search = "", limit: Limit = 60, before: Before = None) -> Any:
        """Pictures newest first, all or those that a search finds; ask for the next page with before=next."""
        return page(asker, later, q, limit, before, whole=True)

    @router.get("/history/cards", response_model=answers.HistoryCards, responses=problems(404))
    def history_cards(asker: Asker, later: BackgroundTasks, q: Search = "", limit: Limit = 60, before: Before = None) -> Any:
        """The same pages as a grid shows them: without what made each picture, and so much quicker."""
        return page(asker, later, q, limit, before, whole=False)

    @router.get("/history/count", response_model=answers.HistoryCount, responses=problems())
    def history_count(asker: Asker, q: Search = "") -> Any:
        """How many pictures a search finds."""
        n, more = studio.of(asker).search.count(q)
        return {"n": n, "more": more}

    @router.get("/history/terms", response_model=answers.SearchTerms, responses=problems())
    def history_terms(asker: Asker, q: Search = "") -> Any:
        """A search term by term, each with what is wrong with it."""
        terms, problem = studio.of(asker).search.terms(q)
        return {"terms": [_term(q, term) for term in terms], "problem": problem or None}

    @router.get("/history/completions", response_model=answers.SearchWaysOn, responses=problems())
    def history_completions(
        asker: Asker,
        q: Search = "",
        caret: Annotated[int | None, Query(ge=0, le=100_000, description="Where it stands; left out: at the end.")] = None,
    ) -> Any:
        """Ways on for a search that is being typed."""
        found = studio.of(asker).search.ways_on(q, _before_caret(q, caret))
        return asdict(found) | {"start": _units(q[: found.start]), "end": _units(q[: found.end])}

    @router.get("/history/facets", response_model=answers.Facets, responses=problems())
    def history_facets(asker: Asker, q: Search = "") -> Any:
        """What the pictures of a search have, and how many of them."""
        found = studio.of(asker).search.facets(q)
        counts = {kind: [{"value": value, "n": n} for value, n in values] for kind, values in found.counts.items()}
        return {"of": found.of, "exact": found.exact, "facets": counts}

    @router.get("/history/searches", response_model=answers.SavedSearches, responses=problems())
    def saved_searches(asker: Asker) -> Any:
        """Saved searches with what they find now."""
        return {"items": [asdict(search) for search in studio.of(asker).search.saved()]}

    @router.put(
        "/history/searches/{name:path}",
        response_model=answers.SavedSearch,
        responses=problems(body=True),
        openapi_extra=_taking(_QueryBody),
    )
    async def save_search(asker: Asker, name: str, request: Request) -> Any:
        """Keep a search by name, of at most 100 characters; an earlier one of that name makes room."""
        asked = await _read(request, _QueryBody)
        return asdict(await to_thread.run_sync(lambda: studio.of(asker).search.save(name, asked.query)))

    @router.delete("/history/searches/{name:path}", response_model=answers.SavedSearch, responses=problems(404, body=True))
    def delete_search(asker: Asker, name: str) -> Any:
        """Forget a saved search. The answer says what it was."""
        return asdict(studio.of(asker).search.delete(name))

    @router.patch(
        "/history/images", response_model=answers.MarksBefore, responses=problems(404, body=True), openapi_extra=_taking(_MarksBody)
    )
    async def mark_images(asker: Asker, request: Request) -> Any:
        """Say something of up to 10,000 pictures. The answer, sent to /history/images/marks, takes it back."""
        asked = await _read(request, _MarksBody)
        numbers = asked.numbers
        return {"before": await to_thread.run_sync(lambda: studio.of(asker).marks.change(numbers, asked))}

    @router.put(
        "/history/images/marks", response_model=answers.Changed, responses=problems(404, body=True), openapi_extra=_taking(_BeforeBody)
    )
    async def put_back_marks(asker: Asker, request: Request) -> Any:
        """Say of each picture exactly what stands here, as PATCH /history/images answered it."""
        asked = await _read(request, _BeforeBody)
        return {"changed": await to_thread.run_sync(lambda: studio.of(asker).marks.put_back(asked.before))}

    @router.post("/history/trash", response_model=answers.Trashed, responses=problems(404, body=True), openapi_extra=_taking(_Pictures))
    async def trash_images(asker: Asker, request: Request) -> Any:
        """Put pictures into the trash: only a search for is:trash shows them then. Their files stay."""
        numbers = (await _read(request, _Pictures)).numbers
        return {"trashed": [str(number) for number in await to_thread.run_sync(lambda: studio.of(asker).trash.put(numbers))]}

    @router.post("/history/restore", response_model=answers.Restored, responses=problems(404, body=True), openapi_extra=_taking(_Pictures))
    async def restore_images(asker: Asker, request: Request) -> Any:
        """Take pictures out of the trash."""
        numbers = (await _read(request, _Pictures)).numbers
        return {"restored": [str(number) for number in await to_thread.run_sync(lambda: studio.of(asker).trash.restore(numbers))]}

    @router.post("/history/trash/empty", response_model=answers.Emptied, responses=problems(body=True), openapi_extra=_taking(_Nothing))
    async def empty_trash(asker: Asker, request: Request) -> Any:
        """Delete for good what is in the trash, with its files; of pictures of other programs the files stay where they are."""
        await _read(request, _Nothing)
        emptied = await to_thread.run_sync(studio.of(asker).trash.empty)
        kept = [{"id": str(number), "reason": reason} for number, reason in emptied.kept.items()]
        return {"removed": emptied.removed, "bytes": emptied.bytes, "kept": kept}

    @router.get("/history/{image_id}", response_model=answers.Image, responses=problems(404))
    def history_item(asker: Asker, image_id: str) -> Any:
        """One picture with every parameter."""
        return studio.of(asker).history_item(image_id)

    return router
