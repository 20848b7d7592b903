"""Who asks: one person of this Easel, or the household where nobody has to log in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from webui.errors import NotAllowed

Role = Literal["admin", "user"]


class Scope(StrEnum):
    """What a bearer token may be used for; somebody who logged in has all that the role allows."""

    READ = "read"
    """Look at pictures, history, queue and lists."""
    GENERATE = "generate"
    """Make pictures, and change what is one's own."""
    ADMIN = "admin"
    """Models, extensions, settings and people; for administrators only."""


@dataclass(frozen=True)
class Person:
    """id: as their jobs and pictures are kept; "" is the household. scopes: what this request may do for them."""

    id: str
    name: str
    role: Role
    scopes: frozenset[Scope] = frozenset(Scope)

    @property
    def is_admin(self) -> bool:
        """Whether models, extensions, settings and people may be changed."""
        return self.role == "admin" and Scope.ADMIN in self.scopes

    def need(self, scope: Scope) -> None:
        """Raises NotAllowed unless this person may do what the scope stands for, by this request."""
        if scope not in self.scopes or (scope is Scope.ADMIN and not self.is_admin):
            raise NotAllowed(
                "Only an administrator may do this." if scope is Scope.ADMIN else f"This token may not {scope}.",
                hint="Ask an administrator of this Easel." if scope is Scope.ADMIN else "Use a token that has this scope.",
            )


HOUSEHOLD = Person("", "", "admin")
"""Whoever is at the keyboard of an Easel without accounts."""
