import threading
from pathlib import Path

import pytest

from webui.durable import clear_parts, write_durably


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "new" / "thumbnail.webp"
    errors: list[Exception] = []

    def write(letter: bytes) -> None:
        try:
            for _ in range(30):
                write_durably(target, letter * 100_000)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    content = target.read_bytes()
    assert content == content[:1] * 100_000
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.json"
    write_durably(target, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_durably(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_parts_of_killed_writers_are_cleared(tmp_path: Path) -> None:
    target = tmp_path / "00000-1[x].png"
    (tmp_path / "00000-1[x].png.123-456.part").write_bytes(b"half")
    (tmp_path / "00000-12.png.123-456.part").write_bytes(b"of another")
    clear_parts(target)
    assert [path.name for path in tmp_path.iterdir()] == ["00000-12.png.123-456.part"]
