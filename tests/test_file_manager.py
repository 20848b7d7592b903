"""The pictures folder on this machine's desktop, by a program on PATH that notes what it was asked."""

import stat
import sys
import time
from pathlib import Path

import pytest

from webui.errors import Conflict, NotFound
from webui.studio.file_manager import open_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    (folder / "a day.app").mkdir(parents=True)
    (folder / "a day.app" / "00000-$(touch x), 'y';\"z.png").write_bytes(b"picture")
    return folder


@pytest.fixture
def picture(pictures: Path) -> Path:
    return next(pictures.rglob("*.png"))


class Desktop:
    """A PATH with nothing but one fake file manager."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._note = folder / "asked"
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    def install(self, name: str, end: str = "exit 0") -> None:
        program = self._folder / name
        program.write_text(f'#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done > "{self._note}"\n{end}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    @property
    def asked(self) -> list[str]:
        return self._note.read_text().splitlines()


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    monkeypatch.setattr(sys, "platform", "linux")
    return Desktop(tmp_path / "bin", monkeypatch)


def test_linux_shows_the_folder_of_a_picture(desktop: Desktop, pictures: Path, picture: Path) -> None:
    desktop.install("xdg-open")
    open_folder(picture, pictures)
    assert desktop.asked == [str(picture.parent)]
    open_folder(pictures, pictures)
    assert desktop.asked == [str(pictures)]


def test_macos_selects_the_picture_and_starts_nothing(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch, pictures: Path, picture: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv("DISPLAY")
    desktop.install("open")
    for path in (picture, picture.parent):
        open_folder(path, pictures)
        assert desktop.asked == ["-R", str(path)]


def test_windows_selects_the_picture_whatever_its_name(desktop: Desktop, monkeypatch: pytest.MonkeyPatch, pictures: Path) -> None:
    picture = pictures / "00000-a_cat,_a_dog.png"
    picture.write_bytes(b"picture")
    commands: list[object] = []

    class Process:
        def __init__(self, command: object, **options: object) -> None:
            assert not options.get("shell")
            commands.append(command)

        def wait(self, timeout: float) -> int:
            return 1

    desktop.install("explorer")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("shutil.which", lambda name: rf"C:\Windows\{name}.exe")
    monkeypatch.setattr("subprocess.Popen", Process)
    open_folder(picture, pictures)
    open_folder(pictures, pictures)
    assert commands == [rf'"C:\Windows\explorer.exe" /select,"{picture}"', rf'"C:\Windows\explorer.exe" "{pictures}"']


def test_only_the_pictures_folder_is_shown(desktop: Desktop, pictures: Path, tmp_path: Path) -> None:
    desktop.install("xdg-open")
    (pictures / "link").symlink_to(tmp_path)
    for path in (tmp_path, pictures / "..", pictures / "link", pictures / "gone", Path("/etc/passwd"), pictures.with_name("outputs2")):
        with pytest.raises(NotFound):
            open_folder(path, pictures)
    assert not (tmp_path / "bin" / "asked").exists()


def test_a_pictures_folder_that_is_a_link_is_shown(desktop: Desktop, pictures: Path, tmp_path: Path) -> None:
    desktop.install("xdg-open")
    (tmp_path / "linked").symlink_to(pictures)
    open_folder(tmp_path / "linked" / "a day.app", tmp_path / "linked")
    assert desktop.asked == [str(pictures / "a day.app")]


def test_without_a_desktop_there_is_a_way_out(desktop: Desktop, monkeypatch: pytest.MonkeyPatch, pictures: Path) -> None:
    with pytest.raises(Conflict, match="xdg-open is not installed") as refusal:
        open_folder(pictures, pictures)
    assert refusal.value.code == "no_desktop" and "by hand" in refusal.value.hint
    desktop.install("xdg-open", "exit 3")
    with pytest.raises(Conflict, match="no file manager"):
        open_folder(pictures, pictures)
    monkeypatch.delenv("DISPLAY")
    with pytest.raises(Conflict, match="without a desktop"):
        open_folder(pictures, pictures)


def test_a_file_manager_that_stays_open_holds_nobody_up(desktop: Desktop, monkeypatch: pytest.MonkeyPatch, pictures: Path) -> None:
    monkeypatch.setattr("webui.studio.file_manager._SECONDS_TO_FAIL", 0.1)
    desktop.install("xdg-open", "exec /bin/sleep 3")
    begun = time.monotonic()
    open_folder(pictures, pictures)
    assert time.monotonic() - begun < 2
