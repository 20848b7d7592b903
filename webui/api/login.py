"""The login page's two routes, for browsers without a script: name and password in, a cookie out, and back to where one came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from webui.api.entrance import LOGIN_PAGE, Gate, address_of
from webui.api.people import drop_login, end_login, keep_login
from webui.errors import EaselError, NotLoggedIn, TooManyTries
from webui.languages.catalogues import COOKIE, chosen

_MOST_FORM_BYTES = 16_384


class Page(Protocol):
    """Writes the login page. policy: its Content-Security-Policy."""

    policy: str

    def __call__(self, *, language: str = "en", trouble: str = "", name: str = "", after: str = "/") -> str:
        """The page as HTML."""
        ...


def build_login_router(gate: Gate, page: Page, language: Callable[[], str]) -> APIRouter:
    """/login and /logout. language: of the page, as the setting has it."""
    router = APIRouter(include_in_schema=False)

    def shown(request: Request, status: int = 200, retry_after: int | None = None, **words: str) -> Response:
        own = chosen(language(), request.headers.get("accept-language", ""), request.cookies.get(COOKIE, ""))
        headers = {
            "content-security-policy": page.policy,
            "cache-control": "no-store",
            "vary": "accept-language, cookie",
            # With no-referrer browsers send "Origin: null" along with a form, as they do for other sites' forms.
            "referrer-policy": "same-origin",
        }
        if retry_after is not None:
            headers["retry-after"] = str(retry_after)
        return HTMLResponse(page(language=own, **words), status_code=status, headers=headers)

    @router.get(LOGIN_PAGE)
    async def ask(request: Request) -> Response:
        after = safe_path(request.query_params.get("next", "/"))
        if await _is_known(gate, request):
            return RedirectResponse(after, status_code=303)
        return shown(request, after=after)

    @router.post(LOGIN_PAGE)
    async def log_in(request: Request) -> Response:
        form = await _form(request)
        name, after = form.get("name", ""), safe_path(form.get("next", "/"))
        try:
            person = await gate.log_in(name, form.get("password", ""), address_of(request.scope))
            secret = await to_thread.run_sync(gate.people.open_login, person.id)
        except TooManyTries as problem:
            return shown(request, problem.status, problem.retry_after, trouble=str(problem), name=name, after=after)
        except NotLoggedIn as problem:
            return shown(request, problem.status, trouble=str(problem), name=name, after=after)
        except EaselError as problem:
            return shown(request, problem.status, trouble=str(problem), name=name, after=after)
        answer = RedirectResponse(after, status_code=303)
        keep_login(answer, gate, request, secret)
        return answer

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        await end_login(gate, request)
        answer = RedirectResponse(LOGIN_PAGE, status_code=303)
        drop_login(answer, gate, request)
        return answer

    return router


def safe_path(text: str) -> str:
    """A path on this Easel; "/" for whatever would lead elsewhere."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    elsewhere = parts.scheme or parts.netloc or not text.startswith("/") or text.startswith(("//", "/\\"))
    return "/" if elsewhere or "\\" in text or not text.isprintable() or len(text) > 2000 or parts.path == LOGIN_PAGE else text


async def _is_known(gate: Gate, request: Request) -> bool:
    try:
        await gate.caller(request.scope)
    except EaselError:
        return False
    return True


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body())[:_MOST_FORM_BYTES]
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    return {name: values[-1] for name, values in fields.items()}
