"""The page that asks for name and password: plain HTML with all it needs inside, so that nothing else is open to strangers."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from webui.languages.catalogues import translated
from webui.ui.pieces import STATIC_FOLDER

WORDS: Mapping[str, str] = {
    "log_in": "Log in",
    "name_label": "Name",
    "password_label": "Password",
    "forgotten": "Forgotten? Whoever looks after this Easel can give you a new password.",
}
"""What the page says, in English, by its place in the template."""
_FOLDER = Path(__file__).with_name("templates")
_SENTENCES = re.compile(r"(?<=[.!?]) ")
# As theme.js keeps it: light or dark, where somebody chose; else the system says.
_SCRIPT = (
    'try { const theme = JSON.parse(localStorage.getItem("easel:theme"));'
    ' if (theme === "dark" || theme === "light") document.documentElement.classList.add(theme); } catch {}'
)


class LoginPage:
    """Reads its parts once. policy: what browsers may load and run on it."""

    def __init__(self) -> None:
        tokens = (STATIC_FOLDER / "tokens.css").read_text("utf-8").partition("/* Part 2")[0]
        dark = re.search(r"^\.dark \{(.*?)^\}", tokens, re.M | re.S)
        by_system = f"@media (prefers-color-scheme: dark) {{ :root:not(.light) {{{dark[1] if dark else ''}}} }}"
        style = "\n".join((tokens, by_system, (_FOLDER / "login.css").read_text("utf-8")))
        icon = "data:image/svg+xml," + quote((STATIC_FOLDER / "favicon.svg").read_text("utf-8"))
        self._template = Template(
            Template((_FOLDER / "login.html").read_text("utf-8")).safe_substitute(icon=icon, style=style, script=_SCRIPT)
        )
        digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
        self.policy = (
            f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )

    def __call__(self, *, language: str = "en", trouble: str = "", name: str = "", after: str = "/") -> str:
        """The page. trouble: what was wrong. name: as it was typed. after: the path where one goes then."""
        words = {place: escape(translated(language, each)) for place, each in WORDS.items()}
        trouble = " ".join(translated(language, sentence) for sentence in _SENTENCES.split(trouble))
        told = f'<p class="trouble" role="alert">{escape(trouble)}</p>' if trouble else ""
        focus = {"focus_name": "" if name else " autofocus", "focus_password": " autofocus" if name else ""}
        return self._template.substitute(trouble=told, name=escape(name), next=escape(after), language=language, **words, **focus)
