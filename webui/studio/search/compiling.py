"""Terms as one question: to the index of words, bounds of ids, and checks of each picture's row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, not_

from webui.errors import InvalidRequest
from webui.studio.search.clauses import ALL, SOME, Clause, Few, any_trait, as_check
from webui.studio.search.fields import Place, clause_of
from webui.studio.search.terms import Term, read_terms
from webui.studio.search.values import BadValue
from webui.studio.tables import image

_HINT = "Write another value, or leave the term out."


@dataclass(frozen=True)
class Question:
    """All that a picture has to be. The parts are those of a Clause; few: the best of them. everything: nothing was asked for."""

    words: str = ""
    since: int | None = None
    before: int | None = None
    checks: tuple[ColumnElement[bool], ...] = ()
    few: Few | None = None
    trash: bool = False
    nothing: bool = False
    everything: bool = False


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
    return Reading(tuple(told), _joined(clauses))


def _joined(clauses: Sequence[tuple[Clause, bool]]) -> Question:
    """All of these at once; those that are negated hold for none."""
    asked = [clause for clause, negated in clauses if not negated]
    refused = [clause for clause, negated in clauses if negated and clause is not ALL and not clause.nothing]
    # Not to be in the trash is what every search asks for.
    refused = [clause for clause in refused if not clause.trash]
    bounds = [clause for clause in asked if clause.words == "" and clause.check is None]
    ways = [clause.few for clause in asked if clause.few is not None]
    if trash := any(clause.trash for clause in asked):
        ways.append(Few(image.c.trashed.is_not(None), "image_trashed", SOME))
    return Question(
        words=_words_of(asked, refused),
        since=max((clause.since for clause in bounds if clause.since is not None), default=None),
        before=min((clause.before for clause in bounds if clause.before is not None), default=None),
        checks=(
            *(as_check(replace(clause, words="")) for clause in asked if clause.check is not None),
            *(not_(as_check(clause)) for clause in refused if not clause.words or clause.check is not None),
        ),
        few=min(ways, key=lambda way: way.about, default=None),
        trash=trash,
        nothing=any(clause.nothing for clause in asked),
        everything=all(clause is ALL for clause in asked) and not refused,
    )


def _words_of(asked: Sequence[Clause], refused: Sequence[Clause]) -> str:
    """One question to the index, empty where nothing is asked of it."""
    wanted = [f"({clause.words})" for clause in asked if clause.words]
    unwanted = [f"({clause.words})" for clause in refused if clause.words and clause.check is None]
    if not unwanted:
        return " AND ".join(wanted)
    return f"({' AND '.join(wanted) or any_trait()}) NOT ({' OR '.join(unwanted)})"
