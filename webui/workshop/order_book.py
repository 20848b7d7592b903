"""The workshop's journal: every order as a row before anybody is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from webui.errors import Conflict, NotFound
from webui.studio.database import Database
from webui.studio.ids import IdClock
from webui.studio.journal import CANCELLED, DONE, ENDED, FAILED, RUNNING, WAITING
from webui.studio.tables import workshop_order as table
from webui.workshop.recipes import AnyRecipe, dump_recipe, load_recipe

MOST_ATTEMPTS = 3
"""An order during which Easel ended so often is not begun again by itself: it may be what ended it."""

MOST_KEPT = 200
"""Ended orders; older ones are forgotten."""


@dataclass(frozen=True)
class Order:
    """One order. state: what a download needs to go on; result: what was made; attempt: how often it was begun."""

    id: int
    kind: str
    status: str
    asked: str
    state: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    attempt: int = 0
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    ended: int | None = None

    @property
    def recipe(self) -> AnyRecipe:
        """What was asked for. Raises InvalidRequest when a later Easel stored it."""
        return load_recipe(self.asked)


def _order(row: Row[Any]) -> Order:
    return Order(row.id, row.kind, row.status, row.asked, dict(row.state), tuple(row.notes), row.attempt, row.result, row.error, row.ended)


class OrderBook:
    """Rows of orders. Each method is one transaction; may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as connection:
            self._ids = IdClock(connection.execute(select(func.max(table.c.id))).scalar() or 0)

    def add(self, recipe: AnyRecipe) -> Order:
        """Record an order as waiting; it is on disk when this returns."""
        row = {
            "id": self._ids.next(),
            "kind": recipe.kind,
            "status": WAITING,
            "asked": dump_recipe(recipe),
            "state": {},
            "notes": [],
            "attempt": 0,
        }
        with self._database.writing() as connection:
            connection.execute(insert(table), row)
        return self.get(row["id"])

    def get(self, identifier: int) -> Order:
        """One order. Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.id == identifier)).first()
        if row is None:
            raise NotFound("There is no such order in the workshop (any more).", field="id", hint="Ask for all of them.")
        return _order(row)

    def all(self) -> list[Order]:
        """Every order, newest first."""
        with self._database.reading() as connection:
            return [_order(row) for row in connection.execute(select(table).order_by(table.c.id.desc()))]

    def next_waiting(self, kinds: frozenset[str]) -> Order | None:
        """The oldest waiting order of these kinds."""
        with self._database.reading() as connection:
            query = select(table).where(table.c.status == WAITING, table.c.kind.in_(kinds)).order_by(table.c.id).limit(1)
            row = connection.execute(query).first()
        return _order(row) if row else None

    def begin(self, identifier: int) -> Order | None:
        """Note that it runs now. None when it waits no more."""
        values = {"status": RUNNING, "attempt": table.c.attempt + 1, "error": None}
        return self.get(identifier) if self._change(identifier, (WAITING,), values) else None

    def note_state(self, identifier: int, state: Mapping[str, Any]) -> None:
        """Keep what is needed to go on."""
        self._change(identifier, (RUNNING,), {"state": dict(state)})

    def end(
        self,
        identifier: int,
        status: str,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        notes: tuple[str, ...] = (),
    ) -> Order:
        """Note how it ended."""
        values = {
            "status": status,
            "result": dict(result) if result else None,
            "error": dict(error) if error else None,
            "notes": list(notes),
            "ended": self._ids.next(),
        }
        self._change(identifier, (WAITING, RUNNING), values)
        self._forget_old()
        return self.get(identifier)

    def put_back(self, identifier: int) -> None:
        """Easel ends in good order: it waits again, as if it had not been begun."""
        self._change(identifier, (RUNNING,), {"status": WAITING, "attempt": table.c.attempt - 1})

    def resume(self, identifier: int) -> Order:
        """Let a cancelled or failed order wait again. Raises Conflict."""
        if not self._change(identifier, (CANCELLED, FAILED), {"status": WAITING, "attempt": 0, "error": None, "ended": None}):
            raise Conflict(
                f"This order is {self.get(identifier).status}.", field="id", hint="Only a cancelled or failed one can be resumed."
            )
        return self.get(identifier)

    def remove(self, identifier: int) -> Order:
        """Forget an ended order. Raises Conflict while it has not ended."""
        order = self.get(identifier)
        with self._database.writing() as connection:
            gone = connection.execute(delete(table).where(table.c.id == identifier, table.c.status.in_(ENDED))).rowcount
        if not gone:
            raise Conflict(f"This order is {order.status}.", field="id", hint="Cancel it first.")
        return order

    def recover(self) -> list[Order]:
        """After a start: what ran when Easel ended waits again, unless it did so too often. Returns what ran."""
        with self._database.reading() as connection:
            ran = [_order(row) for row in connection.execute(select(table).where(table.c.status == RUNNING))]
        for order in ran:
            if order.attempt >= MOST_ATTEMPTS:
                error = {
                    "code": "interrupted",
                    "message": f"Easel ended {order.attempt} times in the middle of it.",
                    "field": None,
                    "allowed": None,
                    "hint": "Resume it to try once more.",
                }
                self.end(order.id, FAILED, error=error)
            else:
                self._change(order.id, (RUNNING,), {"status": WAITING})
        return ran

    def _change(self, identifier: int, statuses: tuple[str, ...], values: dict[str, Any]) -> bool:
        with self._database.writing() as connection:
            query = update(table).where(table.c.id == identifier, table.c.status.in_(statuses)).values(**values)
            return connection.execute(query).rowcount > 0

    def _forget_old(self) -> None:
        # A training run has a folder of its own, which goes with it when somebody removes it.
        ended = select(table.c.id).where(table.c.status == DONE, table.c.kind != "train").order_by(table.c.id.desc()).offset(MOST_KEPT)
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.id.in_(ended)))
