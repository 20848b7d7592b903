"""What the studio does with add-ons: their panels' values are checked, their pages told of, their callbacks called."""

from __future__ import annotations

import inspect
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from PIL.Image import Image as Picture

from webui.errors import EaselError, NotFound
from webui.extensions.calling import Answer
from webui.extensions.components import PAGES, Choice, Choices, Element, Gallery, Markdown, On, Panel, Tab, buttons_of, elements, fields_of
from webui.extensions.easel import Easel
from webui.extensions.named import AddOnFailed, WrongAnswer
from webui.extensions.offers import Assets, FoundCheckpoint, InfotextField, JobScript, ModelSource
from webui.extensions.registry import ExtensionRegistry
from webui.extensions.values import check_content, checked, described, usual
from webui.extensions.wording import nodes_of
from webui.generation.request import GenerationRequest
from webui.people import HOUSEHOLD, Person

log = logging.getLogger(__name__)

Kind = TypeVar("Kind")

OPENED = "opened:"
"""By what a page's opening is told; nothing on a page can be called that."""

_FILE = re.compile(r"[\w-]+(?:/[\w-]+)*(?:\.[\w-]+)*\.(?:js|css)")


@dataclass(frozen=True)
class _Page:
    """Where elements stand that somebody may press. key: for the page's scripts."""

    extension: str
    key: str
    content: Sequence[Element]
    on_open: Callable[..., Any] | None = None


class AddOnDesk:
    """The web side of all add-ons of one studio. May be called from any thread.

    easel: makes the object that an add-on is given, for somebody.
    """

    def __init__(
        self,
        extensions: ExtensionRegistry,
        easel: Callable[[str, Person], Easel],
        folder: Callable[[str], Path | None],
    ) -> None:
        self._extensions = extensions
        self._easel = easel
        self._folder = folder
        self._collected: dict[str, tuple[int, list[Answer]]] = {}

    # what they offer

    def _offers(self, hook: str, kind: type[Any], check: Callable[[Any], None] = lambda offered: None, **available: Any) -> list[Answer]:
        """What is offered for a hook that is asked once; what can't be used is a fault of the add-on, and left out."""
        revision, found = self._collected.get(hook, (-1, []))
        if revision == self._extensions.revision:
            return found
        revision, found = self._extensions.revision, []
        for answer in self._extensions.collect(hook, kind, **available):
            started = time.perf_counter()
            try:
                check(answer.value)
            except (TypeError, ValueError) as error:
                self._extensions.record(answer.extension, hook, error, time.perf_counter() - started)
            else:
                found.append(answer)
        self._collected[hook] = (revision, found)
        return found

    def panels(self) -> list[Answer]:
        """Every Panel."""
        return self._offers("panel", Panel, _check_panel, detectors=tuple(self._extensions.offers.names("detectors")))

    def tabs(self) -> list[Answer]:
        """Every Tab."""
        return self._offers("tab", Tab, lambda tab: check_content(tab.content))

    def scripts(self) -> list[Answer]:
        """Every JobScript."""
        return self._offers("job_scripts", JobScript, lambda script: check_content(script.content))

    def events(self) -> list[Answer]:
        """Every On."""
        return self._offers("component_events", On)

    def model_sources(self) -> list[Answer]:
        """Every ModelSource."""
        return self._offers("model_sources", ModelSource, _check_source)

    def infotext_fields(self) -> list[Answer]:
        """Every InfotextField."""
        return self._offers("infotext_fields", InfotextField)

    def gradio_tabs(self) -> list[Answer]:
        """Every page that is built with Gradio itself: a title and a function."""
        return self._offers("gradio_tab", tuple)

    def assets(self) -> list[Answer]:
        """Every Assets whose files are there."""
        return self._offers("assets", Assets, _check_assets)

    def asset(self, extension: str, name: str) -> Path:
        """A file that an add-on named for the page. Raises NotFound for every other."""
        named = {
            file for answer in self.assets() if answer.extension == extension for file in (*answer.value.scripts, *answer.value.styles)
        }
        folder = self._folder(extension)
        if name not in named or folder is None:
            raise NotFound("There is no such file.", hint="Add-ons name the files that the page may load.")
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise NotFound("There is no such file.", hint="Add-ons name files of their own folder.")
        return path

    def failed(self, extension: str, hook: str, error: BaseException, seconds: float) -> None:
        """Something of an add-on failed where no hook was called."""
        self._extensions.record(extension, hook, error, seconds)

    def script(self, identifier: str) -> tuple[str, JobScript]:
        """The script of that id, and whose it is. Raises NotFound."""
        for answer in self.scripts():
            if script_id(answer) == identifier:
                return answer.extension, answer.value
        known = ", ".join(map(script_id, self.scripts())) or "none"
        raise NotFound(f"There is no script called {identifier[:80]!r}.", code="script_not_found", hint=f"There are: {known}.")

    def page(self) -> dict[str, Any]:
        """All that the page draws of add-ons, as plain values."""
        return {
            "panels": [
                {
                    "extension": answer.extension,
                    "key": f"panel:{number}",
                    "title": str(answer.value.title),
                    "tabs": list(answer.value.tabs),
                    "switch": answer.value.switch,
                    "content": described(answer.value.content),
                }
                for number, answer in enumerate(self.panels())
            ],
            "tabs": [
                {
                    "extension": answer.extension,
                    "key": tab_key(answer),
                    "page": page_name(answer),
                    "title": str(answer.value.title),
                    "opens": answer.value.on_open is not None,
                    "content": described(answer.value.content),
                }
                for answer in self.tabs()
            ],
            "scripts": [
                {
                    "extension": answer.extension,
                    "id": script_id(answer),
                    "key": f"script:{script_id(answer)}",
                    "title": str(answer.value.title),
                    "help": str(answer.value.help),
                    "tabs": list(answer.value.tabs),
                    "content": described(answer.value.content),
                }
                for answer in self.scripts()
            ],
            "events": [
                {"extension": answer.extension, "key": f"event:{number}", "component": answer.value.component, "event": answer.value.event}
                for number, answer in enumerate(self.events())
            ],
            "assets": [
                {"extension": answer.extension, "scripts": list(answer.value.scripts), "styles": list(answer.value.styles)}
                for answer in self.assets()
            ],
        }

    # values in requests

    def checked(self, request: GenerationRequest) -> GenerationRequest:
        """A request whose values for panels are whole and can be used. Values of add-ons that have no panel stay as they are.

        Raises InvalidRequest that names extensions.<id>.<field>.
        """
        if not request.extensions:
            return request
        contents: dict[str, list[Element]] = {}
        for answer in self.panels():
            contents.setdefault(answer.extension, []).extend(answer.value.content)
        values = {
            extension: checked(contents[extension], given, f"extensions.{extension}") if extension in contents else given
            for extension, given in request.extensions.items()
        }
        return request.model_copy(update={"extensions": values})

    # callbacks

    def call(self, extension: str, key: str, name: str, values: Any, person: Person = HOUSEHOLD) -> Iterator[dict[str, Any]]:
        """Press a button, or tell of a field that changed, or of an event. key: of the page that it is on, as `page` has it.

        Yields field name -> new value as often as the add-on does. Raises NotFound, InvalidRequest, AddOnFailed, and what it raises
        itself that is meant for people.
        """
        where, callback = self._callback(extension, key, name)
        if where is None:
            given, names = values if isinstance(values, dict) else {}, None
        else:
            given, names = checked(where.content, values, "values"), _settable(where.content)
        easel = self._easel(extension, person)
        what = f"callback {name}"
        made = self._ask(extension, what, lambda: _called(callback, given, easel))
        if inspect.isgenerator(made):
            end = object()
            while (one := self._ask(extension, what, partial(next, made, end))) is not end:
                yield self._ask(extension, what, partial(self._plain, one, names, easel))
        else:
            yield self._ask(extension, what, partial(self._plain, made, names, easel))

    def _callback(self, extension: str, key: str, name: str) -> tuple[_Page | None, Callable[..., Any]]:
        kind, _, rest = key.partition(":")
        if kind == "event":
            events = self.events()
            if rest.isdecimal() and int(rest) < len(events) and events[int(rest)].extension == extension:
                return None, events[int(rest)].value.callback
        page = next((one for one in self._pages() if (one.extension, one.key) == (extension, key)), None)
        if page is not None:
            button, field = buttons_of(page.content).get(name), fields_of(page.content).get(name)
            callback = button.on_click if button is not None else field.on_change if field is not None else None
            callback = page.on_open if name == OPENED else callback
            if callback is not None:
                return page, callback
        raise NotFound("This add-on has nothing of that name here (any more).", code="callback_not_found", hint="Reload the page.")

    def _pages(self) -> Iterator[_Page]:
        for number, answer in enumerate(self.panels()):
            yield _Page(answer.extension, f"panel:{number}", answer.value.content)
        for answer in self.tabs():
            yield _Page(answer.extension, tab_key(answer), answer.value.content, answer.value.on_open)
        for answer in self.scripts():
            yield _Page(answer.extension, f"script:{script_id(answer)}", answer.value.content)

    def _ask(self, extension: str, what: str, function: Callable[[], Kind]) -> Kind:
        """What an add-on's function gives; its failure is recorded, and told to who waits."""
        started = time.perf_counter()
        try:
            return function()
        except EaselError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an add-on may raise anything
            fault = self._extensions.record(extension, what, error, time.perf_counter() - started)
            raise AddOnFailed(
                f"The add-on {extension} failed: {fault.message}.", hint="The Extensions page and the log have the traceback."
            ) from None

    def _plain(self, made: Any, names: Mapping[str, Element] | None, easel: Easel) -> dict[str, Any]:
        """What a callback returned, as it travels to the page. Raises WrongAnswer."""
        if made is None:
            return {}
        if not isinstance(made, Mapping):
            raise WrongAnswer(f"it returned a {type(made).__name__} where a dict of values is wanted")
        plain: dict[str, Any] = {}
        for name, value in made.items():
            if names is not None and name not in names:
                raise WrongAnswer(f"it set {name!r}, which is none of {', '.join(names)}")
            plain[str(name)] = self._travelling(None if names is None else names[name], value, easel)
        return plain

    def _travelling(self, element: Element | None, value: Any, easel: Easel) -> Any:
        if isinstance(value, Picture):
            return easel.keep(value)
        if isinstance(element, Markdown):
            return nodes_of(str(value))
        if isinstance(element, Gallery):
            return [self._in_gallery(one, easel) for one in value or ()]
        if isinstance(value, Choices):
            if not isinstance(element, Choice) or not element.changing:
                raise WrongAnswer("only a Choice that is `changing` can be set to other choices")
            chosen = value.value if isinstance(value.value, str) else [*map(str, value.value)]
            return {"choices": [*map(str, value.choices)], "value": chosen}
        json.dumps(value)  # raises TypeError or ValueError for what can't travel
        return value

    def _in_gallery(self, one: Any, easel: Easel) -> dict[str, str]:
        entry = one if isinstance(one, Mapping) else {"image": one}
        image = entry["image"]
        return {"image": easel.keep(image) if isinstance(image, Picture) else str(image), "label": str(entry.get("label", ""))}

    # moments

    def started(self) -> None:
        """Tell every add-on that Easel is at work."""
        for extension in self._extensions.extensions_with("started"):
            self._extensions.tell(extension, "started", easel=self._easel(extension, HOUSEHOLD))

    def stopping(self) -> None:
        """Tell every add-on that Easel ends."""
        for extension in self._extensions.extensions_with("stopping"):
            self._extensions.tell(extension, "stopping", easel=self._easel(extension, HOUSEHOLD))

    def checkpoints_found(self, checkpoints: Callable[[], Sequence[FoundCheckpoint]]) -> None:
        """Tell every add-on of the checkpoints that there are."""
        if self._extensions.has("checkpoints_found"):
            self._extensions.notify("checkpoints_found", checkpoints=tuple(checkpoints()))


def script_id(answer: Answer) -> str:
    """What a script is called in addresses: the add-on's id, and its key where it has one."""
    key = slug(answer.value.key)
    return f"{answer.extension}.{key}" if key else answer.extension


def tab_key(answer: Answer) -> str:
    """By what the page's scripts know a tab."""
    return f"tab:{slug(answer.value.key or answer.value.title)}"


def page_name(answer: Answer) -> str:
    """What a tab's page is called in the address of the page."""
    return "x_" + re.sub(r"\W", "_", f"{answer.extension}_{slug(answer.value.key or answer.value.title)}").lower()


def slug(text: str) -> str:
    """A text as a part of an address."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")


def _called(callback: Callable[..., Any], values: Mapping[str, Any], easel: Easel) -> Any:
    """Call with as many of (values, easel) as it takes."""
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):
        return callback(dict(values), easel)
    places = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    taken = 2 if any(one.kind is one.VAR_POSITIONAL for one in parameters) else min(len(places), 2)
    return callback(*(dict(values), easel)[:taken])


def _settable(content: Sequence[Element]) -> dict[str, Element]:
    """What a callback may set, by name."""
    named = {name: one for one in elements(content) if (name := getattr(one, "name", ""))}
    return {name: one for name, one in named.items() if name not in buttons_of(content)}


def _check_panel(panel: Panel) -> None:
    check_content(panel.content)
    strange = next((tab for tab in panel.tabs if tab not in PAGES), None)
    if strange is not None:
        raise ValueError(f"there is no page called {strange!r}; there are {', '.join(PAGES)}")
    if panel.switch and not isinstance(usual(panel.content).get(panel.switch), bool):
        raise ValueError(f"its switch {panel.switch!r} is no Checkbox among its fields")


def _check_source(source: ModelSource) -> None:
    if not str(source.name).strip():
        raise ValueError("a model source has no name")
    if any(function is not None and not callable(function) for function in (source.search, source.resolve)):
        raise TypeError(f"search and resolve of {source.name!r} are functions")


def _check_assets(assets: Assets) -> None:
    for name in (*assets.scripts, *assets.styles):
        if not _FILE.fullmatch(name):
            raise ValueError(f"{name!r} can't be loaded: files are named as 'static/page.js', below the add-on's folder")
    wrong = next((name for name in assets.scripts if not name.endswith(".js")), None)
    wrong = wrong or next((name for name in assets.styles if not name.endswith(".css")), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is neither a script (.js) nor a style (.css)")
