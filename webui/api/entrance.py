"""Who asks: one check of cookie, name and password, or token, for page, API, pictures, films, streams and Gradio's own routes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TypeVar
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread

from webui import access_tokens
from webui.api.security import SAFE_METHODS, App, Message, Receive, Scope, Send, header, refuse
from webui.api.tries import Tries
from webui.errors import EaselError, NotLoggedIn
from webui.people import HOUSEHOLD, Person
from webui.people import Scope as May
from webui.settings import Settings
from webui.studio.people_book import PeopleBook

LOGIN_PAGE = "/login"
OPEN_TO_ALL = frozenset({LOGIN_PAGE, "/api/v1/login"})
"""What is answered before anybody has logged in. Nothing else is."""
_BASIC_REALM = 'Basic realm="Easel", charset="UTF-8"'
_CLIENTS = ("/sdapi/", "/controlnet/", "/internal/")
"""Other programs' clients, and browsers in between, ask for name and password there when they are told to."""
_APIS = ("/api/", "/gradio_api/", *_CLIENTS)

_AT_ONCE = 2
"""Passwords that are checked at the same time: each takes 64 MiB and a processor."""
_LOOKUPS = 4
"""Questions to the database at the same time."""
_BASIC_SECONDS = 300.0
"""So long a name and password that were right are taken without another Argon2, while neither they nor the account change."""
_MOST_BASIC = 256
WATCH_SECONDS = 2.0
"""A long answer is cut so soon after whoever asked was logged out."""

Answer = TypeVar("Answer")

_NOBODY = Person("", "", "user", frozenset())


@dataclass(frozen=True)
class Caller:
    """Who asks, and by what. login: the cookie's secret, if that is it. by_token: a program's token, which can do less than its person."""

    person: Person
    login: str | None = None
    by_token: bool = False
    secret: str | None = None


class Gate:
    """Finds out who asks. Shared by the middleware and by the routes that log in."""

    def __init__(self, people: PeopleBook, settings: Settings, own_key: str | None = None) -> None:
        """own_key: a secret that commands on this machine show, instead of a token; they act for the household."""
        self.people = people
        self.cookie = f"easel-login-{settings.port}"
        """Cookies don't know ports: with it in the name, two Easels on one machine don't log each other out."""
        self._open = settings.this_machine_only or settings.listen_without_password
        self._own_key = own_key
        self._tries = Tries()
        self._turn = CapacityLimiter(_AT_ONCE)
        self._lookups = CapacityLimiter(_LOOKUPS)
        self._basic: dict[bytes, tuple[str, str, float]] = {}
        self._mark = secrets.token_bytes(32)

    async def caller(self, scope: Scope) -> Caller:
        """Whoever asks. Raises NotLoggedIn or TooManyTries."""
        authorization = header(scope, b"authorization")
        if authorization is not None and self._is_own_key(authorization):
            return Caller(HOUSEHOLD)
        known = self.people.remembers_any()
        if not (await self._look(self.people.any) if known is None else known):
            if self._open:
                return Caller(HOUSEHOLD)
            raise NotLoggedIn("Nobody has an account here yet.", hint="On its machine: python launch.py people add NAME")
        secret = self.secret_of(scope)
        if secret is not None and (person := await self.who(secret)) is not None:
            return Caller(person, login=secret, secret=secret)
        if authorization is None:
            raise NotLoggedIn("You aren't logged in.", hint="Log in, or send a token or name and password.")
        return await self._by_header(authorization, address_of(scope))

    async def who(self, secret: str) -> Person | None:
        """Who has the secret of a login or a token."""
        known, person = self.people.remembered(secret)
        return person if known else await self._look(lambda: self.people.who(secret))

    async def log_in(self, name: str, password: str, address: str) -> Person:
        """Whoever has that name and password. Raises NotLoggedIn or TooManyTries."""
        self._tries.require_room(name, address)
        async with self._turn:
            # Others may have tried while this one waited for its turn.
            self._tries.require_room(name, address)
            person = await to_thread.run_sync(self.people.check, name, password)
            if person is None:
                self._tries.failed(name, address)
                raise NotLoggedIn("Name or password is wrong.", field="password", hint="Try again; mind capitals.", code="wrong_password")
        self._tries.worked(name, address)
        return person

    def secret_of(self, scope: Scope) -> str | None:
        """What the cookie of this Easel holds."""
        try:
            cookie = SimpleCookie(header(scope, b"cookie") or "").get(self.cookie)
        except CookieError:
            return None
        return cookie.value if cookie is not None and 20 <= len(cookie.value) <= 200 else None

    def _is_own_key(self, authorization: str) -> bool:
        return self._own_key is not None and hmac.compare_digest(authorization.encode(), f"Bearer {self._own_key}".encode())

    async def _by_header(self, authorization: str, address: str) -> Caller:
        scheme, _, value = authorization.strip().partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer" and value:
            return await self._by_token(value)
        if scheme.lower() == "basic" and value:
            return await self._by_basic(value, address)
        raise NotLoggedIn("The Authorization header can't be read.", field="Authorization", allowed="Basic or Bearer", hint="Mend it.")

    async def _by_token(self, secret: str) -> Caller:
        person = await self.who(secret) if len(secret) <= 200 else None
        if person is None:
            if secret.startswith(access_tokens.START) and not access_tokens.is_whole(secret):
                raise NotLoggedIn("This token isn't whole.", field="Authorization", hint="Copy all of it once more.")
            raise NotLoggedIn("There is no such token.", field="Authorization", hint="Make a new one under Settings, People.")
        return Caller(person, by_token=True, secret=secret)

    async def _by_basic(self, value: str, address: str) -> Caller:
        try:
            name, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            name, colon, password = "", "", ""
        if not colon:
            raise NotLoggedIn("Name and password can't be read.", field="Authorization", allowed="Basic", hint="Mend the header.")
        if (person := await self._by_token_as_password(name, password)) is not None:
            return Caller(person, by_token=True, secret=password)
        mark = hashlib.blake2b(value.encode(), key=self._mark, digest_size=32).digest()
        person_id, hashed, until = self._basic.get(mark, ("", "", 0.0))
        if time.monotonic() < until:
            now = await self._look(lambda: self.people.person(person_id))
            if now is not None and now[1] == hashed:
                self._basic[mark] = (person_id, hashed, time.monotonic() + _BASIC_SECONDS)
                return Caller(now[0])
        person = await self.log_in(name, password, address)
        now = await self._look(lambda: self.people.person(person.id))
        if now is not None:
            if len(self._basic) >= _MOST_BASIC:
                self._basic.clear()
            self._basic[mark] = (person.id, now[1], time.monotonic() + _BASIC_SECONDS)
        return Caller(person)

    async def _by_token_as_password(self, name: str, password: str) -> Person | None:
        """Programs that know names and passwords only may give a token as the password."""
        person = await self.who(password) if password.startswith(access_tokens.START) and len(password) <= 200 else None
        return person if person is not None and person.name.casefold() == name.strip().casefold() else None

    async def _look(self, question: Callable[[], Answer]) -> Answer:
        # In threads of its own: whoever asks is known also while all others are busy.
        return await to_thread.run_sync(question, limiter=self._lookups)


class Entrance:
    """Lets nobody by whom the gate doesn't know; `request.state.person` and `request.state.caller` say who it is."""

    def __init__(self, app: App, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, then hand it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._admitted(scope)
        except NotLoggedIn as problem:
            await self._turn_away(scope, receive, send, problem)
            return
        except EaselError as problem:
            await refuse(scope, receive, send, problem)
            return
        scope["state"] = {**scope.get("state", {}), "person": caller.person, "caller": caller}
        await self._app(scope, receive, self._watched(caller.secret, send) if caller.secret is not None else send)

    async def _admitted(self, scope: Scope) -> Caller:
        try:
            caller = await self._gate.caller(scope)
        except NotLoggedIn:
            if scope["path"] in OPEN_TO_ALL:
                return Caller(_NOBODY)
            raise
        if scope["path"] not in OPEN_TO_ALL:
            caller.person.need(May.READ if scope["type"] == "http" and scope["method"] in SAFE_METHODS else May.GENERATE)
        return caller

    async def _turn_away(self, scope: Scope, receive: Receive, send: Send, problem: NotLoggedIn) -> None:
        path = str(scope["path"])
        wants_page = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and "text/html" in (header(scope, b"accept") or "")
        if wants_page and not path.startswith(_APIS):
            back = path + (f"?{scope['query_string'].decode('latin-1')}" if scope.get("query_string") else "")
            where = LOGIN_PAGE if back == "/" else f"{LOGIN_PAGE}?next={quote(back, safe='')}"
            headers = [(b"location", where.encode()), (b"content-length", b"0"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 303, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await refuse(scope, receive, send, problem, www_authenticate=_BASIC_REALM if path.startswith(_CLIENTS) else 'Bearer realm="Easel"')

    def _watched(self, secret: str, send: Send) -> Send:
        """Ends an answer that goes on and on (a stream of events) once its login or token opens nothing any more."""
        looked = time.monotonic()
        ended = False

        async def watched(message: Message) -> None:
            nonlocal looked, ended
            if ended:
                return
            if message.get("more_body") and time.monotonic() - looked > WATCH_SECONDS:
                looked = time.monotonic()
                if await self._gate.who(secret) is None:
                    ended = True
                    message = {"type": "http.response.body", "body": b""}
            await send(message)

        return watched


def address_of(scope: Scope) -> str:
    """Where a request comes from, as far as it is known."""
    return str(scope["client"][0]) if scope.get("client") else ""
