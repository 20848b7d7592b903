"""People of this Easel: their accounts, logins and tokens, over the database. Secrets are kept as hashes only."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from webui import access_tokens
from webui.errors import Conflict, DataUnusable, InvalidRequest, NotFound
from webui.passwords import check_password, hash_password, is_outdated, verify_password
from webui.people import Person, Role, Scope
from webui.studio.database import Database
from webui.studio.handing_over import hand_over
from webui.studio.tables import login, person, token

LOGIN_DAYS = 30
"""Without being used; then one logs in again."""
LONGEST_NAME = 64
MOST_TOKENS = 50

_SECRET_BYTES = 32
_REMEMBERED_SECONDS = 1.0
"""So long a caller is let in without a look at the database: what another process (the command line) changes is heeded after that."""
_MOST_REMEMBERED = 4096
_USED_EVERY = 60
"""Seconds between two notes of when a login or token was last used."""
_OF_ROLE: dict[str, frozenset[Scope]] = {"admin": frozenset(Scope), "user": frozenset({Scope.READ, Scope.GENERATE})}


@dataclass(frozen=True)
class Account:
    """One of the people. created: seconds since 1970. logins, tokens: how many there are."""

    id: str
    name: str
    role: Role
    has_password: bool
    disabled: bool
    created: int
    logins: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Token:
    """A key of a program, without the secret. used: None when it never was."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created: int
    used: int | None


class PeopleBook:
    """All people of one Easel. May be used from any thread; what takes an Argon2 hash takes its time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._remembered: dict[bytes, tuple[Person | None, float]] = {}
        self._any: tuple[bool, float] | None = None
        self._changes = 0
        self._nobodys = secrets.token_bytes(_SECRET_BYTES)

    # who there is

    def any(self) -> bool:
        """Whether there are accounts at all: without any, Easel is open to its household."""
        known = self.remembers_any()
        if known is not None:
            return known
        changes = self._changes
        with self._database.reading() as connection:
            found = connection.execute(select(person.c.id).limit(1)).first() is not None
        if changes == self._changes:
            self._any = (found, time.monotonic())
        return found

    def remembers_any(self) -> bool | None:
        """The same without asking the database; None where that isn't known."""
        known = self._any
        return known[0] if known is not None and time.monotonic() - known[1] <= _REMEMBERED_SECONDS else None

    def can_log_in(self) -> bool:
        """Whether somebody has a password and may come in."""
        with self._database.reading() as connection:
            query = select(person.c.id).where(person.c.password.is_not(None), ~person.c.disabled).limit(1)
            return connection.execute(query).first() is not None

    def all(self) -> list[Account]:
        """Everybody, by name."""
        with self._database.reading() as connection:
            return [_account(row) for row in connection.execute(_ACCOUNTS.order_by(person.c.name_key))]

    def names(self) -> dict[str, str]:
        """What everybody is called, by id."""
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(select(person.c.id, person.c.name))}

    def one(self, person_id: str) -> Account:
        """Raises NotFound."""
        with self._database.reading() as connection:
            return _account(_found(connection, person_id))

    def named(self, name: str) -> Account:
        """Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(_ACCOUNTS.where(person.c.name_key == _key(name))).first()
        if row is None:
            raise NotFound(f"Nobody here is called {name[:LONGEST_NAME]!r}.", field="name", hint="Look at who there is first.")
        return _account(row)

    # accounts

    def add(self, name: str, password: str | None, role: Role | None = None) -> Account:
        """A new account. The first one is an administrator's, with a password, and what the household made is theirs from then on.

        password: None where only tokens are to open the door. Raises InvalidRequest or Conflict.
        """
        name = check_name(name)
        hashed = None if password is None else hash_password(check_password(password, name))
        row: dict[str, Any] = {
            "id": secrets.token_hex(8),
            "name": name,
            "name_key": _key(name),
            "password": hashed,
            "created": int(time.time()),
            "disabled": False,
        }
        with self._changing() as connection:
            first = connection.execute(select(person.c.id).limit(1)).first() is None
            if first and (role == "user" or hashed is None):
                raise InvalidRequest(
                    "The first account is an administrator's, with a password.",
                    field="role" if role == "user" else "password",
                    hint="Add yourself first, then the others.",
                )
            if connection.execute(select(person.c.id).where(person.c.name_key == row["name_key"])).first():
                raise Conflict(f"Somebody is called {name} already.", field="name", hint="Choose another name.")
            connection.execute(insert(person).values(**row, role=_role(role or ("admin" if first else "user"))))
            if first:
                hand_over(connection, "", row["id"])
        return self.one(row["id"])

    def change(self, person_id: str, *, role: Role | None = None, disabled: bool | None = None) -> Account:
        """Another role; or closed to them, which ends their logins and stops their tokens. Raises NotFound, InvalidRequest or Conflict."""
        wanted: dict[str, Any] = {} if role is None else {"role": _role(role)}
        if disabled is not None:
            wanted["disabled"] = disabled
        with self._changing() as connection:
            _found(connection, person_id)
            if wanted:
                connection.execute(update(person).where(person.c.id == person_id).values(**wanted))
            if disabled:
                connection.execute(delete(login).where(login.c.person_id == person_id))
            _require_administrator(connection)
        return self.one(person_id)

    def set_password(self, person_id: str, password: str, *, but: str | None = None) -> None:
        """A new password, which ends their logins. but: the secret of one that stays. Raises NotFound or InvalidRequest."""
        name = self.one(person_id).name
        hashed = hash_password(check_password(password, name))
        with self._changing() as connection:
            connection.execute(update(person).where(person.c.id == person_id).values(password=hashed))
            ended = delete(login).where(login.c.person_id == person_id)
            connection.execute(ended if but is None else ended.where(login.c.hash != _hash(but)))

    def remove(self, person_id: str, heir: str | None = None) -> Account:
        """Take an account away, with its logins and tokens. Raises NotFound, or Conflict where others would have no administrator.

        heir: who gets their pictures and jobs; None: the administrator who has been here longest, or the household where nobody is left.
        """
        with self._changing() as connection:
            gone = _account(_found(connection, person_id))
            connection.execute(delete(person).where(person.c.id == person_id))
            _require_administrator(connection)
            hand_over(connection, person_id, _longest_here(connection) if heir is None else _found(connection, heir).id)
        return gone

    def check(self, name: str, password: str) -> Person | None:
        """Who has that name and password; None without saying which of them is wrong. Takes as long either way."""
        with self._database.reading() as connection:
            row = connection.execute(select(person).where(person.c.name_key == _key(name))).first()
        right = verify_password(row.password if row is not None else None, password)
        if row is None or not right or row.disabled:
            return None
        if is_outdated(row.password):
            with suppress(DataUnusable), self._changing() as connection:
                connection.execute(update(person).where(person.c.id == row.id).values(password=hash_password(password)))
        return _person(row)

    # logins

    def open_login(self, person_id: str) -> str:
        """The secret of a new login, for the cookie. Raises DataUnusable."""
        secret, now = secrets.token_urlsafe(_SECRET_BYTES), int(time.time())
        with self._changing() as connection:
            connection.execute(delete(login).where(login.c.expires <= now))
            row = {"hash": _hash(secret), "person_id": person_id, "created": now, "used": now, "expires": now + LOGIN_DAYS * 86_400}
            connection.execute(insert(login).values(**row))
        return secret

    def close_login(self, secret: str) -> None:
        """From now on that secret opens nothing."""
        with self._changing() as connection:
            connection.execute(delete(login).where(login.c.hash == _hash(secret)))

    def close_logins(self, person_id: str) -> int:
        """Log somebody out everywhere; returns how many logins that were."""
        with self._changing() as connection:
            return connection.execute(delete(login).where(login.c.person_id == person_id)).rowcount

    # tokens

    def tokens_of(self, person_id: str) -> list[Token]:
        """The newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(token).where(token.c.person_id == person_id).order_by(token.c.created.desc(), token.c.id))
            return [Token(row.id, row.name, _scopes(row.scopes), row.created, row.used) for row in rows]

    def add_token(self, person_id: str, name: str, scopes: Iterable[str]) -> tuple[Token, str]:
        """A new token, and its secret, which nobody can be told again. Raises NotFound, InvalidRequest or Conflict."""
        name = check_name(name, "name")
        wanted = _wanted_scopes(scopes)
        secret, now = access_tokens.new_token(), int(time.time())
        row = {
            "id": secrets.token_hex(8),
            "hash": _hash(secret),
            "person_id": person_id,
            "name": name,
            "scopes": list(wanted),
            "created": now,
        }
        with self._changing() as connection:
            owner = _found(connection, person_id)
            if too_much := set(wanted) - _OF_ROLE[owner.role]:
                raise InvalidRequest(
                    f"{owner.name} may not {min(too_much)}.", field="scopes", hint="A token can't do more than its person; leave that out."
                )
            if connection.execute(select(func.count()).where(token.c.person_id == person_id)).scalar_one() >= MOST_TOKENS:
                raise Conflict(
                    f"{owner.name} has {MOST_TOKENS} tokens.", allowed=f"at most {MOST_TOKENS}", hint="Take away old ones first."
                )
            connection.execute(insert(token).values(**row))
        return Token(row["id"], name, wanted, now, None), secret

    def remove_token(self, person_id: str, token_id: str) -> None:
        """From now on it opens nothing. Raises NotFound."""
        with self._changing() as connection:
            gone = connection.execute(delete(token).where(token.c.id == token_id, token.c.person_id == person_id))
            if not gone.rowcount:
                raise NotFound("There is no such token.", hint="It was taken away already; look at the list again.")

    # who comes

    def remembered(self, secret: str) -> tuple[bool, Person | None]:
        """Whether it is known without asking the database who has that secret of a login or token, and who that is."""
        known = self._remembered.get(self._mark(secret))
        if known is None or time.monotonic() - known[1] > _REMEMBERED_SECONDS:
            return False, None
        return True, known[0]

    def who(self, secret: str) -> Person | None:
        """Who has that secret of a login or a token, by the database."""
        changes = self._changes
        found = self._who_by_token(secret) if secret.startswith(access_tokens.START) else self._who_by_login(secret)
        with self._lock:
            if changes == self._changes:
                if len(self._remembered) >= _MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[self._mark(secret)] = (found, time.monotonic())
        return found

    def person(self, person_id: str) -> tuple[Person, str] | None:
        """Somebody as one who logged in, and the hash of their password; None for nobody who may."""
        with self._database.reading() as connection:
            row = connection.execute(select(person).where(person.c.id == person_id)).first()
        return None if row is None or row.disabled or row.password is None else (_person(row), row.password)

    def _who_by_login(self, secret: str) -> Person | None:
        now = int(time.time())
        query = select(person, login.c.used).join(login, login.c.person_id == person.c.id)
        with self._database.reading() as connection:
            row = connection.execute(query.where(login.c.hash == _hash(secret), login.c.expires > now)).first()
        if row is None or row.disabled:
            return None
        if now - row.used >= _USED_EVERY:
            values = {"used": now, "expires": now + LOGIN_DAYS * 86_400}
            with suppress(DataUnusable), self._database.writing() as connection:
                connection.execute(update(login).where(login.c.hash == _hash(secret)).values(**values))
        return _person(row)

    def _who_by_token(self, secret: str) -> Person | None:
        if not access_tokens.is_whole(secret):
            return None
        now = int(time.time())
        query = select(person, token.c.scopes, token.c.used, token.c.id.label("token_id")).join(token, token.c.person_id == person.c.id)
        with self._database.reading() as connection:
            row = connection.execute(query.where(token.c.hash == _hash(secret))).first()
        if row is None or row.disabled:
            return None
        if row.used is None or now - row.used >= _USED_EVERY:
            with suppress(DataUnusable), self._database.writing() as connection:
                connection.execute(update(token).where(token.c.id == row.token_id).values(used=now))
        return _person(row, frozenset(_scopes(row.scopes)))

    def _mark(self, secret: str) -> bytes:
        return hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), key=self._nobodys, digest_size=32).digest()

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """A transaction, after which nothing that was remembered counts any more."""
        try:
            with self._database.writing() as connection:
                yield connection
        finally:
            self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._changes += 1
            self._remembered.clear()
            self._any = None


_LOGINS = select(func.count()).where(login.c.person_id == person.c.id).scalar_subquery()
_TOKENS = select(func.count()).where(token.c.person_id == person.c.id).scalar_subquery()
_ACCOUNTS = select(person, _LOGINS.label("logins"), _TOKENS.label("tokens"))


def check_name(name: object, field: str = "name") -> str:
    """A name of a person or token, composed one way. Raises InvalidRequest."""
    text = unicodedata.normalize("NFC", name).strip() if isinstance(name, str) else ""
    # A colon ends the name in HTTP's Basic; what isn't printable could look like another name.
    if not 1 <= len(text) <= LONGEST_NAME or ":" in text or not text.isprintable():
        raise InvalidRequest(
            "The name can't be that.", field=field, allowed=f"1 to {LONGEST_NAME} visible characters, no colon", hint="Write it like anna."
        )
    return text


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name[: LONGEST_NAME * 4]).casefold().strip()


def _hash(secret: str) -> bytes:
    # Secrets are 256 random bits: nothing is gained by hashing them slowly.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _role(role: object) -> Role:
    if role not in _OF_ROLE:
        raise InvalidRequest(f"There is no role {str(role)[:40]!r}.", field="role", allowed=", ".join(_OF_ROLE), hint="Use one of these.")
    return cast(Role, role)


def _scopes(stored: Any) -> tuple[Scope, ...]:
    names = json.loads(stored) if isinstance(stored, str) else stored
    return tuple(scope for scope in Scope if scope in names)


def _wanted_scopes(scopes: Iterable[str]) -> tuple[Scope, ...]:
    given = [str(scope) for scope in scopes]
    if not given or set(given) - set(Scope):
        raise InvalidRequest(
            "A token needs scopes." if not given else "There is no such scope.",
            field="scopes",
            allowed=", ".join(Scope),
            hint='Name some of them, like ["read", "generate"].',
        )
    return _scopes(given)


def _person(row: Row[Any], scopes: frozenset[Scope] = frozenset(Scope)) -> Person:
    return Person(row.id, row.name, row.role, scopes & _OF_ROLE[row.role])


def _account(row: Row[Any]) -> Account:
    return Account(row.id, row.name, row.role, row.password is not None, row.disabled, row.created, row.logins, row.tokens)


def _found(connection: Connection, person_id: str) -> Row[Any]:
    row = connection.execute(_ACCOUNTS.where(person.c.id == person_id)).first()
    if row is None:
        raise NotFound("There is no such account.", field="id", hint="It was removed; look at the list again.")
    return row


def _longest_here(connection: Connection) -> str:
    """The administrator whose account is the oldest; the household where there is none."""
    admins = select(person.c.id).where(person.c.role == "admin").order_by(person.c.created, person.c.id)
    return connection.execute(admins.limit(1)).scalar() or ""


def _require_administrator(connection: Connection) -> None:
    """While there are accounts, one of them is an administrator's who can log in."""
    left = connection.execute(select(person.c.role, person.c.disabled, person.c.password)).all()
    if left and not any(row.role == "admin" and not row.disabled and row.password for row in left):
        raise Conflict("Nobody would be left to look after this Easel.", hint="Make somebody else an administrator first.")
