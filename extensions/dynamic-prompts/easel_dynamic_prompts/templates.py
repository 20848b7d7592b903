"""What becomes of a prompt with {a|b} and __wildcards__: one choice by a seed, or every one there is up to a limit."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

from dynamicprompts.enums import SamplingMethod
from dynamicprompts.generators.randomprompt import RandomPromptGenerator
from dynamicprompts.sampling_context import SamplingContext
from pyparsing import ParseBaseException

from easel_dynamic_prompts.wildcards import LeadsNowhere, Wildcards

MOST_PROMPTS = 1000
"""That one template becomes."""

MOST_LETTERS = 20_000
"""Of a prompt, before and after."""

_MARKS = ("{", "__", "$")
_DEEPEST = 40


def is_template(text: str) -> bool:
    """Whether there is anything in it to choose."""
    return any(mark in text for mark in _MARKS)


def expand(text: str, seed: int, wildcards: Wildcards) -> str:
    """One variant of `text`, chosen by `seed`. Raises LeadsNowhere for a text that can't be read."""
    if not is_template(text):
        return text
    with _told():
        _check(text)
        generated = RandomPromptGenerator(wildcards, seed=seed).generate(text, 1)
    if not generated:
        raise LeadsNowhere("it chooses more than there is, as {3$$a|b} does")
    return _fitting(str(generated[0]))


def every(text: str, wildcards: Wildcards, limit: int) -> list[str]:
    """Every variant of `text`, each once, at most `limit`. Raises LeadsNowhere for a text that can't be read."""
    if not is_template(text):
        return [text]
    with _told():
        _check(text)
        context = SamplingContext(wildcard_manager=wildcards, default_sampling_method=SamplingMethod.COMBINATORIAL)
        found: dict[str, None] = {}
        # Equal ones are found again and again: there is an end to looking for others, too.
        for prompt in itertools.islice(context.sample_prompts(text), limit * 20):
            found[_fitting(str(prompt))] = None
            wildcards.next_prompt()
            if len(found) >= limit:
                break
    return list(found)


def unknown_wildcards(text: str, wildcards: Wildcards) -> list[str]:
    """Wildcards of a text that there are no lines for."""
    names = dict.fromkeys(re.findall(r"__([\w*/.-]+?)__", text))
    return [name for name in names if not wildcards.get_values(name)]


def _check(text: str) -> None:
    depth = deepest = 0
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        raise LeadsNowhere(f"its braces stand more than {_DEEPEST} deep")


def _fitting(text: str) -> str:
    if len(text) > MOST_LETTERS:
        raise LeadsNowhere(f"it grows to more than {MOST_LETTERS:,} letters")
    return text


class _told:  # noqa: N801 - reads as a word
    """Turns what the library raises into LeadsNowhere, in words."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LeadsNowhere) or error is None:
            return
        if isinstance(error, RecursionError):
            raise LeadsNowhere("its wildcards or braces lead back to themselves") from None
        if isinstance(error, ParseBaseException):
            raise LeadsNowhere(f"it can't be read from letter {error.loc + 1} on") from None
        if isinstance(error, (ValueError, KeyError, TypeError, IndexError, OSError, AttributeError)):
            raise LeadsNowhere(f"it can't be read ({error})"[:200]) from None


def variants(texts: Mapping[str, str], wildcards: Wildcards, limit: int) -> Iterator[dict[str, str]]:
    """Every combination of the variants of several texts, by their names, at most `limit`; the last text varies fastest."""
    each = [[(name, one) for one in every(text, wildcards, limit)] for name, text in texts.items()]
    for chosen in itertools.islice(itertools.product(*each), limit):
        yield dict(chosen)
