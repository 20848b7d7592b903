"""A PostgreSQL server of Debian's package, started by the tests that need one, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PROGRAMS = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """Where the newest server's programs are; None where the package isn't installed."""
    found = sorted(_PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


needs_postgresql = pytest.mark.skipif(programs() is None, reason="Debian's package postgresql isn't installed")


def _as_server(*command: str | Path) -> None:
    """As root by the package's own account: the server refuses to run as root."""
    before = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*before, *map(str, command)], capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


class Server:
    """A server that listens on this machine. Each `database` is a fresh one."""

    def __init__(self, port: int) -> None:
        self._address = f"postgresql://postgres@127.0.0.1:{port}"

    def database(self, options: str = "") -> str:
        """The address of an empty database."""
        import psycopg

        name = f"easel_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(f"{self._address}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} {options}".encode())
        return f"{self._address}/{name}"


@contextmanager
def serving() -> Iterator[Server]:
    """A server as long as the block runs."""
    place = programs()
    assert place is not None
    folder = Path(tempfile.mkdtemp(prefix="easel-postgresql-"))
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    try:
        _as_server(
            place / "initdb", "--pgdata", data, "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"
        )
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        _as_server(place / "pg_ctl", "--pgdata", data, "--log", folder / "log", "--wait", "--timeout=120", "-o", options, "start")
        try:
            yield Server(port)
        finally:
            _as_server(place / "pg_ctl", "--pgdata", data, "--mode=immediate", "--wait", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
