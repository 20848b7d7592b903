"""Whose rows are meant. What somebody asks of the studio is answered from their own rows; what is others' isn't there for them.

Every query that somebody asks for takes its condition from `Whose.are`. What the studio does by itself (running jobs, tidying up)
goes by EVERYBODY.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Self

from sqlalchemy import ColumnElement, FromClause, true


@dataclass(frozen=True)
class Whose:
    """One person's, by id ("" is the household), or everybody's (None)."""

    owner: str | None = None

    def are(self, rows: FromClause) -> ColumnElement[bool]:
        """Whether a row of a table (one with an owner) is meant."""
        return true() if self.owner is None else rows.c.owner == self.owner

    @property
    def new(self) -> str:
        """The owner of rows that are written."""
        return self.owner or ""


EVERYBODY = Whose()


class Kept:
    """What keeps rows that are somebody's: everybody's, until `of` says whose."""

    whose: Whose = EVERYBODY

    def of(self, whose: Whose) -> Self:
        """The same for whoever that is: nobody else's is there."""
        # Shallow on purpose: connections, locks and caches stay the same ones.
        view = copy.copy(self)
        view.whose = whose
        return view
