"""What add-ons offer by name: found as "<id>/<label>", and called so that a failure is theirs and said as such."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from webui.errors import EaselError, GenerationFailed, InvalidRequest
from webui.extensions.offers import Detector, NewSampler, NewSchedule, NewUpscaler, Preprocessor
from webui.generation.offered import add_on_of
from webui.pictures import preprocessors as pixels
from webui.pictures.preprocessors import Pixels, Preprocess

if TYPE_CHECKING:
    from webui.extensions.calling import HookCaller

Made = TypeVar("Made")


class AddOnFailed(GenerationFailed):
    """An add-on's own code failed where somebody waits for its answer."""

    code = "add_on_failed"


class WrongAnswer(TypeError):
    """An add-on returned something else than what it was asked for stands for."""


@dataclass(frozen=True)
class Sort:
    """One sort of what is offered by name. function: the field that holds what does the work. one: what such a thing is called."""

    kind: type[Any]
    function: str
    one: str


SORTS: Mapping[str, Sort] = MappingProxyType(
    {
        "samplers": Sort(NewSampler, "sample", "sampler"),
        "schedules": Sort(NewSchedule, "sigmas", "schedule"),
        "upscalers": Sort(NewUpscaler, "enlarge", "upscaler"),
        "preprocessors": Sort(Preprocessor, "see", "preprocessor"),
        "detectors": Sort(Detector, "find", "detector"),
    }
)
"""Hook -> what it offers."""


@dataclass(frozen=True)
class Offer:
    """One thing that an add-on offers, and the way to call it."""

    extension: str
    hook: str
    value: Any
    caller: HookCaller

    @property
    def name(self) -> str:
        """As requests, pages and files have it."""
        return f"{self.extension}/{self.value.label}"

    def function(self) -> Callable[..., Any]:
        """What does the work. Raises AddOnFailed where the add-on has it on the other side only."""
        found = getattr(self.value, SORTS[self.hook].function)
        if found is None:
            raise AddOnFailed(
                f"The add-on {self.extension} offers the {SORTS[self.hook].one} {self.value.label}, and no function for it here.",
                hint="Its author should offer it with its function in the module that [tool.easel] worker names.",
            )
        return found

    def call(
        self,
        work: Callable[[], Made],
        right: Callable[[Made], bool],
        wanted: str,
        *,
        passing: Callable[[BaseException], bool] = lambda error: False,
        elsewhere: Callable[[], float] = lambda: 0.0,
    ) -> Made:
        """What `work` makes by its function. Raises AddOnFailed, a strike noted, where that fails or isn't `right`.

        wanted: what is right, in words. passing: errors that aren't the add-on's. elsewhere: seconds of it that Easel itself took.
        """
        started = time.perf_counter()
        try:
            made = work()
            if not right(made):
                raise WrongAnswer(f"it returned a {type(made).__name__} where {wanted} is wanted")
            return made
        except EaselError:
            raise
        except (Exception, SystemExit) as error:
            if passing(error):
                raise
            fault = self.caller.record(self.extension, self.hook, error, time.perf_counter() - started, in_job=True)
            raise AddOnFailed(
                f"The add-on {self.extension} failed in its {SORTS[self.hook].one} {self.value.label}: {fault.message}.",
                hint=f"Choose another {SORTS[self.hook].one}. The Extensions page and the log have the traceback.",
            ) from None
        finally:
            self.caller.spend(self.extension, self.hook, time.perf_counter() - started - elsewhere())


def preprocess_by(offer: Offer, a: float, b: float, passing: Callable[[BaseException], bool] = lambda error: False) -> Preprocess:
    """An add-on's preprocessor with its two numbers, as those of `webui.pictures.preprocessors`. Raises AddOnFailed."""
    see = offer.function()

    def seen(given: Pixels) -> Pixels:
        def right(made: Any) -> bool:
            return isinstance(made, np.ndarray) and made.shape == given.shape and made.dtype == np.uint8

        return offer.call(lambda: see(given, a, b), right, f"an array of {given.shape} and uint8", passing=passing)

    return seen


def preprocessor_of(offer: Offer) -> pixels.Preprocessor:
    """An add-on's preprocessor as Easel's own are listed."""
    return pixels.Preprocessor(
        offer.name,
        offer.name,
        str(offer.value.help) or f"By the add-on {offer.extension}.",
        lambda given, a, b: preprocess_by(offer, a, b)(given),
        tuple(offer.value.thresholds),
    )


class OfferBook:
    """All that the add-ons of one process offer by name; asked anew when others are there. May be called from any thread."""

    def __init__(self, caller: HookCaller) -> None:
        self._caller = caller
        self._known: dict[str, tuple[int, dict[str, Offer]]] = {}

    def all(self, hook: str) -> list[Offer]:
        """What is offered for a hook, in the order of the add-ons."""
        return list(self._offers(hook).values())

    def names(self, hook: str) -> list[str]:
        """The same by name."""
        return [offer.name for offer in self.all(hook)]

    def knows(self, hook: str, name: str) -> bool:
        """Whether it is offered."""
        return name.strip().casefold() in self._offers(hook)

    def find(self, hook: str, name: str, field: str | None = None) -> Offer:
        """What is offered by that name, case aside. field: of the request, for the error. Raises InvalidRequest that names the add-on."""
        found = self._offers(hook).get(name.strip().casefold())
        if found is not None:
            return found
        one, extension = SORTS[hook].one, add_on_of(name) or name
        label = name.strip().partition("/")[2]
        own = [offer.name for offer in self.all(hook) if offer.extension == extension]
        if extension in self._caller.names() and extension not in self._caller.off():
            raise InvalidRequest(
                f"The add-on {extension} has no {one} called {label[:80]!r}.",
                field=field,
                allowed=", ".join(own) or None,
                hint="Pick one of these." if own else f"Choose another {one}.",
                code="add_on_missing",
            )
        raise InvalidRequest(
            f"The {one} {label[:80]!r} is of the add-on {extension}, which is off or not installed.",
            field=field,
            hint=f"Switch {extension} on or install it on the Extensions page, or choose another {one}.",
            code="add_on_missing",
        )

    def _offers(self, hook: str) -> dict[str, Offer]:
        revision, known = self._known.get(hook, (-1, {}))
        if revision == self._caller.revision:
            return known
        revision, found = self._caller.revision, {}
        sort = SORTS[hook]
        for answer in self._caller.collect(hook, sort.kind):
            offer = Offer(answer.extension, hook, answer.value, self._caller)
            started = time.perf_counter()
            try:
                _check(offer, sort)
                if offer.name.casefold() in found:
                    raise ValueError(f"it offers two {hook} called {offer.value.label!r}")
            except (TypeError, ValueError) as error:
                self._caller.record(answer.extension, hook, error, time.perf_counter() - started)
            else:
                found[offer.name.casefold()] = offer
        self._known[hook] = (revision, found)
        return found


def _check(offer: Offer, sort: Sort) -> None:
    label, function = offer.value.label, getattr(offer.value, sort.function)
    if not isinstance(label, str) or add_on_of(offer.name) is None or not label.isprintable() or label != label.strip():
        raise ValueError(f"{label!r} is no label: one line of at most 80 characters, without spaces around it")
    if function is not None and not callable(function):
        raise TypeError(f"{sort.function} of {label!r} can't be called")
    numbers = getattr(offer.value, "thresholds", ())
    if len(numbers) > 2 or not all(isinstance(one, pixels.Threshold) for one in numbers):
        raise ValueError(f"the thresholds of {label!r} are at most two Threshold")
