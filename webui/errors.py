"""Every error a person can meet: what happened, which field, what is allowed, what to do next.

One short tree. `status` is the HTTP status of the REST API; the page, the command line and the
API all show the same `message` and `hint`.
"""

from __future__ import annotations

from typing import Any


class EaselError(Exception):
    """Root of all errors that are meant to be read by a person.

    message: one sentence, what happened. hint: one sentence, what to do next.
    field: the request field at fault, if any. allowed: its allowed range or choices, in words.
    retry_after: seconds after which the same may work, where that is the cure.
    """

    code = "internal_error"
    status = 500
    retry_after: int | None = None

    def __init__(
        self, message: str, *, hint: str = "", field: str | None = None, allowed: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field
        self.allowed = allowed
        if code is not None:
            self.code = code

    def as_dict(self) -> dict[str, Any]:
        """The one error shape of Easel: code, message, field, allowed, hint."""
        return {
            "code": self.code,
            "message": self.message,
            "field": self.field,
            "allowed": self.allowed,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        allowed = f"Allowed: {self.allowed}." if self.allowed and self.allowed not in self.hint else ""
        return " ".join(part for part in (self.message, allowed, self.hint) if part)


class InvalidRequest(EaselError):
    """A value that cannot be used; names the field, the allowed range and the way out."""

    code = "invalid_request"
    status = 422


class NotFound(EaselError):
    """Nothing here by that name or id."""

    code = "not_found"
    status = 404


class Conflict(EaselError):
    """The thing asked for does not fit the state it is in (a finished job cannot be skipped)."""

    code = "conflict"
    status = 409


class TooLarge(EaselError):
    """A body or a picture beyond the limit."""

    code = "too_large"
    status = 413


class TooSlow(EaselError):
    """A body that doesn't come to its end."""

    code = "too_slow"
    status = 408


class QueueFull(EaselError):
    """The waiting line has reached its limit."""

    code = "queue_full"
    status = 429
    retry_after = 10


class TooManyStreams(EaselError):
    """More clients follow the events than Easel serves at once."""

    code = "too_many_streams"
    status = 429
    retry_after = 5


class KeyUsedDifferently(InvalidRequest):
    """An idempotency key that came before with another body."""

    code = "idempotency_key_reused"


class StartupOnly(EaselError):
    """A setting that takes effect at start only, or that the command line or the environment decides."""

    code = "setting_is_startup_only"
    status = 403


class CrossSite(EaselError):
    """A request that another web page made in the user's name."""

    code = "cross_site_request"
    status = 403


class NotAllowed(EaselError):
    """Who asks may not do this: another role or another scope is needed."""

    code = "not_allowed"
    status = 403


class NotLoggedIn(EaselError):
    """Nobody's request: log in, or send name and password, or a token."""

    code = "not_logged_in"
    status = 401


class TooManyTries(EaselError):
    """Wrong passwords came too often, under this name or from there."""

    code = "too_many_tries"
    status = 429

    def __init__(self, message: str, *, retry_after: int, **more: Any) -> None:
        super().__init__(message, **more)
        self.retry_after = retry_after


class CheckpointUnusable(EaselError):
    """A checkpoint that cannot be read, is damaged, or is of a kind the engine does not draw with."""

    code = "checkpoint_unusable"
    status = 422


class AdapterUnusable(EaselError):
    """A LoRA, an embedding or a VAE that cannot be read, is damaged, or is something else."""

    code = "adapter_unusable"
    status = 422


class LoraDoesNotFit(AdapterUnusable):
    """A LoRA made for another family of models than the checkpoint's."""

    code = "lora_does_not_fit"


class GenerationFailed(EaselError):
    """The engine could not finish the picture."""

    code = "generation_failed"
    status = 500


class WorkerLost(EaselError):
    """The worker process ended in the middle of a job; the job can be tried again from its seed."""

    code = "worker_lost"
    status = 503


class DataUnusable(EaselError):
    """The data folder or the database cannot be used as it is (newer version, locked, not writable)."""

    code = "data_unusable"
    status = 503


class DiskFull(DataUnusable):
    """There is no room left to write. Nothing half was kept; the same works once there is room."""

    code = "disk_full"
    status = 507
    retry_after = 30


class DatabaseBusy(DataUnusable):
    """Another program holds the database for longer than Easel waits."""

    code = "database_busy"
    retry_after = 5


class SettingInvalid(EaselError):
    """A setting on the command line, in the environment or in settings.yaml that cannot be used."""

    code = "setting_invalid"
    status = 422


class SettingsTextInvalid(SettingInvalid):
    """A text of settings with lines that can't be used. problems: each with line, name, message and hint."""

    code = "settings_text_invalid"

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        first = problems[0]
        more = f", and {len(problems) - 1:,} more" if len(problems) > 1 else ""
        super().__init__(
            f"Nothing was changed: line {first['line']} can't be used{more}. {first['message']}",
            field=first["name"] or None,
            hint=first["hint"] or "Mend it, and import the file again.",
        )
        self.problems = problems

    def as_dict(self) -> dict[str, Any]:
        """The one error shape, and all lines."""
        return {**super().as_dict(), "problems": self.problems}
