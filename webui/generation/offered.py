"""Names of what add-ons offer to requests: "<id of the add-on>/<label>". Whether such a one is there, the studio knows, not this page."""

from __future__ import annotations

import re

_OFFERED = re.compile(r"\s*([a-z][a-z0-9]*(?:-[a-z0-9]+)*)/(\S.{0,79})", re.DOTALL | re.IGNORECASE | re.ASCII)


def add_on_of(name: str) -> str | None:
    """The id of the add-on that a name says it is of; None for one of Easel's own."""
    found = _OFFERED.fullmatch(name)
    return found[1].lower() if found else None
