"""Add-ons, zips, wheels and a git server, made in a moment: good ones and bad ones."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

HOOK = "from webui.extensions import hookimpl\n\n@hookimpl\n"
SAYS = HOOK + "def prepare(request):\n    return request.model_copy(update={{'prompt': request.prompt + ', {words}'}})\n"


def says(words: str) -> str:
    """A web module that adds words to each prompt."""
    return SAYS.format(words=words)


def files_of(
    name: str,
    web: str | None = None,
    worker: str | None = None,
    version: str = "1.0",
    requires: Sequence[str] = (),
    more: str = "",
    **texts: str,
) -> dict[str, str]:
    """The files of an add-on. more: lines of [tool.easel]. texts: further files, README_md as README.md."""
    module = "m_" + name.replace("-", "_").replace(".", "_")
    lines = ["[project]", f"name = {json.dumps(name)}", f'version = "{version}"', f"dependencies = {json.dumps(list(requires))}"]
    lines += ["[tool.easel]", 'api = "1"']
    files = {}
    for side, source in (("web", web), ("worker", worker)):
        if source is not None:
            lines.append(f'{side} = "{module}.{side}"')
            files[f"{module}/{side}.py"] = source
            files[f"{module}/__init__.py"] = ""
    files["pyproject.toml"] = "\n".join([*lines, more, ""])
    return files | {key.replace("_", "."): text for key, text in texts.items()}


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def write_zip(path: Path, files: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def write_wheel(folder: Path, name: str, version: str, requires: Sequence[str] = (), files: Mapping[str, str] | None = None) -> Path:
    """A wheel that pip takes, of one small module (or of these files)."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    content = dict(files or {f"{module}/__init__.py": f"VERSION = {version!r}\n"})
    content[f"{info}/METADATA"] = "\n".join(
        ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires), ""]
    )
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content[f"{info}/RECORD"] = "".join(f"{one},,\n" for one in [*content, f"{info}/RECORD"])
    folder.mkdir(parents=True, exist_ok=True)
    return write_zip(folder / f"{module}-{version}-py3-none-any.whl", content)


class Repository:
    """A git repository that a server on this machine gives out."""

    def __init__(self, folder: Path) -> None:
        from dulwich import porcelain

        self.folder = folder
        self.repo = porcelain.init(str(folder))

    def commit(self, files: Mapping[str, str]) -> str:
        """Make these files the next commit; returns its id."""
        from dulwich import porcelain

        write_files(self.folder, files)
        porcelain.add(str(self.folder), [str(self.folder / name) for name in files])
        return porcelain.commit(
            str(self.folder), message=b"Another version", author=b"Ann <ann@example.org>", committer=b"Ann <ann@example.org>"
        ).decode()


@contextmanager
def git_server(repositories: Mapping[str, Repository]) -> Iterator[str]:
    """Gives repositories out at ADDRESS/NAME."""
    from dulwich.server import DictBackend
    from dulwich.web import make_wsgi_chain

    class Silent(WSGIRequestHandler):
        def log_message(self, *_: object) -> None: ...

    chain = make_wsgi_chain(DictBackend({f"/{name}": one.repo for name, one in repositories.items()}))
    server = make_server("127.0.0.1", 0, chain, handler_class=Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
