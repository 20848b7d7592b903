"""Collects the page's words for translators, brings all catalogues up to date, and compiles them.

.venv/bin/python docs/make_catalogues.py            writes webui/languages/easel.pot, and what is new into every easel.po and easel.mo
.venv/bin/python docs/make_catalogues.py check      says what a language lacks; exit code 1 where it does
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ROOT / "webui" / "languages"
STATIC = ROOT / "webui" / "ui" / "static"
CALLS = "(call_expression function: (identifier) @called arguments: (arguments) @given)"
DOMAINS = ("easel", "easel-said")
"""What the page says by itself, and what it shows of what the server says (docs/server_sentences.py)."""
WORDS = {"t": 1, "tn": 2}  # functions of the scripts, and how many of their arguments are words


def declared() -> Iterator[tuple[str, str]]:
    """Words of settings, request fields, finishing steps and what Gradio draws, each with where it is declared."""
    from webui.generation.finishing import STEP_TYPES
    from webui.generation.request import REQUEST_TYPES, parameters_of
    from webui.settings import Settings
    from webui.ui.login_page import WORDS as LOGIN

    shapes = Settings.model_json_schema()["properties"]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        for words in (field.title, field.description, extra.get("section"), *shapes[name].get("enum", ())):
            yield str(words), "webui/settings.py"
    for kind in REQUEST_TYPES.values():
        for info in parameters_of(kind).values():
            yield info.label, "webui/generation/request.py"
            yield info.help, "webui/generation/request.py"
    for step, kind in STEP_TYPES.items():
        yield step.capitalize(), "webui/generation/finishing.py"
        yield (kind.__doc__ or "").split("\n")[0], "webui/generation/finishing.py"
        for info in parameters_of(kind).values():
            yield info.label, "webui/generation/finishing.py"
            yield info.help, "webui/generation/finishing.py"
    for words in LOGIN.values():
        yield words, "webui/ui/login_page.py"
    yield from drawn()


def drawn() -> Iterator[tuple[str, str]]:
    """Words of what Gradio draws: labels, placeholders, buttons, and choices that stand side by side."""
    import tempfile

    from webui.app import open_studio
    from webui.settings import load_settings
    from webui.ui.blocks import build

    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), executor="fake", safe_mode=True)
        with open_studio(settings) as (studio, _):
            config: Any = build(studio).config
    for component in config["components"]:
        props, kind = component.get("props", {}), component["type"]
        for name in ("label", "placeholder", "info"):
            if isinstance(props.get(name), str):
                yield props[name], "webui/ui"
        if kind == "button" and isinstance(props.get("value"), str):
            yield props["value"], "webui/ui"
        for choice in props.get("choices") or () if kind == "radio" else ():
            yield str(choice[0]), "webui/ui"


def scripted() -> Iterator[tuple[str | tuple[str, ...], str]]:
    """Words of the page's scripts: what stands in t() and tn(), also where one fills a hole of another."""
    import tree_sitter_javascript
    from tree_sitter import Language, Parser, Query, QueryCursor

    grammar = Language(tree_sitter_javascript.language())
    parser, calls = Parser(grammar), Query(grammar, CALLS)
    for path in sorted(STATIC.rglob("*.js")):
        if "vendor" in path.parts:
            continue
        for _, call in QueryCursor(calls).matches(parser.parse(path.read_bytes()).root_node):
            number = WORDS.get(call["called"][0].text.decode())
            given = [part for part in call["given"][0].named_children if part.type != "comment"][:number]
            # A variable holds words that are collected where they stand.
            for words in _literals(given) if number else ():
                yield words, path.relative_to(ROOT).as_posix()


def _literals(given: list[Any]) -> Iterator[str | tuple[str, ...]]:
    if all(part.type == "string" for part in given):
        words = tuple(_written(part.text.decode()) for part in given)
        yield words[0] if len(words) == 1 else words
    elif len(given) == 1 and given[0].type == "ternary_expression":
        yield from _literals([given[0].child_by_field_name("consequence")])
        yield from _literals([given[0].child_by_field_name("alternative")])


def _written(literal: str) -> str:
    """What a string of JavaScript says: JSON's strings are the same, but for single quotes."""
    if literal.startswith("'"):
        literal = '"' + re.sub(r'(?<!\\)"', r"\"", literal[1:-1].replace(r"\'", "'")) + '"'
    return json.loads(literal)


def collect(domain: str = "easel") -> Any:
    """All words of a domain, as a Babel catalogue without translations."""
    from babel.messages.catalog import Catalog
    from server_sentences import sentences

    catalogue = Catalog(project="Easel", version="", copyright_holder="", msgid_bugs_address="")
    for words, place in sentences(ROOT) if domain == "easel-said" else (*scripted(), *declared()):
        if not isinstance(words, str) or any(letter.isalpha() for letter in words):
            catalogue.add(words, locations=[(place, 0)])
    return catalogue


def write() -> None:
    """Write the templates, and bring every catalogue up to date: what is gone is taken out, what is new is empty."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po, write_po

    how: dict[str, Any] = {"sort_output": True, "omit_header": False, "include_lineno": False, "width": 140}
    for domain in DOMAINS:
        template = collect(domain)
        with (LANGUAGES / f"{domain}.pot").open("wb") as file:
            write_po(file, template, **how)
        for path in sorted(LANGUAGES.glob(f"*/LC_MESSAGES/{domain}.po")):
            with path.open("rb") as file:
                catalogue = read_po(file, locale=path.parent.parent.name)
            catalogue.update(template, no_fuzzy_matching=True, update_header_comment=False)
            catalogue.obsolete.clear()
            with path.open("wb") as file:
                write_po(file, catalogue, **how)
            with path.with_suffix(".mo").open("wb") as file:
                write_mo(file, catalogue)
            print(f"{path.parent.parent.name}, {domain}: {len(catalogue)} entries, {len(lacking(catalogue))} without words")


def lacking(catalogue: Any) -> list[str]:
    """The entries that have no words, or not in every form."""
    short = []
    for message in catalogue:
        forms = message.string if isinstance(message.string, tuple | list) else [message.string]
        wanted = catalogue.num_plurals if message.pluralizable else 1
        if message.id and (len(forms) < wanted or not all(forms)):
            short.append(message.id if isinstance(message.id, str) else message.id[0])
    return short


def stale() -> list[str]:
    """What each catalogue lacks of the page's words, or has for words that are gone; empty where all are complete."""
    from babel.messages.pofile import read_po

    wanted = {message.id for message in collect() if message.id}
    told = []
    for path in (LANGUAGES / "easel.pot", *sorted(LANGUAGES.glob("*/LC_MESSAGES/easel.po"))):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=None if path.suffix == ".pot" else path.parent.parent.name)
        known = {message.id for message in catalogue if message.id}
        told += [f"{path.name} lacks {words!r}" for words in sorted(wanted - known, key=str)]
        told += [f"{path.name} has {words!r}, which is gone" for words in sorted(known - wanted, key=str)]
        if path.suffix == ".po":
            told += [f"{path.parent.parent.name} has no words for {words!r}" for words in lacking(catalogue)]
    return told


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if "check" in sys.argv:
        print("\n".join(stale()) or "All catalogues are complete.")
        sys.exit(1 if stale() else 0)
    write()
