"""Routes of people: log in and out, oneself with one's tokens, and for administrators all accounts."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webui.api import answers
from webui.api.entrance import Caller, Gate, address_of
from webui.api.jobs import schema_of
from webui.api.person import need_admin, person_of
from webui.api.problems import json_object, new_router, problems
from webui.errors import InvalidRequest, NotAllowed, NotLoggedIn
from webui.passwords import LONGEST, SHORTEST
from webui.people import HOUSEHOLD, Person, Role, Scope
from webui.studio.people_book import LOGIN_DAYS, LONGEST_NAME, Account, Token

Body = TypeVar("Body", bound=BaseModel)


class _NameAndPassword(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(max_length=256)]
    password: Annotated[str, Field(max_length=1024)]


class _Passwords(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    old: Annotated[str, Field(max_length=1024)]
    new: Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST)]


class _NewToken(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, description="What it is for.")]
    scopes: Annotated[
        list[Scope], Field(min_length=1, description="read: look. generate: make pictures. admin: for administrators, what only they may.")
    ]


class _NewPerson(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    password: Annotated[str | None, Field(min_length=SHORTEST, max_length=LONGEST, description="None: only tokens open the door.")] = None
    role: Role | None = None


class _ChangedPerson(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role | None = None
    disabled: Annotated[bool | None, Field(strict=True)] = None
    password: Annotated[str | None, Field(min_length=SHORTEST, max_length=LONGEST, description="It logs them out.")] = None


def _schema(body: type[BaseModel]) -> dict[str, Any]:
    return schema_of(body.model_json_schema())


async def _read(request: Request, body: type[Body]) -> Body:
    """The body of a request. Raises InvalidRequest, which never shows what was sent: it may be a password."""
    try:
        return body.model_validate(await json_object(request))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else None
        raise InvalidRequest(
            f"{field} can't be that: {first['msg']}."[:300], field=field, allowed=None, hint="/api/v1/openapi.json has what it may be."
        ) from None


def caller_of(request: Request) -> Caller:
    """Who asks, and by what."""
    return getattr(request.state, "caller", Caller(HOUSEHOLD))


def need_account(request: Request) -> None:
    """For what belongs to one's own account: not for the household, which has none, nor for tokens. Raises NotAllowed."""
    caller = caller_of(request)
    if caller.by_token:
        raise NotAllowed("A token can't change accounts and tokens.", hint="Log in with name and password.")
    if not caller.person.id:
        raise NotAllowed("Nobody is logged in here: this Easel has no accounts.", hint="Add the first one under Settings, People.")


def need_keeper(request: Request) -> None:
    """For accounts: an administrator in person, or the household. Raises NotAllowed."""
    need_admin(request)
    if caller_of(request).by_token:
        raise NotAllowed("A token can't change accounts and tokens.", hint="Log in with name and password.")


def build_people_router(gate: Gate) -> APIRouter:
    """Routes below /login, /logout, /me and /people."""
    router = new_router("people")
    _add_login(router, gate)
    _add_own(router, gate)
    _add_accounts(router, gate)
    return router


async def end_login(gate: Gate, request: Request) -> None:
    """Whatever the browser's cookie opened, it opens no more."""
    login = caller_of(request).login
    if login is not None:
        await to_thread.run_sync(gate.people.close_login, login)


def keep_login(response: Response, gate: Gate, request: Request, secret: str) -> None:
    """Hand the browser its cookie."""
    response.set_cookie(
        gate.cookie,
        secret,
        max_age=LOGIN_DAYS * 86_400,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )


def drop_login(response: Response, gate: Gate, request: Request) -> None:
    """Take the browser's cookie back."""
    response.delete_cookie(gate.cookie, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https")


def _add_login(router: APIRouter, gate: Gate) -> None:
    @router.post("/login", response_model=answers.Me, responses=problems(429, body=True), openapi_extra=_schema(_NameAndPassword))
    async def log_in(request: Request) -> Any:
        """Log in with name and password; the cookie of the answer opens the door from then on."""
        asked = await _read(request, _NameAndPassword)
        person = await gate.log_in(asked.name, asked.password, address_of(request.scope))
        secret = await to_thread.run_sync(gate.people.open_login, person.id)
        answer = JSONResponse(_me(person, accounts=True))
        keep_login(answer, gate, request, secret)
        return answer

    @router.post("/logout", status_code=204, response_class=Response, responses=problems(body=True))
    async def log_out(request: Request) -> Response:
        """Log out: the cookie opens nothing any more."""
        await end_login(gate, request)
        answer = Response(status_code=204)
        drop_login(answer, gate, request)
        return answer


def _add_own(router: APIRouter, gate: Gate) -> None:
    book, own = gate.people, [Depends(need_account)]

    @router.get("/me", response_model=answers.Me, responses=problems())
    def me(request: Request) -> Any:
        """Who asks: somebody with an account, or the household."""
        return _me(person_of(request), accounts=book.any())

    @router.put(
        "/me/password",
        status_code=204,
        response_class=Response,
        responses=problems(429, body=True),
        dependencies=own,
        openapi_extra=_schema(_Passwords),
    )
    async def change_password(request: Request) -> Response:
        """A new password for oneself, by the old one. Logins elsewhere end."""
        asked, caller = await _read(request, _Passwords), caller_of(request)
        try:
            await gate.log_in(caller.person.name, asked.old, address_of(request.scope))
        except NotLoggedIn:
            raise InvalidRequest("The old password is wrong.", field="old", hint="Type it again; mind capitals.") from None
        await to_thread.run_sync(lambda: book.set_password(caller.person.id, asked.new, but=caller.login))
        return Response(status_code=204)

    @router.post("/me/logout-everywhere", response_model=answers.LoggedOut, responses=problems(body=True), dependencies=own)
    async def log_out_everywhere(request: Request) -> Any:
        """End all of one's logins, this one, too. Tokens stay."""
        answer = JSONResponse({"logins": await to_thread.run_sync(book.close_logins, person_of(request).id)})
        drop_login(answer, gate, request)
        return answer

    @router.get("/me/tokens", response_model=answers.TokenList, responses=problems(), dependencies=own)
    def tokens(request: Request) -> Any:
        """One's own tokens, the newest first. What they are is shown once only, when they are made."""
        return {"items": [_token(one) for one in book.tokens_of(person_of(request).id)]}

    @router.post(
        "/me/tokens",
        status_code=201,
        response_model=answers.NewToken,
        responses=problems(409, body=True),
        dependencies=own,
        openapi_extra=_schema(_NewToken),
    )
    async def add_token(request: Request) -> Any:
        """A token for a program, which sends it as `Authorization: Bearer …`."""
        asked = await _read(request, _NewToken)
        made, secret = await to_thread.run_sync(lambda: book.add_token(person_of(request).id, asked.name, asked.scopes))
        return {**_token(made), "token": secret}

    @router.delete("/me/tokens/{token_id}", status_code=204, response_class=Response, responses=problems(404, body=True), dependencies=own)
    def remove_token(request: Request, token_id: str) -> Response:
        """Take a token away: it opens nothing any more."""
        book.remove_token(person_of(request).id, token_id)
        return Response(status_code=204)


def _add_accounts(router: APIRouter, gate: Gate) -> None:
    book, keepers = gate.people, [Depends(need_keeper)]

    @router.get("/people", response_model=answers.PeopleList, responses=problems(), dependencies=keepers)
    def people() -> Any:
        """All accounts, by name."""
        return {"items": [_account(one) for one in book.all()]}

    @router.post(
        "/people",
        status_code=201,
        response_model=answers.PersonAnswer,
        responses=problems(409, body=True),
        dependencies=keepers,
        openapi_extra=_schema(_NewPerson),
    )
    async def add_person(request: Request) -> Any:
        """A new account. The first one is an administrator's: what was made here so far becomes theirs, and everybody has to log in.

        Whoever adds that one is logged in.
        """
        asked = await _read(request, _NewPerson)
        made = await to_thread.run_sync(lambda: book.add(asked.name, asked.password, asked.role))
        answer = JSONResponse(_account(made), status_code=201)
        if not caller_of(request).person.id and len(await to_thread.run_sync(book.all)) == 1:
            keep_login(answer, gate, request, await to_thread.run_sync(book.open_login, made.id))
        return answer

    @router.patch(
        "/people/{person_id}",
        response_model=answers.PersonAnswer,
        responses=problems(404, 409, body=True),
        dependencies=keepers,
        openapi_extra=_schema(_ChangedPerson),
    )
    async def change_person(request: Request, person_id: str) -> Any:
        """Another role, closed or opened again, or a new password, which logs them out."""
        asked = await _read(request, _ChangedPerson)

        def change() -> Account:
            changed = book.change(person_id, role=asked.role, disabled=asked.disabled)
            if asked.password is None:
                return changed
            book.set_password(person_id, asked.password, but=caller_of(request).login)
            return book.one(person_id)

        return _account(await to_thread.run_sync(change))

    @router.delete(
        "/people/{person_id}", status_code=204, response_class=Response, responses=problems(404, 409, body=True), dependencies=keepers
    )
    def remove_person(person_id: str) -> Response:
        """Take an account away, with its logins and tokens. What it made stays."""
        book.remove(person_id)
        return Response(status_code=204)


def _me(person: Person, *, accounts: bool) -> dict[str, Any]:
    scopes = sorted(person.scopes, key=list(Scope).index)
    return {"id": person.id, "name": person.name, "role": person.role, "scopes": scopes, "accounts": accounts}


def _account(account: Account) -> dict[str, Any]:
    return {**asdict(account), "created": _moment(account.created)}


def _token(token: Token) -> dict[str, Any]:
    return {**asdict(token), "created": _moment(token.created), "used": None if token.used is None else _moment(token.used)}


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
