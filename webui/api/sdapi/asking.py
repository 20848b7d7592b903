"""Who asks, and the studio as they have it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from webui.api.person import person_of
from webui.people import Person, Scope
from webui.studio.studio import Studio


@dataclass(frozen=True)
class Asking:
    """Somebody who asks. studio: with their own jobs and pictures in it."""

    person: Person
    studio: Studio

    def need(self, scope: Scope) -> Asking:
        """Themselves, if they may do that. Raises NotAllowed."""
        self.person.need(scope)
        return self


def asking(studio: Studio, request: Request) -> Asking:
    """Who asks by that request."""
    person = person_of(request)
    return Asking(person, studio.of(person))
