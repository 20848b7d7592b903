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


def hold_back_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_name_that_is_taken_stays_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        hold_back_links(monkeypatch)
    target = tmp_path / "00000-1.png"
    write_durably(target, b"first", replace=False)
    with pytest.raises(FileExistsError):
        write_durably(target, b"second", replace=False)
    assert target.read_bytes() == b"first"
    assert target.stat().st_nlink == 1
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_of_many_writers_of_a_new_file_one_gets_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        hold_back_links(monkeypatch)
    won: list[tuple[int, bytes]] = []

    def write(letter: bytes) -> None:
        for number in range(20):
            try:
                write_durably(tmp_path / f"{number}.png", letter * 10_000, replace=False)
            except FileExistsError:
                continue
            won.append((number, letter))

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in won) == list(range(20))
    assert all((tmp_path / f"{number}.png").read_bytes() == letter * 10_000 for number, letter in won)
    assert len(list(tmp_path.iterdir())) == 20


def test_a_placeholder_does_not_outlive_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(part: Path, target: Path) -> None:
        raise OSError(5, "Input/output error")

    hold_back_links(monkeypatch)
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_durably(tmp_path / "a.png", b"new", replace=False)
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_a_folder_is_no_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "fox").write_bytes(b"a file")
    with pytest.raises(NotADirectoryError, match="fox"):
        write_durably(tmp_path / "fox" / "00000.png", b"new", replace=False)
