"""Calls hooks, each implementation on its own: one that fails stops nobody else, and how long each took is known."""

from __future__ import annotations

import inspect
import logging
import threading
import time
import traceback
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

import pluggy

from webui.extensions import hookspecs
from webui.extensions.hookspecs import HOOKS, Side
from webui.extensions.named import AddOnFailed, WrongAnswer

log = logging.getLogger(__name__)

IN_WORKER = "worker"
"""What stands for all that a worker spent in an add-on for one job, among the hooks of the web process."""

STRIKES = 3
"""Faults in jobs after which an add-on is off until it is switched on again."""

_FAULTS_KEPT = 100
_IN_PICTURES = ("prepare", "patch_model", "denoise_step", "latents_ready", "image_ready", "before_save")
"""Hooks of which a person is told that the picture was made without the add-on."""

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Fault:
    """One failure of one add-on: in which hook, what was raised, and how long it ran (seconds).

    in_job: whether it happened while a job was at work; None: as the hook says.
    """

    extension: str
    hook: str
    message: str
    details: str
    seconds: float
    in_job: bool | None = None

    @property
    def strikes(self) -> bool:
        """Whether it counts against the add-on."""
        return (self.hook in HOOKS and HOOKS[self.hook].in_jobs) if self.in_job is None else self.in_job

    def __str__(self) -> str:
        rest = "; the picture was made without it" if self.hook in _IN_PICTURES else ""
        return f"The add-on {self.extension} failed in {self.hook} ({self.message}){rest}."


@dataclass
class Spent:
    """How often an implementation was called, and for how many seconds altogether."""

    calls: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What one add-on returned."""

    extension: str
    value: Any


@dataclass(frozen=True)
class _Implementation:
    """One add-on's function for one hook. spent: its own, over all calls."""

    extension: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    spent: Spent = field(default_factory=Spent)

    def taking(self, available: Mapping[str, Any]) -> dict[str, Any]:
        return {name: available[name] for name in self.arguments if name in available}


class HookCaller:
    """The registered add-ons of one process, and the four ways of calling them. May be called from any thread.

    switched_off: told of an add-on, and of its last fault, when it has had its strikes.
    """

    def __init__(self, switched_off: Callable[[str, Fault], None] | None = None) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self.switched_off = switched_off
        self.changed: Callable[[], None] | None = None
        """Told when other add-ons are called than before."""
        self._lock = threading.Lock()
        self._told: deque[Fault] = deque(maxlen=_FAULTS_KEPT)
        self._last: dict[str, Fault] = {}
        self._strikes: Counter[str] = Counter()
        self._off: set[str] = set()
        self._places: dict[str, int] = {}
        self._spent: dict[tuple[str, str], Spent] = {}
        self._taken: dict[tuple[str, str], float] = {}
        self._ready: dict[str, tuple[_Implementation, ...]] = {}
        self.revision = 0
        """Raised whenever other add-ons are called than before."""

    # who is there

    def register(self, plugin: object, name: str, side: Side | None = None) -> None:
        """Add one loaded add-on. Raises pluggy.PluginValidationError for a hook or an argument that does not exist.

        side: the process that it is for, where hooks of the other one are refused, too.
        """
        self._manager.register(plugin, name=name)
        try:
            self._manager.check_pending()
            _check_side(self._manager, plugin, name, side)
        except BaseException:
            self._manager.unregister(plugin)
            raise
        self._changed()

    def unregister(self, name: str) -> None:
        """Take an add-on out; nothing of it is called any more. One that isn't there stays so."""
        plugin = self._manager.get_plugin(name)
        if plugin is not None:
            self._manager.unregister(plugin)
        self._changed()

    def arrange(self, names: Sequence[str]) -> None:
        """Call add-ons in this order, whenever each was registered; others come after them."""
        places = {name: place for place, name in enumerate(names)}
        if places != self._places:
            self._places = places
            self._changed()

    def names(self) -> list[str]:
        """Ids of the registered add-ons, in order."""
        return [name for name, _ in self._manager.list_name_plugin()]

    def has(self, hook: str) -> bool:
        """Whether anybody is to be called."""
        return bool(self._implementations(hook))

    # calling

    def collect(self, hook: str, kind: type[Kind] | tuple[type[Kind], ...], /, **available: Any) -> list[Answer]:
        """What every add-on returned: those that returned several are told several times. All are of that kind."""
        answers: list[Answer] = []
        for one in self._implementations(hook):
            found = self._call(one, hook, lambda one=one: _several(one.function(**one.taking(available)), kind))
            answers += [Answer(one.extension, value) for value in found or ()]
        return answers

    def chain(self, hook: str, over: str, kind: type[Any] | Callable[[Any], bool], value: Kind, /, **available: Any) -> Kind:
        """The value after every add-on, which gets it as the argument `over`. kind: of all that they may return, or what judges it."""
        for one in self._implementations(hook):
            given = one.taking({**available, over: value})
            made = self._call(one, hook, lambda one=one, given=given: _of_kind(one.function(**given), kind))
            if made is not None:
                value = made
        return value

    @contextmanager
    def entered(self, hook: str, /, **available: Any) -> Iterator[None]:
        """What every add-on returned is entered for the block; all are left again, in reverse order, whatever happens."""
        with ExitStack() as stack:
            for one in self._implementations(hook):
                manager = self._call(one, hook, lambda one=one: _enter(one.function(**one.taking(available))))
                if manager is not None:
                    stack.push(_Leaving(self, one, hook, manager))
            yield

    def notify(self, hook: str, /, **available: Any) -> None:
        """Tell every add-on."""
        for one in self._implementations(hook):
            started = time.perf_counter()
            try:
                one.function(**{name: available[name] for name in one.arguments})
            except (Exception, SystemExit) as error:  # noqa: BLE001 - an add-on may raise anything; what called it goes on
                self.record(one.extension, hook, error, time.perf_counter() - started)
            one.spent.calls += 1
            one.spent.seconds += time.perf_counter() - started

    def extensions_with(self, hook: str) -> list[str]:
        """Ids of those that have an implementation of a hook."""
        return [one.extension for one in self._implementations(hook)]

    def tell(self, extension: str, hook: str, /, **available: Any) -> bool:
        """Tell one add-on alone. False where that failed."""
        before = self._last.get(extension)
        for one in self._implementations(hook):
            if one.extension == extension:
                self._call(one, hook, lambda one=one: one.function(**one.taking(available)))
        return self._last.get(extension) is before

    def call(self, extension: str, what: str, function: Callable[[], Kind]) -> Kind | None:
        """Call something else of an add-on as a hook is called (a callback, an upscaler): None where it failed."""
        with self._lock:
            spent = self._spent.setdefault((extension, what), Spent())
        return self._call(_Implementation(extension, function, (), spent), what, function)

    # faults

    def record(self, extension: str, hook: str, error: BaseException, seconds: float, *, in_job: bool | None = None) -> Fault:
        """Write a fault down. One in a job is a strike."""
        fault = Fault(extension, hook, f"{type(error).__name__}: {error}"[:500], traceback.format_exc(), seconds, in_job)
        self.take(fault)
        return fault

    def take(self, fault: Fault, *, told: bool = False) -> None:
        """A fault that happened, here or in a worker. told: whoever should know of it knows."""
        with self._lock:
            if not told:
                self._told.append(fault)
            self._last[fault.extension] = fault
            off = False
            if fault.strikes:
                self._strikes[fault.extension] += 1
                off = self._strikes[fault.extension] == STRIKES
            if off:
                self._off.add(fault.extension)
        if off:
            self._changed()
        log.warning("%s%s\n%s", fault, " It is off now." if off else "", fault.details)
        if off and self.switched_off is not None:
            self.switched_off(fault.extension, fault)

    def last_fault(self, extension: str) -> Fault | None:
        """The newest fault of an add-on; None where there was none."""
        return self._last.get(extension)

    def off(self) -> frozenset[str]:
        """Add-ons that have had their strikes."""
        return frozenset(self._off)

    def switch_off(self, extension: str) -> None:
        """Call nothing of it any more, until it is switched on."""
        with self._lock:
            self._off.add(extension)
        self._changed()

    def switch_on(self, extension: str) -> None:
        """Call it again, its strikes and its last fault forgiven."""
        with self._lock:
            self._off.discard(extension)
            self._strikes.pop(extension, None)
            self._last.pop(extension, None)
        self._changed()

    def take_faults(self, *hooks: str) -> list[Fault]:
        """The faults since the last call; of these hooks only, where some are named."""
        with self._lock:
            taken = [fault for fault in self._told if not hooks or fault.hook in hooks]
            left = [fault for fault in self._told if hooks and fault.hook not in hooks]
            self._told.clear()
            self._told.extend(left)
        return taken

    def notes(self) -> list[str]:
        """The faults since the last call, in words for the user: one for each add-on and hook."""
        return list(dict.fromkeys(str(fault) for fault in self.take_faults()))

    def spent(self) -> dict[str, dict[str, Spent]]:
        """How often each hook of each add-on was called so far, and for how long."""
        told: dict[str, dict[str, Spent]] = defaultdict(dict)
        with self._lock:
            for (extension, hook), spent in self._spent.items():
                told[extension][hook] = Spent(spent.calls, spent.seconds)
        return dict(told)

    def spend(self, extension: str, what: str, seconds: float) -> None:
        """Note what an add-on took where no hook was called, or in another process."""
        with self._lock:
            spent = self._spent.setdefault((extension, what), Spent())
            spent.calls += 1
            spent.seconds += seconds

    def took(self) -> dict[str, float]:
        """Seconds spent since the last call, by add-on; those alone that were called."""
        seconds: dict[str, float] = defaultdict(float)
        with self._lock:
            for (extension, hook), spent in self._spent.items():
                before = self._taken.get((extension, hook), 0.0)
                if spent.seconds > before:
                    seconds[extension] += spent.seconds - before
                    self._taken[extension, hook] = spent.seconds
        return dict(seconds)

    def take_worker(self, seconds: Mapping[str, float]) -> None:
        """What a worker spent for one job, by add-on."""
        for extension, spent in seconds.items():
            self.spend(extension, IN_WORKER, spent)

    def seconds_a_job(self, extension: str) -> float | None:
        """What an add-on takes for a job, in both processes; None before it was called in one."""
        hooks = self.spent().get(extension, {})
        told = [
            one.seconds / one.calls
            for hook, one in hooks.items()
            if one.calls and (hook == IN_WORKER or (hook in HOOKS and HOOKS[hook].in_jobs))
        ]
        return sum(told) if told else None

    # within

    def _changed(self) -> None:
        self._ready = {}
        self.revision += 1
        if self.changed is not None:
            self.changed()

    def _implementations(self, hook: str) -> tuple[_Implementation, ...]:
        ready = self._ready.get(hook)
        if ready is None:
            ready = self._ready[hook] = tuple(self._found(hook))
        return ready

    def _found(self, hook: str) -> Iterator[_Implementation]:
        # pluggy keeps those first that want to be last; people expect the order in which add-ons are listed.
        found = getattr(self._manager.hook, hook).get_hookimpls()
        last = len(self._places)
        for one in sorted(found, key=lambda one: (one.trylast - one.tryfirst, self._places.get(one.plugin_name, last))):
            if one.plugin_name not in self._off:
                with self._lock:
                    spent = self._spent.setdefault((one.plugin_name, hook), Spent())
                yield _Implementation(one.plugin_name, one.function, tuple(one.argnames), spent)

    def _call(self, one: _Implementation, hook: str, function: Callable[[], Kind]) -> Kind | None:
        started = time.perf_counter()
        try:
            return function()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an add-on may raise anything; what called it goes on
            # One whose sampler, upscaler or detector failed here has its own fault for that.
            elsewhere = False if isinstance(error, AddOnFailed) else None
            self.record(one.extension, hook, error, time.perf_counter() - started, in_job=elsewhere)
            return None
        finally:
            one.spent.calls += 1
            one.spent.seconds += time.perf_counter() - started


@dataclass(frozen=True)
class _Leaving:
    """Leaves one add-on's context manager; what goes wrong there is its own fault, and what went wrong in the block goes on."""

    caller: HookCaller
    one: _Implementation
    hook: str
    manager: AbstractContextManager[Any]

    def __call__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        started = time.perf_counter()
        try:
            self.manager.__exit__(kind, error, trace)
        except (Exception, SystemExit) as fault:  # noqa: BLE001 - see above
            if fault is not error:
                self.caller.record(self.one.extension, self.hook, fault, time.perf_counter() - started)
        self.one.spent.seconds += time.perf_counter() - started
        return False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        return self(kind, error, trace)


def _enter(manager: Any) -> AbstractContextManager[Any] | None:
    if manager is not None:
        if not isinstance(manager, AbstractContextManager):
            raise WrongAnswer(f"it returned {_a(manager)} where a context manager is wanted")
        manager.__enter__()
    return manager


def _of_kind(made: Any, kind: type[Any] | Callable[[Any], bool]) -> Any:
    if made is None or (isinstance(made, kind) if isinstance(kind, type) else kind(made)):
        return made
    wanted = _name(kind) if isinstance(kind, type) else "one of the same kind and shape"
    raise WrongAnswer(f"it returned {_a(made)} where {wanted} is wanted")


def _several(made: Any, kind: type[Any] | tuple[type[Any], ...]) -> list[Any]:
    """What was returned, one or several, or yielded."""
    if made is None:
        return []
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if _fits(made, kinds):
        return [made]
    if not isinstance(made, list | tuple | set | frozenset) and not inspect.isgenerator(made) and not hasattr(made, "__next__"):
        raise WrongAnswer(f"it returned {_a(made)} where {_name(kinds[0])} is wanted")
    several = list(made)
    for one in several:
        if not _fits(one, kinds):
            raise WrongAnswer(f"it returned {_a(one)} where {_name(kinds[0])} is wanted")
    return several


def _fits(value: Any, kinds: tuple[type[Any], ...]) -> bool:
    return isinstance(value, kinds)


def _a(value: Any) -> str:
    return f"a {type(value).__name__}"


def _name(kind: type[Any]) -> str:
    return kind.__name__


def _check_side(manager: pluggy.PluginManager, plugin: object, name: str, side: Side | None) -> None:
    """Raises PluginValidationError for hooks that are never called in this process."""
    for caller in manager.get_hookcallers(plugin) or ():
        sides = HOOKS[caller.name].sides
        if side is not None and side not in sides:
            other = sides[0]
            words = f"{caller.name} is called in the {other} process: put it into the module that [tool.easel] {other} names"
            raise pluggy.PluginValidationError(plugin, f"{name}: {words}")
