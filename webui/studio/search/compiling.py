"""Terms as one question: to the index of words, bounds of ids, and checks of each picture's row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, and_, not_, true

from webui.errors import InvalidRequest
from webui.studio.search.clauses import ALL, SOME, Clause, Few, any_trait, as_check
from webui.studio.search.fields import Place, clause_of
from webui.studio.search.known import Known
from webui.studio.search.terms import Term, read_terms
from webui.studio.search.values import BadValue
from webui.studio.search.wording import Every, Except, Wording
from webui.studio.tables import image

_HINT = "Write another value, or leave the term out."


@dataclass(frozen=True)
class Question:
    """All that a picture has to be. The parts are those of a Clause; few: the best of them. everything: nothing was asked for.

    mine: whose it has to be.
    """

    words: Wording | None = None
    since: int | None = None
    before: int | None = None
    checks: tuple[ColumnElement[bool], ...] = ()
    few: Few | None = None
    trash: bool = False
    nothing: bool = False
    everything: bool = False
    mine: ColumnElement[bool] = field(default_factory=true)

    @property
    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """All that holds for a picture's row beside words and bounds."""
        return (self.mine, image.c.trashed.is_not(None) if self.trash else image.c.trashed.is_(None), *self.checks)


@dataclass(frozen=True)
class ReadTerm:
    """A term of the text, and what is wrong with it; empty where nothing is."""

    term: Term
    problem: str = ""


@dataclass(frozen=True)
class Reading:
    """A text that was read: its terms, and the question that they are, as far as they can be used."""

    terms: tuple[ReadTerm, ...]
    question: Question

    def require(self) -> Question:
        """The question. Raises InvalidRequest where a term can't be used."""
        bad = next((one for one in self.terms if one.problem), None)
        if bad is not None:
            sentence, _, hint = bad.problem.partition(". ")
            raise InvalidRequest(f"{sentence.rstrip('.')}.", field="q", hint=hint or _HINT, code="search_unclear")
        return self.question


def read_search(text: str, place: Place) -> Reading:
    """What a text asks for. Raises InvalidRequest where it is too long."""
    told, clauses = [], []
    for term in read_terms(text):
        try:
            clauses.append((clause_of(term, place), term.negated))
            told.append(ReadTerm(term))
        except BadValue as problem:
            told.append(ReadTerm(term, str(problem)))
    return Reading(tuple(told), _joined(clauses, place.known))


def _joined(clauses: Sequence[tuple[Clause, bool]], known: Known) -> Question:
    """All of these at once, of whose pictures are known; those that are negated hold for none."""
    mine = known.whose.are(image)
    asked = [clause for clause, negated in clauses if not negated]
    refused = [clause for clause, negated in clauses if negated and clause is not ALL and not clause.nothing]
    # Not to be in the trash is what every search asks for.
    refused = [clause for clause in refused if not clause.trash]
    bounds = [clause for clause in asked if clause.words is None and clause.check is None]
    ways = [clause.few for clause in asked if clause.few is not None]
    if trash := any(clause.trash for clause in asked):
        ways.append(Few(image.c.trashed.is_not(None), SOME))
    ways = [replace(way, where=and_(mine, way.where)) for way in ways]
    if known.whose.owner is not None and known.others():
        ways.append(Few(mine, known.count("picture")))
    return Question(
        words=_words_of(asked, refused),
        since=max((clause.since for clause in bounds if clause.since is not None), default=None),
        before=min((clause.before for clause in bounds if clause.before is not None), default=None),
        checks=(
            *(as_check(replace(clause, words=None)) for clause in asked if clause.check is not None),
            *(not_(as_check(clause)) for clause in refused if clause.words is None or clause.check is not None),
        ),
        few=min(ways, key=lambda way: way.about, default=None),
        trash=trash,
        nothing=any(clause.nothing for clause in asked),
        everything=all(clause is ALL for clause in asked) and not refused,
        mine=mine,
    )


def _words_of(asked: Sequence[Clause], refused: Sequence[Clause]) -> Wording | None:
    """All of it as one question to the index, None where nothing is asked of it."""
    wanted = tuple(clause.words for clause in asked if clause.words is not None)
    unwanted = tuple(clause.words for clause in refused if clause.words is not None and clause.check is None)
    together = wanted[0] if len(wanted) == 1 else Every(wanted) if wanted else None
    return Except(together or any_trait(), unwanted) if unwanted else together
