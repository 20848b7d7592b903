"""The search for the add-on that broke something: which are on in each try, and the picture or the person that says how it went."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from webui.errors import Conflict, EaselError
from webui.studio.studio import Studio
from webui.workshop.bisect import Halving, Verdict, halve, steps_for

log = logging.getLogger(__name__)


@dataclass
class Search:
    """One search. on: those that are on in this try. image: the picture that is made again to see; empty where a person says."""

    run: Halving
    add_ons: tuple[str, ...]
    image: str
    on: tuple[str, ...] = ()
    step: int = 0
    job: str = ""
    verdict: Verdict | None = None
    ended: bool = False

    def view(self) -> dict[str, Any]:
        """As page and API get it."""
        return {
            "image": self.image,
            "on": list(self.on),
            "add_ons": list(self.add_ons),
            "step": self.step,
            "steps": steps_for(len(self.add_ons)),
            "job": self.job or None,
            "verdict": None if self.verdict is None else {"culprits": list(self.verdict.culprits), "words": self.verdict.words},
        }


class BrokenAddOnSearch:
    """At most one search at a time. May be used from any thread.

    apply: loads those that `allows` lets through, and unloads the others. forgive: takes an add-on's strikes back. changed: called when
    there is something new to look at.
    """

    def __init__(self, studio: Studio, apply: Callable[[], None], forgive: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._studio = studio
        self._apply = apply
        self._forgive = forgive
        self._changed = changed
        self._lock = threading.RLock()
        self._search: Search | None = None
        self._closed = False

    def close(self) -> None:
        """Easel ends: no further try."""
        self._closed = True

    def view(self) -> dict[str, Any] | None:
        """The search and how far it is; None for none."""
        search = self._search
        return search.view() if search else None

    @property
    def goes_on(self) -> bool:
        """Whether add-ons are switched on and off by it just now."""
        return self._search is not None and not self._search.ended

    def allows(self, identifier: str) -> bool:
        """Whether an add-on that is switched on may be loaded just now."""
        search = self._search
        return search is None or search.ended or identifier in search.on or identifier not in search.add_ons

    def refuse_while_searching(self) -> None:
        """Put away the result of one that ended. Raises Conflict while one goes on."""
        with self._lock:
            if self._search is not None and not self._search.ended:
                raise Conflict("A broken add-on is being searched for just now.", hint="Wait for it, or end the search.")
            self._search = None

    def begin(self, image: str | None, add_ons: Sequence[str]) -> dict[str, Any]:
        """Look for the one that breaks something. image: a picture that is made again at each try; without one, a person says.

        Raises Conflict where there is nothing to search, NotFound for a picture that isn't there.
        """
        with self._lock:
            self.refuse_while_searching()
            names = tuple(sorted(set(add_ons)))
            if not names:
                raise Conflict("No add-on is on, so none of them is to blame.", hint="Look under System.")
            if image:
                self._studio.request_of(image)
            search = self._search = Search(halve(names), names, image or "")
            search.on = next(search.run)
            search.step = 1
        self._try(search)
        if search.image:
            threading.Thread(target=self._replay_through, args=(search,), name="bisect", daemon=True).start()
        return search.view()

    def answer(self, broken: bool) -> dict[str, Any]:
        """Somebody looked: broken still, or whole. Raises Conflict where nobody was asked."""
        search = self._search
        if search is None or search.ended or search.image:
            raise Conflict("Nothing is being searched for.", hint="Press Something broke first.")
        self._go_on(search, broken)
        return search.view()

    def end(self) -> None:
        """Give it up, or put its result away. The add-ons are on as they were before."""
        with self._lock:
            search, self._search = self._search, None
        if search is not None:
            search.ended = True
            if search.job:
                with suppress(EaselError):
                    self._studio.interrupt(search.job)
            self._apply()

    def _go_on(self, search: Search, broken: bool) -> None:
        with self._lock:
            try:
                search.on = search.run.send(broken)
                search.step += 1
            except StopIteration as end:
                search.verdict, search.on, search.ended = end.value, search.add_ons, True
                log.info("Searched for a broken add-on: %s", end.value.words)
        self._try(search)

    def _try(self, search: Search) -> None:
        # One that fails in each try would have its strikes before the search has come to its end.
        for name in search.add_ons:
            self._forgive(name)
        self._apply()

    def _replay_through(self, search: Search) -> None:
        while not search.ended and not self._closed:
            try:
                broken = self._broken_now(search)
            except EaselError as error:
                search.verdict, search.ended = Verdict((), f"The picture can't be made again: {error}"), True
                self._apply()
                return
            if not search.ended:
                self._go_on(search, broken)

    def _broken_now(self, search: Search) -> bool:
        """Make the picture again: broken is a failed job, a picture that is not the same, or an add-on that failed on the way."""
        job = self._studio.replays.replay(search.image)
        search.job = job["id"]
        self._changed()
        view = self._studio.follow(job["id"], lambda _event: None)
        search.job = ""
        proof = view["replay"]
        failed = any(str(note).startswith("The add-on ") for note in view["notes"])
        return view["error"] is not None or failed or (proof is not None and proof["verdict"] == "different")
