"""Catalogues as the page gets them: which language a browser is given, and its words as a script."""

from __future__ import annotations

import gettext
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
DOMAIN = "easel"
SAID = "easel-said"
"""The domain of what the server says: sentences with holes, told in English by the API and looked up where a person reads them."""
COOKIE = "easel-language"
"""Keeps the language that was chosen in a browser."""
NAMES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}
"""Languages by their code, as their speakers call them. English is what the sources are written in."""

SYSTEM = "system"
_PLURAL = re.compile(r"plural=([n0-9 ()!=<>&|?:%]+);?\s*$")


def chosen(setting: str, accepted: str, own: str = "") -> str:
    """The language of a page: the one chosen in this browser, or that the setting names, or of those that it accepts the best.

    own: what the cookie says.
    """
    if own in NAMES:
        return own
    if setting in NAMES:
        return setting
    ranked = []
    for position, part in enumerate(accepted[:1000].split(",")):
        name, _, quality = part.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), position, name.split("-")[0].lower()))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(ranked) if name in NAMES), "en")


@cache
def words_of(language: str, domain: str = DOMAIN) -> tuple[dict[str, list[str]], str]:
    """The words of a language: by the English ones all their forms, and which form a number n takes, as C and JavaScript write it."""
    try:
        catalogue: Any = gettext.translation(domain, FOLDER, [language])
    except FileNotFoundError:
        return {}, "n != 1"
    words: dict[str, dict[int, str]] = {}
    for key, text in catalogue._catalog.items():
        name, form = key if isinstance(key, tuple) else (key, 0)
        if name:
            words.setdefault(name, {})[form] = text
    found = _PLURAL.search(catalogue.info().get("plural-forms", ""))
    return {name: [forms[number] for number in sorted(forms)] for name, forms in words.items()}, found[1] if found else "n != 1"


def translated(language: str, words: str) -> str:
    """Words without holes or plurals, in a language."""
    forms = words_of(language)[0].get(words) or words_of(language, SAID)[0].get(words)
    return forms[0] if forms else words


@cache
def script_of(language: str, own: str = "") -> str:
    """The script that gives a page its words, before anything else of it runs. own: the language chosen in this browser, if any."""
    words, plural = words_of(language)
    said = {sentence: forms[0] for sentence, forms in words_of(language, SAID)[0].items()}
    catalogue = {"language": language, "chosen": own if own in NAMES else "", "languages": NAMES, "words": words, "said": said}
    # < never stands in the text, so that nothing in it can end a script.
    told = json.dumps(catalogue, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    given = f"window.easelWords={{...{told},plural:(n)=>Number({plural})}};"
    return f'{given}document.documentElement.lang="{language}";{_LANGUAGE}{_GRADIO}'


# Gradio says there what the browser speaks, whichever language its page is in.
_LANGUAGE = """
(() => {
  const { documentElement } = document;
  const { language } = window.easelWords;
  const mend = () => documentElement.lang !== language && (documentElement.lang = language);
  new MutationObserver(mend).observe(documentElement, { attributeFilter: ["lang"] });
})();
"""

# What Gradio draws comes as a configuration: its words are looked up in there before Gradio sees it.
_GRADIO = """
(() => {
  const { words } = window.easelWords;
  const told = (text) => (typeof text === "string" && Object.hasOwn(words, text) ? words[text][0] : text);
  const translate = (config) => {
    for (const { type, props } of config?.components ?? []) {
      if (!props) continue;
      for (const name of ["label", "placeholder", "info"]) if (props[name]) props[name] = told(props[name]);
      if (type === "button") props.value = told(props.value);
      const choices = ["radio", "dropdown"].includes(type) && Array.isArray(props.choices) ? props.choices : null;
      if (choices) props.choices = choices.map((choice) => (Array.isArray(choice) ? [told(choice[0]), choice[1]] : choice));
    }
    return config;
  };
  let config = translate(window.gradio_config);
  Object.defineProperty(window, "gradio_config", { configurable: true, get: () => config, set: (given) => (config = translate(given)) });
})();
"""
