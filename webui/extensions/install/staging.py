"""From a source to an installed add-on: fetched aside, checked, its packages worked out, tried in a child, shown, then swapped in."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from webui.errors import Conflict, EaselError, InvalidRequest
from webui.extensions.install.archives import MOST_ZIP_BYTES, tree_hash, unsafe, unzip
from webui.extensions.install.git import FetchFailed, fetch_commit, newest_commit
from webui.extensions.install.resolver import Doing, Package, Resolver
from webui.extensions.install.sources import Source, built_in_for, check_address, leads_here, open_line, parse_source
from webui.extensions.install.store import Installed, Store
from webui.extensions.install.trial import Trial, run_trial, stamp_of
from webui.extensions.manifest import MANIFEST, Manifest, check_free, read_manifest
from webui.extensions.states import States
from webui.guarded_network import BlockedAddress

_PART = 1 << 16
_MOST_REDIRECTS = 5
_MOST_TEXT = 200_000
_README = ("readme.md", "readme.txt", "readme.rst", "readme")
_CHANGES = ("changelog.md", "changes.md", "history.md", "changelog.txt", "changelog", "changes.txt", "news.md")
_A1111_SIGNS = ("scripts", "install.py", "javascript")


class ExtensionRefused(Conflict):
    """An add-on that did not pass its trial."""

    code = "extension_refused"


@dataclass(frozen=True)
class Staged:
    """What would be installed, as its user is asked. folder: where its files lie now.

    before: the version that is installed, for an update. added, changed: packages that come, or come in another version (name: old, new).
    """

    token: str
    source: Source
    manifest: Manifest
    folder: Path
    tree: str
    commit: str
    file: str
    bytes: int
    packages: tuple[Package, ...]
    added: tuple[Package, ...]
    changed: dict[str, tuple[str, str]]
    trial: Trial
    before: Installed | None
    readme: str
    changes: str
    linked: bool = False

    @property
    def installed(self) -> Installed:
        """As it will stand in the lock file."""
        folder = str(self.folder) if self.linked else f"{self.manifest.id}/{self.manifest.version}-{self.tree[:12]}"
        return Installed(
            self.manifest.id, self.manifest.version, folder, self.source, self.tree, self.commit, self.file, self.manifest.requires
        )


class Stager:
    """Prepares and installs. May be used from any thread."""

    def __init__(self, store: Store, states: States, resolver: Resolver | None = None) -> None:
        self.store = store
        self.states = states
        self._resolver = resolver or Resolver(store.wheelhouse)

    # preparing

    def stage(self, source: Source, doing: Doing, *, update: str | None = None, link: bool = True) -> Staged:
        """Fetch and check an add-on; nothing that counts is changed. Raises EaselError in words, and what `doing` raises.

        update: the id that it must have. link: a folder is used where it lies, and not copied.
        """
        token = secrets.token_hex(8)
        place = self.store.folder / "staging" / token
        place.mkdir(parents=True)
        there = self._package_places()
        try:
            return self._staged(token, place, source, doing, update, link)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            self._drop_packages(there)
            raise

    def stage_zip(self, data: Path, name: str, doing: Doing) -> Staged:
        """The same with a zip that somebody sent; the file is the caller's. name: what it was called."""
        shown = re.sub(r"[^\w. -]+", "_", Path(name.replace("\\", "/")).name)[:80] or "upload.zip"
        token = secrets.token_hex(8)
        place = self.store.folder / "staging" / token
        place.mkdir(parents=True)
        there = self._package_places()
        try:
            doing("Unpacking")
            unzip(data, place / "tree")
            return self._checked(token, place / "tree", Source("zip", shown), doing, "", _file_hash(data), None)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            self._drop_packages(there)
            raise

    def discard(self, staged: Staged) -> None:
        """Nobody wants it."""
        shutil.rmtree(self.store.folder / "staging" / staged.token, ignore_errors=True)

    def _package_places(self) -> set[Path]:
        return {path for folder in (self.store.folder / "sites", self.store.wheelhouse) for path in folder.glob("*")}

    def _drop_packages(self, there: set[Path]) -> None:
        """Of an add-on that was refused, nothing stays: not even packages that nobody uses."""
        for path in self._package_places() - there:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def _staged(self, token: str, place: Path, source: Source, doing: Doing, update: str | None, link: bool) -> Staged:
        tree, commit, file = place / "tree", "", ""
        if source.kind == "folder":
            folder = Path(source.address)
            if link:
                return self._checked(token, folder, source, doing, "", "", update, linked=True)
            doing("Copying")
            # Links would lead elsewhere once they are copied; what is no file is left out.
            shutil.copytree(folder, tree, symlinks=False, ignore=shutil.ignore_patterns(".git", "__pycache__", ".venv", "*.pyc"))
        elif source.kind == "git":
            commit = fetch_commit(source, tree, doing)
        elif source.kind == "zip":
            path = Path(source.address) if Path(source.address).is_absolute() else _download(source.address, place / "fetched.zip", doing)
            file = _file_hash(path)
            doing("Unpacking")
            unzip(path, tree)
        else:
            wheel = self._resolver.download(source.address, place / "wheel", doing)
            file = _file_hash(wheel)
            doing("Unpacking")
            unzip(wheel, tree)
            _manifest_of_wheel(tree)
        return self._checked(token, tree, source, doing, commit, file, update)

    def _checked(
        self, token: str, folder: Path, source: Source, doing: Doing, commit: str, file: str, update: str | None, linked: bool = False
    ) -> Staged:
        doing("Reading its manifest")
        manifest = _manifest(folder)
        lock = self.store.read()
        before = lock.add_ons.get(manifest.id)
        if update is not None and manifest.id != update:
            raise Conflict(
                f"What is there now is called {manifest.id}, not {update}.", field="source", hint="Install it by itself.", code="bad_id"
            )
        if update is None and before is not None and before.source.address != source.address and source.kind != "zip":
            raise Conflict(
                f"There is an add-on {manifest.id} already, from {before.source}.",
                field="project.name",
                hint="Remove that one first, or update it.",
                code="id_taken",
            )
        others = [other for other in self.store.manifests() if before is None or other.id != manifest.id]
        check_free(manifest, others)
        wanted = {name: one.requires for name, one in lock.add_ons.items() if name != manifest.id} | {manifest.id: manifest.requires}
        packages = self._packages(wanted, manifest.id, doing)
        site = self._site(packages, doing)
        trial = run_trial(manifest, site, doing)
        if trial.failure is not None:
            raise _refused(manifest, trial)
        known = {package.name: package for package in lock.packages}
        return Staged(
            token=token,
            source=source,
            manifest=manifest,
            folder=folder,
            tree=tree_hash(folder),
            commit=commit,
            file=file,
            bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
            packages=packages,
            added=tuple(package for package in packages if package.name not in known),
            changed={
                package.name: (known[package.name].version, package.version)
                for package in packages
                if package.name in known and known[package.name].version != package.version
            },
            trial=trial,
            before=before,
            readme=text_of(folder, _README),
            changes=newer_changes(text_of(folder, _CHANGES), before.version if before else None),
            linked=linked,
        )

    def _packages(self, wanted: dict[str, tuple[str, ...]], newcomer: str, doing: Doing) -> tuple[Package, ...]:
        return self._resolver.resolve(wanted, newcomer, doing)

    def _site(self, packages: Sequence[Package], doing: Doing) -> Path | None:
        """The folder of exactly these packages, built where it isn't there yet."""
        if not packages:
            return None
        target = self.store.folder / "sites" / site_name(packages)
        if not target.is_dir():
            self._resolver.build(packages, target, doing)
        return target

    # installing

    def install(self, staged: Staged) -> Installed:
        """Make a staged add-on one of those that count, all at once. Raises Conflict where the others changed meanwhile."""
        with self.store.changing():
            now = self.store.read().add_ons.get(staged.manifest.id)
            if (now and now.folder) != (staged.before and staged.before.folder):
                raise Conflict("The add-ons were changed meanwhile.", hint="Look at it again, then install it.")
            entry = staged.installed
            if not staged.linked:
                if not staged.folder.is_dir() or tree_hash(staged.folder) != staged.tree:
                    raise Conflict("What was shown is not there any more.", hint="Look at it again, then install it.")
                target = self.store.path_of(entry)
                if not target.is_dir():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    staged.folder.replace(target)
            site = site_name(staged.packages) if staged.packages else ""
            self.store.put(entry, site, staged.packages)
        stamp = stamp_of(self.store.path_of(entry))
        self.states.change(entry.id, proved=stamp, off="", fault=None, start_ms=dict(staged.trial.milliseconds))
        self.discard(staged)
        return self.store.get(entry.id)

    def roll_back(self, identifier: str, doing: Doing) -> Installed:
        """Go back to the version before, with the packages that it needs. Raises EaselError."""
        before = self.store.version_before(identifier)
        lock = self.store.read()
        wanted = {name: one.requires for name, one in lock.add_ons.items()} | {identifier: before.requires}
        # The packages of now will do where they are no reason against it; the network may be away.
        packages = lock.packages
        if set(before.requires) != set(lock.add_ons[identifier].requires):
            packages = self._packages(wanted, identifier, doing)
            self._site(packages, doing)
        entry = self.store.roll_back(identifier, site_name(packages) if packages else "", packages)
        self.states.change(identifier, off="", fault=None)
        return entry

    # looking for newer ones

    def newer(self, installed: Installed, doing: Doing) -> str | None:
        """What could be updated to: a commit or a version; None where there is nothing newer. Asks the source. Raises FetchFailed."""
        if installed.source.kind == "git":
            commit = newest_commit(installed.source)
            return None if commit == installed.commit else commit
        if installed.source.kind == "pypi":
            version = self._resolver.newest(installed.source.address, doing)
            return None if version == installed.version else version
        return None

    def source_to_update(self, installed: Installed) -> Source:
        """Where its next version comes from. Raises Conflict for what has no such place."""
        if installed.source.kind == "pypi":
            return replace(installed.source, address=installed.source.address.partition("==")[0])
        if installed.source.kind == "zip" and "://" not in installed.source.address and not Path(installed.source.address).is_absolute():
            raise Conflict("It came as a zip that somebody sent.", hint="Install the zip of a newer version in the same way.")
        if installed.linked:
            raise Conflict("It is used where it lies.", hint="Change it there; Easel takes that up by itself.")
        return installed.source


def known_or_parsed(text: str, ref: str = "") -> Source:
    """What somebody typed as a source. Raises InvalidRequest, also for what an add-on of Easel's does already."""
    found = built_in_for(text)
    if found is not None:
        raise InvalidRequest(
            f"That is an add-on for AUTOMATIC1111, which Easel can't load. Its job is done here by {found}.",
            field="source",
            hint="There is nothing to install.",
            code="built_in_instead",
        )
    return parse_source(text, ref)


def site_name(packages: Sequence[Package]) -> str:
    """The folder of packages is named by what is in it."""
    told = json.dumps(sorted((package.name, package.version, package.sha256) for package in packages))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def text_of(folder: Path, names: Sequence[str]) -> str:
    """A text that lies beside the manifest: plain text, whatever it is."""
    with suppress(OSError):
        files = {path.name.lower(): path for path in folder.iterdir() if path.is_file()}
        path = next((files[name] for name in names if name in files), None)
        if path is not None:
            with open(path, "rb") as file:
                return file.read(_MOST_TEXT).decode("utf-8", "replace")
    return ""


def readme_of(folder: Path) -> str:
    """Its readme, as plain text."""
    return text_of(folder, _README)


def newer_changes(text: str, since: str | None) -> str:
    """The part of a list of changes above the heading of the installed version."""
    if not text or since is None:
        return ""
    heading = re.compile(rf"^(#+ .*|\[?v?){re.escape(since)}\b", re.MULTILINE)
    found = heading.search(text)
    return (text[: found.start()] if found else text)[:20_000].strip()


def _manifest(folder: Path) -> Manifest:
    try:
        return read_manifest(folder, strict=True)
    except EaselError:
        if not (folder / MANIFEST).is_file() and any((folder / sign).exists() for sign in _A1111_SIGNS):
            raise InvalidRequest(
                "This is an add-on for AUTOMATIC1111, which Easel can't load.",
                field="source",
                hint="Look under Available whether there is one for Easel that does the same.",
                code="bad_manifest",
            ) from None
        raise


def _manifest_of_wheel(tree: Path) -> None:
    """A wheel has its manifest in its package: put it where a folder has it."""
    if (tree / MANIFEST).is_file():
        return
    found = sorted(path for path in tree.glob(f"*/{MANIFEST}") if not path.parent.name.endswith(".dist-info"))
    if len(found) != 1:
        raise InvalidRequest(
            "This package is no add-on for Easel.",
            field="source",
            hint=f"A wheel that is one has its {MANIFEST}, with [tool.easel], inside its package.",
            code="bad_manifest",
        )
    shutil.copy(found[0], tree / MANIFEST)


def _refused(manifest: Manifest, trial: Trial) -> ExtensionRefused:
    assert trial.failure is not None
    refused = ExtensionRefused(
        f"{manifest.name} was tried in a process of its own, and did not pass: {trial.failure.message}.",
        field="source",
        hint="Nothing was installed. Its author will want to know this.",
    )
    refused.details = trial.failure.details  # type: ignore[attr-defined]
    return refused


def _download(url: str, target: Path, doing: Doing) -> Path:
    """Fetch a zip over https, each redirect checked."""
    for _ in range(_MOST_REDIRECTS):
        check_address(url)
        try:
            with open_line() as line, line.stream("GET", url) as answer:
                if answer.is_redirect:
                    url = str(answer.url.join(answer.headers.get("location", "")))
                    continue
                answer.raise_for_status()
                came = 0
                with open(target, "wb") as file:
                    for part in answer.iter_bytes(_PART):
                        came += len(part)
                        if came > MOST_ZIP_BYTES:
                            raise unsafe(f"The archive is larger than {MOST_ZIP_BYTES // 1024**2} MB")
                        file.write(part)
                        doing(f"Fetching: {came / 1024**2:.1f} MB")
                return target
        except BlockedAddress as blocked:
            raise leads_here(str(blocked)) from None
        except httpx.HTTPError as error:
            raise FetchFailed(f"{url} could not be fetched: {error}.", field="source", hint="Check the address and the network.") from None
    raise FetchFailed("The address leads in circles.", field="source", hint="Check it.")


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(_PART):
            digest.update(part)
    return digest.hexdigest()


def offer(staged: Staged) -> dict[str, Any]:
    """What its user is asked, as page, API and command line show it."""
    manifest = staged.manifest
    return {
        "id": manifest.id,
        "title": manifest.name,
        "description": manifest.description,
        "version": manifest.version,
        "before": staged.before.version if staged.before else None,
        "source": str(staged.source),
        "kind": staged.source.kind,
        "commit": staged.commit,
        "file_sha256": staged.file,
        "tree_sha256": staged.tree,
        "bytes": staged.bytes,
        "licence": manifest.licence,
        "homepage": manifest.homepage,
        "linked": staged.linked,
        "permissions": [{"title": title, "text": text} for title, text in manifest.asks()],
        "packages": [{"name": package.name, "version": package.version, "bytes": package.bytes} for package in staged.added],
        "changed_packages": [{"name": name, "from": old, "to": new} for name, (old, new) in staged.changed.items()],
        "start_ms": dict(staged.trial.milliseconds),
        "readme": staged.readme[:20_000],
        "changes": staged.changes,
    }
