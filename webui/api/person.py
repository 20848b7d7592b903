"""Who asks, of a request that the door let in."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from webui.people import HOUSEHOLD, Person, Scope


def person_of(connection: HTTPConnection) -> Person:
    """The person that the door found; the household where nobody has to log in."""
    return getattr(connection.state, "person", HOUSEHOLD)


def need_admin(connection: HTTPConnection) -> None:
    """For routers and routes that only administrators may use: `dependencies=[Depends(need_admin)]`. Raises NotAllowed."""
    person_of(connection).need(Scope.ADMIN)


async def _asker(connection: HTTPConnection) -> Person:
    # Async: for a look at the request no thread is needed.
    return person_of(connection)


Asker = Annotated[Person, Depends(_asker)]
"""A parameter of routes: who asks. What is theirs, `studio.of(asker)` answers with; the studio by itself is the household's."""
