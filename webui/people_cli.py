"""The command line's `people`: who may come in, while Easel runs and while it doesn't."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from webui.errors import Conflict, InvalidRequest
from webui.people import Scope
from webui.settings import Settings, load_settings

DataDir = Annotated[Path | None, typer.Option(help=Settings.model_fields["data_dir"].description)]
Name = Annotated[str, typer.Argument(help="Name of the person.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")]

people_cli = typer.Typer(no_args_is_help=True, help="Who may come in: accounts, passwords, tokens.")


@contextmanager
def _book(data_dir: Path | None) -> Iterator[Any]:
    """The people of a data folder. An Easel that works on it heeds what is changed within a second."""
    from webui.studio.database import FORM, open_database
    from webui.studio.instance import AlreadyRunning, InstanceLock, holder_of
    from webui.studio.people_book import PeopleBook

    settings = load_settings(data_dir=data_dir)
    with ExitStack() as held:
        try:
            held.enter_context(InstanceLock(settings.data_dir))
        except AlreadyRunning:
            # Its database isn't changed in form behind its back.
            holder = holder_of(settings.data_dir)
            if holder is None or holder.form != FORM:
                raise Conflict("The Easel that runs is of another version.", hint="Restart it first.") from None
        database = held.enter_context(closing(open_database(settings.data_dir, settings.database_url)))
        yield PeopleBook(database)


def _password(from_input: bool) -> str:
    if from_input or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise InvalidRequest("The two passwords differ.", field="password", hint="Try again.")
    return first


@people_cli.command()
def add(
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="An administrator: may change models, add-ons, settings and people.")] = False,
    no_password: Annotated[bool, typer.Option("--no-password", help="Only tokens open the door, for a program.")] = False,
    password_stdin: FromInput = False,
    data_dir: DataDir = None,
) -> None:
    """Make an account. The first one is an administrator's: what was made here so far becomes theirs, and everybody has to log in."""
    with _book(data_dir) as book:
        account = book.add(name, None if no_password else _password(password_stdin), "admin" if admin else None)
        print(f"{account.name} may come in, as {_ROLES[account.role]}.")


@people_cli.command("list")
def show(data_dir: DataDir = None) -> None:
    """Everybody who has an account."""
    with _book(data_dir) as book:
        for account in book.all():
            facts = [_ROLES[account.role]]
            facts += ["closed"] if account.disabled else []
            facts += [] if account.has_password else ["no password"]
            facts += [f"{account.tokens} token{'s' if account.tokens != 1 else ''}"] if account.tokens else []
            print(f"{account.name:24}  since {datetime.fromtimestamp(account.created):%Y-%m-%d}  {', '.join(facts)}")
        if not book.any():
            print("Nobody has an account: Easel is open to whoever is at this machine.", file=sys.stderr)


@people_cli.command()
def password(name: Name, password_stdin: FromInput = False, data_dir: DataDir = None) -> None:
    """Give somebody a new password, and log them out everywhere."""
    with _book(data_dir) as book:
        account = book.named(name)
        book.set_password(account.id, _password(password_stdin))
        print(f"{account.name} has a new password.")


@people_cli.command()
def remove(name: Name, data_dir: DataDir = None) -> None:
    """Take an account away. Its pictures stay."""
    with _book(data_dir) as book:
        gone = book.remove(book.named(name).id)
        print(f"{gone.name} may not come in any more.")
        if not book.any():
            print("Nobody has an account now: Easel is open to whoever is at this machine.", file=sys.stderr)


@people_cli.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="admin or user.")],
    data_dir: DataDir = None,
) -> None:
    """Make somebody an administrator, or a user again."""
    with _book(data_dir) as book:
        account = book.change(book.named(name).id, role=cast(Any, role))
        print(f"{account.name} is {_ROLES[account.role]} now.")


@people_cli.command()
def token(
    name: Name,
    what_for: Annotated[str, typer.Option("--for", help="What the token is for, to know it again.")] = "command line",
    scope: Annotated[list[str] | None, typer.Option(help=f"What it may do: {', '.join(Scope)}. Usual: read and generate.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a token for a program, and print it: once only."""
    with _book(data_dir) as book:
        _, secret = book.add_token(book.named(name).id, what_for, scope or [Scope.READ, Scope.GENERATE])
        print(secret)


_ROLES = {"admin": "an administrator", "user": "a user"}
