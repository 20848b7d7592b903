"""Ways on for a prompt that is being typed: LoRAs, embeddings, styles, what add-ons know, and words from one's own history."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from webui.catalog.models import ModelCatalog, ModelFile
from webui.extensions.registry import ExtensionRegistry
from webui.generation.prompt.completion import Completion, Typed, escaped, rank, tag_of, typed
from webui.studio.history import History
from webui.studio.style_book import StyleBook
from webui.studio.vocabulary import Vocabulary
from webui.studio.whose import Kept

MOST = 12
_LEAST_LETTERS = 2
_FROM_HISTORY = 8
_FROM_STYLES = 3
_WITHIN_WORDS = 2
_TRIGGERS_SHOWN = 3


class Completer(Kept):
    """Ways on from the end of a text, with words from everybody's history, or one person's (`of`). For any thread; no weight is read."""

    def __init__(self, models: ModelCatalog, styles: StyleBook, history: History, extensions: ExtensionRegistry) -> None:
        self._models = models
        self._styles = styles
        self._extensions = extensions
        self._history = history
        self._vocabularies: dict[tuple[str | None, bool], Vocabulary] = {}
        """By owner, and whether negative prompts are meant."""

    def complete(self, text: str, *, negative: bool = False) -> list[Completion]:
        """Ways on from the end of `text`, best first. negative: it is a negative prompt, where tags are words."""
        now = typed(text)
        if now.tag is not None:
            return [] if negative else list(islice(self._loras(now), MOST))
        found = [*self._extensions.complete(text), *self._embeddings(now), *self._style_names(now), *self._from_history(now, negative)]
        return found[:MOST]

    def used_words(self, begin: str, limit: int) -> list[tuple[str, int]]:
        """Words and phrases of the prompts in history that begin so, with how many jobs each stands in, most first."""
        return self._words(negative=False).beginning_with(begin, limit)

    def _words(self, *, negative: bool) -> Vocabulary:
        key = self.whose.owner, negative
        # Two at once may both make one; the first that is kept is used by all.
        return self._vocabularies.get(key) or self._vocabularies.setdefault(
            key, Vocabulary(self._history.of(self.whose), negative=negative)
        )

    def _named(self, kind: str, begin: str) -> Iterator[ModelFile]:
        ranked = [(rank(model.name, begin), model) for model in self._models.select((kind,))]
        for place in range(3):
            yield from (model for found, model in ranked if found == place and not model.facts.problem)

    def _loras(self, now: Typed) -> Iterator[Completion]:
        for model in self._named("lora", now.tag or ""):
            sidecar = self._models.sidecar(model)
            tag = tag_of(model.name, 1.0 if sidecar.weight is None else sidecar.weight)
            if tag is not None:
                detail = ", ".join(sidecar.trigger_words[:_TRIGGERS_SHOWN])
                yield Completion("lora", model.name, tag, now.replaces, detail, model=model.id if model.preview else "")

    def _embeddings(self, now: Typed) -> Iterator[Completion]:
        if len(now.word) >= _LEAST_LETTERS:
            for model in islice(self._named("embedding", now.word), MOST):
                yield Completion("embedding", model.name, escaped(model.name), now.word, model=model.id if model.preview else "")

    def _style_names(self, now: Typed) -> Iterator[Completion]:
        if len(now.word) >= _LEAST_LETTERS:
            for begin in dict.fromkeys((now.phrase, now.word)):
                names = [one.style.name for one in self._styles.all()[0]]
                found = sorted((place, name) for name in names if (place := rank(name, begin)) is not None and place < _WITHIN_WORDS)
                if found:
                    yield from (Completion("style", name, name, begin) for _, name in found[:_FROM_STYLES])
                    return

    def _from_history(self, now: Typed, negative: bool) -> Iterator[Completion]:
        told: set[str] = set()
        # The longer beginning first: what goes on from a whole phrase is nearer to what is meant.
        for begin in dict.fromkeys((now.phrase, now.word)):
            for text, uses in self._words(negative=negative).beginning_with(begin, _FROM_HISTORY - len(told)):
                if text not in told:
                    told.add(text)
                    yield Completion("history", text, text, begin, uses=uses)
