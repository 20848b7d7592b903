"""Fetches one commit of a git repository over https: its files and nothing of git's. No hook, filter or submodule is ever run."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from webui.errors import EaselError
from webui.extensions.install.archives import Member, unpack, unsafe
from webui.extensions.install.sources import Source, check_address, check_name

MOST_PACK_BYTES = 256 * 1024**2
_TIMEOUT_SECONDS = 30.0


class FetchFailed(EaselError):
    """The source did not give what it was asked for."""

    code = "source_failed"
    status = 502


class Cancelled(Exception):
    """Whoever asked for this doesn't want it any more."""


def fetch_commit(source: Source, target: Path, doing: Callable[[str], None]) -> str:
    """Put the files of a commit below `target`, which is new; returns the commit's id (40 hex digits).

    doing: told in words what is done; may raise Cancelled. Raises FetchFailed, and InvalidRequest for an unsafe tree.
    """
    from dulwich.objects import Commit, Tag
    from dulwich.repo import Repo

    doing(f"Asking {source.address}")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="git-") as folder:
        repository = Repo.init_bare(folder)
        try:
            found = _fetch(source, repository, doing)
            commit = repository[found]
            while isinstance(commit, Tag):
                commit = repository[commit.object[1]]
            if not isinstance(commit, Commit):
                raise FetchFailed(f"{source.ref or 'HEAD'} is no commit there.", field="source", hint="Name a branch or a tag.")
            doing("Unpacking")
            unpack(_tree(repository, commit.tree), target)
            return commit.id.decode()
        finally:
            repository.close()


def newest_commit(source: Source) -> str:
    """The id that the source's branch or tag has now; nothing is fetched. Raises FetchFailed."""
    from dulwich.objects import ObjectID

    client, path = _client(source, lambda _words: None)
    with _Told(source):
        refs: dict[bytes, ObjectID] = {name: sha for name, sha in client.get_refs(path.encode()).refs.items() if sha is not None}
    return _wanted(source, refs).decode()


def _fetch(source: Source, repository: Any, doing: Callable[[str], None]) -> bytes:
    client, path = _client(source, doing)
    chosen: list[bytes] = []

    def wants(refs: Any, depth: int | None = None) -> list[Any]:
        chosen[:] = [_wanted(source, refs)]
        return list(chosen)

    with _Told(source):
        client.fetch(path, repository, determine_wants=wants, depth=1)
    return chosen[0]


def _wanted(source: Source, refs: Any) -> bytes:
    ref = source.ref.encode()
    names = (b"refs/heads/" + ref, b"refs/tags/" + ref, ref) if ref else (b"HEAD",)
    found = next((refs[name] for name in names if refs.get(name)), None)
    if found is None and len(ref) == 40:
        return ref
    if found is None:
        raise FetchFailed(f"The repository has no {source.ref or 'HEAD'}.", field="ref", hint="Name one of its branches or tags.")
    return bytes(found)


def _client(source: Source, doing: Callable[[str], None]) -> tuple[Any, str]:
    from urllib.parse import urlsplit

    from dulwich.client import HttpGitClient
    from dulwich.config import ConfigDict

    parts = urlsplit(check_address(source.address))

    class Watched(HttpGitClient):
        """Counts what comes."""

        came = 0

        def _http_request(self, url: str, *arguments: Any, **options: Any) -> Any:
            answer, read = super()._http_request(url, *arguments, **options)
            return answer, lambda size=-1: self._counted(read(size))

        def _counted(self, part: bytes) -> bytes:
            self.came += len(part)
            if self.came > MOST_PACK_BYTES:
                raise unsafe(f"The repository is larger than {MOST_PACK_BYTES // 1024**2} MB")
            doing(f"Fetching: {self.came / 1024**2:.1f} MB")
            return part

    # An empty configuration: what this machine's git is set up to do with addresses is of no concern here.
    client = Watched(f"{parts.scheme}://{parts.netloc}", config=ConfigDict(), timeout=_TIMEOUT_SECONDS, quiet=True)
    pool: Any = client.pool_manager
    ask = pool.urlopen

    def checked(method: str, url: str, *arguments: Any, **options: Any) -> Any:
        # urllib3 comes here for each redirect, too, and that may lead anywhere.
        return ask(method, check_name(url), *arguments, **options)

    pool.urlopen = checked
    return client, parts.path


def _tree(repository: Any, tree: Any) -> Iterator[Member]:
    from dulwich.object_store import iter_tree_contents

    for entry in iter_tree_contents(repository.object_store, tree):
        try:
            path = entry.path.decode("utf-8")
        except UnicodeDecodeError:
            raise unsafe("It has a file whose name is no text") from None
        if stat.S_IFMT(entry.mode) == 0o160000:
            raise unsafe(f"{path[:80]!a} is another repository inside it", "Ask its author for one without submodules.")
        if not stat.S_ISREG(entry.mode):
            raise unsafe(f"{path[:80]!a} is no file but a link")
        yield Member(path, lambda sha=entry.sha: iter((repository.object_store[sha].as_raw_string(),)))


class _Told:
    """What dulwich and the network raise, in words."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, EaselError | Cancelled) or not isinstance(error, Exception):
            return
        from dulwich.errors import NotGitRepository

        if isinstance(error, NotGitRepository):
            raise FetchFailed(
                f"There is no git repository at {self._source.address}.",
                field="source",
                hint="Look whether the address opens in a browser.",
            ) from None
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise FetchFailed(
            f"{self._source.address} could not be fetched: {words}.",
            field="source",
            hint="Check the address and the network, or use a zip.",
        ) from None
