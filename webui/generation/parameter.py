"""How a parameter is declared: once, with its default, bounds and words, on the field of the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationInfo, field_validator

MAX_PROMPT_CHARACTERS = 20_000


def parameter(
    default: Any,
    *,
    label: str,
    help: str,
    infotext: str | None = None,
    unit: str = "",
    step: float | None = None,
    only_for: Mapping[str, Sequence[Any]] | None = None,
    of_models: str | None = None,
    filled_in: bool = False,
    **bounds: Any,
) -> Any:
    """Declare one parameter: its default (... for none), bounds (pydantic's ge, le, multiple_of, max_length) and words.

    infotext: the AUTOMATIC1111 key it is written under. unit: shown behind the number. step: of the slider. only_for: other parameters
    of the same thing -> their values with which this one says anything. of_models: the kind of the models one of which it names.
    filled_in: whether it is written when a job is taken, and nobody chooses it.
    """
    told = {"infotext": infotext, "unit": unit, "step": step, "only_for": only_for and dict(only_for)}
    told |= {"of_models": of_models, "filled_in": filled_in}
    extra = {key: value for key, value in told.items() if value}
    return Field(default, title=label, description=help, json_schema_extra=extra, **bounds)


def storable(value: Any) -> Any:
    """Text as files and databases can hold it; anything else as it is."""
    # Lone surrogates cannot be stored as UTF-8, NUL ends strings in C libraries and databases.
    return value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "") if isinstance(value, str) else value


class Declared(BaseModel):
    """What is made of parameters."""

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        # Pydantic takes false for 0 otherwise.
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in (int, float):
            raise ValueError("Send a number")
        return value
