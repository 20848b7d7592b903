"""The command line's `extension`: list, install, update, roll back, switch and remove add-ons, also where the page may not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from webui.errors import EaselError
from webui.extensions.install.staging import Staged, Stager, known_or_parsed, offer
from webui.extensions.install.store import Store
from webui.extensions.manifest import read_manifest
from webui.extensions.states import States, WorkerNotes
from webui.logs import log_to_console
from webui.settings import PROGRAM_ROOT, Settings, load_settings
from webui.tokens import TokenStore

DataDir = Annotated[Path | None, typer.Option(help=Settings.model_fields["data_dir"].description)]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
Identifier = Annotated[str, typer.Argument(help="The add-on's id, as list prints it.")]

extensions_cli = typer.Typer(no_args_is_help=True, help="Install and manage add-ons. A running Easel takes up what is changed here.")


def _stager(data_dir: Path | None) -> Stager:
    settings = load_settings(data_dir=data_dir)
    log_to_console("warning", TokenStore(settings.data_dir).secrets)
    return Stager(Store(settings.data_dir, (PROGRAM_ROOT / "extensions",)), States(settings.data_dir))


def _doing(words: str) -> None:
    if words and sys.stderr.isatty():
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _install(stager: Stager, staged: Staged, yes: bool) -> None:
    _clear()
    told = offer(staged)
    print(f"{told['title']} {told['version']}" + (f" (installed: {told['before']})" if told["before"] else ""))
    print(f"  From      {told['source']}")
    print(f"  {'Commit    ' + told['commit'] if told['commit'] else 'Files     sha256 ' + told['tree_sha256']}")
    for permission in told["permissions"]:
        print(f"  It asks   {permission['title']}: {permission['text']}")
    for package in told["packages"]:
        print(f"  Package   {package['name']} {package['version']}, a wheel of {package['bytes']:,} bytes")
    if told["changes"]:
        print("\n".join(f"  {line}" for line in told["changes"].splitlines()[:40]))
    print("Add-ons run with your full rights on this computer. Install only what you trust.")
    if not yes and not typer.confirm("Install it?"):
        stager.discard(staged)
        raise typer.Exit(1)
    installed = stager.install(staged)
    print(f"{installed.id} {installed.version} is installed.")


@extensions_cli.command("list")
def list_extensions(data_dir: DataDir = None) -> None:
    """Print all add-ons: id, version, state, where it comes from."""
    stager = _stager(data_dir)
    for folder, installed in stager.store.folders().items():
        try:
            manifest = read_manifest(folder)
        except EaselError as error:
            print(f"{folder.name:24} can't be used: {error}")
            continue
        off = stager.states.of(manifest.id).off
        origin = str(installed.source) if installed else "built in" if stager.store.comes_with_easel(manifest) else str(folder)
        print(f"{manifest.id:24} {manifest.version:10} {'off (' + off + ')' if off else 'on':14} {origin}")


@extensions_cli.command()
def install(
    source: Annotated[str, typer.Argument(help="An https address of a git repository or a zip, a path, or the name of a package.")],
    ref: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "",
    copy: Annotated[bool, typer.Option("--copy", help="Copy a folder instead of using it where it lies.")] = False,
    yes: Yes = False,
    data_dir: DataDir = None,
) -> None:
    """Fetch an add-on, check it, show what it is and asks for, and install it."""
    stager = _stager(data_dir)
    text = str(Path(source).absolute()) if "://" not in source and Path(source).exists() else source
    _install(stager, stager.stage(known_or_parsed(text, ref), _doing, link=not copy), yes)


@extensions_cli.command()
def update(identifier: Identifier, yes: Yes = False, data_dir: DataDir = None) -> None:
    """Fetch an add-on's newest version, show what changed, and install it."""
    stager = _stager(data_dir)
    installed = stager.store.get(identifier)
    if installed.source.kind in ("git", "pypi") and stager.newer(installed, _doing) is None:
        _clear()
        print(f"{identifier} {installed.version} is the newest.")
        return
    _install(stager, stager.stage(stager.source_to_update(installed), _doing, update=identifier, link=False), yes)


@extensions_cli.command()
def rollback(identifier: Identifier, data_dir: DataDir = None) -> None:
    """Go back to the version before."""
    print(f"{identifier} is {_stager(data_dir).roll_back(identifier, _doing).version} again.")


@extensions_cli.command()
def enable(identifier: Identifier, data_dir: DataDir = None) -> None:
    """Switch an add-on on; what it did is forgiven."""
    stager = _stager(data_dir)
    stager.states.change(_known(stager, identifier), off="", fault=None, proved="")
    WorkerNotes(stager.states.folder).forgive(identifier)
    stager.store.touch()
    print(f"{identifier} is on.")


@extensions_cli.command()
def disable(identifier: Identifier, data_dir: DataDir = None) -> None:
    """Switch an add-on off."""
    stager = _stager(data_dir)
    stager.states.change(_known(stager, identifier), off="user")
    stager.store.touch()
    print(f"{identifier} is off.")


@extensions_cli.command()
def remove(identifier: Identifier, data_dir: DataDir = None) -> None:
    """Take an add-on out. What it has saved of yours stays."""
    _stager(data_dir).store.take_out(identifier)
    print(f"{identifier} is removed.")


def _known(stager: Stager, identifier: str) -> str:
    ids = {manifest.id for manifest in stager.store.manifests()}
    return identifier if identifier in ids else stager.store.get(identifier).id


@extensions_cli.command()
def new(
    name: Annotated[str, typer.Argument(help="Its id: small letters, digits and hyphens.")],
    root: Annotated[Path, typer.Option("--in", help="Folder that it is made in.")] = PROGRAM_ROOT / "extensions",
) -> None:
    """Write an add-on that works, with its tests: a start for your own."""
    from webui.extensions.authoring import new_add_on

    for path in new_add_on(name, root.expanduser().absolute()):
        print(path)


@extensions_cli.command()
def check(folder: Annotated[Path, typer.Argument(help="The add-on's folder.")]) -> None:
    """Say what is wrong with an add-on, without running it. Exit code 1 for an error."""
    from webui.extensions.authoring import check_add_on

    remarks = check_add_on(folder.expanduser().absolute())
    for remark in remarks:
        print(remark)
    print("Nothing is wrong with it." if not remarks else f"Remarks: {len(remarks)}.")
    raise typer.Exit(1 if any(remark.severity == "error" for remark in remarks) else 0)


@extensions_cli.command()
def test(folder: Annotated[Path, typer.Argument(help="The add-on's folder.")]) -> None:
    """Run an add-on's own tests."""
    from webui.extensions.authoring import run_tests

    raise typer.Exit(run_tests(folder.expanduser().absolute()))
