"""What may end a job or a picture before its time: flags set by one thread and looked at by another."""

from __future__ import annotations

import threading


class JobInterrupted(Exception):
    """The user interrupted the job: nothing more is drawn, finished pictures stay."""


class PictureSkipped(Exception):
    """The user skipped the picture being made: the job goes on with the next one."""


class JobControl:
    """The two buttons beside a running job. Pressing is safe from any thread; the engine checks between steps."""

    def __init__(self) -> None:
        self._interrupted = threading.Event()
        self._skipped = threading.Event()

    def interrupt(self) -> None:
        """End the job at its next step."""
        self._interrupted.set()

    def skip(self) -> None:
        """End the picture being made at its next step; pressed before the first picture, it is that one."""
        self._skipped.set()

    def check_job(self) -> None:
        """Raise JobInterrupted if the job should end. For places where no picture is being made."""
        if self._interrupted.is_set():
            raise JobInterrupted

    def check(self) -> None:
        """Raise JobInterrupted or PictureSkipped if the picture being made should end."""
        self.check_job()
        if self._skipped.is_set():
            raise PictureSkipped

    def picture_ended(self) -> None:
        """Forget a skip that was meant for the picture that has just ended."""
        self._skipped.clear()
