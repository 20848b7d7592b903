"""What can go wrong when Easel is asked, as exceptions that say what happened and what to do next."""

from __future__ import annotations

from typing import Any


class EaselError(Exception):
    """Easel refused, or can't be reached.

    code: the kind of error, for programs. message: what happened. hint: what to do next. field: the field at fault, if any.
    allowed: its allowed range or choices, in words. status: of the HTTP answer; None where there was none.
    retry_after: seconds after which the same may work.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        hint: str = "",
        field: str | None = None,
        allowed: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        allows = f"Allowed: {allowed}." if allowed and allowed not in hint else ""
        super().__init__(" ".join(part for part in (message, allows, hint) if part))
        self.message = message
        self.code = code
        self.hint = hint
        self.field = field
        self.allowed = allowed
        self.status = status
        self.retry_after = retry_after


class Unreachable(EaselError):
    """Nothing answers at the address, or the connection was lost."""


class NotAllowed(EaselError):
    """The token is missing or wrong, or may not do this (401, 403)."""


class NotFound(EaselError):
    """There is nothing by that id or name (404)."""


class Conflict(EaselError):
    """What was asked for doesn't fit the present state (409)."""


class Invalid(EaselError):
    """A value that can't be used (422): `field` and `allowed` say which, and what could be."""


class Busy(EaselError):
    """The queue is full, or too many ask at once (429): the same may work after `retry_after` seconds."""


class DiskFull(EaselError):
    """Easel's disk is full (507). Nothing was taken."""


class JobFailed(EaselError):
    """A job ended without its pictures. job: its id; what was finished before is in history."""

    job: str = ""


class TookTooLong(EaselError):
    """A job hadn't ended by the time that was given. It goes on: wait for it again, or cancel it."""


_BY_STATUS: dict[int, type[EaselError]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    422: Invalid,
    429: Busy,
    507: DiskFull,
}


def error_of(status: int, body: Any, retry_after: str | None = None) -> EaselError:
    """The exception for an answer. body: its JSON, or None where it had none."""
    told = body.get("error") if isinstance(body, dict) else None
    detail: dict[str, Any] = told if isinstance(told, dict) else {}
    kind = _BY_STATUS.get(status, EaselError)
    return kind(
        str(detail.get("message") or f"Easel answered with status {status}."),
        code=str(detail.get("code") or f"http_{status}"),
        hint=str(detail.get("hint") or ""),
        field=detail.get("field"),
        allowed=detail.get("allowed"),
        status=status,
        retry_after=float(retry_after) if retry_after and retry_after.isdigit() else None,
    )
