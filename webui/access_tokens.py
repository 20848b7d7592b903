"""Tokens of programs by their look: easel_, random letters and digits, and a checksum of these.

Whoever finds such a text in a log or a repository knows what it opens, and a token that was cut or mistyped is told from one that
was taken away.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib

START = "easel_"
_SIGNS = string.digits + string.ascii_letters
_RANDOM = 43
"""62 to the power of 43 is a little more than 2 to the power of 256."""
_CHECK = 6
"""62 to the power of 6 is more than 2 to the power of 32."""
_OLD = re.compile(rf"{START}[\w-]{{43}}", re.ASCII)
"""Tokens that were made before there was a checksum; they stay what they are."""

SHAPE = re.compile(rf"(?<![A-Za-z0-9_]){START}[\w-]{{40,}}", re.ASCII)
"""What may be a token within a text, a mistyped one included: for whoever takes them out."""


def new_token() -> str:
    """A secret of 256 random bits."""
    chosen = "".join(secrets.choice(_SIGNS) for _ in range(_RANDOM))
    return START + chosen + _checksum(chosen)


def is_whole(secret: str) -> bool:
    """Whether that can be a token at all."""
    chosen, check = secret[len(START) : -_CHECK], secret[-_CHECK:]
    return secret.startswith(START) and (
        _OLD.fullmatch(secret) is not None or (len(chosen) == _RANDOM and secret.isascii() and check == _checksum(chosen))
    )


def _checksum(text: str) -> str:
    number, signs = zlib.crc32(text.encode("utf-8", "surrogatepass")), ""
    for _ in range(_CHECK):
        number, sign = divmod(number, len(_SIGNS))
        signs += _SIGNS[sign]
    return signs
