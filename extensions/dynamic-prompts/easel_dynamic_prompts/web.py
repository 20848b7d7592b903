"""Rewrites prompts before the run: one variant of each {a|b|c}, one line of each __wildcard__; or makes them all, as a script.

Needs `request.extensions["dynamic-prompts"] = {"enabled": True}`. The choice follows the seed, so a fixed seed gives the same words
again; what was chosen stands in the infotext.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from easel_dynamic_prompts.templates import MOST_PROMPTS, every, expand, is_template, unknown_wildcards, variants
from easel_dynamic_prompts.wildcards import SHIPPED, LeadsNowhere, WildcardFolder
from webui.errors import InvalidRequest
from webui.extensions import (
    Button,
    Checkbox,
    Choice,
    Choices,
    Group,
    JobScript,
    Markdown,
    Number,
    Panel,
    Part,
    Row,
    ScriptRun,
    Tab,
    Text,
    hookimpl,
)
from webui.extensions.easel import Easel, Script
from webui.generation.prompt.completion import Completion, rank
from webui.generation.request import RANDOM_SEED, DrawnRequest, GenerationRequest, Upscale
from webui.generation.resolve import LAST_RANDOM_SEED

ID = "dynamic-prompts"
FOLDER = "wildcards"
SHOWN = 12
NEW = "(a new one)"
"""Is chosen where no file is; none is called that."""

_OPENED = re.compile(r"__([\w/.-]*)\Z")


class _Here:
    """Where this add-on's own files are, once Easel has told it."""

    folder = WildcardFolder(SHIPPED)


@hookimpl
def started(easel: Easel) -> None:
    """Wildcards of one's own lie in the add-on's folder."""
    own = easel.folder / FOLDER
    own.mkdir(parents=True, exist_ok=True)
    _Here.folder = WildcardFolder(own)


# in the run


@hookimpl
def panel() -> Panel:
    """The switch on the pages that draw."""
    switch = Checkbox(name="enabled", label="Expand {a|b} and __wildcards__", help="One variant of each, chosen by the seed.")
    return Panel("Dynamic prompts", (switch,), switch="enabled")


@hookimpl
def prepare(request: GenerationRequest) -> GenerationRequest | None:
    """Expand the prompts where the request asks for it; equal ones become equal words. What can't be read stays as it is written."""
    if isinstance(request, Upscale) or not request.extensions.get(ID, {}).get("enabled"):
        return None
    seed = request.seed if request.seed != RANDOM_SEED else random.SystemRandom().getrandbits(32)
    seeds = {"prompt": seed, "negative_prompt": seed + 1, "hires_prompt": seed, "hires_negative_prompt": seed + 1}
    texts = {name: _expanded(getattr(request, name), own) for name, own in seeds.items() if hasattr(request, name)}
    regions = tuple(region.model_copy(update={"prompt": _expanded(region.prompt, seed)}) for region in request.regions)
    return request.model_copy(update={**texts, "regions": regions})


def _expanded(text: str, seed: int) -> str:
    try:
        return expand(text, seed, _Here.folder.wildcards())
    except LeadsNowhere:
        return text


@hookimpl
def complete(text: str) -> Iterator[Completion]:
    """The wildcards whose names hold what stands behind the last __, unless that one closes another."""
    opened = _OPENED.search(text)
    if opened is None or text[text.rfind("\n") + 1 :].count("__") % 2 == 0:
        return
    ranked = [(found, name) for name in _names(_stamp()) if (found := rank(name, opened[1])) is not None]
    for _, name in sorted(ranked):
        yield Completion("wildcard", name, f"__{name}__", opened[0], "wildcard")


def _stamp() -> tuple[tuple[Path, int], ...]:
    """Changes whenever a folder of wildcards has other files: while one types, files are not all read anew."""
    folders = [
        inner for root in _Here.folder.folders if root.is_dir() for inner in (root, *(path for path in root.rglob("*") if path.is_dir()))
    ]
    files = [path for root in _Here.folder.folders if root.is_dir() for path in root.rglob("*.y*ml")]
    return tuple((path, path.stat().st_mtime_ns) for path in (*folders, *files))


@functools.lru_cache(maxsize=4)
def _names(stamp: object) -> list[str]:
    return _Here.folder.names()


# all of them


def _limit(values: Mapping[str, Any]) -> int:
    return max(1, min(int(values.get("most") or 100), MOST_PROMPTS))


def parts_of(request: DrawnRequest, values: Mapping[str, Any], seed: int) -> list[Part]:
    """A part for every variant of the prompts. seed: in place of a random one. Raises InvalidRequest."""
    names = ["prompt", *(["negative_prompt"] if values.get("negative") else [])]
    limit = _limit(values)
    try:
        made = list(variants({name: getattr(request, name) for name in names}, _Here.folder.wildcards(), limit + 1))
    except LeadsNowhere as error:
        raise InvalidRequest(
            f"The prompt has no variants: {error}.", field="prompt", hint="Write choices as {a|b}, or __name__ of a wildcard."
        ) from None
    if len(made) > limit and values.get("refuse"):
        raise InvalidRequest(
            f"There are more than {limit:,} variants.", field="most", allowed=f"1 to {MOST_PROMPTS:,}", hint="Raise the limit."
        )
    base = seed if request.seed == RANDOM_SEED else request.seed
    # The words are final: nothing may choose among them once more.
    extensions = {id: own for id, own in request.extensions.items() if id != ID}
    parts = []
    for number, texts in enumerate(made[:limit]):
        own = {"seed": base + number * request.picture_count if values.get("vary_seed") else base, "extensions": extensions}
        parts.append(Part(request.model_copy(update={**texts, **own}), ", ".join(texts.values())[:80]))
    return parts


def check(request: DrawnRequest, values: Mapping[str, Any]) -> None:
    """Raises InvalidRequest where there is nothing to vary."""
    if not is_template(request.prompt) and not (values.get("negative") and is_template(request.negative_prompt)):
        raise InvalidRequest("The prompt has no variants.", field="prompt", hint="Write choices as {a|b}, or __name__ of a wildcard.")
    parts_of(request, values, 0)


def count(request: DrawnRequest, values: Mapping[str, Any]) -> int:
    """How many variants will be drawn."""
    return len(parts_of(request, values, 0))


def run(request: DrawnRequest, values: Mapping[str, Any], script: Script) -> ScriptRun:
    """Have every variant drawn."""
    yield parts_of(request, values, script.random.randint(0, LAST_RANDOM_SEED))
    return None


@hookimpl
def job_scripts() -> JobScript:
    """Every variant, one after the other."""
    most = Number(name="most", label="At most", default=100, minimum=1, maximum=MOST_PROMPTS, step=1, unit="variants")
    return JobScript(
        "Every variant of the prompt",
        [
            most,
            Row(
                [
                    Checkbox(name="negative", label="Of the negative prompt, too"),
                    Checkbox(name="vary_seed", label="A seed for each variant"),
                    Checkbox(name="refuse", label="Refuse where there are more", help="Else the first ones are drawn."),
                ]
            ),
        ],
        run,
        help="A picture for every combination of {a|b} and __wildcards__ in the prompt.",
        key="every",
        count=count,
        check=check,
    )


# the page


def preview(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a prompt becomes: some at random, and the first of all there are."""
    text = str(values.get("trial") or "")
    try:
        wildcards = _Here.folder.wildcards()
        unknown = unknown_wildcards(text, wildcards)
        chosen = [expand(text, seed, wildcards) for seed in range(SHOWN // 2)]
        all_of_them = every(text, wildcards, MOST_PROMPTS + 1)
    except LeadsNowhere as error:
        return {"preview": f"This can't be used: {_escaped(str(error))}."}
    number = f"more than {MOST_PROMPTS:,}" if len(all_of_them) > MOST_PROMPTS else f"{len(all_of_them):,}"
    missing = f"\n\nThere is no wildcard {_escaped(', '.join(unknown))}: it stays as it is written." if unknown else ""
    told = f"By chance, for example:\n\n{_listed(chosen)}\n\nIn all {number}, beginning with:\n\n{_listed(all_of_them[: SHOWN // 2])}"
    return {"preview": told + missing}


def _listed(prompts: list[str]) -> str:
    return "\n".join(f"- {_escaped(' '.join(prompt.split())[:300])}" for prompt in prompts)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]()#+.!|<>~-])", r"\\\1", text)


def listing() -> str:
    """The files that there are, as Markdown."""
    files = _Here.folder.files()
    lines = [f"- **{_escaped(one.name)}**{'' if one.own else ' (comes with Easel)'}" for one in files]
    return "\n".join(lines) if lines else "There are no wildcards yet."


def shown(chosen: str = NEW) -> dict[str, Any]:
    """The list, and the files that can be chosen. chosen: the one that is."""
    names = [one.name for one in _Here.folder.files()]
    return {"files": listing(), "chosen": Choices([NEW, *names], chosen if chosen in names else NEW)}


def show(values: Mapping[str, Any]) -> dict[str, Any]:
    """The list as it is now; what was chosen stays so."""
    return shown(str(values.get("chosen") or NEW))


def open_file(values: Mapping[str, Any]) -> dict[str, Any]:
    """The text of the file that is chosen; nothing for a new one."""
    name = str(values.get("chosen") or NEW)
    return {"name": "", "text": ""} if name == NEW else {"name": name, "text": _Here.folder.read(name)}


def save_file(values: Mapping[str, Any], easel: Easel) -> dict[str, Any]:
    """Write the file that is named."""
    name = str(values.get("name") or "").strip()
    _Here.folder.write(name, str(values.get("text") or ""))
    return shown(name)


def delete_file(values: Mapping[str, Any], easel: Easel) -> dict[str, Any]:
    """Take the file that is named away; a copy with .bak behind its name stays."""
    _Here.folder.delete(str(values.get("name") or "").strip())
    return {"text": "", **shown()}


@hookimpl
def tab() -> Tab:
    """The page "Wildcards"."""
    return Tab(
        "Wildcards",
        [
            Group(
                "Try a prompt",
                [
                    Text(name="trial", label="Prompt", lines=2, placeholder="a {red|blue} __animal__", on_change=preview),
                    Markdown(text="What it becomes is shown here.", name="preview"),
                ],
            ),
            Group(
                "Files",
                [
                    Markdown(text=listing(), name="files"),
                    Row(
                        [
                            Choice(name="chosen", label="Wildcard", choices=(NEW,), changing=True, on_change=open_file),
                            Text(name="name", label="Name", placeholder="animal or places/city"),
                        ]
                    ),
                    Text(
                        name="text",
                        label="Lines",
                        lines=12,
                        longest=1_000_000,
                        help="One choice on each line; a line may hold choices itself. Names that end in .yaml hold lists under names.",
                    ),
                    Row(
                        [
                            Button(label="Save", on_click=save_file, name="save", primary=True),
                            Button(label="Delete", on_click=delete_file, name="delete"),
                        ]
                    ),
                ],
            ),
        ],
        key="wildcards",
        on_open=show,
    )
