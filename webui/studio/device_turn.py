"""Whose turn it is to compute: pictures go before training, which waits while one is drawn and goes on when none is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Guest(Protocol):
    """Long work that has the device while nobody draws."""

    def pause(self) -> None:
        """Give the device up as soon as it can; returns at once."""
        ...

    def wait_paused(self) -> None:
        """Wait until it has, or has ended, or takes too long for a person to wait."""
        ...

    def go_on(self) -> None:
        """Take the device again."""
        ...


class DeviceTurn:
    """May be used from any thread: by everyone who draws, and by one guest at a time."""

    def __init__(self) -> None:
        self._change = threading.Lock()
        self._drawing = 0
        self._guest: Guest | None = None

    @property
    def has_guest(self) -> bool:
        """Whether training goes on, or waits for its turn."""
        return self._guest is not None

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Within the block the device is the drawer's."""
        with self._change:
            self._drawing += 1
            guest = self._guest
            if guest is not None:
                guest.pause()
        try:
            if guest is not None:
                guest.wait_paused()
            yield
        finally:
            with self._change:
                self._drawing -= 1
                if not self._drawing and self._guest is not None:
                    self._guest.go_on()

    @contextmanager
    def hosting(self, guest: Guest) -> Iterator[None]:
        """Within the block the guest works whenever nobody draws."""
        with self._change:
            self._guest = guest
            if self._drawing:
                guest.pause()
        try:
            yield
        finally:
            with self._change:
                self._guest = None
