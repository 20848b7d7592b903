"""Tokens of the hosts that ask for one: kept in a file that only its owner reads, never shown, never logged."""

from __future__ import annotations

import json
import os
import re
import threading
from contextlib import suppress
from pathlib import Path

from webui.durable import PART_SUFFIX
from webui.errors import DataUnusable, InvalidRequest

TOKENS_FILE = "tokens.json"
_OWNER_ONLY = 0o600
_TOKEN = re.compile(r"[\x21-\x7e]{6,1000}")
_HOST = re.compile(r"[a-z0-9.\-\[\]:]{1,255}")


class TokenStore:
    """Host -> token, in the data folder. May be used from any thread."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / TOKENS_FILE
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._tokens: dict[str, str] = {}
        self._seen: frozenset[str] = frozenset()

    def hosts(self) -> list[str]:
        """The hosts that have a token."""
        return sorted(self._read())

    def of(self, host: str) -> str | None:
        """The token for exactly that host (with its port, if it is not the usual one)."""
        return self._read().get(host.lower())

    def secrets(self) -> frozenset[str]:
        """All tokens that were ever seen here, for whoever takes secrets out of texts. A file that can't be read adds none."""
        with suppress(DataUnusable):
            self._read()
        return self._seen

    def set(self, host: str, token: str | None) -> None:
        """Keep a host's token, or forget it (None). Raises InvalidRequest or DataUnusable."""
        host = host.strip().lower()
        if not _HOST.fullmatch(host):
            raise InvalidRequest(
                "This is no host.", field="host", allowed="a name like huggingface.co", hint="Leave out https:// and path."
            )
        if token is not None and not _TOKEN.fullmatch(token.strip()):
            # The token itself must not stand in the answer.
            raise InvalidRequest(
                "The token can't be that.", field="token", allowed="6 to 1,000 visible ASCII characters", hint="Copy it once more."
            )
        with self._lock:
            tokens = dict(self._load())
            tokens.pop(host, None)
            if token is not None:
                tokens[host] = token.strip()
            self._write(tokens)

    def _read(self) -> dict[str, str]:
        with self._lock:
            return self._load()

    def _load(self) -> dict[str, str]:
        # Looked at each time: another Easel's command line may have written it.
        try:
            about = self._path.stat()
        except OSError:
            self._stamp, self._tokens = None, {}
            return self._tokens
        stamp = (about.st_mtime_ns, about.st_size)
        if stamp != self._stamp:
            try:
                data = json.loads(self._path.read_text("utf-8"))
            except (OSError, ValueError) as error:
                raise DataUnusable(
                    f"{TOKENS_FILE} can't be read: {type(error).__name__}.", hint="Delete it and enter the tokens again."
                ) from None
            self._tokens = {str(host): str(token) for host, token in data.items()} if isinstance(data, dict) else {}
            self._stamp = stamp
            self._seen |= set(self._tokens.values())
        return self._tokens

    def _write(self, tokens: dict[str, str]) -> None:
        part = self._path.with_name(self._path.name + PART_SUFFIX)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            # From its first byte on nobody else may read it.
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w", encoding="utf-8") as file:
                json.dump(tokens, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            raise DataUnusable(
                f"{TOKENS_FILE} can't be written: {error.strerror or error}.", hint="Check the data folder's rights."
            ) from None
