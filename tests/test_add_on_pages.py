"""What callbacks of add-ons may set on their pages: other choices, and what is so when a page is opened."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from webui.errors import EaselError, InvalidRequest, NotFound
from webui.extensions import Choice, Choices, Tab, hookimpl
from webui.extensions.registry import ExtensionRegistry
from webui.extensions.values import checked
from webui.studio.studio import Studio


class Shelf:
    """Has a page whose choices are others each time."""

    def __init__(self, *, changing: bool = True) -> None:
        self.books = ["ink"]
        self.changing = changing

    @hookimpl
    def tab(self) -> Tab:
        book = Choice(name="book", choices=("none",), changing=self.changing, on_change=self.opened)
        several = Choice(name="several", choices=("none",), changing=True, multiple=True)
        return Tab("Shelf", [book, several], on_open=self.opened)

    def opened(self, values: Mapping[str, Any]) -> dict[str, Any]:
        self.books.append(f"after {values['book']}")
        return {"book": Choices(("none", *self.books), self.books[-1]), "several": Choices(self.books, self.books)}


def registry_of(add_on: Any) -> ExtensionRegistry:
    registry = ExtensionRegistry()
    registry.register(add_on, "shelf", "web")
    return registry


def test_a_page_is_told_when_it_is_opened_and_its_choices_are_others(new_studio: Callable[..., Studio]) -> None:
    add_ons = new_studio(extensions=registry_of(Shelf())).add_ons
    assert add_ons.page()["tabs"][0]["opens"]
    (told,) = add_ons.call("shelf", "tab:shelf", "opened:", {"book": "none"})
    assert told["book"] == {"choices": ["none", "ink", "after none"], "value": "after none"}
    assert told["several"] == {"choices": ["ink", "after none"], "value": ["ink", "after none"]}
    # What was chosen of them is taken, though it was not declared.
    (told,) = add_ons.call("shelf", "tab:shelf", "book", {"book": "after none", "several": ["ink"]})
    assert told["book"]["value"] == "after after none"


def test_only_a_choice_that_says_so_gets_other_choices(new_studio: Callable[..., Studio]) -> None:
    add_ons = new_studio(extensions=registry_of(Shelf(changing=False))).add_ons
    with pytest.raises(EaselError, match="changing"):
        list(add_ons.call("shelf", "tab:shelf", "opened:", {}))
    with pytest.raises(InvalidRequest):
        list(add_ons.call("shelf", "tab:shelf", "book", {"book": "ink"}))


def test_a_page_that_asks_for_nothing_is_not_told(new_studio: Callable[..., Studio]) -> None:
    class Quiet:
        @hookimpl
        def tab(self) -> Tab:
            return Tab("Quiet", [])

    with pytest.raises(NotFound):
        list(new_studio(extensions=registry_of(Quiet())).add_ons.call("shelf", "tab:quiet", "opened:", {}))


@pytest.mark.parametrize("value", [3, None, ["a"], "x" * 501])
def test_what_is_no_word_is_never_chosen(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        checked([Choice(name="book", choices=("none",), changing=True)], {"book": value}, "values")
