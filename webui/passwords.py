"""Passwords: what one may be, and Argon2id hashes of them. Slow on purpose, so never called where others wait."""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webui.errors import InvalidRequest

SHORTEST = 8
LONGEST = 256

_hasher = PasswordHasher()  # RFC 9106's second choice: 64 MiB, three passes
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$pAZpU6YZWJg1Pe/5V3L0Qg$Wa6D530Zq9mA8xrvcA8ptrAP518lwV2EYs2u7wmMa6k"
"""Compared with where there is no such person, so that nobody learns from the time it takes who there is."""


def check_password(password: object, name: str = "") -> str:
    """The password, if it may be one. Raises InvalidRequest, which never holds it."""
    if not isinstance(password, str) or not SHORTEST <= len(password) <= LONGEST:
        raise InvalidRequest(
            "The password can't be that.",
            field="password",
            allowed=f"{SHORTEST} to {LONGEST} characters",
            hint="Some words in a row are easy to remember and hard to guess.",
        )
    if name and _same(password) == _same(name):
        raise InvalidRequest("The password is the name.", field="password", hint="Choose another one.")
    return password


def hash_password(password: str) -> str:
    """Argon2id with its parameters and salt, as text."""
    return _hasher.hash(_bytes(password))


def verify_password(hashed: str | None, password: str) -> bool:
    """Whether it is that password. hashed: None where there is none; takes as long all the same."""
    try:
        right = _hasher.verify(hashed or _NOBODYS, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return right and hashed is not None


def is_outdated(hashed: str) -> bool:
    """Whether it was hashed with less effort than is usual now."""
    return _hasher.check_needs_rehash(hashed)


def _bytes(password: str) -> bytes:
    # The same letters are the same password, however a keyboard composed them; half a letter can be typed by programs only.
    return unicodedata.normalize("NFC", password[: LONGEST + 1]).encode("utf-8", "surrogatepass")


def _same(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()
