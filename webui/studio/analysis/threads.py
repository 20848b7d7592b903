"""How prompts were worked out: runs of generations in which each prompt is an edit of one shortly before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from webui.generation.prompt.changes import prompt_changes
from webui.studio.analysis.made import Made
from webui.studio.analysis.terms import terms_of

MOST_THREADS, MOST_STEPS = 8, 24
LEAST_STEPS = 3
_LOOKED_AT = 4000
"""Generations, the newest ones."""

_OPEN = 6
"""Threads that one may go back to."""

_ALIKE = 0.5
_TOLD_LENGTH = 2000
"""Characters of a prompt that two are compared by: what lies behind is hardly an edit that one sees."""


@dataclass
class _Step:
    prompt: str
    words: frozenset[str]
    pictures: list[Made]


@dataclass
class _Thread:
    steps: list[_Step] = field(default_factory=list)


def threads(made: Iterable[Made]) -> list[dict[str, Any]]:
    """The newest threads of at least LEAST_STEPS edits, newest first, each with its last steps from old to new."""
    found = [thread for thread in _threads(made) if len(thread.steps) >= LEAST_STEPS]
    found.sort(key=lambda thread: -thread.steps[-1].pictures[-1].id)
    return [_told(thread) for thread in found[:MOST_THREADS]]


def _threads(made: Iterable[Made]) -> list[_Thread]:
    everything: list[_Thread] = []
    recent: list[_Thread] = []
    for pictures in _by_generation(made)[-_LOOKED_AT:]:
        prompt = pictures[0].prompt.strip()
        if not prompt:
            continue
        words = terms_of(prompt)[0]
        thread = next((one for one in recent if _alike(one.steps[-1].words, words) or one.steps[-1].prompt == prompt), None)
        if thread is None:
            thread = _Thread()
            everything.append(thread)
        else:
            recent.remove(thread)
        recent = [thread, *recent][:_OPEN]
        if thread.steps and thread.steps[-1].prompt == prompt:
            thread.steps[-1].pictures += pictures
        else:
            thread.steps.append(_Step(prompt, words, pictures))
    return everything


def _by_generation(made: Iterable[Made]) -> list[list[Made]]:
    groups: dict[int, list[Made]] = {}
    for picture in sorted(made, key=lambda picture: picture.id):
        groups.setdefault(picture.generation, []).append(picture)
    return list(groups.values())


def _alike(first: frozenset[str], second: frozenset[str]) -> bool:
    return len(first & second) >= _ALIKE * len(first | second) > 0


def _told(thread: _Thread) -> dict[str, Any]:
    shown = thread.steps[-MOST_STEPS:]
    before = thread.steps[-MOST_STEPS - 1 : -MOST_STEPS] or [None]
    return {
        "edits": len(thread.steps) - 1,
        "pictures": sum(len(step.pictures) for step in thread.steps),
        "steps": [_told_step(step, last) for step, last in zip(shown, [*before, *shown[:-1]], strict=True)],
    }


def _told_step(step: _Step, last: _Step | None) -> dict[str, Any]:
    best = max(step.pictures, key=lambda picture: (picture.favourite, picture.rating or 0, picture.id))
    return {
        "image": str(best.id),
        "at": step.pictures[0].at.isoformat(),
        "pictures": len(step.pictures),
        "good": any(picture.good for picture in step.pictures),
        "prompt": step.prompt,
        "changes": [] if last is None else _changes(last.prompt, step.prompt),
    }


def _changes(before: str, after: str) -> list[dict[str, Any]]:
    runs = prompt_changes(before[:_TOLD_LENGTH], after[:_TOLD_LENGTH])
    return [
        {"kind": run.kind, "text": run.text, "before": run.before, "after": run.after}
        for run in runs
        if run.kind != "same" and any(letter.isalnum() for letter in run.text)
    ]
