"""Pictures that look alike: what all pictures look like, held in memory once somebody asks."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from webui.pictures.looks import unlikeness
from webui.studio.database import Database
from webui.studio.tables import image
from webui.studio.whose import EVERYBODY, Whose

MOST_UNLIKE = 10
"""Of 64 bits. Pictures that have nothing to do with each other differ in about 32."""


class LookIndex:
    """Sixteen bytes for each picture. May be used from any thread; pictures that were made since are read at each question."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._looks: NDArray[np.int64] = np.empty(0, np.int64)

    def like(self, image_id: int, whose: Whose = EVERYBODY) -> list[int] | None:
        """The pictures, also others', that look like that one, itself among them; None where it isn't known what that looks like.

        whose: that one is looked for among these.
        """
        with self._database.reading() as connection:
            look = connection.execute(select(image.c.look).where(image.c.id == image_id, whose.are(image))).scalar()
        if look is None:
            return None
        ids, looks = self._all()
        return ids[unlikeness(looks, look) <= MOST_UNLIKE].tolist()

    def _all(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        with self._lock, self._database.reading() as connection:
            self._read(connection, newer_than=int(self._ids[-1]) if len(self._ids) else -1)
            there = connection.execute(select(func.count()).select_from(image).where(image.c.look.is_not(None))).scalar_one()
            if there != len(self._ids):
                # Older pictures came in, or some are gone.
                self._ids = self._looks = np.empty(0, np.int64)
                self._read(connection, newer_than=-1)
            return self._ids, self._looks

    def _read(self, connection: Connection, newer_than: int) -> None:
        query = select(image.c.id, image.c.look).where(image.c.look.is_not(None), image.c.id > newer_than).order_by(image.c.id)
        if rows := connection.execute(query).all():
            ids, looks = zip(*rows, strict=True)
            self._ids = np.concatenate([self._ids, np.array(ids, np.int64)])
            self._looks = np.concatenate([self._looks, np.array(looks, np.int64)])
