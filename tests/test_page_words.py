"""Nothing that a person reads on the page stands outside t() and tn(), so that every language has it."""

from __future__ import annotations

from pathlib import Path

from page_words import bare_words

STATIC = Path(__file__).resolve().parent.parent / "webui" / "ui" / "static"
UNREAD = {
    "Automatic": "a value of a field; the menu looks it up when it draws it",
    "None": "likewise",
    "Balanced": "what ControlNets take for control_mode",
    "Crop and Resize": "what ControlNets take for resize_mode",
    "Easel": "its name",
    "Fooocus": "a program's name",
    "easel": "a package's name",
    "SD {}": "a family of models",
    "embedding": "a kind of model",
    "Enter": "a key, as events and keyNames() have it",
    "Space": "likewise",
    "Del": "likewise",
    "Esc": "likewise",
    "Ctrl C": "likewise",
    "Ctrl Z": "likewise",
    "Ctrl Shift Z": "likewise",
    "Ctrl Home": "likewise",
    "Ctrl Up": "likewise",
    "Ctrl Down": "likewise",
    "words": "a column of what a chart draws",
    "ABCD": "letters of pictures that are compared",
    "after:{} before:{}": "a search",
    "add-on {} {}": "what the browser keeps",
    "canvas {}": "likewise",
    "easel canvas {}": "likewise",
    "older {}": "a state",
    "picture {}": "likewise",
    "running {} {}": "likewise",
    "first {} {}": "likewise",
    "wait {}": "likewise",
    "made of {}": "likewise",
    "pictures {}": "a folder's name",
    "xMidYMid slice": "SVG",
    "mono xs": "classes",
    "primary grow": "likewise",
    "s ghost": "likewise",
    "left top": "likewise",
    "right top": "likewise",
    "left bottom": "likewise",
    "right bottom": "likewise",
}


def test_words_of_the_page_can_be_translated() -> None:
    scripts = [path for path in sorted(STATIC.rglob("*.js")) if "vendor" not in path.parts]
    assert len(scripts) > 150
    found = [one for path in scripts for one in bare_words(path)]
    # The keyboard's sheet names keys, which keyNames() tells.
    read = [one for one in found if one.words not in UNREAD and not (one.path.name == "keys.js" and one.line < 70)]
    told = [f"{one.path.relative_to(STATIC)}:{one.line}: {one.words!r}" for one in read]
    assert told == [], "put these into t() or tn(), then run docs/make_catalogues.py; or say above why nobody reads them"
    assert set(UNREAD) <= {one.words for one in found}, "exceptions that nothing needs any more"


def test_a_bare_word_is_found_wherever_a_person_would_read_it(tmp_path: Path) -> None:
    script = tmp_path / "page.js"
    script.write_text(
        """
        import { t } from "./language.js";
        h("p", { class: "ez hint", title: "Say it" }, on && "paused", ["running"], `${n} left`);
        toast({ title: "Done", icon: "ok" });
        place.textContent = wrong ? "none" : t("fine {state}", { state: "off" });
        const words = "Two words";
        if (kind === "two words") document.querySelector("a b");
        """,
        "utf-8",
    )
    assert [one.words for one in bare_words(script)] == ["Say it", "paused", "running", "{} left", "Done", "none", "off", "Two words"]
